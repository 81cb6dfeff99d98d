//! A task as its owner sees it.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use super::outcome::Outcome;
use super::task_error::JoinError;
use crate::fault::catch::catch_drop;
use crate::supervision::DEFAULT_CALL;
use crate::supervision::unit::current;
use crate::supervision::unit::logical::Unit;
use crate::supervision::unit::unit_ref::UnitRef;
use crate::time::Deadline;

/// What a cancelled task's own end may take beyond the time that it has for it.
const GRACE: Duration = Duration::from_millis(500);

/// A task, and the right to its value; made by [`TaskSupervisorRef::spawn`](super::TaskSupervisorRef::spawn).
///
/// What every [`UnitRef`] can be asked, it can be asked too: its path, its [monitor](UnitRef::monitor). Dropping it
/// does nothing to the task, which then runs [detached](Task::detach).
///
/// ```
/// use steadfast::{System, TaskSupervisor};
///
/// let system = System::new("demo")?;
/// let tasks = system.spawn(TaskSupervisor::new("tasks"))?;
/// let sum = tasks.spawn(|_| Ok((1..=10).sum::<u32>()))?;
/// assert_eq!(sum.join()?, 55);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a task that is dropped runs detached; say so with `detach`"]
pub struct Task<T> {
    unit: Arc<Unit>,
    handle: UnitRef,
    outcome: Arc<Outcome<T>>,
    /// How long its end may take once it was asked to stop.
    stop_limit: Option<Duration>,
}

impl<T> Task<T> {
    pub(super) fn new(
        unit: Arc<Unit>,
        outcome: Arc<Outcome<T>>,
        stop_limit: Option<Duration>,
    ) -> Self {
        Task {
            handle: UnitRef::new(Arc::clone(&unit)),
            unit,
            outcome,
            stop_limit,
        }
    }

    /// Waits for the value. A join whose deadline has passed may be repeated; the task goes on meanwhile.
    ///
    /// # Blocking
    /// For at most 5 seconds, or until the calling unit is asked to stop.
    ///
    /// # Errors
    /// [`JoinError`]: the wait ended before the task, or the task ended without a value.
    pub fn join(&self) -> Result<T, JoinError> {
        self.join_timeout(DEFAULT_CALL)
    }

    /// As [`join`](Task::join), for at most `timeout`.
    pub fn join_timeout(&self, timeout: Duration) -> Result<T, JoinError> {
        self.join_deadline(self.handle.clock().deadline(timeout))
    }

    /// As [`join`](Task::join), until the deadline.
    pub fn join_deadline(&self, deadline: Deadline) -> Result<T, JoinError> {
        self.outcome.wait(&self.handle.clock(), deadline)
    }

    /// The value, or why there is none; `None` while the task runs. Never blocks.
    ///
    /// # Errors
    /// As [`join`](Task::join).
    pub fn try_join(&self) -> Option<Result<T, JoinError>> {
        self.outcome.take()
    }

    /// Whether the task is over: a join would not wait.
    pub fn is_finished(&self) -> bool {
        self.outcome.ending().is_told()
    }

    /// Asks the task to stop, and waits for its end. A value that was there already, or that the task still
    /// returned, is given.
    ///
    /// # Blocking
    /// For as long as the task may take to stop (its [`shutdown`](super::TaskOptions::shutdown), 5 seconds unless it
    /// says otherwise) and a grace of half a second; then the task has been abandoned.
    ///
    /// # Errors
    /// [`JoinError`], mostly [`TaskError::Cancelled`](super::TaskError::Cancelled) or
    /// [`TaskError::Abandoned`](super::TaskError::Abandoned).
    pub fn cancel(&self) -> Result<T, JoinError> {
        let limit = self.stop_limit.unwrap_or(DEFAULT_CALL);
        self.cancel_timeout(limit.saturating_add(GRACE))
    }

    /// As [`cancel`](Task::cancel), waiting for at most `timeout`.
    pub fn cancel_timeout(&self, timeout: Duration) -> Result<T, JoinError> {
        let deadline = self.handle.clock().deadline(timeout);
        self.request_cancel();
        self.join_deadline(deadline)
    }

    /// Asks the task to stop, and does not wait for it.
    pub fn request_cancel(&self) {
        if self.is_finished() || current::refuses("cancel") {
            return;
        }
        // It may have ended meanwhile: then there is nobody to ask.
        let _gone = self.unit.ask_stop();
    }

    /// Lets the task run on by itself; its value will be dropped, on its own thread if it is not there yet.
    pub fn detach(self) {}
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        // A value that nobody takes may panic in its drop; who gives a task up is not to hear of it.
        let _its_panic = catch_drop(self.outcome.detach());
    }
}

impl<T> Deref for Task<T> {
    type Target = UnitRef;

    fn deref(&self) -> &UnitRef {
        &self.handle
    }
}

impl<T> fmt::Debug for Task<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task")
            .field("id", self.id())
            .finish_non_exhaustive()
    }
}
