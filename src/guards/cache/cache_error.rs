//! What can be wrong with a configuration.

use std::fmt;
use std::time::Duration;

use super::config::{MAX_ENTRIES, MAX_GROUPS};
use crate::fault::{Category, Classify, Severity};

/// A configuration that makes no sense, with all its faults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheError {
    faults: Vec<CacheFault>,
}

/// One fault of a [`CacheConfig`](super::CacheConfig).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CacheFault {
    /// A cache without capacity could never hold anything.
    ZeroCapacity,
    /// The capacity is beyond [`MAX_CAPACITY`](super::MAX_CAPACITY), or without a weigher beyond
    /// [`MAX_ENTRIES`](super::MAX_ENTRIES).
    CapacityTooLarge {
        /// The capacity that was given.
        capacity: u64,
        /// The largest one.
        most: u64,
    },
    /// The expected number of entries is zero, or beyond [`MAX_ENTRIES`](super::MAX_ENTRIES): leave it out.
    ExpectedEntries {
        /// The number that was given.
        expected: usize,
    },
    /// Every entry would be expired at once; for "never" leave the time out.
    ZeroTtl,
    /// Every entry would be expired at once; for "never" leave the time out.
    ZeroIdle,
    /// Every entry would be loaded anew at once.
    RefreshBeyondTtl {
        /// How long before its end an entry should be loaded anew.
        ahead: Duration,
        /// The time to live.
        ttl: Duration,
    },
    /// More groups than [`MAX_GROUPS`](super::MAX_GROUPS).
    TooManyGroups {
        /// The number that was given.
        groups: usize,
    },
    /// The name is empty: leave it out.
    EmptyName,
}

impl CacheError {
    pub(super) fn of(faults: Vec<CacheFault>) -> Result<(), Self> {
        if faults.is_empty() {
            Ok(())
        } else {
            Err(Self { faults })
        }
    }

    /// All faults, at least one.
    #[must_use]
    pub fn faults(&self) -> &[CacheFault] {
        &self.faults
    }
}

impl fmt::Display for CacheError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("invalid cache: ")?;
        for (index, fault) in self.faults.iter().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{fault}")?;
        }
        Ok(())
    }
}

impl fmt::Display for CacheFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ZeroCapacity => f.write_str("the capacity is zero"),
            Self::CapacityTooLarge { capacity, most } => {
                write!(f, "the capacity {capacity} is beyond {most}")
            }
            Self::ExpectedEntries { expected } => {
                write!(
                    f,
                    "{expected} expected entries are not between 1 and {MAX_ENTRIES}"
                )
            }
            Self::ZeroTtl => f.write_str("the time to live is zero"),
            Self::ZeroIdle => f.write_str("the idle time is zero"),
            Self::RefreshBeyondTtl { ahead, ttl } => {
                write!(
                    f,
                    "a refresh {ahead:?} ahead of an end after {ttl:?} is always due"
                )
            }
            Self::TooManyGroups { groups } => {
                write!(f, "{groups} groups are more than {MAX_GROUPS}")
            }
            Self::EmptyName => f.write_str("the name is empty"),
        }
    }
}

impl std::error::Error for CacheError {}

impl Classify for CacheError {
    fn category(&self) -> Category {
        Category::Validation
    }

    fn severity(&self) -> Severity {
        Severity::Medium
    }

    fn code(&self) -> &'static str {
        "cache.invalid"
    }
}
