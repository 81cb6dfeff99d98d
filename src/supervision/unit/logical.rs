//! The logical unit: what a handle names, through all restarts of the unit and of its supervisor.
//!
//! A unit belongs to its child specification. Supervisors tell it what becomes of its runs; handles
//! read it, monitors subscribe to it. The order of the telling is part of the contract: the standing
//! changes first, then the monitors hear their `Down`, and only then may the next run start.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use parking_lot::Mutex;

use crate::fault::{ExitReason, Generation, StopCause, UnitPath};
use crate::kernel::stop::current_stop;
use crate::kernel::waiters::{WaitList, wait_for};
use crate::supervision::machine::{Request, Target};
use crate::supervision::tree::call::CallSlot;
use crate::supervision::tree::cell::Cell;
use crate::supervision::unit::monitor::{Down, DownSlot};
use crate::supervision::unit::run::Run;
use crate::supervision::{ChildId, ManageError};
use crate::time::{Clock, Deadline};

/// Where a unit stands, as its handle sees it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Standing {
    /// Specified, not yet started.
    New,
    /// Its start function runs.
    Starting,
    /// It runs.
    Up,
    /// Its last run ended; its supervisor will start it again.
    Restarting,
    /// It does not run and nobody will start it without being asked to.
    Ended(ExitReason),
}

/// One logical unit.
pub(crate) struct Unit {
    id: ChildId,
    path: OnceLock<UnitPath>,
    clock: OnceLock<Clock>,
    state: Mutex<State>,
    changed: WaitList,
}

struct State {
    standing: Standing,
    generation: Generation,
    run: Option<Arc<Run>>,
    home: Weak<Cell>,
    watchers: Vec<Watcher>,
    /// Those of the whole system; since the unit has its place there.
    subscriptions: Option<Subscriptions>,
    /// Why the last run ended.
    last: Option<ExitReason>,
}

/// The reason of a unit that was dropped before it had a run.
const NEVER_RAN: ExitReason = ExitReason::Stopped(StopCause::Requested);

struct Watcher {
    /// `None` hears of the next end, whichever run it is.
    generation: Option<Generation>,
    slot: Arc<DownSlot>,
    counted: Option<Counted>,
}

/// How many monitors are subscribed in one system: exact, because each subscription counts itself in and out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Subscriptions(Arc<AtomicUsize>);

impl Subscriptions {
    pub(crate) fn count(&self) -> usize {
        // Relaxed: a number for people and tests publishes nothing.
        self.0.load(Ordering::Relaxed)
    }

    fn one_more(&self) -> Counted {
        // Relaxed: as above.
        self.0.fetch_add(1, Ordering::Relaxed);
        Counted(self.clone())
    }
}

/// One subscription, until it is dropped.
struct Counted(Subscriptions);

