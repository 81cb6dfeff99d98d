//! When a breaker opens, as a value. Pure.

use std::time::Duration;

use super::threshold::{Threshold, WHOLE};

/// The rate of failures that is too much where none is said.
const DEFAULT_RATE: f64 = 0.5;

/// The calls that a time window must have seen where nothing else is said.
const DEFAULT_MIN_CALLS: u32 = 10;

/// When a breaker opens: after failures in a row, or when too many of the last calls, or of the calls of the last while,
/// have failed or were slow.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use steadfast::guards::breaker::Trip;
///
/// let simple = Trip::consecutive(5);
/// let last_calls = Trip::count_window(100).failure_rate(0.3).min_calls(20);
/// let last_while = Trip::time_window(Duration::from_secs(30)).slow_rate(0.8);
/// # let _ = (simple, last_calls, last_while);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trip {
    pub(super) over: Over,
    pub(super) failure_rate: Option<f64>,
    pub(super) slow_rate: Option<f64>,
    pub(super) min_calls: Option<u32>,
}

/// Over what a breaker looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Over {
    Consecutive(u16),
    Calls(u32),
    Time(Duration),
}

impl Trip {
    /// The greatest number of calls that a window remembers.
    pub const MAX_CALLS: u32 = 1 << 16;

    /// After so many failures in a row; a success begins anew.
    #[must_use]
    pub const fn consecutive(failures: u16) -> Self {
        Self::over(Over::Consecutive(failures))
    }

    /// When too many of the last `calls` have failed or were slow.
    #[must_use]
    pub const fn count_window(calls: u32) -> Self {
        Self::over(Over::Calls(calls))
    }

    /// When too many calls of the last `length` have failed or were slow. It moves on in tenths, so it covers between nine
    /// tenths of the length and all of it.
    #[must_use]
    pub const fn time_window(length: Duration) -> Self {
        Self::over(Over::Time(length))
    }

    const fn over(over: Over) -> Self {
        Self {
            over,
            failure_rate: None,
            slow_rate: None,
            min_calls: None,
        }
    }

    /// The part of the calls whose failure is too much, above 0 and at most 1; exactly that much is too much. Default: a
    /// half.
    #[must_use]
    pub const fn failure_rate(mut self, rate: f64) -> Self {
        self.failure_rate = Some(rate);
        self
    }

    /// The part of the calls whose slowness is too much, above 0 and at most 1; it needs
    /// [`BreakerConfig::slow_after`](super::BreakerConfig::slow_after). Default: slow calls are not counted.
    #[must_use]
    pub const fn slow_rate(mut self, rate: f64) -> Self {
        self.slow_rate = Some(rate);
        self
    }

    /// How many calls a window must have seen before it opens anything. Default: all calls of a count window, ten of a
    /// time window.
    #[must_use]
    pub const fn min_calls(mut self, calls: u32) -> Self {
        self.min_calls = Some(calls);
        self
    }

    /// What a window measures by.
    pub(super) fn threshold(&self) -> Threshold {
        let all = match self.over {
            Over::Calls(calls) => calls,
            Over::Consecutive(_) | Over::Time(_) => DEFAULT_MIN_CALLS,
        };
        Threshold {
            min_calls: self.min_calls.unwrap_or(all),
            failed: parts(self.failure_rate.unwrap_or(DEFAULT_RATE)),
            slow: self.slow_rate.map_or(Threshold::NOT_AT_ALL, parts),
        }
    }
}

/// A valid rate in parts of the whole, rounded down, so that what reaches it exactly is enough; at least one.
fn parts(rate: f64) -> u32 {
    ((rate * f64::from(WHOLE)) as u32).max(1)
}

/// Whether a rate makes sense.
pub(super) fn is_rate(rate: f64) -> bool {
    rate > 0.0 && rate <= 1.0
}
