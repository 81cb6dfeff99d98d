//! Why an entry was not let in.

use std::fmt;

use crate::fault::{Category, Classify, Severity};

/// An entry that was not let in; key and value come back.
pub struct InsertError<K, V> {
    key: K,
    value: V,
    why: InsertRefusal,
}

/// Why an entry was not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InsertRefusal {
    /// Its weight is zero: it would never count, and the cache would have no bound.
    Weightless,
    /// It is heavier than a shard of the cache, so that it would not fit with everything else gone.
    TooHeavy {
        /// Its weight.
        weight: u32,
        /// The greatest weight that fits.
        most: u64,
    },
    /// All that could make room is pinned.
    AllPinned,
    /// Its time to live is zero.
    ZeroTtl,
    /// There is no such group.
    NoSuchGroup {
        /// The group that was given.
        group: usize,
    },
}

impl<K, V> InsertError<K, V> {
    pub(super) const fn new(key: K, value: V, why: InsertRefusal) -> Self {
        Self { key, value, why }
    }

    /// Why it was not let in.
    #[must_use]
    pub const fn why(&self) -> InsertRefusal {
        self.why
    }

    /// The key and the value.
    #[must_use]
    pub fn into_inner(self) -> (K, V) {
        (self.key, self.value)
    }
}

impl<K, V> fmt::Debug for InsertError<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InsertError")
            .field("why", &self.why)
            .finish_non_exhaustive()
    }
}

impl<K, V> fmt::Display for InsertError<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not let into the cache: {}", self.why)
    }
}

impl fmt::Display for InsertRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Weightless => f.write_str("its weight is zero"),
            Self::TooHeavy { weight, most } => {
                write!(f, "its weight {weight} is more than {most}")
            }
            Self::AllPinned => f.write_str("all that could make room is pinned"),
            Self::ZeroTtl => f.write_str("its time to live is zero"),
            Self::NoSuchGroup { group } => write!(f, "there is no group {group}"),
        }
    }
}

impl InsertRefusal {
    /// Its name in events.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Weightless => "weightless",
            Self::TooHeavy { .. } => "too_heavy",
            Self::AllPinned => "all_pinned",
            Self::ZeroTtl => "zero_ttl",
            Self::NoSuchGroup { .. } => "no_such_group",
        }
    }
}

impl<K, V> std::error::Error for InsertError<K, V> {}

impl<K, V> Classify for InsertError<K, V> {
    fn category(&self) -> Category {
        match self.why {
            InsertRefusal::AllPinned => Category::Capacity,
            _ => Category::Validation,
        }
    }

    fn severity(&self) -> Severity {
        Severity::Low
    }

    fn code(&self) -> &'static str {
        "cache.refused"
    }
}
