//! How many restarts in how much time: the budget of a supervisor, as a sliding log.

use std::collections::VecDeque;
use std::fmt;
use std::time::{Duration, Instant};

/// How many restarts are tolerated in how much time.
///
/// `Intensity::new(3, 5 s)` allows three restarts in any five seconds; the need for a fourth ends the
/// supervisor, and its parent decides. Zero restarts means: never restart. `max_restarts` is the burst
/// that is tolerated, `max_restarts / period` the rate that is sustained. Levels multiply: ten under
/// ten allow a hundred restarts before the top gives up. A very long period merges unrelated
/// incidents.
///
/// The window slides with nanosecond resolution, and its edge is inclusive: a restart exactly
/// `period` ago still counts.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Intensity {
    max_restarts: u32,
    period: Duration,
}

impl Intensity {
    /// The largest number of restarts that may be tolerated: the log of restarts is bounded by it.
    pub const MAX_RESTARTS: u32 = 100_000;

    /// At most `max_restarts` in any `period`.
    #[must_use]
    pub const fn new(max_restarts: u32, period: Duration) -> Self {
        Self {
            max_restarts,
            period,
        }
    }

    /// How many restarts are tolerated within the period.
    #[must_use]
    pub const fn max_restarts(&self) -> u32 {
        self.max_restarts
    }

    /// The length of the window.
    #[must_use]
    pub const fn period(&self) -> Duration {
        self.period
    }
}

impl Default for Intensity {
    /// Three restarts in five seconds.
    fn default() -> Self {
        Self::new(3, Duration::from_secs(5))
    }
}

impl fmt::Debug for Intensity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for Intensity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {:?}", self.max_restarts, self.period)
    }
}

/// When restarts were, as far back as matters. Never longer than the intensity allows.
#[derive(Clone, Debug, Default)]
pub(crate) struct RestartLog {
    times: VecDeque<Instant>,
}

impl RestartLog {
    /// Records one restart at `now` if the intensity allows it.
    pub(crate) fn admit(&mut self, intensity: Intensity, now: Instant) -> bool {
        while let Some(&oldest) = self.times.front()
            && !counts(oldest, intensity, now)
        {
            self.times.pop_front();
        }
        if self.times.len() >= as_len(intensity.max_restarts) {
            return false;
        }
        self.times.push_back(now);
        true
    }

    /// How many restarts the intensity would allow at `now`.
    pub(crate) fn left(&self, intensity: Intensity, now: Instant) -> u32 {
        let spent = self
            .times
            .iter()
            .rev()
            .take_while(|&&time| counts(time, intensity, now))
            .count();
        let spent = u32::try_from(spent).unwrap_or(u32::MAX);
        intensity.max_restarts.saturating_sub(spent)
    }
}

/// The edge is inclusive: exactly `period` ago still counts.
fn counts(time: Instant, intensity: Intensity, now: Instant) -> bool {
    now.saturating_duration_since(time) <= intensity.period
}

fn as_len(restarts: u32) -> usize {
    usize::try_from(restarts).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::ManualClock;

    const SECOND: Duration = Duration::from_secs(1);

    fn origin() -> Instant {
        ManualClock::new().clock().now()
    }

    // OTP-2, decision 9
    #[test]
    fn three_restarts_in_five_seconds_are_tolerated_by_default() {
        let default = Intensity::default();
        assert_eq!(default, Intensity::new(3, 5 * SECOND));
        assert_eq!(default.to_string(), "3 in 5s");
    }

    // OTP-28, decision 9
    #[test]
    fn a_restart_exactly_one_period_ago_still_counts_and_a_nanosecond_later_no_more() {
        let start = origin();
        let intensity = Intensity::new(1, SECOND);
        let mut log = RestartLog::default();
        assert!(log.admit(intensity, start));
        assert_eq!(log.left(intensity, start + SECOND), 0);
        assert!(!log.admit(intensity, start + SECOND));
        let later = start + SECOND + Duration::from_nanos(1);
        assert_eq!(log.left(intensity, later), 1);
        assert!(log.admit(intensity, later));
    }

    // OTP-29
    #[test]
    fn an_intensity_of_zero_admits_nothing() {
        let intensity = Intensity::new(0, SECOND);
        assert!(!RestartLog::default().admit(intensity, origin()));
    }

    // decision 9
    #[test]
    fn a_log_agrees_with_a_recount_and_is_never_longer_than_the_intensity() {
        let mut rng = fastrand::Rng::with_seed(9);
        for _ in 0..2_000 {
            let intensity = Intensity::new(rng.u32(..6), SECOND);
            let mut log = RestartLog::default();
            let mut all: Vec<Instant> = Vec::new();
            let mut now = origin();
            for _ in 0..40 {
                now += Duration::from_millis(rng.u64(..8) * 125);
                let inside = all.iter().filter(|&&time| now - time <= SECOND).count();
                let allowed = inside < as_len(intensity.max_restarts());
                assert_eq!(log.admit(intensity, now), allowed);
                if allowed {
                    all.push(now);
                }
                assert!(log.times.len() <= as_len(intensity.max_restarts()));
            }
        }
    }
}
