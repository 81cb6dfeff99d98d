//! The calls of the last while, in buckets that any thread counts in.

use super::bucket::Bucket;
use super::count_window::Sample;
use super::threshold::Sums;
use crate::kernel::word::Word;

/// So many buckets make up a window, and one more is being filled.
pub(crate) const BUCKETS: u64 = 10;

/// The calls of the last while.
pub(crate) struct TimeWindow {
    /// Nanoseconds of one bucket.
    span: u64,
    buckets: Box<[Word]>,
}

impl TimeWindow {
    /// An empty window over at least as many nanoseconds as it has buckets.
    pub(crate) fn new(nanoseconds: u64) -> Self {
        Self {
            span: (nanoseconds / BUCKETS).max(1),
            buckets: (0..BUCKETS).map(|_| Word::new(0)).collect(),
        }
    }

    /// Counts a call that has ended now.
    pub(crate) fn record(&self, generation: u32, now: u64, sample: Sample) {
        let epoch = now / self.span;
        let bucket = &self.buckets[(epoch % BUCKETS) as usize];
        let _counted = bucket.decide(|bits| {
            let counted = Bucket::unpack(bits).record(generation, epoch, sample);
            counted.map(|bucket| (bucket.pack(), ())).ok_or(())
        });
    }

    /// The sums of this generation over the window that ends now.
    pub(crate) fn sums(&self, generation: u32, now: u64) -> Sums {
        let epoch = now / self.span;
        self.buckets.iter().fold(Sums::default(), |sums, bucket| {
            let seen = Bucket::unpack(bucket.load()).seen(generation, epoch, BUCKETS);
            Sums {
                calls: sums.calls + seen.calls,
                failed: sums.failed + seen.failed,
                slow: sums.slow + seen.slow,
            }
        })
    }
}
