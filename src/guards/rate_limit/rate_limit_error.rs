//! What is wrong with the configuration of a limiter.

use std::fmt;
use std::time::Duration;

use super::quota::Quota;
use crate::fault::{Category, Classify, Severity};

/// A quota, or another choice, that makes no sense, with all faults.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use steadfast::guards::rate_limit::{Quota, RateLimitFault};
///
/// let error = Quota::per(5, Duration::ZERO).burst(0).validate().unwrap_err();
/// assert_eq!(error.faults(), [RateLimitFault::ZeroPeriod, RateLimitFault::ZeroBurst]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateLimitError {
    faults: Vec<RateLimitFault>,
}

/// One fault of a [`Quota`] or a [`RateLimiterConfig`](super::RateLimiterConfig).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RateLimitFault {
    /// The period is zero: no rate is meant by it.
    #[error("per(.., 0s): the period is zero")]
    ZeroPeriod,
    /// The period is longer than [`Quota::MAX_PERIOD`].
    #[error(
        "per(.., {period:?}): the period is longer than {:?}",
        Quota::MAX_PERIOD
    )]
    PeriodTooLong {
        /// The period that was given.
        period: Duration,
    },
    /// More than sixteen cells per nanosecond: there is no time between two of them.
    #[error("per({count}, {period:?}): there is no time between two cells")]
    TooFast {
        /// The count that was given.
        count: u32,
        /// The period that was given.
        period: Duration,
    },
    /// A bucket that holds nothing lets nothing through: say a count of zero if that is meant.
    #[error("burst(0): the bucket holds nothing")]
    ZeroBurst,
    /// Only a token bucket has a burst.
    #[error("burst(..): a window has none")]
    BurstOfWindow,
    /// A bucket of this size takes longer to fill than [`Quota::MAX_PERIOD`].
    #[error(
        "burst({burst}): the bucket takes longer to fill than {:?}",
        Quota::MAX_PERIOD
    )]
    BurstTooLarge {
        /// The burst that was given, or the count.
        burst: u32,
    },
    /// A sliding window remembers each cell, at most [`Quota::MAX_REMEMBERED`].
    #[error(
        "sliding_window(): {count} cells are more than {}, which it remembers",
        Quota::MAX_REMEMBERED
    )]
    CountTooLarge {
        /// The count that was given.
        count: u32,
    },
    /// A limiter with no place for a key.
    #[error("max_keys(0): there is no place for a key")]
    NoKeys,
    /// More keys than [`RateLimiterConfig::MAX_KEYS`](super::RateLimiterConfig::MAX_KEYS).
    #[error(
        "max_keys({keys}): these are more than {}",
        super::RateLimiterConfig::MAX_KEYS
    )]
    TooManyKeys {
        /// The number that was given.
        keys: usize,
    },
    /// A name without a letter names nothing.
    #[error("name(\"\"): the name is empty")]
    EmptyName,
    /// A limiter that runs keeps its algorithm: what it remembers means nothing to another.
    #[error("reconfigure(..): a limiter that runs keeps its algorithm")]
    OtherAlgorithm,
}

impl RateLimitError {
    /// An error, if there are faults.
    pub(super) fn unless_empty(faults: Vec<RateLimitFault>) -> Result<(), Self> {
        if faults.is_empty() {
            Ok(())
        } else {
            Err(Self { faults })
        }
    }

    /// All faults, at least one.
    #[must_use]
    pub fn faults(&self) -> &[RateLimitFault] {
        &self.faults
    }
}

impl fmt::Display for RateLimitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("invalid rate limit: ")?;
        for (index, fault) in self.faults.iter().enumerate() {
            let between = if index > 0 { "; " } else { "" };
            write!(f, "{between}{fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for RateLimitError {}

impl Classify for RateLimitError {
    fn category(&self) -> Category {
        Category::Validation
    }

    fn severity(&self) -> Severity {
        Severity::Medium
    }

    fn code(&self) -> &'static str {
        "rate_limit.invalid"
    }
}
