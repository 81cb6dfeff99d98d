//! The answers to management calls, and what can be asked about children.

use std::sync::Arc;
use std::time::Instant;

use crate::fault::StartFailure;
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
