//! Handles: what programs hold of workers and supervisors. They name the logical unit, so they stay
//! valid through all restarts; dropping one does nothing to what it names.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::machine::{Event, Request, Target};
use super::management::DEFAULT_CALL;
use super::monitor::Monitor;
use super::runtime::Runtime;
use super::supervisor::SupervisorBody;
use super::tree::Cell;
use super::unit::{Standing, Unit};
use super::{ChildId, ManageError};
use crate::fault::{ExitReason, Generation, StopCause, UnitPath};
use crate::time::{Clock, Deadline};

/// What handles of all kinds can be asked.
macro_rules! unit_handle {
    ($handle:ident) => {
        impl $handle {
            /// The child's id.
            pub fn id(&self) -> &ChildId {
                self.unit().id()
            }

            /// The unit's place in the tree; its bare id until it has one.
            pub fn path(&self) -> UnitPath {
                self.unit().path()
            }

            /// Where the unit stands.
            pub fn standing(&self) -> Standing {
                self.unit().standing()
            }

            /// The current or last run; [`Generation::NONE`] before the first.
            pub fn generation(&self) -> Generation {
                self.unit().generation()
            }

            /// Subscribes to the next end of a run of the unit. A unit that does not run and will not
            /// be restarted answers at once, with a `Down` without a reason.
            pub fn monitor(&self) -> Monitor {
                Monitor::new(self.unit(), self.unit().watch(None), self.clock())
            }

            /// Subscribes to the end of just that run; answers at once if it is over or has not begun.
            pub fn monitor_generation(&self, generation: Generation) -> Monitor {
                Monitor::new(
                    self.unit(),
                    self.unit().watch(Some(generation)),
                    self.clock(),
                )
            }

            /// How many monitors are subscribed at the moment.
            pub fn watch_count(&self) -> usize {
                self.unit().watch_count()
            }

            /// Waits until the unit has ended for good: no run, and none to come without being asked for.
            ///
            /// # Blocking
            /// For at most `timeout`, or until the calling unit is asked to stop; then `None`.
            pub fn ended_timeout(&self, timeout: Duration) -> Option<ExitReason> {
                let clock = self.clock();
                self.unit().wait_until(
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
            pub fn up_after(
                &self,
                generation: Generation,
                timeout: Duration,
            ) -> Option<Generation> {
                let clock = self.clock();
                self.unit()
                    .wait_until(&clock, clock.deadline(timeout), |standing, now| {
                        (matches!(standing, Standing::Up) && now > generation).then_some(now)
                    })
            }

            /// Stops the unit through its supervisor, which keeps its specification unless it is temporary.
            ///
            /// # Blocking
            /// Until the unit is down, at most [`DEFAULT_CALL`](super::DEFAULT_CALL).
            ///
            /// # Errors
            /// [`ManageError`]: the unit has no supervisor, or no answer came in time.
            pub fn terminate(&self) -> Result<(), ManageError> {
                let home = self.unit().home().ok_or(ManageError::NotRunning)?;
                let target = match self.unit().run() {
                    Some(run) => Target::Key(run.key()),
                    None => Target::Id(self.id().clone()),
                };
                let clock = self.clock();
                let slot = home.call(Request::Terminate(target));
                slot.wait(&clock, clock.deadline(DEFAULT_CALL)).map(drop)
            }

            /// The clock of the unit's system; the real one before the unit has a system.
            pub(crate) fn clock(&self) -> Clock {
                self.unit()
                    .home()
                    .map_or_else(Clock::system, |home| home.runtime().clock().clone())
            }
        }

        impl fmt::Debug for $handle {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($handle))
                    .field("id", self.id())
                    .finish_non_exhaustive()
            }
        }
    };
}

/// A handle of a worker.
#[derive(Clone)]
pub struct WorkerRef {
    unit: Arc<Unit>,
}

unit_handle!(WorkerRef);

impl WorkerRef {
    pub(crate) fn new(unit: Arc<Unit>) -> Self {
        WorkerRef { unit }
    }

    pub(crate) fn unit(&self) -> &Arc<Unit> {
        &self.unit
    }
}

/// A handle of a supervisor, static or dynamic.
///
/// Its management calls (`manage.rs`) are those of OTP.
#[derive(Clone)]
pub struct SupervisorRef {
    body: Arc<SupervisorBody>,
}

unit_handle!(SupervisorRef);

impl SupervisorRef {
    pub(crate) fn new(body: Arc<SupervisorBody>) -> Self {
        SupervisorRef { body }
    }

    pub(crate) fn unit(&self) -> &Arc<Unit> {
        self.body.unit()
    }

    pub(crate) fn cell(&self) -> Option<Arc<Cell>> {
        self.body.current()
    }

    /// Begins as the root of a system.
    pub(crate) fn begin(&self, runtime: &Arc<Runtime>, path: UnitPath) {
        self.body.begin(runtime, path, None);
    }

    /// Asks the supervisor to end, at the latest at `deadline`.
    pub(crate) fn request_stop(&self, cause: StopCause, deadline: Deadline) {
        if let Some(cell) = self.cell() {
            cell.turn(Event::Stop {
                cause,
                deadline: deadline.instant(),
            });
        }
    }
}
