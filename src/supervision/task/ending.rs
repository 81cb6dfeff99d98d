//! How a task ended, for those who wait for it: without its value, which has a type.
//!
//! The task's thread says that it *delivers* a value as soon as there is one; the end is *told* when the supervisor
//! has let go of the task. So who has joined a task finds its slot free, and its end counted. What came first counts:
//! a task that has timed out stays so, and a value that is delivered is not lost to a stop that comes later.

use parking_lot::Mutex;

use super::book::Fate;
use super::task_error::TaskError;
use crate::kernel::waiters::WaitList;

/// The end of one task.
pub(crate) struct Ending {
    state: Mutex<State>,
    /// Who waits for the end.
    pub(super) changed: WaitList,
}

#[derive(Default)]
struct State {
    is_delivered: bool,
    /// Nobody will take the value.
    is_detached: bool,
    /// Somebody was told how the task ended.
    is_known: bool,
    told: Option<Result<(), TaskError>>,
}

/// Why nobody will take a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unwanted {
    /// Its task was detached.
    Detached,
    /// Its task had timed out, or was given up, before.
    Late,
}

impl Ending {
    pub(crate) fn new() -> Self {
        Ending {
            state: Mutex::new(State::default()),
            changed: WaitList::new(),
        }
    }

    /// There is a value. When it is wanted, `keep` puts it where its owner finds it.
    pub(crate) fn deliver(&self, keep: impl FnOnce()) -> Result<(), Unwanted> {
        let mut state = self.state.lock();
        if state.told.is_some() {
            return Err(Unwanted::Late);
        }
        state.is_delivered = true;
        if state.is_detached {
            return Err(Unwanted::Detached);
        }
        keep();
        Ok(())
    }

    /// The task is over, with what was delivered or for this reason; `count` hears of it once, before the owner.
    pub(crate) fn tell(&self, why: impl FnOnce() -> TaskError, count: impl FnOnce(Fate)) {
        let mut state = self.state.lock();
        if state.told.is_some() {
            return;
        }
        let end = if state.is_delivered {
            Ok(())
        } else {
            Err(why())
        };
        count(end.as_ref().err().map_or(Fate::Completed, TaskError::fate));
        state.told = Some(end);
        drop(state);
        self.announce();
    }

    /// The task's time is up: true unless its value is there, or its end was told. Who called this
    /// [announces](Self::announce) it.
    pub(crate) fn expire(&self, why: TaskError, count: impl FnOnce(Fate)) -> bool {
        let mut state = self.state.lock();
        if state.told.is_some() || state.is_delivered {
            return false;
        }
        count(why.fate());
        state.told = Some(Err(why));
        true
    }

    /// Wakes who waits for the end.
    pub(crate) fn announce(&self) {
        self.changed.notify_all();
    }

    pub(crate) fn is_told(&self) -> bool {
        self.state.lock().told.is_some()
    }

    /// How the task ended, for its owner, who knows it from now on; `None` while it runs.
    pub(crate) fn learn(&self) -> Option<Result<(), TaskError>> {
        let mut state = self.state.lock();
        let told = state.told.clone()?;
        state.is_known = true;
        Some(told)
    }

    /// Why there is no value, if that was told and nobody has learnt of it.
    pub(crate) fn unknown_error(&self) -> Option<TaskError> {
        let state = self.state.lock();
        let error = state.told.as_ref()?.as_ref().err();
        error.filter(|_| !state.is_known).cloned()
    }

    pub(crate) fn is_detached(&self) -> bool {
        self.state.lock().is_detached
    }

    /// Nobody will take the value.
    pub(crate) fn detach(&self) {
        self.state.lock().is_detached = true;
    }
}
