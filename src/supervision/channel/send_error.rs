//! Why a value was not sent, with the value.

use std::error::Error;
use std::fmt;

use crate::fault::{Category, Classify, Severity};

/// The value was not sent; here it is back.
#[non_exhaustive]
pub enum SendError<T> {
    /// There was no room, and the send was not to wait.
    Full(T),
    /// There was no room until the deadline.
    Timeout(T),
    /// No receiver is left.
    Disconnected(T),
    /// There was no room, and the unit that sends was told to end, or its drain deadline came.
    Stopped(T),
    /// The unit that sends was given up: its effects are refused.
    Fenced(T),
}

impl<T> SendError<T> {
    /// The value that was not sent.
    pub fn into_inner(self) -> T {
        match self {
            Self::Full(value)
            | Self::Timeout(value)
            | Self::Disconnected(value)
            | Self::Stopped(value)
            | Self::Fenced(value) => value,
        }
    }

    /// Its name in events.
    pub(super) fn why(&self) -> &'static str {
        match self {
            Self::Full(_) => "full",
            Self::Timeout(_) => "timeout",
            Self::Disconnected(_) => "disconnected",
            Self::Stopped(_) => "stopped",
            Self::Fenced(_) => "fenced",
        }
    }
}

impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "Full(..)",
            Self::Timeout(_) => "Timeout(..)",
            Self::Disconnected(_) => "Disconnected(..)",
            Self::Stopped(_) => "Stopped(..)",
            Self::Fenced(_) => "Fenced(..)",
        })
    }
}

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "the channel is full",
            Self::Timeout(_) => "the channel stayed full until the deadline",
            Self::Disconnected(_) => "the channel has no receiver left",
            Self::Stopped(_) => "the channel stayed full until the sending unit had to stop",
            Self::Fenced(_) => "the sending unit was given up, its effects are refused",
        })
    }
}

impl<T> Error for SendError<T> {}

impl<T> Classify for SendError<T> {
    fn category(&self) -> Category {
        match self {
            Self::Full(_) => Category::Capacity,
            Self::Timeout(_) => Category::Deadline,
            Self::Disconnected(_) | Self::Stopped(_) | Self::Fenced(_) => Category::Unavailable,
        }
    }

    fn severity(&self) -> Severity {
        match self {
            Self::Full(_) | Self::Stopped(_) => Severity::Low,
            Self::Timeout(_) | Self::Disconnected(_) | Self::Fenced(_) => Severity::Medium,
        }
    }

    /// Where only the room was missing: the value was certainly not sent, so nothing is done twice.
    fn is_retryable(&self) -> bool {
        matches!(self, Self::Full(_) | Self::Timeout(_))
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Full(_) => "channel.full",
            Self::Timeout(_) => "channel.timeout",
            Self::Disconnected(_) => "channel.disconnected",
            Self::Stopped(_) => "channel.stopped",
            Self::Fenced(_) => "channel.fenced",
        }
    }
}
