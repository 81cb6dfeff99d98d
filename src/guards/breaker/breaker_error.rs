//! What is wrong with a breaker, and why a call did not pass.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use super::state::Phase;
use super::trip::Trip;
use crate::fault::{Category, Classify, Severity};
use crate::time::BackoffError;

/// A breaker that makes no sense, with all its faults.
///
/// # Examples
///
/// ```
/// use steadfast::guards::breaker::{BreakerConfig, BreakerFault, Trip};
///
/// let config = BreakerConfig::new(Trip::consecutive(0)).probes(0);
/// let error = config.validate().unwrap_err();
/// assert_eq!(error.faults(), [BreakerFault::ZeroCalls, BreakerFault::NoProbes]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct BreakerError {
    faults: Vec<BreakerFault>,
}

/// One fault of a [`BreakerConfig`](super::BreakerConfig).
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BreakerFault {
    /// No call is enough to open it.
    #[error("consecutive(0) or count_window(0): it would open after no call")]
    ZeroCalls,
    /// A window remembers at most [`Trip::MAX_CALLS`].
    #[error("a window remembers at most {} calls, not {calls}", Trip::MAX_CALLS)]
    TooManyCalls {
        /// The number that was given.
        calls: u32,
    },
    /// The window never sees as many calls as it must have seen.
    #[error("a window of {calls} calls never sees min_calls({min})")]
    NeverEnough {
        /// The most calls of the window.
        calls: u32,
        /// The number that it must have seen.
        min: u32,
    },
    /// The time window has no length.
    #[error("time_window: it has no length")]
    ZeroWindow,
    /// A rate is above 0 and at most 1.
    #[error("{of}({rate}): a rate is above 0 and at most 1")]
    Rate {
        /// The setter that it was given to.
        of: &'static str,
        /// The rate that was given.
        rate: f64,
    },
    /// Failures in a row have no rate, and no least number of calls but their own.
    #[error("failures in a row have no rate and no min_calls")]
    NoWindow,
    /// A rate of slow calls without what is slow, or the other way round.
    #[error("slow_after and slow_rate are said together")]
    HalfSlow,
    /// Every call would be slow.
    #[error("slow_after: every call would be slow")]
    ZeroSlow,
    /// Without a probe it never closes.
    #[error("probes(0): it would never close")]
    NoProbes,
    /// It closes after no success.
    #[error("successes(0): it would close after no success")]
    NoSuccesses,
    /// A probe has no time to answer.
    #[error("lease: a probe has no time")]
    ZeroLease,
    /// The name is empty: leave it out.
    #[error("the name is empty")]
    EmptyName,
    /// A registry without a place for a breaker.
    #[error("the registry has no place for a breaker")]
    NoPlaces,
    /// It would open for no time at all.
    #[error("open_for, backoff: it would open for no time")]
    NoTimeOpen,
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
///
/// # Examples
///
/// ```
/// use steadfast::CircuitBreaker;
/// use steadfast::guards::breaker::Trip;
///
/// let breaker = CircuitBreaker::new(Trip::consecutive(5))?;
/// breaker.open();
/// if let Err(open) = breaker.admit() {
///     println!("503 Service Unavailable, Retry-After: {}", open.retry_after.as_secs() + 1);
/// }
/// # Ok::<(), steadfast::guards::breaker::BreakerError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error("the breaker is {phase}{}", Later(*retry_after))]
pub struct Open {
    /// After this time a probe may pass; [`Duration::MAX`] where only a hand can change it.
    pub retry_after: Duration,
    /// What the breaker is: open, half open with all probes out, or forced open.
    pub phase: Phase,
}

/// The end of a sentence that says when to come back.
struct Later(Duration);

impl fmt::Display for Later {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Duration::MAX => f.write_str(" until somebody closes it"),
            wait => write!(f, ", try again in {wait:?}"),
        }
    }
}

/// Why a call through a breaker has no result.
///
/// # Examples
///
/// ```
/// use std::fs;
/// use steadfast::CircuitBreaker;
/// use steadfast::guards::breaker::{CallError, Trip};
///
/// let disk = CircuitBreaker::new(Trip::consecutive(3))?;
/// match disk.call(|| fs::read("/no/such/file")) {
///     Ok(bytes) => println!("{} bytes", bytes.len()),
///     Err(CallError::Failed(error)) => println!("tried: {error}"),
///     Err(CallError::Open(open)) => println!("not tried: {open}"),
///     Err(other) => println!("{other}"),
/// }
/// # Ok::<(), steadfast::guards::breaker::BreakerError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a call was tried or it was not: a fallback that tells them apart has no third case"
)]
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
