//! Counts: numbers that rise with each look, by who holds a hazard, without a locked instruction where it can be had.
//!
//! # State
//! ```text
//!   place, place, ...   a cache line each: a word per number; the first hazards' records have one each
//!   common              the same, for all others
//! ```
//!
//! # Invariants
//! * I1: a place is written only by who holds the hazard with its record.
//! * I2: the sum of the words is the sum of all that was added, wrapping at 2^64.
//!
//! # Protocol
//! * P1 `add`: the record has a place: load, and store one more; else one `fetch_add` on the common one.
//! * P2 `sum`: one load per place.
//!
//! # No count is lost
//! A record changes hands by `discharge` (Release) and `enlist` (Acquire): who takes it loads what the last one stored. In
//! between, or on one thread, one alone writes the word (I1).
//!
//! # Orderings
//! All are Relaxed: a counter publishes nothing but itself, and the hand-over of the record orders its writers.

use std::fmt;

use crossbeam_utils::CachePadded;

use super::hazard::Owner;
use crate::sync::atomic::{AtomicU64, Ordering};

/// `N` numbers.
pub(crate) struct Counts<const N: usize> {
    places: Box<[CachePadded<[AtomicU64; N]>]>,
    common: CachePadded<[AtomicU64; N]>,
}

impl<const N: usize> Counts<N> {
    /// All zero, with so many places.
    pub(crate) fn new(places: usize) -> Self {
        let zeros = || CachePadded::new(std::array::from_fn(|_| AtomicU64::new(0)));
        Self {
            places: (0..places).map(|_| zeros()).collect(),
            common: zeros(),
        }
    }

    /// Adds one to a number (P1). The hazard of `owner` lives still.
    #[inline]
    pub(crate) fn add(&self, owner: Owner, number: usize) {
        if let Some(place) = self.places.get(owner.number()) {
            let word = &place[number];
            // Relaxed, both: I1.
            let count = word.load(Ordering::Relaxed);
            word.store(count.wrapping_add(1), Ordering::Relaxed);
        } else {
            // Relaxed: publishes nothing.
            self.common[number].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What was added to a number before, and perhaps some of what is added meanwhile (P2).
    pub(crate) fn sum(&self, number: usize) -> u64 {
        let places = self.places.iter().chain([&self.common]);
        // Relaxed: publishes nothing.
        let words = places.map(|place| place[number].load(Ordering::Relaxed));
        words.fold(0, u64::wrapping_add)
    }
}

impl<const N: usize> fmt::Debug for Counts<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sums: [u64; N] = std::array::from_fn(|number| self.sum(number));
        f.debug_tuple("Counts").field(&sums).finish()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::Counts;
    use crate::kernel::hazard::Domain;
    use crate::kernel::test_support::storm;
    use crate::sync::on_threads;

    #[test]
    fn numbers_are_counted_apart() {
        let counts = Counts::<2>::new(4);
        let hazard = Domain::shared().hazard();
        for number in [0, 1, 1] {
            counts.add(hazard.owner(), number);
        }
        assert_eq!((counts.sum(0), counts.sum(1)), (1, 2));
        assert_eq!(format!("{counts:?}"), "Counts([1, 2])");
    }

    #[test]
    fn no_count_is_lost_whether_hazards_have_places_or_not() {
        let each = storm(20_000);
        for places in [0, 1, 64] {
            let counts = Counts::<1>::new(places);
            // Threads that end leave their records to those that begin.
            for _ in 0..3 {
                on_threads(4, |_| {
                    for _ in 0..each {
                        let (one, other) = (Domain::shared().hazard(), Domain::shared().hazard());
                        counts.add(one.owner(), 0);
                        counts.add(other.owner(), 0);
                    }
                });
            }
            assert_eq!(counts.sum(0), 3 * 4 * 2 * each as u64);
        }
    }
}
