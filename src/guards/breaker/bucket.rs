//! One bucket of a time window: a word that says which piece of time and which generation it counts. Pure.
//!
//! ```text
//!   bits 63 .. 56 | 55 ......... 30 | 29 .... 20 | 19 .... 10 | 9 ..... 0
//!   [ generation  |      epoch      |   calls    |   failed   |   slow   ]
//! ```
//! A bucket that is found with an older epoch or generation is replaced by the first sample of the present one in the
//! same step that counts it, so that nothing is lost when time moves on.

use super::count_window::Sample;
use super::threshold::Sums;

const EPOCHS: u64 = (1 << 26) - 1;
const MOST: u32 = (1 << 10) - 1;

/// A bucket that is ahead by more is taken for one that has not been used since the epochs began anew.
const FARTHEST: u64 = 1 << 10;

/// A bucket: which piece of time of which generation, and its sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bucket {
    /// Modulo 2^8.
    pub(crate) generation: u8,
    /// Modulo 2^26.
    pub(crate) epoch: u32,
    pub(crate) sums: Sums,
}

impl Bucket {
    pub(crate) const fn pack(self) -> u64 {
        (self.generation as u64) << 56
            | (self.epoch as u64) << 30
            | (self.sums.calls as u64) << 20
            | (self.sums.failed as u64) << 10
            | self.sums.slow as u64
    }

    pub(crate) const fn unpack(bits: u64) -> Self {
        Self {
            generation: (bits >> 56) as u8,
            epoch: (bits >> 30 & EPOCHS) as u32,
            sums: Sums {
                calls: (bits >> 20) as u32 & MOST,
                failed: (bits >> 10) as u32 & MOST,
                slow: bits as u32 & MOST,
            },
        }
    }

    /// The bucket with one more sample of this generation and epoch; `None` if the bucket is ahead of both, so that the
    /// sample comes too late.
    pub(crate) fn record(self, generation: u32, epoch: u64, sample: Sample) -> Option<Self> {
        let (own, epoch) = (generation as u8, (epoch & EPOCHS) as u32);
        if (self.generation, self.epoch) == (own, epoch) {
            let mut sums = self.sums;
            if sums.calls == MOST {
                // So many that halves say as much.
                sums = Sums {
                    calls: sums.calls / 2,
                    failed: sums.failed / 2,
                    slow: sums.slow / 2,
                };
            }
            sums.add(sample);
            return Some(Self { sums, ..self });
        }
        let newer_generation = self.generation.wrapping_sub(own).cast_signed() > 0;
        let newer_epoch = self.generation == own && is_ahead(self.epoch, epoch);
        if newer_generation || newer_epoch {
            return None;
        }
        let mut sums = Sums::default();
        sums.add(sample);
        Some(Self {
            generation: own,
            epoch,
            sums,
        })
    }

    /// What it adds to a window of `epochs` pieces of time that ends with `epoch`.
    pub(crate) fn seen(self, generation: u32, epoch: u64, epochs: u64) -> Sums {
        let behind = (epoch.wrapping_sub(u64::from(self.epoch))) & EPOCHS;
        if self.generation == generation as u8 && behind < epochs {
            self.sums
        } else {
            Sums::default()
        }
    }
}

/// Whether an epoch comes after the other, over the wrap.
const fn is_ahead(epoch: u32, other: u32) -> bool {
    let ahead = epoch.wrapping_sub(other) as u64 & EPOCHS;
    ahead > 0 && ahead < FARTHEST
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const FAILED: Sample = Sample {
        failed: true,
        slow: false,
    };

    #[test]
    fn a_bucket_survives_packing() {
        let mut rng = fastrand::Rng::with_seed(1);
        for _ in 0..1_000 {
            let bucket = Bucket {
                generation: rng.u8(..),
                epoch: rng.u32(0..1 << 26),
                sums: Sums {
                    calls: rng.u32(0..=MOST),
                    failed: rng.u32(0..=MOST),
                    slow: rng.u32(0..=MOST),
                },
            };
            assert_eq!(Bucket::unpack(bucket.pack()), bucket);
        }
    }

    #[test]
    fn a_sample_of_a_newer_time_or_generation_begins_anew_and_an_older_one_is_dropped() {
        let bucket = Bucket::unpack(0).record(3, 7, FAILED).unwrap();
        assert_eq!(bucket.record(3, 7, FAILED).unwrap().sums.failed, 2);
        assert_eq!(bucket.record(3, 17, FAILED).unwrap().sums.failed, 1);
        assert_eq!(bucket.record(4, 7, FAILED).unwrap().generation, 4);
        assert_eq!(bucket.record(2, 17, FAILED), None);
        assert_eq!(bucket.record(3, 6, FAILED), None);
        assert_eq!(bucket.record(4, 6, FAILED).unwrap().epoch, 6);
    }

    #[test]
    fn a_bucket_is_seen_while_its_time_is_in_the_window() {
        let bucket = Bucket::unpack(0).record(3, 7, FAILED).unwrap();
        for (generation, epoch, calls) in [(3, 7, 1), (3, 11, 1), (3, 12, 0), (4, 7, 0), (3, 6, 0)]
        {
            let seen = bucket.seen(generation, epoch, 5).calls;
            assert_eq!(seen, calls, "generation {generation}, epoch {epoch}");
        }
    }

    #[test]
    fn a_full_bucket_keeps_its_rates() {
        let mut bucket = Bucket::unpack(0);
        for call in 0..100_000_u32 {
            let sample = Sample {
                failed: call % 4 == 0,
                slow: call % 2 == 0,
            };
            bucket = bucket.record(0, 0, sample).unwrap();
        }
        let Sums {
            calls,
            failed,
            slow,
        } = bucket.sums;
        assert!(calls > MOST / 2 && calls <= MOST);
        assert!((calls / 4).abs_diff(failed) < 8 && (calls / 2).abs_diff(slow) < 8);
    }
}
