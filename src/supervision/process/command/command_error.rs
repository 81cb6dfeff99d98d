//! Why a command gave no output.

use std::num::NonZeroUsize;
use std::time::Duration;

use crate::fault::{Category, Classify, Severity};
use crate::supervision::process::ProcessError;

/// Why a command gave no output. A command that ended with another code than zero did give one.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// The executable is not on the list of those that are allowed.
    #[error("{0} is not allowed")]
    NotAllowed(String),
    /// As many commands run as may.
    #[error("{max} commands run already")]
    Busy {
        /// How many may run at once.
        max: NonZeroUsize,
    },
    /// It took too long, was ended and reaped. What it did until then is done.
    #[error("{program} did not end within {limit:?} and was ended")]
    TimedOut {
        /// The executable.
        program: String,
        /// How long the call could take.
        limit: Duration,
    },
    /// The calling unit was asked to stop; a command that ran already was ended and reaped.
    #[error("the calling unit was asked to stop")]
    Stopped,
    /// The program could not be started, or the calling unit was given up.
    #[error(transparent)]
    Process(#[from] ProcessError),
}

impl Classify for CommandError {
    fn category(&self) -> Category {
        match self {
            Self::NotAllowed(_) => Category::Validation,
            Self::Busy { .. } => Category::Capacity,
            Self::TimedOut { .. } => Category::Deadline,
            Self::Stopped => Category::Unavailable,
            Self::Process(error) => error.category(),
        }
    }

    fn severity(&self) -> Severity {
        match self {
            Self::Busy { .. } | Self::Stopped => Severity::Low,
            Self::NotAllowed(_) | Self::TimedOut { .. } => Severity::Medium,
            Self::Process(error) => error.severity(),
        }
    }

    fn is_retryable(&self) -> bool {
        match self {
            Self::Busy { .. } => true,
            Self::NotAllowed(_) | Self::TimedOut { .. } | Self::Stopped => false,
            Self::Process(error) => error.is_retryable(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NotAllowed(_) => "command.not_allowed",
            Self::Busy { .. } => "command.busy",
            Self::TimedOut { .. } => "command.timed_out",
            Self::Stopped => "command.stopped",
            Self::Process(error) => error.code(),
        }
    }
}
