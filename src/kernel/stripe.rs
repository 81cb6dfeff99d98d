//! Counters that many threads raise at once: a padded word per stripe, a stripe per thread, a sum for who asks.
//!
//! # State
//! A power of two of words, each on a cache line of its own. A thread finds its stripe by the address of one of its
//! thread-locals, so no counter has to be shared to hand out stripes.
//!
//! # Invariants
//! * I1: the sum of the words is the sum of all that was added, wrapping at 2^64: a word changes by `fetch_add` only.
//!
//! # Protocol
//! * P1 `add`: one `fetch_add` on the thread's stripe.
//! * P2 `sum`: one load per stripe. It includes every add that happens before it, and any part of those beside it.
//!
//! # Orderings
//! All are Relaxed: a counter publishes nothing but itself. Two counters that must agree are read after a join, or
//! under the lock that changed them; P2 promises nothing between them.

use std::fmt;

use crossbeam_utils::CachePadded;

use crate::sync::atomic::{AtomicU64, Ordering};

/// More stripes than this cost memory and summing time and gain nothing on the machines that we know.
const MOST_STRIPES: usize = 64;

/// A counter in stripes.
pub(crate) struct Striped {
    stripes: Box<[CachePadded<AtomicU64>]>,
}

impl Striped {
    /// A counter at zero with at least `stripes` stripes (rounded up to a power of two, at most 64).
    pub(crate) fn new(stripes: usize) -> Self {
        let stripes = stripes.clamp(1, MOST_STRIPES).next_power_of_two();
        Self {
            stripes: (0..stripes)
                .map(|_| CachePadded::new(AtomicU64::new(0)))
                .collect(),
        }
    }

    /// Adds `count` on the stripe of this thread.
    #[cfg(not(all(test, loom)))]
    pub(crate) fn add(&self, count: u64) {
        self.add_at(place(), count);
    }

    /// Adds `count` on the stripe `place` (modulo their number).
    pub(crate) fn add_at(&self, place: usize, count: u64) {
        let stripe = &self.stripes[place & (self.stripes.len() - 1)];
        // Relaxed: P1, publishes nothing.
        stripe.fetch_add(count, Ordering::Relaxed);
    }

    /// The sum of what was added before, and perhaps of some that is added meanwhile.
    pub(crate) fn sum(&self) -> u64 {
        // Relaxed: P2, publishes nothing.
        self.stripes.iter().fold(0, |sum, stripe| {
            sum.wrapping_add(stripe.load(Ordering::Relaxed))
        })
    }
}

impl fmt::Debug for Striped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Striped")
            .field("sum", &self.sum())
            .field("stripes", &self.stripes.len())
            .finish()
    }
}

/// A number that no other living thread has: the address of one of its thread-locals.
#[cfg(not(all(test, loom)))]
pub(crate) fn thread_number() -> usize {
    thread_local! {
        static ANCHOR: u8 = const { 0 };
    }
    ANCHOR
        .try_with(|anchor| std::ptr::from_ref(anchor).addr())
        .unwrap_or_default()
}

/// The thread's number, mixed.
#[cfg(not(all(test, loom)))]
fn place() -> usize {
    /// 2^64 divided by the golden ratio: spreads neighbouring addresses over the high bits.
    const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;
    let mixed = (thread_number() as u64).wrapping_mul(SPREAD);
    usize::try_from(mixed >> 48).unwrap_or_default()
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Barrier;

    use super::*;
    use crate::sync::on_threads;

    #[test]
    fn the_number_of_stripes_is_a_bounded_power_of_two() {
        for (asked, given) in [(0, 1), (1, 1), (3, 4), (64, 64), (1000, 64)] {
            assert_eq!(Striped::new(asked).stripes.len(), given);
        }
    }

    #[test]
    fn threads_that_add_at_once_lose_nothing() {
        const THREADS: u64 = 4;
        const ADDS: u64 = 20_000;
        let counter = Striped::new(2);
        let together = Barrier::new(4);
        on_threads(4, |_| {
            together.wait();
            (0..ADDS / 2).for_each(|_| counter.add(1));
            // Nobody is done and everybody has begun: the other halves are added side by side.
            together.wait();
            assert!(counter.sum() >= THREADS * ADDS / 2);
            (0..ADDS / 2).for_each(|_| counter.add(1));
        });
        assert_eq!(counter.sum(), THREADS * ADDS);
    }

    #[test]
    fn living_threads_have_places_of_their_own() {
        let all_alive = Barrier::new(8);
        let places = on_threads(8, |_| {
            all_alive.wait();
            place() & 63
        });
        let different = places.into_iter().collect::<BTreeSet<_>>().len();
        assert!(different >= 4, "8 threads share {different} of 64 stripes");
    }

    #[test]
    fn a_sum_wraps_instead_of_panicking() {
        let counter = Striped::new(2);
        counter.add_at(0, u64::MAX);
        counter.add_at(1, 2);
        assert_eq!(counter.sum(), 1);
    }
}
