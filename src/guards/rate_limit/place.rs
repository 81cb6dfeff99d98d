//! Where a request for cells goes: what every algorithm answers with. Pure.
//!
//! Times are in *ticks* of a sixteenth of a nanosecond since the limiter was made, so that the interval between two
//! cells is right to a sixteenth of a nanosecond; what is left is rounded against the caller, never against the limit.
//! A position is a number that only rises when cells are taken; each algorithm says what it means.

use std::time::Duration;

/// The ticks of a nanosecond.
pub(crate) const PER_NANOSECOND: u64 = 16;

/// The last tick that a position has room for: eighteen years. No cell is let through so late.
pub(crate) const END: u64 = u64::MAX >> 1;

/// The place of cells that are never let through.
pub(crate) const NEVER: Place = Place {
    before: END,
    next: END,
    at: u64::MAX,
};

/// A place for the cells of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The position without these cells.
    pub(crate) before: u64,
    /// The position with them.
    pub(crate) next: u64,
    /// When they are let through: now, or later.
    pub(crate) at: u64,
}

/// Nanoseconds in ticks.
#[inline]
pub(crate) const fn nanosecond_ticks(nanoseconds: u64) -> u64 {
    nanoseconds.saturating_mul(PER_NANOSECOND)
}

/// A duration in whole ticks, as far as there are as many.
pub(crate) fn ticks(duration: Duration) -> u64 {
    let seconds = duration
        .as_secs()
        .saturating_mul(1_000_000_000 * PER_NANOSECOND);
    seconds.saturating_add(u64::from(duration.subsec_nanos()) * PER_NANOSECOND)
}

/// Ticks as a duration, rounded up; the last of all ticks is never: [`Duration::MAX`].
#[inline]
pub(crate) fn duration(ticks: u64) -> Duration {
    match ticks {
        u64::MAX => Duration::MAX,
        _ => Duration::from_nanos(ticks.div_ceil(PER_NANOSECOND)),
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_duration_survives_as_ticks() {
        let day = Duration::from_secs(86_400);
        for time in [Duration::ZERO, Duration::from_nanos(7), day, day * 365 * 30] {
            assert_eq!(duration(ticks(time)), time);
        }
        assert_eq!(ticks(Duration::MAX), u64::MAX);
        assert_eq!(duration(u64::MAX), Duration::MAX);
        assert_eq!(duration(17), Duration::from_nanos(2));
    }
}
