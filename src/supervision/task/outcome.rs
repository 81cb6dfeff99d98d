//! Where the value of a task arrives, or the reason why there is none.

use std::sync::Arc;

use parking_lot::Mutex;

use super::ending::{Ending, Unwanted};
use super::task_error::JoinError;
use crate::supervision::unit::current;
use crate::time::{Clock, Deadline};

/// The end of one task, and its value.
pub(crate) struct Outcome<T> {
    ending: Arc<Ending>,
    value: Mutex<Option<T>>,
}

impl<T> Outcome<T> {
    pub(crate) fn new() -> Self {
        Outcome {
            ending: Arc::new(Ending::new()),
            value: Mutex::new(None),
        }
    }

    pub(crate) fn ending(&self) -> &Arc<Ending> {
        &self.ending
    }

    /// Keeps the value for the owner; gives it back when there is none to take it.
    pub(crate) fn deliver(&self, value: T) -> Result<(), (T, Unwanted)> {
        let mut value = Some(value);
        let kept = self.ending.deliver(|| *self.value.lock() = value.take());
        match (kept, value) {
            (Err(why), Some(value)) => Err((value, why)),
            _ => Ok(()),
        }
    }

    /// The value, or why there is none; `None` while the task runs.
    pub(crate) fn take(&self) -> Option<Result<T, JoinError>> {
        match self.ending.learn()? {
            Ok(()) => Some(self.value.lock().take().ok_or(JoinError::Taken)),
            Err(error) => Some(Err(error.into())),
        }
    }

    /// As [`take`](Self::take), once the task is over.
    pub(crate) fn wait(&self, clock: &Clock, deadline: Deadline) -> Result<T, JoinError> {
        current::wait(&self.ending.changed, clock, deadline, || self.take())
            .unwrap_or_else(|why| Err(why.into()))
    }

    /// Nobody will take the value; what is there already is for the caller to drop.
    pub(crate) fn detach(&self) -> Option<T> {
        self.ending.detach();
        self.value.lock().take()
    }
}
