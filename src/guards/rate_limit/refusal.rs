//! Why cells were not let through.

use std::fmt;
use std::time::Duration;

use crate::fault::{Category, Classify, Severity};

/// Not now: the limit is reached. Nothing was counted.
///
/// # Examples
///
/// ```
/// use steadfast::{Quota, RateLimiter};
///
/// let calls = RateLimiter::new(Quota::per_hour(1))?;
/// calls.check()?;
/// if let Err(refused) = calls.check() {
///     println!("429 Too Many Requests, Retry-After: {}", refused.retry_after.as_secs() + 1);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub struct Refused {
    /// After this time the same request passes, if no other comes before it; [`Duration::MAX`] is never.
    pub retry_after: Duration,
    /// How many cells can pass at once ([`Quota::limit`](super::Quota::limit)).
    pub limit: u32,
}

/// Why a request for several cells, or for those of a key, did not pass.
///
/// # Examples
///
/// ```
/// use steadfast::guards::rate_limit::CheckError;
/// use steadfast::{Quota, RateLimiter};
///
/// let bytes = RateLimiter::new(Quota::per_second(1_000))?;
/// match bytes.check_n(4_000) {
///     Ok(()) => println!("send it"),
///     Err(CheckError::Refused(refused)) => println!("send it in {:?}", refused.retry_after),
///     Err(CheckError::Impossible { limit, .. }) => println!("cut it into pieces of {limit}"),
///     Err(other) => println!("{other}"),
/// }
/// # Ok::<(), steadfast::guards::rate_limit::RateLimitError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// Not now.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// Never: as many cells never pass at once.
    #[error("{cells} cells never pass at once, the limit is {limit}")]
    Impossible {
        /// The cells that were asked for.
        cells: u32,
        /// How many can pass at once.
        limit: u32,
    },
    /// There is no place for another key.
    #[error("there is no place for another key beside {keys}")]
    TooManyKeys {
        /// How many keys there are.
        keys: usize,
    },
}

/// Why a thread that was ready to wait for its cells has not got them.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use steadfast::guards::rate_limit::AcquireError;
/// use steadfast::{Quota, RateLimiter};
///
/// let calls = RateLimiter::new(Quota::per_hour(1))?;
/// calls.acquire()?;
/// let late = calls.acquire_timeout(Duration::from_secs(1));
/// assert!(matches!(late, Err(AcquireError::TooLate(_)))); // at once: an hour would be too long
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AcquireError {
    /// Its turn would come after the deadline: it did not even wait.
    #[error("not before the deadline: {0}")]
    TooLate(Refused),
    /// As many cells never pass at once.
    #[error("{cells} cells never pass at once, the limit is {limit}")]
    Impossible {
        /// The cells that were asked for.
        cells: u32,
        /// How many can pass at once.
        limit: u32,
    },
    /// There is no place for another key.
    #[error("there is no place for another key beside {keys}")]
    TooManyKeys {
        /// How many keys there are.
        keys: usize,
    },
    /// The unit that waits was asked to stop; the cells were given back where nobody had come behind.
    #[error("the waiting unit was asked to stop")]
    Stopped,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { retry_after, limit } = self;
        match *retry_after {
            Duration::MAX => write!(f, "the limit of {limit} is reached, it never passes"),
            _ => write!(
                f,
                "the limit of {limit} is reached, try again in {retry_after:?}"
            ),
        }
    }
}

impl CheckError {
    /// After this time the same request passes, if no other comes before it; `None` if it never does, or if it is not
    /// known when there is a place for the key.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused(Refused {
                retry_after: Duration::MAX,
                ..
            })
            | Self::Impossible { .. }
            | Self::TooManyKeys { .. } => None,
            Self::Refused(refused) => Some(refused.retry_after),
        }
    }
}

impl From<CheckError> for AcquireError {
    fn from(error: CheckError) -> Self {
        match error {
            CheckError::Refused(refused) => Self::TooLate(refused),
            CheckError::Impossible { cells, limit } => Self::Impossible { cells, limit },
            CheckError::TooManyKeys { keys } => Self::TooManyKeys { keys },
        }
    }
}

impl Classify for Refused {
    fn category(&self) -> Category {
        Category::Capacity
    }

    fn severity(&self) -> Severity {
        Severity::Low
    }

    /// Unless nothing ever passes.
    fn is_retryable(&self) -> bool {
        self.retry_after < Duration::MAX
    }

    fn code(&self) -> &'static str {
        "rate_limit.refused"
    }
}

impl Classify for CheckError {
    fn category(&self) -> Category {
        match self {
            Self::Refused(refused) => refused.category(),
            Self::Impossible { .. } => Category::Validation,
            Self::TooManyKeys { .. } => Category::Capacity,
        }
    }

    fn severity(&self) -> Severity {
        match self {
            Self::Refused(refused) => refused.severity(),
            Self::Impossible { .. } | Self::TooManyKeys { .. } => Severity::Medium,
        }
    }

    fn is_retryable(&self) -> bool {
        match self {
            Self::Refused(refused) => refused.is_retryable(),
            Self::Impossible { .. } => false,
            Self::TooManyKeys { .. } => true,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Refused(refused) => refused.code(),
            Self::Impossible { .. } => "rate_limit.impossible",
            Self::TooManyKeys { .. } => "rate_limit.too_many_keys",
        }
    }
}

impl Classify for AcquireError {
    fn category(&self) -> Category {
        match self {
            Self::TooLate(_) => Category::Deadline,
            Self::Impossible { .. } => Category::Validation,
            Self::TooManyKeys { .. } => Category::Capacity,
            Self::Stopped => Category::Unavailable,
        }
    }

    fn severity(&self) -> Severity {
        match self {
            Self::TooLate(_) | Self::Impossible { .. } | Self::TooManyKeys { .. } => {
                Severity::Medium
            }
            Self::Stopped => Severity::Low,
        }
    }

    /// Where only time or room was missing: nothing was done.
    fn is_retryable(&self) -> bool {
        match self {
            Self::TooLate(refused) => refused.is_retryable(),
            Self::TooManyKeys { .. } => true,
            Self::Impossible { .. } | Self::Stopped => false,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::TooLate(_) => "rate_limit.too_late",
            Self::Impossible { .. } => "rate_limit.impossible",
            Self::TooManyKeys { .. } => "rate_limit.too_many_keys",
            Self::Stopped => "rate_limit.stopped",
        }
    }
}
