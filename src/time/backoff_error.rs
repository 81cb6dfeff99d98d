//! What is wrong with a backoff.

use std::fmt;
use std::time::Duration;

/// A backoff that makes no sense, with all its faults.
#[derive(Clone, Debug, PartialEq)]
pub struct BackoffError {
    faults: Vec<BackoffFault>,
}

/// One fault of a [`Backoff`](super::Backoff).
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum BackoffFault {
    /// The factor is below one, infinite, or not a number.
    Factor {
        /// The factor that was given.
        factor: f64,
    },
    /// The first delay is zero: say [`Backoff::none`](super::Backoff::none) if that is meant.
    ZeroDelay,
    /// The cap is below the first delay: every delay would be the cap.
    CapBelowFirst {
        /// The cap that was given.
        cap: Duration,
        /// The first delay.
        first: Duration,
    },
}

impl BackoffError {
    pub(super) const fn new(faults: Vec<BackoffFault>) -> Self {
        Self { faults }
    }

    /// All faults, at least one.
    #[must_use]
    pub fn faults(&self) -> &[BackoffFault] {
        &self.faults
    }
}

impl fmt::Display for BackoffError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("invalid backoff: ")?;
        for (index, fault) in self.faults.iter().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{fault}")?;
        }
        Ok(())
    }
}

impl fmt::Display for BackoffFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Factor { factor } => write!(f, "the factor {factor} is not at least one"),
            Self::ZeroDelay => f.write_str("the first delay is zero"),
            Self::CapBelowFirst { cap, first } => {
                write!(f, "the cap {cap:?} is below the first delay {first:?}")
            }
        }
    }
}

impl std::error::Error for BackoffError {}
