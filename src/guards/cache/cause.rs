//! Why an entry left the cache.

use std::fmt;

/// Why an entry left the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RemovalCause {
    /// A newer value took its place.
    Replaced,
    /// It was removed by its key, by a condition or by [`Cache::retain`](super::Cache::retain).
    Removed,
    /// There was no room.
    Evicted,
    /// Its time was over.
    Expired,
    /// It was invalidated, with all others or with its group.
    Invalidated,
}

impl RemovalCause {
    /// Its name in events.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Replaced => "replaced",
            Self::Removed => "removed",
            Self::Evicted => "evicted",
            Self::Expired => "expired",
            Self::Invalidated => "invalidated",
        }
    }

    pub(super) const fn code(self) -> u8 {
        match self {
            Self::Replaced => 1,
            Self::Removed => 2,
            Self::Evicted => 3,
            Self::Expired => 4,
            Self::Invalidated => 5,
        }
    }

    pub(super) fn of_code(code: u8) -> Option<Self> {
        let all = [
            Self::Replaced,
            Self::Removed,
            Self::Evicted,
            Self::Expired,
            Self::Invalidated,
        ];
        all.into_iter().find(|cause| cause.code() == code)
    }
}

impl fmt::Display for RemovalCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
