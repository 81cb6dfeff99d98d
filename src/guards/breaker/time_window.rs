//! The calls of the last while, in buckets that any thread counts in.
//!
//! Each bucket has three numbers, each of which says of which turn and generation it is ([`Tally`]). A call is counted
//! first and its failure next, and who sums up looks at the failures first: so a sum may lack a failure that is just being
//! counted, whose own thread will see it, and never has one too many.

use super::count_window::Sample;
use super::tally::{MOST, Tally};
use super::threshold::Sums;
use crate::kernel::word::Word;

/// So many buckets make up a window, the one that is being filled among them.
pub(crate) const BUCKETS: u64 = 10;

/// The most calls that a window can tell apart.
pub(crate) const MAX_CALLS: u32 = MOST * BUCKETS as u32;

/// The calls of the last while.
pub(crate) struct TimeWindow {
    /// Nanoseconds of one bucket.
    span: u64,
    buckets: Box<[Bucket]>,
}

struct Bucket {
    calls: Word,
    failed: Word,
    slow: Word,
}

impl TimeWindow {
    /// An empty window over at least as many nanoseconds as it has buckets.
    pub(crate) fn new(nanoseconds: u64) -> Self {
        let empty = |_| Bucket {
            calls: Word::new(0),
            failed: Word::new(0),
            slow: Word::new(0),
        };
        Self {
            span: (nanoseconds / BUCKETS).max(1),
            buckets: (0..BUCKETS).map(empty).collect(),
        }
    }

    /// Counts a call that has ended now, if its generation still `is_present`: that is asked after each look at a number,
    /// so that a number of another generation is known to be of an older one.
    pub(crate) fn record(
        &self,
        generation: u32,
        now: u64,
        sample: Sample,
        is_present: impl Fn() -> bool,
    ) {
        let epoch = now / self.span;
        let (bucket, turn) = (&self.buckets[(epoch % BUCKETS) as usize], epoch / BUCKETS);
        let count = |number: &Word| {
            let counted = number.decide(|bits| {
                let counted = Tally::unpack(bits).add(generation, turn);
                let counted = counted.filter(|_| is_present());
                counted.map(|tally| (tally.pack(), ())).ok_or(())
            });
            counted.is_ok()
        };
        if count(&bucket.calls) {
            let _failed = sample.failed && count(&bucket.failed);
            let _slow = sample.slow && count(&bucket.slow);
        }
    }

    /// The sums of this generation over the window that ends now.
    pub(crate) fn sums(&self, generation: u32, now: u64) -> Sums {
        let last = now / self.span;
        let first = last.saturating_sub(BUCKETS - 1);
        (first..=last).fold(Sums::default(), |sums, epoch| {
            let (bucket, turn) = (&self.buckets[(epoch % BUCKETS) as usize], epoch / BUCKETS);
            let number = |word: &Word| Tally::unpack(word.load()).of(generation, turn);
            let (failed, slow) = (number(&bucket.failed), number(&bucket.slow));
            Sums {
                calls: sums.calls + number(&bucket.calls),
                failed: sums.failed + failed,
                slow: sums.slow + slow,
            }
        })
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const BAD: Sample = Sample {
        failed: true,
        slow: true,
    };
    const GOOD: Sample = Sample {
        failed: false,
        slow: false,
    };

    /// The sums of the calls whose piece of time is one of the last ten.
    fn naive(calls: &[(u64, Sample)], now: u64) -> Sums {
        let mut sums = Sums::default();
        for (at, sample) in calls {
            if now - at < BUCKETS {
                sums.add(*sample);
            }
        }
        sums
    }

    #[test]
    fn its_sums_are_those_of_the_last_while() {
        for seed in 0..300 {
            let mut rng = fastrand::Rng::with_seed(seed);
            let (window, mut calls, mut now) = (TimeWindow::new(BUCKETS), Vec::new(), 0);
            for _ in 0..200 {
                now += rng.u64(0..4);
                let sample = if rng.bool() { BAD } else { GOOD };
                window.record(0, now, sample, || true);
                calls.push((now, sample));
                assert_eq!(window.sums(0, now), naive(&calls, now), "seed {seed}");
            }
        }
    }

    #[test]
    fn a_call_of_a_generation_that_is_over_is_not_counted() {
        let window = TimeWindow::new(BUCKETS);
        window.record(7, 3, BAD, || true);
        window.record(6, 3, BAD, || false);
        assert_eq!((window.sums(7, 3).calls, window.sums(6, 3).calls), (1, 0));
    }
}
