//! A quota as its algorithm works with it, and as the numbers that are kept in shared memory. Pure.

use super::fixed_window::FixedWindow;
use super::gcra::Gcra;
use super::place::Place;

/// A rule whose state is one position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// Nothing passes.
    Closed,
    /// A token bucket.
    Bucket(Gcra),
    /// A fixed window.
    Window(FixedWindow),
}

/// The bit of the second number that tells a window from a bucket; the count is below it.
const IS_WINDOW: u64 = 1 << 32;

impl Rule {
    /// The rule as numbers.
    pub(crate) fn pack(self) -> [u64; 2] {
        match self {
            Self::Closed => [0, 0],
            Self::Bucket(rule) => [rule.interval, u64::from(rule.burst)],
            Self::Window(rule) => [rule.period, u64::from(rule.limit) | IS_WINDOW],
        }
    }

    /// The rule that was packed.
    #[inline]
    pub(crate) const fn unpack(numbers: &[u64; 2]) -> Self {
        let [step, count] = *numbers;
        let is_window = count & IS_WINDOW != 0;
        let count = (count & (IS_WINDOW - 1)) as u32;
        match (step, is_window) {
            (0, _) => Self::Closed,
            (interval, false) => Self::Bucket(Gcra {
                interval,
                burst: count,
            }),
            (period, true) => Self::Window(FixedWindow {
                period,
                limit: count,
            }),
        }
    }

    /// How many cells it ever lets through at once.
    pub(crate) const fn most(self) -> u32 {
        match self {
            Self::Closed => 0,
            Self::Bucket(rule) => rule.burst,
            Self::Window(rule) => rule.limit,
        }
    }

    /// Where `cells` (at least one) go; `None` if they go nowhere.
    #[inline]
    pub(crate) fn place(self, position: u64, now: u64, cells: u32) -> Option<Place> {
        match self {
            Self::Closed => None,
            Self::Bucket(rule) => rule.place(position, now, cells),
            Self::Window(rule) => rule.place(position, now, cells),
        }
    }

    /// How many cells may pass now.
    pub(crate) fn remaining(self, position: u64, now: u64) -> u32 {
        match self {
            Self::Closed => 0,
            Self::Bucket(rule) => rule.remaining(position, now),
            Self::Window(rule) => rule.remaining(position, now),
        }
    }

    /// The position of this rule that stands for what `position` stood for under the rule before. Between rules that
    /// have nothing in common it is a new one.
    pub(crate) fn convert(self, before: Self, position: u64, now: u64) -> u64 {
        match (self, before) {
            (Self::Bucket(rule), Self::Bucket(before)) => rule.convert(before, position, now),
            (Self::Window(rule), Self::Window(before)) => rule.convert(before, position, now),
            _ => 0,
        }
    }

    /// Whether the position is as good as a new one.
    pub(crate) fn is_fresh(self, position: u64, now: u64) -> bool {
        self.remaining(position, now) == self.most()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_rule_survives_packing() {
        let mut rng = fastrand::Rng::with_seed(1);
        for _ in 0..1_000 {
            let (step, count) = (rng.u64(1..), rng.u32(1..));
            let bucket = Gcra {
                interval: step,
                burst: count,
            };
            let window = FixedWindow {
                period: step,
                limit: count,
            };
            for rule in [Rule::Closed, Rule::Bucket(bucket), Rule::Window(window)] {
                assert_eq!(Rule::unpack(&rule.pack()), rule);
            }
        }
    }

    #[test]
    fn a_new_position_is_fresh_under_every_rule_and_stays_new_when_it_is_converted() {
        let bucket = Rule::Bucket(Gcra {
            interval: 3,
            burst: 2,
        });
        let window = Rule::Window(FixedWindow {
            period: 8,
            limit: 5,
        });
        for rule in [Rule::Closed, bucket, window] {
            for before in [Rule::Closed, bucket, window] {
                for now in [0, 7, 8, 1_000] {
                    assert!(rule.is_fresh(0, now));
                    assert_eq!(rule.convert(before, 0, now), 0);
                }
            }
        }
    }

    #[test]
    fn nothing_goes_anywhere_under_a_closed_rule() {
        assert_eq!(Rule::Closed.place(0, 1_000, 1), None);
        assert_eq!((Rule::Closed.most(), Rule::Closed.remaining(0, 9)), (0, 0));
    }
}
