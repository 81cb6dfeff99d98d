//! What a run is doing, as far as it says: its last checkpoint, and whether it waits in the library.
//!
//! The watchdog reads this. A run that waits in the library is not silent, however long it waits; a
//! run that computes is as silent as its last checkpoint is old.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::supervision::tree::watchdog::WatchLimits;

/// The activity of one run. Written by the run's thread, read by the watchdog; the lock is never held
/// across anything, so an uncontended write costs about as much as two atomic operations.
#[derive(Debug)]
pub(crate) struct Activity {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    checkpoint: Option<&'static str>,
    since: Instant,
    /// How many library waits the run is in (a hook may wait beside the run's own thread).
    waiting: u32,
    limits: WatchLimits,
    /// The silence that began at `since` has been warned of.
    warned: bool,
    /// Nobody is due to look; the next sign of life must call the watchdog back.
    unwatched: bool,
}

impl State {
    /// A sign of life; true when the watchdog has to be called back.
    fn alive(&mut self, now: Instant) -> bool {
        self.since = now;
        self.warned = false;
        std::mem::take(&mut self.unwatched)
    }
}

impl Activity {
    pub(crate) fn new(now: Instant) -> Self {
        Activity {
            state: Mutex::new(State {
                checkpoint: None,
                since: now,
                waiting: 0,
                limits: WatchLimits::default(),
                warned: false,
                unwatched: false,
            }),
        }
    }

    /// The run is up: the silence of its start does not count.
    pub(crate) fn up(&self, now: Instant) {
        self.state.lock().since = now;
    }

    /// The watchdog has begun to look at this run.
    pub(crate) fn limit(&self, limits: WatchLimits) {
        self.state.lock().limits = limits;
    }

    /// The last sign of life.
    pub(crate) fn since(&self) -> Instant {
        self.state.lock().since
    }

    pub(crate) fn limits(&self) -> WatchLimits {
        self.state.lock().limits
    }

    /// The run says where it is; true when the watchdog has to be called back.
    pub(crate) fn checkpoint(&self, name: &'static str, now: Instant) -> bool {
        let mut state = self.state.lock();
        state.checkpoint = Some(name);
        state.alive(now)
    }

    pub(crate) fn enter_wait(&self) {
        self.state.lock().waiting += 1;
    }

    /// Back to work; true when the watchdog has to be called back.
    pub(crate) fn leave_wait(&self, now: Instant) -> bool {
        let mut state = self.state.lock();
        state.waiting -= 1;
        state.alive(now)
    }

    /// The last checkpoint and the time since the last sign of life; a run that waits is not silent.
    pub(crate) fn silence(&self, now: Instant) -> (Option<&'static str>, Duration) {
        let state = self.state.lock();
        let waits = state.waiting > 0;
        let silent_for = now.saturating_duration_since(state.since);
        (
            state.checkpoint,
            if waits { Duration::ZERO } else { silent_for },
        )
    }

    /// For the watchdog: limits, silence, and whether it was warned of. `None` when the run waits: then
    /// the end of the wait calls the watchdog back.
    pub(crate) fn watch(&self, now: Instant) -> Option<(WatchLimits, Silence, bool)> {
        let mut state = self.state.lock();
        if state.waiting > 0 {
            state.unwatched = true;
            return None;
        }
        let silent_for = now.saturating_duration_since(state.since);
        Some((
            state.limits,
            Silence {
                since: state.since,
                silent_for,
            },
            state.warned,
        ))
    }

    pub(crate) fn warned(&self) {
        self.state.lock().warned = true;
    }

    /// The watchdog stops looking until the next sign of life; false when one has come since `seen`,
    /// and the watchdog has to go on.
    pub(crate) fn rest(&self, seen: Instant) -> bool {
        let mut state = self.state.lock();
        state.unwatched = state.since == seen;
        state.unwatched
    }
}

/// A look at a working run.
pub(crate) struct Silence {
    pub(crate) since: Instant,
    pub(crate) silent_for: Duration,
}
