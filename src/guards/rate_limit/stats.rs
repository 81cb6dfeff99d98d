//! What a limiter has counted.

use std::fmt;

use crate::kernel::stripe::Striped;
use crate::sync::cores;

/// What a limiter has counted since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RateLimiterStats {
    /// The cells that were let through, or given a time and not given back.
    pub admitted: u64,
    /// The requests that were refused, however many cells they were for.
    pub refused: u64,
}

impl fmt::Display for RateLimiterStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { admitted, refused } = self;
        write!(f, "{admitted} cells admitted, {refused} requests refused")
    }
}

/// The counters behind it.
pub(super) struct Counts {
    admitted: Striped,
    given_back: Striped,
    refused: Striped,
}

impl Counts {
    pub(super) fn new() -> Self {
        let striped = || Striped::new(cores());
        Self {
            admitted: striped(),
            given_back: striped(),
            refused: striped(),
        }
    }

    pub(super) fn admit(&self, cells: u32) {
        self.admitted.add(u64::from(cells));
    }

    pub(super) fn give_back(&self, cells: u32) {
        self.given_back.add(u64::from(cells));
    }

    pub(super) fn refuse(&self) {
        self.refused.add(1);
    }

    pub(super) fn stats(&self) -> RateLimiterStats {
        // What was given back first: it was admitted before.
        let given_back = self.given_back.sum();
        RateLimiterStats {
            admitted: self.admitted.sum().saturating_sub(given_back),
            refused: self.refused.sum(),
        }
    }
}
