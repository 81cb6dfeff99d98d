//! The fixed window: so many cells in each period, counted from nothing at its beginning. Pure.
//!
//! Cells are numbered through all windows: window `w` owns the numbers from `w * limit` on, `limit` of them. A position is
//! the next number to hand out, so the same number that says "window full" says "the next one is empty" once that has
//! begun: there is nothing to reset.

use super::place::{END, NEVER, Place};
use super::rule::Rule;

/// `limit` cells in each `period`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FixedWindow {
    /// In ticks, at least one per cell: a position is then never ahead of its time.
    pub(crate) period: u64,
    /// Zero if it is closed.
    pub(crate) limit: u32,
}

impl FixedWindow {
    fn used(self, position: u64, now: u64) -> u32 {
        let used = position.saturating_sub(self.first_of(now / self.period));
        u32::try_from(used).map_or(self.limit, |used| used.min(self.limit))
    }

    /// The number of the first cell of a window.
    const fn first_of(self, window: u64) -> u64 {
        window.saturating_mul(self.limit as u64)
    }
}

impl Rule for FixedWindow {
    fn pack(self) -> [u64; 2] {
        [self.period, u64::from(self.limit)]
    }

    fn unpack(numbers: &[u64; 2]) -> Self {
        let [period, limit] = *numbers;
        Self {
            period,
            limit: limit as u32,
        }
    }

    fn most(self) -> u32 {
        self.limit
    }

    /// Into the first window with room for all of them.
    fn place(self, position: u64, now: u64, cells: u32) -> Option<Place> {
        if cells > self.limit {
            return None;
        }
        if now > END {
            return Some(NEVER);
        }
        let before = position.max(self.first_of(now / self.period));
        let last = before.saturating_add(u64::from(cells)) - 1;
        let window = last / u64::from(self.limit);
        let next = before
            .max(self.first_of(window))
            .saturating_add(u64::from(cells));
        let begin = window.saturating_mul(self.period);
        if next >= END || begin >= END {
            return Some(NEVER);
        }
        let at = begin.max(now);
        Some(Place { before, next, at })
    }

    fn remaining(self, position: u64, now: u64) -> u32 {
        self.limit - self.used(position, now)
    }

    /// It has used as much of its window as was used of the one before, and as many cells of later windows.
    fn convert(self, before: Self, position: u64, now: u64) -> u64 {
        let used = before.used(position, now);
        let first_of_next = before.first_of(now / before.period + 1);
        let ahead = position.saturating_sub(first_of_next);
        let used = if ahead > 0 {
            self.limit
        } else {
            used.min(self.limit)
        };
        let first = self.first_of(now / self.period);
        if used == 0 {
            // As good as new, and new is what a stopped clock keeps.
            return 0;
        }
        first
            .saturating_add(u64::from(used))
            .saturating_add(ahead)
            .min(END - 1)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::collections::BTreeMap;

    use fastrand::Rng;

    use super::*;

    fn random_rule(rng: &mut Rng) -> FixedWindow {
        let limit = rng.u32(1..6);
        FixedWindow {
            period: u64::from(limit) + rng.u64(0..20),
            limit,
        }
    }

    // property 40, property 42
    #[test]
    fn it_lets_through_what_a_counter_per_window_lets_through() {
        for seed in 0..2_000 {
            let mut rng = Rng::with_seed(seed);
            let rule = random_rule(&mut rng);
            let mut counters: BTreeMap<u64, u32> = BTreeMap::new();
            let (mut position, mut now) = (0, 0);
            for _ in 0..100 {
                now += rng.u64(0..15);
                let cells = rng.u32(1..=rule.limit);
                let used = counters.entry(now / rule.period).or_default();
                let place = rule.place(position, now, cells).unwrap();
                assert_eq!(place.at <= now, *used + cells <= rule.limit, "seed {seed}");
                if place.at <= now {
                    position = place.next;
                    *used += cells;
                }
                assert_eq!(rule.remaining(position, now) + *used, rule.limit);
            }
        }
    }

    // property 41
    #[test]
    fn what_is_refused_passes_when_its_window_begins_and_not_before() {
        for seed in 0..2_000 {
            let mut rng = Rng::with_seed(seed);
            let rule = random_rule(&mut rng);
            let (position, now) = (rng.u64(0..60), rng.u64(0..100));
            let cells = rng.u32(1..=rule.limit);
            let at = rule.place(position, now, cells).unwrap().at;
            assert_eq!(rule.place(position, at, cells).unwrap().at, at);
            if at > now {
                assert!(rule.place(position, at - 1, cells).unwrap().at > at - 1);
            }
        }
    }

    // property 42
    #[test]
    fn a_full_window_is_an_empty_one_from_the_next_edge_on() {
        let rule = FixedWindow {
            period: 10,
            limit: 3,
        };
        let full = rule.place(0, 29, 3).unwrap();
        assert_eq!((full.at, rule.remaining(full.next, 29)), (29, 0));
        assert_eq!(rule.remaining(full.next, 30), 3);
        assert_eq!(rule.place(full.next, 29, 1).unwrap().at, 30);
    }

    #[test]
    fn a_request_that_does_not_fit_the_rest_of_a_window_goes_into_the_next() {
        let rule = FixedWindow {
            period: 10,
            limit: 3,
        };
        let one = rule.place(0, 0, 1).unwrap().next;
        let three = rule.place(one, 0, 3).unwrap();
        assert_eq!((three.before, three.next, three.at), (1, 6, 10));
        assert_eq!(rule.place(one, 0, 4), None);
    }

    // S14
    #[test]
    fn a_clock_that_steps_back_finds_its_old_window_full() {
        let rule = FixedWindow {
            period: 10,
            limit: 3,
        };
        let position = rule.place(0, 25, 1).unwrap().next;
        assert_eq!(rule.remaining(position, 19), 0);
        assert_eq!(rule.place(position, 19, 1).unwrap().at, 20);
    }

    #[test]
    fn what_is_used_stays_used_whatever_the_limit_becomes() {
        let (small, large) = (
            FixedWindow {
                period: 10,
                limit: 3,
            },
            FixedWindow {
                period: 7,
                limit: 5,
            },
        );
        let position = small.place(0, 25, 2).unwrap().next;
        let moved = large.convert(small, position, 25);
        assert_eq!(large.remaining(moved, 25), 5 - 2);
        assert_eq!(small.remaining(small.convert(large, moved, 25), 25), 3 - 2);
        assert_eq!(large.convert(small, position, 30), 0, "a window of its own");
        let ahead = small
            .place(small.place(0, 25, 3).unwrap().next, 25, 2)
            .unwrap();
        let moved = large.convert(small, ahead.next, 25);
        assert_eq!(
            (large.remaining(moved, 25), large.remaining(moved, 28)),
            (0, 3)
        );
    }

    #[test]
    fn the_end_of_time_lets_nothing_through() {
        let rule = FixedWindow {
            period: 10,
            limit: 3,
        };
        assert_eq!(rule.place(END, 0, 1), Some(NEVER));
        assert_eq!(rule.place(0, u64::MAX, 1), Some(NEVER));
    }
}
