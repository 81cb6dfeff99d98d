//! Where the value of a task arrives, or the reason why there is none.
//!
//! The task's thread *delivers* the value as soon as there is one; it is *told* when the supervisor has let go of
//! the task. So who has joined a task finds its slot free, and its end counted. What came first counts: a task that
//! has timed out stays so, and a value that is delivered is not lost to a stop that comes later.

use parking_lot::Mutex;

use super::book::Fate;
use super::task_error::{JoinError, TaskError};
use crate::kernel::waiters::WaitList;
use crate::supervision::unit::current;
use crate::time::{Clock, Deadline};

/// The end of one task, for its owner.
pub(crate) struct Outcome<T> {
    state: Mutex<State<T>>,
    changed: WaitList,
}

struct State<T> {
    value: Option<T>,
    is_delivered: bool,
    /// Nobody will take the value.
    is_detached: bool,
    told: Option<Result<(), TaskError>>,
}

/// A value that will not be taken, for its thread to drop.
pub(crate) enum Unwanted<T> {
    /// Its task was detached.
    Detached(T),
    /// Its task had timed out, or was given up, before.
    Late(T),
}

impl<T> Outcome<T> {
    pub(crate) fn new() -> Self {
        Outcome {
            state: Mutex::new(State {
                value: None,
                is_delivered: false,
                is_detached: false,
                told: None,
            }),
            changed: WaitList::new(),
        }
    }

    /// Keeps the value for the owner; gives it back when there is none to take it.
    pub(crate) fn deliver(&self, value: T) -> Result<(), Unwanted<T>> {
        let mut state = self.state.lock();
        if state.told.is_some() {
            return Err(Unwanted::Late(value));
        }
        state.is_delivered = true;
        if state.is_detached {
            return Err(Unwanted::Detached(value));
        }
        state.value = Some(value);
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

    /// The value, or why there is none; `None` while the task runs.
    pub(crate) fn take(&self) -> Option<Result<T, JoinError>> {
        let mut state = self.state.lock();
        match state.told.clone()? {
            Ok(()) => Some(state.value.take().ok_or(JoinError::Taken)),
            Err(error) => Some(Err(error.into())),
        }
    }

    /// As [`take`](Self::take), once the task is over.
    pub(crate) fn wait(&self, clock: &Clock, deadline: Deadline) -> Result<T, JoinError> {
        current::wait(&self.changed, clock, deadline, || self.take())
            .unwrap_or_else(|why| Err(why.into()))
    }

    pub(crate) fn is_detached(&self) -> bool {
        self.state.lock().is_detached
    }

    /// Nobody will take the value; what is there already is for the caller to drop.
    pub(crate) fn detach(&self) -> Option<T> {
        let mut state = self.state.lock();
        state.is_detached = true;
        state.value.take()
    }
}
