//! The token bucket, as the generic cell rate algorithm: one number is all of a bucket's state. Pure.
//!
//! The number is the time at which the bucket will be full again. A cell moves it on by one interval; what it is ahead
//! of now is the debt, and the debt never exceeds what the bucket holds when a cell is let through.

use super::place::{END, NEVER, Place};
use super::rule::Rule;

/// A bucket that holds `burst` cells and gets one back every `interval`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gcra {
    /// In ticks, at least one.
    pub(crate) interval: u64,
    /// Zero if it is closed; `interval * burst` is far from the end of time.
    pub(crate) burst: u32,
}

impl Gcra {
    #[inline]
    const fn capacity(self) -> u64 {
        self.interval * self.burst as u64
    }
}

impl Rule for Gcra {
    fn pack(self) -> [u64; 2] {
        [self.interval, u64::from(self.burst)]
    }

    #[inline]
    fn unpack(numbers: &[u64; 2]) -> Self {
        let [interval, burst] = *numbers;
        Self {
            interval,
            burst: burst as u32,
        }
    }

    #[inline]
    fn most(self) -> u32 {
        self.burst
    }

    #[inline]
    fn place(self, position: u64, now: u64, cells: u32) -> Option<Place> {
        if cells > self.burst {
            return None;
        }
        let before = position.max(now);
        let next = before.saturating_add(self.interval * u64::from(cells));
        if next >= END {
            return Some(NEVER);
        }
        let at = next.saturating_sub(self.capacity()).max(now);
        Some(Place { before, next, at })
    }

    fn remaining(self, position: u64, now: u64) -> u32 {
        let room = self.capacity().saturating_sub(position.saturating_sub(now));
        u32::try_from(room / self.interval).unwrap_or(self.burst)
    }

    /// It owes as many cells as it owed to the bucket before.
    fn convert(self, before: Self, position: u64, now: u64) -> u64 {
        let debt = u128::from(position.saturating_sub(now));
        // Rounded up: a part of a cell that was owed is still owed.
        let debt = (debt * u128::from(self.interval)).div_ceil(u128::from(before.interval));
        let debt = u64::try_from(debt).unwrap_or(END);
        if debt == 0 {
            position.min(now)
        } else {
            now.saturating_add(debt).min(END - 1)
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use fastrand::Rng;

    use super::*;

    /// The bucket as it is told to children: it fills by the time that passed, and a cell takes one interval out of it.
    struct Bucket {
        rule: Gcra,
        filled: u64,
        at: u64,
    }

    impl Bucket {
        fn check(&mut self, now: u64, cells: u32) -> bool {
            let most = self.rule.interval * u64::from(self.rule.burst);
            self.filled = (self.filled + (now - self.at)).min(most);
            self.at = now;
            let wanted = self.rule.interval * u64::from(cells);
            let has = self.filled >= wanted;
            if has {
                self.filled -= wanted;
            }
            has
        }
    }

    fn random_rule(rng: &mut Rng) -> Gcra {
        Gcra {
            interval: rng.u64(1..20),
            burst: rng.u32(1..6),
        }
    }

    // property 40
    #[test]
    fn it_lets_through_what_a_bucket_that_fills_lets_through() {
        for seed in 0..2_000 {
            let mut rng = Rng::with_seed(seed);
            let rule = random_rule(&mut rng);
            let filled = rule.capacity();
            let mut bucket = Bucket {
                rule,
                filled,
                at: 0,
            };
            let (mut position, mut now) = (0, 0);
            for _ in 0..100 {
                now += rng.u64(0..30);
                let cells = rng.u32(1..=rule.burst);
                let place = rule.place(position, now, cells).unwrap();
                let passes = place.at <= now;
                assert_eq!(passes, bucket.check(now, cells), "seed {seed}");
                if passes {
                    position = place.next;
                }
                let left = u64::from(rule.remaining(position, now));
                assert_eq!(left, bucket.filled / rule.interval, "seed {seed}");
            }
        }
    }

    // property 41
    #[test]
    fn what_is_refused_passes_at_the_time_that_it_was_told_and_not_before() {
        for seed in 0..2_000 {
            let mut rng = Rng::with_seed(seed);
            let rule = random_rule(&mut rng);
            let (position, now) = (rng.u64(0..300), rng.u64(0..300));
            let cells = rng.u32(1..=rule.burst);
            let at = rule.place(position, now, cells).unwrap().at;
            assert_eq!(rule.place(position, at, cells).unwrap().at, at);
            if at > now {
                assert!(rule.place(position, at - 1, cells).unwrap().at > at - 1);
            }
        }
    }

    #[test]
    fn more_than_the_bucket_holds_is_impossible_and_not_refused() {
        let rule = Gcra {
            interval: 5,
            burst: 2,
        };
        assert_eq!(rule.place(0, 100, 3), None);
        assert!(rule.place(0, 100, 2).is_some());
    }

    // S14
    #[test]
    fn behind_a_cell_that_passed_a_clock_that_steps_back_lets_no_more_through() {
        for seed in 0..2_000 {
            let mut rng = Rng::with_seed(seed);
            let rule = random_rule(&mut rng);
            let (mut position, mut now, mut last_passed) = (0, 500_u64, 0);
            for _ in 0..100 {
                now = (now + rng.u64(0..30)).saturating_sub(rng.u64(0..25));
                let steady = now.max(last_passed);
                let passes = |time| {
                    let place = rule.place(position, time, 1).unwrap();
                    (place.at <= time).then_some(place.next)
                };
                if let Some(next) = passes(now) {
                    assert!(passes(steady).is_some(), "seed {seed}");
                    assert!(next > last_passed, "seed {seed}");
                    (position, last_passed) = (next, steady);
                }
            }
        }
    }

    #[test]
    fn a_debt_is_owed_in_cells_whatever_the_rate_becomes() {
        let slow = Gcra {
            interval: 100,
            burst: 10,
        };
        let fast = Gcra {
            interval: 7,
            burst: 20,
        };
        let position = slow.place(0, 1_000, 6).unwrap().next;
        let moved = fast.convert(slow, position, 1_000);
        assert_eq!(fast.remaining(moved, 1_000), 20 - 6);
        let back = slow.convert(fast, moved, 1_000);
        assert_eq!(slow.remaining(back, 1_000), 10 - 6);
        assert_eq!(slow.convert(fast, 900, 1_000), 900, "no debt, no change");
    }

    #[test]
    fn the_end_of_time_lets_nothing_through() {
        let rule = Gcra {
            interval: 10,
            burst: 2,
        };
        assert_eq!(rule.place(END - 5, 0, 1), Some(NEVER));
        assert_eq!(rule.place(0, u64::MAX, 1), Some(NEVER));
        assert_eq!(rule.convert(rule, END - 1, END - 5), END - 1);
    }
}
