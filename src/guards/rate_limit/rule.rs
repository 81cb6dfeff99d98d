//! What the algorithms whose state is one position have in common. Pure.
//!
//! A rule with a count of zero is closed: nothing passes.

use super::place::Place;

/// A rule whose state is one position, and that is two numbers where it is kept in shared memory.
pub(crate) trait Rule: Copy {
    /// The rule as numbers.
    fn pack(self) -> [u64; 2];

    /// The rule that was packed.
    fn unpack(numbers: &[u64; 2]) -> Self;

    /// How many cells it ever lets through at once; none if it is closed.
    fn most(self) -> u32;

    /// Where `cells` (at least one) go that are asked for `now`; `None` if as many go nowhere.
    fn place(self, position: u64, now: u64, cells: u32) -> Option<Place>;

    /// How many cells may pass now.
    fn remaining(self, position: u64, now: u64) -> u32;

    /// The position of this rule that stands for what `position` stood for under the rule before. Neither is closed.
    fn convert(self, before: Self, position: u64, now: u64) -> u64;

    /// Whether the position is as good as a new one.
    fn is_fresh(self, position: u64, now: u64) -> bool {
        self.remaining(position, now) == self.most()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::super::fixed_window::FixedWindow;
    use super::super::gcra::Gcra;
    use super::*;

    const fn bucket(interval: u64, burst: u32) -> Gcra {
        Gcra { interval, burst }
    }

    const fn window(period: u64, limit: u32) -> FixedWindow {
        FixedWindow { period, limit }
    }

    #[test]
    fn a_rule_survives_packing() {
        let mut rng = fastrand::Rng::with_seed(1);
        for _ in 0..1_000 {
            let (step, count) = (rng.u64(1..), rng.u32(..));
            let (bucket, window) = (bucket(step, count), window(step, count));
            assert_eq!(Gcra::unpack(&bucket.pack()), bucket);
            assert_eq!(FixedWindow::unpack(&window.pack()), window);
        }
    }

    fn a_new_position_is_new<R: Rule>(rules: [R; 2]) {
        for (rule, before) in [(rules[0], rules[1]), (rules[1], rules[0])] {
            for now in [0, 7, 8, 1_000] {
                assert!(rule.is_fresh(0, now));
                assert_eq!(rule.convert(before, 0, now), 0);
            }
        }
    }

    #[test]
    fn a_new_position_is_fresh_under_every_rule_and_stays_new_when_it_is_converted() {
        a_new_position_is_new([bucket(3, 2), bucket(5, 9)]);
        a_new_position_is_new([window(8, 5), window(9, 1)]);
    }

    fn nothing_passes(rule: impl Rule) {
        assert_eq!(rule.place(0, 1_000, 1), None);
        assert_eq!((rule.most(), rule.remaining(0, 9)), (0, 0));
        assert!(rule.is_fresh(70, 9));
    }

    #[test]
    fn nothing_goes_anywhere_under_a_closed_rule() {
        nothing_passes(bucket(3, 0));
        nothing_passes(window(8, 0));
    }
}
