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
