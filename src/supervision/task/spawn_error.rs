//! Why a task was not spawned, with its function.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;

use crate::fault::{Category, Classify, Severity};
use crate::supervision::{ChildId, ManageError, SpecError};

/// Why a task was not spawned.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpawnRefusal {
    /// As many tasks run as may, and the spawn was not to wait.
    #[error("the supervisor has its {max} tasks")]
    Full {
        /// The bound on tasks that run at a time.
        max: usize,
    },
    /// As many tasks ran as may, until the deadline.
    #[error("the supervisor had its tasks until the deadline")]
    TimedOut,
    /// As many tasks ran as may, until the calling unit was asked to stop.
    #[error("the calling unit was asked to stop")]
    CallerStopped,
    /// The calling unit was abandoned: it may not act any more.
    #[error("the calling unit was abandoned")]
    Fenced,
    /// The supervisor is about to end, or has ended.
    #[error("the task supervisor is stopping")]
    Stopping,
    /// The supervisor does not run: it has ended, or has not begun.
    #[error("the task supervisor does not run")]
    NotRunning,
    /// Somebody gave the supervisor a child with the id that the task was to have. The next task has another number.
    #[error("there is a child {0:?} already")]
    IdTaken(ChildId),
    /// The operating system refused a thread.
    #[error("no thread: {0}")]
    Thread(Arc<io::Error>),
    /// The task's options are invalid; all errors.
    #[error("invalid options: {}", SpecError::list(.0))]
    Invalid(Vec<SpecError>),
}

impl SpawnRefusal {
    /// Its name in events.
    pub(super) const fn why(&self) -> &'static str {
        match self {
            Self::Full { .. } => "full",
            Self::TimedOut => "timed_out",
            Self::CallerStopped => "caller_stopped",
            Self::Fenced => "fenced",
            Self::Stopping => "stopping",
            Self::NotRunning => "not_running",
            Self::IdTaken(_) => "id_taken",
            Self::Thread(_) => "thread",
            Self::Invalid(_) => "invalid",
        }
    }

    /// What a supervisor answers to a child with this id, whose start cannot fail.
    pub(super) fn of(id: &ChildId, error: ManageError) -> Self {
        match error {
            ManageError::AlreadyStarted | ManageError::AlreadyPresent => Self::IdTaken(id.clone()),
            ManageError::Invalid(errors) => Self::Invalid(errors),
            ManageError::MaxChildren { max } => Self::Full { max },
            _ => Self::Stopping,
        }
    }
}

impl Classify for SpawnRefusal {
    fn category(&self) -> Category {
        match self {
            Self::Full { .. } => Category::Capacity,
            Self::TimedOut => Category::Deadline,
            Self::CallerStopped | Self::Fenced | Self::Stopping | Self::NotRunning => {
                Category::Unavailable
            }
            Self::Thread(_) => Category::Infrastructure,
            Self::IdTaken(_) | Self::Invalid(_) => Category::Validation,
        }
    }

    fn severity(&self) -> Severity {
        match self {
            Self::Full { .. } | Self::CallerStopped | Self::Stopping | Self::IdTaken(_) => {
                Severity::Low
            }
            Self::TimedOut | Self::Fenced | Self::NotRunning | Self::Invalid(_) => Severity::Medium,
            Self::Thread(_) => Severity::High,
        }
    }

    /// Where only room, or the number, was missing: nothing has begun, so nothing is done twice.
    fn is_retryable(&self) -> bool {
        matches!(
            self,
            Self::Full { .. } | Self::TimedOut | Self::IdTaken(_) | Self::Thread(_)
        )
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Full { .. } => "task.full",
            Self::TimedOut => "task.no_room",
            Self::CallerStopped => "task.caller_stopped",
            Self::Fenced => "task.fenced",
            Self::Stopping => "task.stopping",
            Self::NotRunning => "task.not_running",
            Self::IdTaken(_) => "task.id_taken",
            Self::Thread(_) => "task.no_thread",
            Self::Invalid(_) => "task.invalid",
        }
    }
}

/// The task was not spawned; its function has not run, and is here.
pub struct SpawnError<F> {
    refusal: SpawnRefusal,
    work: F,
}

impl<F> SpawnError<F> {
    pub(super) const fn new(refusal: SpawnRefusal, work: F) -> Self {
        Self { refusal, work }
    }

    /// Why.
    pub const fn refusal(&self) -> &SpawnRefusal {
        &self.refusal
    }

    /// The function that was not run.
    pub fn into_inner(self) -> F {
        self.work
    }
}

impl<F> From<SpawnError<F>> for SpawnRefusal {
    fn from(error: SpawnError<F>) -> Self {
        error.refusal
    }
}

impl<F> fmt::Debug for SpawnError<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpawnError")
            .field("refusal", &self.refusal)
            .finish_non_exhaustive()
    }
}

impl<F> fmt::Display for SpawnError<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the task was not spawned: {}", self.refusal)
    }
}

impl<F> Error for SpawnError<F> {}

impl<F> Classify for SpawnError<F> {
    fn category(&self) -> Category {
        self.refusal.category()
    }

    fn severity(&self) -> Severity {
        self.refusal.severity()
    }

    fn is_retryable(&self) -> bool {
        self.refusal.is_retryable()
    }

    fn code(&self) -> &'static str {
        self.refusal.code()
    }
}
