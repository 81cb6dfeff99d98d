//! The answers to management calls, and what can be asked about children.

use std::sync::Arc;
use std::time::Instant;

use crate::fault::{Category, Classify, Severity, StartFailure};
use crate::kernel::waiters::Wake;
use crate::supervision::SpecError;

/// Why a management call was refused.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManageError {
    /// A child with this id has a run.
    #[error("a child with this id is already started")]
    AlreadyStarted,
    /// A child with this id is known, but has no run: restart or delete it.
    #[error("a child with this id is already present, but not started")]
    AlreadyPresent,
    /// No child has this id.
    #[error("no such child")]
    NotFound,
    /// The child has a run: terminate it first.
    #[error("the child is running")]
    Running,
    /// The child waits for its next start: terminate it first.
    #[error("the child is restarting")]
    Restarting,
    /// A temporary child cannot be restarted.
    #[error("a temporary child cannot be restarted")]
    Temporary,
    /// The dynamic supervisor has as many children as it may.
    #[error("the supervisor has its {max} children")]
    MaxChildren {
        /// Its bound on live and restarting children.
        max: usize,
    },
    /// The supervisor is about to end, or has ended.
    #[error("the supervisor is stopping")]
    Stopping,
    /// The supervisor does not run: it has ended, or has not begun.
    #[error("the supervisor does not run")]
    NotRunning,
    /// No answer came in time; what was asked for is done nevertheless.
    #[error("no answer in time")]
    TimedOut,
    /// The calling unit was asked to stop while it waited; what was asked for is done nevertheless.
    #[error("the calling unit was asked to stop")]
    CallerStopped,
    /// The calling unit was abandoned: it may not act any more.
    #[error("the calling unit was abandoned")]
    Fenced,
    /// The child's start failed.
    #[error("{} did not start: {}", .0.path, .0.reason)]
    Start(Arc<StartFailure>),
    /// The specification is invalid; all errors.
    #[error("invalid specification: {}", SpecError::list(.0))]
    Invalid(Vec<SpecError>),
}

impl From<Wake> for ManageError {
    fn from(why: Wake) -> Self {
        match why {
            Wake::Stopped => Self::CallerStopped,
            _ => Self::TimedOut,
        }
    }
}

impl Classify for ManageError {
    fn category(&self) -> Category {
        match self {
            Self::AlreadyStarted
            | Self::AlreadyPresent
            | Self::Running
            | Self::Restarting
            | Self::Temporary
            | Self::Invalid(_) => Category::Validation,
            Self::NotFound
            | Self::Stopping
            | Self::NotRunning
            | Self::CallerStopped
            | Self::Fenced => Category::Unavailable,
            Self::MaxChildren { .. } => Category::Capacity,
            Self::TimedOut => Category::Deadline,
            Self::Start(failure) => failure.category(),
        }
    }

    fn severity(&self) -> Severity {
        match self {
            Self::Start(failure) => failure.severity(),
            Self::Invalid(_) | Self::TimedOut | Self::MaxChildren { .. } => Severity::Medium,
            _ => Severity::Low,
        }
    }

    fn is_retryable(&self) -> bool {
        matches!(self, Self::MaxChildren { .. } | Self::Restarting)
    }

    fn code(&self) -> &'static str {
        match self {
            Self::AlreadyStarted => "manage.already_started",
            Self::AlreadyPresent => "manage.already_present",
            Self::NotFound => "manage.not_found",
            Self::Running => "manage.running",
            Self::Restarting => "manage.restarting",
            Self::Temporary => "manage.temporary",
            Self::MaxChildren { .. } => "manage.max_children",
            Self::Stopping => "manage.stopping",
            Self::NotRunning => "manage.not_running",
            Self::TimedOut => "manage.timed_out",
            Self::CallerStopped => "manage.caller_stopped",
            Self::Fenced => "manage.fenced",
            Self::Start(failure) => failure.code(),
            Self::Invalid(_) => "manage.invalid",
        }
    }
}

/// What a child does at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChildState {
    /// It has no run, and none is due.
    Down,
    /// It has no run, and waits for its next start.
    Restarting {
        /// Consecutive failures without progress so far.
        attempt: u32,
        /// Not before this instant; later if its group waits for others.
        due: Instant,
    },
    /// Its start function runs.
    Starting,
    /// It runs.
    Up,
    /// It was asked to stop.
    Stopping,
}

/// How many children a supervisor has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Counts {
    /// Children that are known, with or without a run.
    pub specs: usize,
    /// Children that have a run: starting, up or stopping.
    pub active: usize,
    /// Supervisors among the known.
    pub supervisors: usize,
    /// Workers among the known.
    pub workers: usize,
}