impl Drop for Counted {
    fn drop(&mut self) {
        // Relaxed: as above.
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Unit {
    pub(crate) fn new(id: ChildId) -> Arc<Self> {
        Arc::new(Unit {
            id,
            path: OnceLock::new(),
            clock: OnceLock::new(),
            state: Mutex::new(State {
                standing: Standing::New,
                generation: Generation::NONE,
                run: None,
                home: Weak::new(),
                watchers: Vec::new(),
                subscriptions: None,
                last: None,
            }),
            changed: WaitList::new(),
        })
    }

    pub(crate) fn id(&self) -> &ChildId {
        &self.id
    }

    /// The place in the tree; the bare id until the unit has one.
    pub(crate) fn path(&self) -> UnitPath {
        self.path
            .get()
            .cloned()
            .unwrap_or_else(|| UnitPath::new(self.id.as_str()))
    }

    /// Gives the unit its place in a tree; only the first one counts, a unit never moves.
    pub(crate) fn settle(&self, path: UnitPath, home: &Arc<Cell>) {
        self.path.get_or_init(|| path);
        self.keep_time(home.runtime().clock());
        let mut state = self.state.lock();
        state.home = Arc::downgrade(home);
        state.subscriptions = Some(home.runtime().subscriptions().clone());
    }

    /// Gives the unit the clock of its system.
    pub(crate) fn keep_time(&self, clock: &Clock) {
        self.clock.get_or_init(|| clock.clone());
    }

    /// The clock of the unit's system; the real one before the unit has a system.
    pub(crate) fn clock(&self) -> Clock {
        self.clock.get().cloned().unwrap_or_else(Clock::system)
    }

    pub(crate) fn home(&self) -> Option<Arc<Cell>> {
        self.state.lock().home.upgrade()
    }

    pub(crate) fn standing(&self) -> Standing {
        self.state.lock().standing.clone()
    }

    pub(crate) fn generation(&self) -> Generation {
        self.state.lock().generation
    }

    pub(crate) fn run(&self) -> Option<Arc<Run>> {
        self.state.lock().run.clone()
    }

    // --- told by the supervisor -----------------------------------------------------------------

    pub(crate) fn starting(&self, run: Arc<Run>) {
        let mut state = self.state.lock();
        state.generation = run.generation();
        state.run = Some(run);
        state.standing = Standing::Starting;
    }

    pub(crate) fn up(&self) {
        self.state.lock().standing = Standing::Up;
        self.changed.notify_all();
    }

    /// The run is over: the standing changes, then the monitors hear of it, each exactly once. Returns how many
    /// there were.
    pub(crate) fn down(
        &self,
        generation: Generation,
        reason: &ExitReason,
        restarts: bool,
    ) -> usize {
        // What was there before holds the user's values, and is dropped outside the lock.
        let (told, _before) = {
            let mut state = self.state.lock();
            let standing = if restarts {
                Standing::Restarting
            } else {
                Standing::Ended(reason.clone())
            };
            let before = (
                state.run.take(),
                state.last.replace(reason.clone()),
                std::mem::replace(&mut state.standing, standing),
            );
            let (told, kept) = state
                .watchers
                .drain(..)
                .partition(|w: &Watcher| w.generation.is_none_or(|g| g == generation));
            state.watchers = kept;
            (told, before)
        };
        let number = told.len();
        self.tell(told, generation, Some(reason));
        self.changed.notify_all();
        number
    }

    /// No run will follow the last one, although the unit was left as restarting.
    pub(crate) fn settled(&self) {
        let told = {
            let mut state = self.state.lock();
            if matches!(state.standing, Standing::Ended(_)) {
                return;
            }
            let last = state.last.clone();
            state.standing = Standing::Ended(last.unwrap_or(NEVER_RAN));
            std::mem::take(&mut state.watchers)
        };
        self.tell(told, self.generation(), None);
        self.changed.notify_all();
    }

    fn tell(&self, watchers: Vec<Watcher>, generation: Generation, reason: Option<&ExitReason>) {
        for Watcher { slot, counted, .. } in watchers {
            // Who hears of the end finds the subscription gone.
            drop(counted);
            slot.tell(Down {
                path: self.path(),
                generation,
                reason: reason.cloned(),
            });
        }
    }

    /// Has its supervisor ask the unit to stop; the answer comes when it is down.
    ///
    /// # Errors
    /// It has no supervisor, or is forgotten.
    pub(crate) fn ask_stop(self: &Arc<Self>) -> Result<Arc<CallSlot>, ManageError> {
        let home = self.home().ok_or(ManageError::NotRunning)?;
        // By its own key: another child may have its id by now.
        let key = home.key_of(self).ok_or(ManageError::NotFound)?;
        Ok(home.call(Request::Terminate(Target::Key(key))))
    }

    // --- asked by handles -----------------------------------------------------------------------

    /// Subscribes to the end of the run `wanted`, or of whichever run ends next. A unit without a
    /// run to come answers at once.
    pub(crate) fn watch(&self, wanted: Option<Generation>) -> Arc<DownSlot> {
        let slot = Arc::new(DownSlot::new());
        let mut state = self.state.lock();
        let comes = match wanted {
            Some(generation) => state.run.is_some() && state.generation == generation,
            None => !matches!(state.standing, Standing::Ended(_) | Standing::New),
        };
        if comes {
            let counted = state.subscriptions.as_ref().map(Subscriptions::one_more);
            state.watchers.push(Watcher {
                generation: wanted,
                slot: Arc::clone(&slot),
                counted,
            });
            return slot;
        }
        let generation = wanted.unwrap_or(state.generation);
        drop(state);
        slot.tell(Down {
            path: self.path(),
            generation,
            reason: None,
        });
        slot
    }

    pub(crate) fn unwatch(&self, slot: &Arc<DownSlot>) {
        self.state
            .lock()
            .watchers
            .retain(|w| !Arc::ptr_eq(&w.slot, slot));
    }

    pub(crate) fn watch_count(&self) -> usize {
        self.state.lock().watchers.len()
    }

    /// Waits until the standing satisfies `done`; `None` when the deadline passed or the caller stops.
    pub(crate) fn wait_until<T>(
        &self,
        clock: &Clock,
        deadline: Deadline,
        mut done: impl FnMut(&Standing, Generation) -> Option<T>,
    ) -> Option<T> {
        let stop = current_stop();
        wait_for(
            &self.changed,
            stop.as_deref(),
            clock,
            deadline.instant(),
            || {
                let state = self.state.lock();
                done(&state.standing, state.generation)
            },
        )
        .ok()
    }
}

impl fmt::Debug for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unit")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
