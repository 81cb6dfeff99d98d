//! Why nothing was received, other than that the channel has ended.

use std::error::Error;
use std::fmt;

use crate::fault::{Category, Classify, Severity};

/// Nothing was received, though the channel goes on. Its end is no error but `None`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RecvError {
    /// Nothing is queued, and the receive was not to wait.
    Empty,
    /// Nothing came until the deadline.
    Timeout,
    /// The unit that receives was given up: it gets no more work.
    Fenced,
}

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "the channel is empty",
            Self::Timeout => "the channel stayed empty until the deadline",
            Self::Fenced => "the receiving unit was given up, it gets no more work",
        })
    }
}

impl Error for RecvError {}

impl Classify for RecvError {
    fn category(&self) -> Category {
        match self {
            Self::Timeout => Category::Deadline,
            Self::Empty | Self::Fenced => Category::Unavailable,
        }
    }

    fn severity(&self) -> Severity {
        match self {
            Self::Empty | Self::Timeout => Severity::Low,
            Self::Fenced => Severity::Medium,
        }
    }

    fn is_retryable(&self) -> bool {
        matches!(self, Self::Empty | Self::Timeout)
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Empty => "channel.empty",
            Self::Timeout => "channel.timeout",
            Self::Fenced => "channel.fenced",
        }
    }
}
