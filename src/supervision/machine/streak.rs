//! Consecutive failures without progress, and what they cost.

use std::time::{Duration, Instant};

use crate::time::Backoff;

/// Failures in a row: reset by progress, or by having been up for long enough.
///
/// Backoff and giving up both read it. Without it, a backoff longer than the intensity's window would
/// let a child that always fails restart for ever: the window would never fill.
#[derive(Clone, Debug, Default)]
pub(crate) struct Streak {
    failures: u32,
    previous: Duration,
}

impl Streak {
    /// How many failures in a row there were.
    pub(crate) fn failures(&self) -> u32 {
        self.failures
    }

    /// The child did a piece of work.
    pub(crate) fn progress(&mut self) {
        *self = Self::default();
    }

    /// The run that was up since `since` is over: a healthy one ends the streak.
    pub(crate) fn settle(&mut self, since: Instant, stable_after: Duration, now: Instant) {
        if now.saturating_duration_since(since) >= stable_after {
            self.progress();
        }
    }

    /// One more failure. Says how long to wait, unless `tolerated` failures in a row had been before.
    pub(crate) fn fail(
        &mut self,
        tolerated: u32,
        backoff: &Backoff,
        rng: &mut fastrand::Rng,
    ) -> Option<Duration> {
        let attempt = self.failures;
        self.failures = self.failures.saturating_add(1);
        if attempt >= tolerated {
            return None;
        }
        self.previous = backoff.delay(attempt, self.previous, rng);
        Some(self.previous)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{Jitter, ManualClock};

    fn rng() -> fastrand::Rng {
        fastrand::Rng::with_seed(1)
    }

    // decision 10, OTP-33
    #[test]
    fn as_many_failures_in_a_row_as_are_tolerated_are_delayed_and_the_next_is_too_many() {
        let mut streak = Streak::default();
        let backoff = Backoff::constant(Duration::from_secs(60));
        for _ in 0..3 {
            assert!(streak.fail(3, &backoff, &mut rng()).is_some());
        }
        assert_eq!(streak.fail(3, &backoff, &mut rng()), None);
        assert_eq!(streak.failures(), 4);
    }

    // decision 10
    #[test]
    fn progress_begins_the_backoff_anew() {
        let mut streak = Streak::default();
        let backoff = Backoff::linear(Duration::from_secs(1));
        let seconds = |streak: &mut Streak| {
            let delay = streak.fail(9, &backoff, &mut rng());
            delay.map(|delay| delay.as_secs())
        };
        assert_eq!(seconds(&mut streak), Some(1));
        assert_eq!(seconds(&mut streak), Some(2));
        streak.progress();
        assert_eq!(seconds(&mut streak), Some(1));
    }

    // decision 10
    #[test]
    fn only_a_run_that_was_up_for_long_enough_is_healthy() {
        let start = ManualClock::new().clock().now();
        let stable = Duration::from_secs(30);
        let mut streak = Streak::default();
        let _ = streak.fail(9, &Backoff::none(), &mut rng());
        streak.settle(start, stable, start + stable - Duration::from_nanos(1));
        assert_eq!(streak.failures(), 1);
        streak.settle(start, stable, start + stable);
        assert_eq!(streak.failures(), 0);
    }

    // decision 10
    #[test]
    fn decorrelated_jitter_grows_from_the_delay_before() {
        let backoff = Backoff::constant(Duration::from_millis(10)).jitter(Jitter::Decorrelated);
        let mut rng = rng();
        let mut streak = Streak::default();
        let mut previous = Duration::ZERO;
        for _ in 0..50 {
            let delay = streak.fail(99, &backoff, &mut rng).expect("tolerated");
            let most = previous.saturating_mul(3).max(Duration::from_millis(10));
            assert!(delay <= most, "{delay:?} after {previous:?}");
            previous = delay;
        }
    }
}
