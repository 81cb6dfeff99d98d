//! When a window of calls is enough to open a breaker. Pure.

use super::count_window::Sample;

/// What a window has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) calls: u32,
    pub(crate) failed: u32,
    pub(crate) slow: u32,
}

impl Sums {
    pub(crate) fn add(&mut self, sample: Sample) {
        self.calls += 1;
        self.failed += u32::from(sample.failed);
        self.slow += u32::from(sample.slow);
    }

    pub(crate) fn remove(&mut self, sample: Sample) {
        self.calls -= 1;
        self.failed -= u32::from(sample.failed);
        self.slow -= u32::from(sample.slow);
    }
}

/// The parts in which rates are measured.
pub(crate) const WHOLE: u32 = 1_000_000_000;

/// The rates that are too much, in parts of [`WHOLE`], of at least so many calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Threshold {
    pub(crate) min_calls: u32,
    /// Above the whole: never.
    pub(crate) failed: u32,
    /// Above the whole: never.
    pub(crate) slow: u32,
}

impl Threshold {
    /// More than all of them: no rate is too much.
    pub(crate) const NOT_AT_ALL: u32 = WHOLE + 1;

    /// Nothing is too much.
    #[cfg(all(test, not(loom)))]
    pub(crate) const NEVER: Self = Self {
        min_calls: 0,
        failed: Self::NOT_AT_ALL,
        slow: Self::NOT_AT_ALL,
    };

    /// Whether the sums are too much: a rate at the edge is.
    pub(crate) fn is_reached(&self, sums: Sums) -> bool {
        let reaches = |part: u32, rate: u32| {
            u64::from(part) * u64::from(WHOLE) >= u64::from(rate) * u64::from(sums.calls)
        };
        let enough = sums.calls >= self.min_calls.max(1);
        enough && (reaches(sums.failed, self.failed) || reaches(sums.slow, self.slow))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_reached_at_its_edge_and_not_before_enough_calls() {
        let half = Threshold {
            min_calls: 4,
            failed: WHOLE / 2,
            slow: Threshold::NOT_AT_ALL,
        };
        let sums = |calls, failed| Sums {
            calls,
            failed,
            slow: calls,
        };
        let rows = [
            (3, 3, false),
            (4, 1, false),
            (4, 2, true),
            (1_000, 499, false),
        ];
        for (calls, failed, reached) in rows {
            assert_eq!(
                half.is_reached(sums(calls, failed)),
                reached,
                "{failed} of {calls}"
            );
        }
        assert!(!Threshold::NEVER.is_reached(sums(10, 10)));
    }
}
