//! A deadline that may move while others ask whether it has passed; once it has been taken, it moves no more.
//!
//! # State
//! One word: nanoseconds on the owner's clock. `NEVER` is the greatest number; `TAKEN`, zero, says that somebody has
//! found it past and taken it.
//!
//! # Invariants
//! * I1: `TAKEN` is final.
//! * I2: a word is taken only by one who has found exactly that word past.
//!
//! # Protocol
//! * P1 `extend`: exchange the word that was read for a later one. Fails if it was taken or moved meanwhile.
//! * P2 `take`: exchange the word that was read, and that is past, for `TAKEN`; or see that it is taken already. Fails if
//!   it was moved meanwhile.
//!
//! So an idle entry that one thread touches while another expires it is either gone for both, or stays for both.
//!
//! # Orderings
//! All are Relaxed: one word decides, and it publishes nothing but itself.

use std::fmt;

use crate::sync::atomic::{AtomicU64, Ordering};

const TAKEN: u64 = 0;

/// A deadline in nanoseconds.
pub(crate) struct Expiry(AtomicU64);

impl Expiry {
    /// The deadline that never comes.
    pub(crate) const NEVER: u64 = u64::MAX;

    /// A deadline at `at`; the very first nanosecond is taken for the second.
    pub(crate) fn new(at: u64) -> Self {
        Self(AtomicU64::new(at.max(TAKEN + 1)))
    }

    /// When it passes.
    #[inline]
    pub(crate) fn at(&self) -> u64 {
        // Relaxed: publishes nothing.
        self.0.load(Ordering::Relaxed)
    }

    /// Moves it from `seen` to `later` (P1). False if it is not at `seen` any more.
    pub(crate) fn extend(&self, seen: u64, later: u64) -> bool {
        seen != TAKEN && self.exchange(seen, later.max(TAKEN + 1))
    }

    /// Whether somebody has taken it.
    #[inline]
    pub(crate) fn is_taken(&self) -> bool {
        self.at() == TAKEN
    }

    /// Whether it was past at `now`, and is taken for good by this or another one (P2).
    pub(crate) fn take(&self, now: u64) -> bool {
        let seen = self.at();
        let is_past = seen <= now && seen != Self::NEVER;
        seen == TAKEN || (is_past && self.exchange(seen, TAKEN))
    }

    fn exchange(&self, seen: u64, next: u64) -> bool {
        // Relaxed, both: as in `at`.
        let (won, lost) = (Ordering::Relaxed, Ordering::Relaxed);
        self.0.compare_exchange(seen, next, won, lost).is_ok()
    }
}

impl fmt::Debug for Expiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expiry").field(&self.at()).finish()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::Expiry;

    #[test]
    fn a_deadline_that_was_taken_moves_no_more() {
        let expiry = Expiry::new(10);
        assert!(!expiry.take(9));
        assert!(expiry.extend(10, 20) && !expiry.extend(10, 30));
        assert!(!expiry.take(19) && expiry.take(20) && expiry.take(0));
        assert!(!expiry.extend(0, 30) && !expiry.extend(20, 30));
    }

    #[test]
    fn the_ends_of_time_are_ordinary_deadlines() {
        assert!(!Expiry::new(Expiry::NEVER).take(u64::MAX));
        assert!(!Expiry::new(0).take(0) && Expiry::new(0).take(1));
    }
}
