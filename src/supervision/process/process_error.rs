//! Why a process could not be started, written to or signalled.

use std::io;
use std::sync::Arc;

use super::program_error::ProgramError;
use crate::fault::{Category, Classify, Severity};

/// Why a process could not be started or reached.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProcessError {
    /// The program makes no sense.
    #[error(transparent)]
    Invalid(#[from] ProgramError),
    /// No such executable is in the `PATH` of this process.
    #[error("{0} is not in the PATH")]
    NotFound(String),
    /// The operating system refused to start the program, or a thread that looks after it.
    #[error("{program} could not be started: {error}")]
    Spawn {
        /// The executable.
        program: String,
        /// What the operating system said.
        #[source]
        error: Arc<io::Error>,
    },
    /// It did not become ready within its start deadline, and was killed.
    #[error("{0} did not become ready in time")]
    NotReady(String),
    /// It does not run at the moment.
    #[error("the process does not run")]
    NotRunning,
    /// The operating system refused the signal.
    #[error("the signal was refused: {0}")]
    Signal(#[source] Arc<io::Error>),
    /// The calling unit was given up: its effects are refused.
    #[error("the calling unit was given up, its effects are refused")]
    Fenced,
    /// The library keeps no processes on this operating system.
    #[error("OS processes are not supported on this system")]
    Unsupported,
}

impl ProcessError {
    pub(super) fn spawn(program: &str, error: io::Error) -> Self {
        Self::Spawn {
            program: program.to_owned(),
            error: Arc::new(error),
        }
    }
}

impl Classify for ProcessError {
    fn category(&self) -> Category {
        match self {
            Self::Invalid(_) | Self::Unsupported => Category::Validation,
            Self::NotFound(_) | Self::Spawn { .. } | Self::Signal(_) => Category::Infrastructure,
            Self::NotReady(_) => Category::Deadline,
            Self::NotRunning | Self::Fenced => Category::Unavailable,
        }
    }

    fn severity(&self) -> Severity {
        match self {
            Self::NotRunning | Self::Fenced => Severity::Medium,
            _ => Severity::High,
        }
    }

    /// Where the machine or the moment was to blame. A program that is not there does not come by itself.
    fn is_retryable(&self) -> bool {
        matches!(self, Self::Spawn { .. } | Self::NotRunning)
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "program.invalid",
            Self::NotFound(_) => "process.not_found",
            Self::Spawn { .. } => "process.spawn",
            Self::NotReady(_) => "process.not_ready",
            Self::NotRunning => "process.not_running",
            Self::Signal(_) => "process.signal",
            Self::Fenced => "process.fenced",
            Self::Unsupported => "process.unsupported",
        }
    }
}

/// Why bytes were not written to the standard input of a process. None of them was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// There was no room for all of them, and the write was not to wait.
    #[error("the standard input is full")]
    Full,
    /// There was no room for all of them until the deadline.
    #[error("the standard input stayed full until the deadline")]
    Timeout,
    /// They are more than the standard input can ever hold.
    #[error("more than the {capacity} bytes that the standard input holds")]
    TooLarge {
        /// How many bytes it holds.
        capacity: usize,
    },
    /// The process does not run at the moment, or has ended meanwhile.
    #[error("the process does not run")]
    NotRunning,
    /// The standard input is closed, by either side, or was never open.
    #[error("the standard input is closed")]
    Closed,
    /// The calling unit was asked to stop while it waited.
    #[error("the calling unit was asked to stop")]
    Stopped,
    /// The calling unit was given up: its effects are refused.
    #[error("the calling unit was given up, its effects are refused")]
    Fenced,
}

impl Classify for WriteError {
    fn category(&self) -> Category {
        match self {
            Self::Full => Category::Capacity,
            Self::Timeout => Category::Deadline,
            Self::TooLarge { .. } => Category::Validation,
            Self::NotRunning | Self::Closed | Self::Stopped | Self::Fenced => Category::Unavailable,
        }
    }

    fn severity(&self) -> Severity {
        match self {
            Self::Full | Self::Stopped => Severity::Low,
            _ => Severity::Medium,
        }
    }

    /// Where only the room or the process was missing: the bytes were certainly not written.
    fn is_retryable(&self) -> bool {
        matches!(self, Self::Full | Self::Timeout | Self::NotRunning)
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Full => "process.stdin_full",
            Self::Timeout => "process.stdin_timeout",
            Self::TooLarge { .. } => "process.stdin_too_large",
            Self::NotRunning => "process.not_running",
            Self::Closed => "process.stdin_closed",
            Self::Stopped => "process.stdin_stopped",
            Self::Fenced => "process.fenced",
        }
    }
}
