//! The place where the answer of a management call arrives.

use parking_lot::Mutex;

use crate::kernel::stop::current_stop;
use crate::kernel::waiters::{WaitList, wait_for};
use crate::supervision::ManageError;
use crate::supervision::machine::Done;
use crate::time::{Clock, Deadline};

type Answer = Result<Done, ManageError>;

/// Filled once by the supervisor, read by the caller that waits.
pub(crate) struct CallSlot {
    answer: Mutex<Option<Answer>>,
    waiters: WaitList,
}

impl CallSlot {
    pub(crate) fn new() -> Self {
        CallSlot {
            answer: Mutex::new(None),
            waiters: WaitList::new(),
        }
    }

    pub(crate) fn fill(&self, answer: Answer) {
        *self.answer.lock() = Some(answer);
        self.waiters.notify_all();
    }

    /// Waits for the answer.
    ///
    /// The supervisor carries the request out even when nobody waits for the answer any more.
    pub(crate) fn wait(&self, clock: &Clock, deadline: Deadline) -> Answer {
        let stop = current_stop();
        let take = || self.answer.lock().take();
        wait_for(
            &self.waiters,
            stop.as_deref(),
            clock,
            deadline.instant(),
            take,
        )
        .unwrap_or_else(|why| Err(ManageError::from(why)))
    }
}
