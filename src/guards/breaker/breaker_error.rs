//! What is wrong with a breaker, and why a call did not pass.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use super::state::Phase;
use super::trip::Trip;
use crate::fault::{Category, Classify, Severity};
use crate::time::BackoffError;

/// A breaker that makes no sense, with all its faults.
#[derive(Clone, Debug, PartialEq)]
pub struct BreakerError {
    faults: Vec<BreakerFault>,
}

/// One fault of a [`BreakerConfig`](super::BreakerConfig).
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BreakerFault {
    /// No call is enough to open it.
    #[error("it opens after no call")]
    ZeroCalls,
    /// A window remembers at most [`Trip::MOST_CALLS`].
    #[error("a window remembers at most {} calls, not {calls}", Trip::MOST_CALLS)]
    TooManyCalls {
        /// The number that was given.
        calls: u32,
    },
    /// The window never sees as many calls as it must have seen.
    #[error("a window of {calls} calls never sees enough of them")]
    NeverEnough {
        /// The size of the window.
        calls: u32,
    },
    /// The time window has no length.
    #[error("the window has no length")]
    ZeroWindow,
    /// A rate is above 0 and at most 1.
    #[error("{rate} is no rate")]
    Rate {
        /// The rate that was given.
        rate: f64,
    },
    /// Failures in a row have no rate, and no least number of calls but their own.
    #[error("failures in a row have no rate")]
    NoWindow,
    /// A rate of slow calls without what is slow, or the other way round.
    #[error("what is slow and how many slow calls are too many are said together")]
    HalfSlow,
    /// Without a probe it never closes.
    #[error("it has no probe")]
    NoProbes,
    /// It closes after no success.
    #[error("it closes after no success")]
    NoSuccesses,
    /// A probe has no time to answer.
    #[error("a probe has no time")]
    ZeroLease,
    /// The time that it stays open makes no sense.
    #[error(transparent)]
    Backoff(#[from] BackoffError),
}

impl BreakerError {
    /// An error, if there are faults.
    pub(super) fn unless_empty(faults: Vec<BreakerFault>) -> Result<(), Self> {
        if faults.is_empty() {
            Ok(())
        } else {
            Err(Self { faults })
        }
    }

    /// All faults, at least one.
    #[must_use]
    pub fn faults(&self) -> &[BreakerFault] {
        &self.faults
    }
}

impl fmt::Display for BreakerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("invalid breaker: ")?;
        for (index, fault) in self.faults.iter().enumerate() {
            let between = if index > 0 { "; " } else { "" };
            write!(f, "{between}{fault}")?;
        }
        Ok(())
    }
}

impl Error for BreakerError {}

/// The call was refused: the breaker is not closed. Nothing was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error("the breaker is {}, try again in {retry_after:?}", .phase.as_str())]
pub struct Open {
    /// After this time a probe may pass; [`Duration::MAX`] where only a hand can change it.
    pub retry_after: Duration,
    /// What the breaker is: open, half open with all probes out, or forced open.
    pub phase: Phase,
}

/// Why a call through a breaker has no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallError<E> {
    /// It was not tried.
    Open(Open),
    /// It was tried, and failed.
    Failed(E),
}

impl<E> CallError<E> {
    /// The error of the call, if it was tried.
    pub fn into_failed(self) -> Option<E> {
        match self {
            Self::Open(_) => None,
            Self::Failed(error) => Some(error),
        }
    }
}

impl<E> From<Open> for CallError<E> {
    fn from(open: Open) -> Self {
        Self::Open(open)
    }
}

impl<E: fmt::Display> fmt::Display for CallError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open(open) => open.fmt(f),
            Self::Failed(error) => error.fmt(f),
        }
    }
}

impl<E: Error> Error for CallError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Open(_) => None,
            Self::Failed(error) => error.source(),
        }
    }
}

impl Classify for BreakerError {
    fn category(&self) -> Category {
        Category::Validation
    }

    fn severity(&self) -> Severity {
        Severity::Medium
    }

    fn code(&self) -> &'static str {
        "breaker.invalid"
    }
}

impl Classify for Open {
    fn category(&self) -> Category {
        Category::Unavailable
    }

    fn severity(&self) -> Severity {
        Severity::Low
    }

    fn code(&self) -> &'static str {
        "breaker.open"
    }
}

impl<E: Classify> Classify for CallError<E> {
    fn category(&self) -> Category {
        match self {
            Self::Open(open) => open.category(),
            Self::Failed(error) => error.category(),
        }
    }

    fn severity(&self) -> Severity {
        match self {
            Self::Open(open) => open.severity(),
            Self::Failed(error) => error.severity(),
        }
    }

    fn is_retryable(&self) -> bool {
        match self {
            Self::Open(open) => open.is_retryable(),
            Self::Failed(error) => error.is_retryable(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Open(open) => open.code(),
            Self::Failed(error) => error.code(),
        }
    }
}
