//! What handles of all kinds can be asked.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::fault::{ExitReason, Generation, UnitPath};
use crate::supervision::management::DEFAULT_CALL;
use crate::supervision::unit::current;
use crate::supervision::unit::logical::{Standing, Unit};
use crate::supervision::unit::monitor::Monitor;
use crate::supervision::{ChildId, ManageError};
use crate::time::Clock;

/// A handle of a unit of whatever kind; the typed handles deref to it.
///
/// It names the logical unit, so it stays valid through all restarts of the unit and of its
/// supervisor. Dropping it does nothing to the unit.
#[derive(Clone)]
pub struct UnitRef {
    unit: Arc<Unit>,
}

impl UnitRef {
    pub(crate) fn new(unit: Arc<Unit>) -> Self {
        UnitRef { unit }
    }

    /// The child's id.
    pub fn id(&self) -> &ChildId {
        self.unit.id()
    }

    /// The unit's place in the tree; its bare id until it has one.
    pub fn path(&self) -> UnitPath {
        self.unit.path()
    }

    /// Where the unit stands.
    pub fn standing(&self) -> Standing {
        self.unit.standing()
    }

    /// The current or last run; [`Generation::NONE`] before the first.
    pub fn generation(&self) -> Generation {
        self.unit.generation()
    }

    /// Subscribes to the next end of a run of the unit. A unit that does not run and will not
    /// be restarted answers at once, with a `Down` without a reason.
    pub fn monitor(&self) -> Monitor {
        Monitor::new(&self.unit, self.unit.watch(None), self.clock())
    }

    /// Subscribes to the end of just that run; answers at once if it is over or has not begun.
    pub fn monitor_generation(&self, generation: Generation) -> Monitor {
        Monitor::new(&self.unit, self.unit.watch(Some(generation)), self.clock())
    }

    /// How many monitors are subscribed at the moment.
    pub fn watch_count(&self) -> usize {
        self.unit.watch_count()
    }

    /// Waits until the unit has ended for good: no run, and none to come without being asked for.
    ///
    /// # Blocking
    /// For at most `timeout`, or until the calling unit is asked to stop; then `None`.
    pub fn ended_timeout(&self, timeout: Duration) -> Option<ExitReason> {
        let clock = self.clock();
        self.unit.wait_until(
            &clock,
            clock.deadline(timeout),
            |standing, _| match standing {
                Standing::Ended(reason) => Some(reason.clone()),
                _ => None,
            },
        )
    }

    /// Waits until a run later than `generation` is up.
    ///
    /// # Blocking
    /// For at most `timeout`, or until the calling unit is asked to stop; then `None`.
    pub fn up_after(&self, generation: Generation, timeout: Duration) -> Option<Generation> {
        let clock = self.clock();
        self.unit
            .wait_until(&clock, clock.deadline(timeout), |standing, now| {
                (matches!(standing, Standing::Up) && now > generation).then_some(now)
            })
    }

    /// Stops the unit through its supervisor, which keeps its specification unless it is temporary.
    ///
    /// # Blocking
    /// Until the unit is down, at most [`DEFAULT_CALL`](crate::supervision::DEFAULT_CALL).
    ///
    /// # Errors
    /// [`ManageError`]: the unit has no supervisor or is forgotten, or no answer came in time.
    pub fn terminate(&self) -> Result<(), ManageError> {
        if current::refuses("terminate") {
            return Err(ManageError::Fenced);
        }
        let slot = self.unit.ask_stop()?;
        let clock = self.clock();
        slot.wait(&clock, clock.deadline(DEFAULT_CALL)).map(drop)
    }

    /// The clock of the unit's system; the real one before the unit has a system.
    pub(crate) fn clock(&self) -> Clock {
        self.unit.clock()
    }
}

impl fmt::Debug for UnitRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnitRef")
            .field("id", self.id())
            .finish_non_exhaustive()
    }
}
