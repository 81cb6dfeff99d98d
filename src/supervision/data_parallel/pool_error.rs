//! Why a piece of work was not taken, and why it has no result.

use std::sync::Arc;

use crate::fault::{Category, Classify, PanicReport, Severity};

/// Why a pool did not take a piece of work. Nothing of it has run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum PoolRefusal {
    /// The pool has not begun, has ended, or is between two runs.
    #[error("the pool does not run")]
    NotRunning,
    /// The pool was asked to stop.
    #[error("the pool is stopping")]
    Stopping,
    /// As many pieces as may be are queued or running.
    #[error("the pool has its {max} pieces of work")]
    Full {
        /// The bound.
        max: usize,
    },
    /// The calling unit was given up: it may not act any more.
    #[error("the calling unit was abandoned")]
    Fenced,
}

impl PoolRefusal {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::NotRunning => "not running",
            Self::Stopping => "stopping",
            Self::Full { .. } => "full",
            Self::Fenced => "fenced",
        }
    }
}

impl Classify for PoolRefusal {
    fn category(&self) -> Category {
        match self {
            Self::Full { .. } => Category::Capacity,
            _ => Category::Unavailable,
        }
    }

    fn severity(&self) -> Severity {
        match self {
            Self::Full { .. } => Severity::Medium,
            _ => Severity::Low,
        }
    }

    fn is_retryable(&self) -> bool {
        matches!(self, Self::NotRunning | Self::Full { .. })
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NotRunning => "pool.not_running",
            Self::Stopping => "pool.stopping",
            Self::Full { .. } => "pool.full",
            Self::Fenced => "pool.fenced",
        }
    }
}

/// Why an installed piece of work has no result. `started` says whether it may have had effects.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InstallError {
    /// It was not taken.
    #[error(transparent)]
    Refused(#[from] PoolRefusal),
    /// It panicked.
    #[error("{0}")]
    Panicked(Arc<PanicReport>),
    /// It was not through in time. One that had not begun never will; one that had goes on, and its result
    /// is dropped.
    #[error("{}", out_of_time(*.started))]
    TimedOut {
        /// Whether it had begun.
        started: bool,
    },
    /// The calling unit was asked to stop while it waited; as for a timeout.
    #[error("the calling unit was asked to stop")]
    CallerStopped {
        /// Whether it had begun.
        started: bool,
    },
    /// The pool stopped before it was through.
    #[error("the pool stopped before the work was through")]
    Lost {
        /// Whether it had begun.
        started: bool,
    },
}

fn out_of_time(started: bool) -> &'static str {
    if started {
        "the work was not through in time"
    } else {
        "the work had not begun in time"
    }
}

impl Classify for InstallError {
    fn category(&self) -> Category {
        match self {
            Self::Refused(refusal) => refusal.category(),
            Self::Panicked(_) => Category::Fault,
            Self::TimedOut { .. } => Category::Deadline,
            Self::CallerStopped { .. } | Self::Lost { .. } => Category::Unavailable,
        }
    }

    fn severity(&self) -> Severity {
        match self {
            Self::Refused(refusal) => refusal.severity(),
            Self::Panicked(_) => Severity::High,
            Self::TimedOut { .. } | Self::Lost { .. } => Severity::Medium,
            Self::CallerStopped { .. } => Severity::Low,
        }
    }

    fn is_retryable(&self) -> bool {
        match self {
            Self::Refused(refusal) => refusal.is_retryable(),
            Self::TimedOut { started } | Self::Lost { started } => !started,
            Self::Panicked(_) | Self::CallerStopped { .. } => false,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.code(),
            Self::Panicked(_) => "pool.panicked",
            Self::TimedOut { .. } => "pool.timed_out",
            Self::CallerStopped { .. } => "pool.caller_stopped",
            Self::Lost { .. } => "pool.lost",
        }
    }
}
