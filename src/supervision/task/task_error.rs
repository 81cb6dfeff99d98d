//! Why a task has no value, and why a join has no answer.

use std::sync::Arc;
use std::time::Duration;

use super::book::Fate;
use super::spawn_error::SpawnRefusal;
use crate::fault::{
    Category, Classify, ExitReason, Failure, HangPhase, HangReport, PanicReport, Severity,
    StopCause,
};
use crate::kernel::waiters::Wake;
use crate::supervision::WorkerContext;

/// Why a task ended without a value. It is final.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TaskError {
    /// It returned this error.
    #[error("the task failed: {0}")]
    Failed(Failure),
    /// It panicked.
    #[error("the task ended by a {0}")]
    Panicked(Arc<PanicReport>),
    /// It was asked to stop, by its owner or with its supervisor, before it had a value.
    #[error("the task was stopped ({0})")]
    Cancelled(StopCause),
    /// It ran for longer than its options allow. It was asked to stop, and its slot is taken until its
    /// thread is through with it or abandoned.
    #[error("the task ran for longer than {after:?}")]
    TimedOut {
        /// How long it might run.
        after: Duration,
    },
    /// It did not stop when it was asked to, or hung: its thread was given up and may live on.
    #[error("the task was abandoned: {0}")]
    Abandoned(Arc<HangReport>),
    /// An item of a map never began: there was no task for it.
    #[error("the task did not begin: {0}")]
    NotBegun(SpawnRefusal),
}

impl TaskError {
    /// What the end of a run without a value means.
    pub(crate) fn of(reason: &ExitReason) -> Self {
        match reason {
            ExitReason::Error(failure) => Self::Failed(failure.clone()),
            ExitReason::Panic(report) => Self::Panicked(Arc::clone(report)),
            ExitReason::Abandoned(report) => Self::Abandoned(Arc::clone(report)),
            ExitReason::Stopped(cause) => Self::Cancelled(*cause),
            // A task is no supervisor, and one that returns without a value was asked to stop.
            _ => Self::Cancelled(StopCause::Requested),
        }
    }

    /// What an error that was returned means: on the way out of a stop it is part of the stop.
    pub(crate) fn returned(failure: Failure, ctx: &WorkerContext) -> Self {
        ctx.stop_cause()
            .map_or(Self::Failed(failure), Self::Cancelled)
    }

    /// As what it counts.
    pub(crate) fn fate(&self) -> Fate {
        match self {
            Self::Failed(_) | Self::Panicked(_) => Fate::Failed,
            Self::Cancelled(_) | Self::NotBegun(_) => Fate::Cancelled,
            Self::TimedOut { .. } => Fate::TimedOut,
            Self::Abandoned(report) if report.phase == HangPhase::Stopping => Fate::Cancelled,
            Self::Abandoned(_) => Fate::Failed,
        }
    }
}

impl Classify for TaskError {
    fn category(&self) -> Category {
        match self {
            Self::Failed(failure) => failure.category(),
            Self::Panicked(_) | Self::Abandoned(_) => Category::Fault,
            Self::Cancelled(_) => Category::Unavailable,
            Self::TimedOut { .. } => Category::Deadline,
            Self::NotBegun(refusal) => refusal.category(),
        }
    }

    fn severity(&self) -> Severity {
        match self {
            Self::Failed(failure) => failure.severity(),
            Self::Panicked(_) | Self::Abandoned(_) => Severity::High,
            Self::Cancelled(_) => Severity::Low,
            Self::TimedOut { .. } => Severity::Medium,
            Self::NotBegun(refusal) => refusal.severity(),
        }
    }

    /// Only what never began: whether it may run twice is known to its function alone.
    fn is_retryable(&self) -> bool {
        matches!(self, Self::NotBegun(refusal) if refusal.is_retryable())
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Failed(_) => "task.failed",
            Self::Panicked(_) => "task.panic",
            Self::Cancelled(_) => "task.cancelled",
            Self::TimedOut { .. } => "task.timed_out",
            Self::Abandoned(_) => "task.abandoned",
            Self::NotBegun(refusal) => refusal.code(),
        }
    }
}

/// Why a join has no value to give.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JoinError {
    /// The deadline of the join has passed. The task goes on, and may be joined again.
    #[error("the task still runs")]
    StillRunning,
    /// The calling unit was asked to stop while it waited. The task goes on.
    #[error("the calling unit was asked to stop")]
    CallerStopped,
    /// The value was taken by an earlier join.
    #[error("the value of the task was taken before")]
    Taken,
    /// The task has ended without a value.
    #[error(transparent)]
    Task(#[from] TaskError),
}

impl From<Wake> for JoinError {
    fn from(why: Wake) -> Self {
        match why {
            Wake::Stopped => Self::CallerStopped,
            _ => Self::StillRunning,
        }
    }
}

impl Classify for JoinError {
    fn category(&self) -> Category {
        match self {
            Self::StillRunning => Category::Deadline,
            Self::CallerStopped => Category::Unavailable,
            Self::Taken => Category::Validation,
            Self::Task(error) => error.category(),
        }
    }

    fn severity(&self) -> Severity {
        match self {
            Self::StillRunning | Self::CallerStopped => Severity::Low,
            Self::Taken => Severity::Medium,
            Self::Task(error) => error.severity(),
        }
    }

    /// Only the join itself, while the task runs.
    fn is_retryable(&self) -> bool {
        matches!(self, Self::StillRunning)
    }

    fn code(&self) -> &'static str {
        match self {
            Self::StillRunning => "task.still_running",
            Self::CallerStopped => "task.caller_stopped",
            Self::Taken => "task.taken",
            Self::Task(error) => error.code(),
        }
    }
}
