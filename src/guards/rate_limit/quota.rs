//! What a limiter lets through, as a value that reads as a sentence. Pure.

use std::time::Duration;

use super::fixed_window::FixedWindow;
use super::gcra::Gcra;
use super::place::{END, PER_NANOSECOND, ticks};
use super::rate_limit_error::{RateLimitError, RateLimitFault};
use super::rule::Rule;

/// How many cells pass in how long a time: `Quota::per_second(100).burst(20)`.
///
/// What passes is counted in *cells*: one for a plain check, more where one request weighs more than another.
///
/// | algorithm | in any span of time `T` at most | costs |
/// |---|---|---|
/// | token bucket (the default) | `burst + T / interval` | one word |
/// | [fixed window](Quota::fixed_window) | `count` per window, so up to twice the count around an edge | one word |
/// | [sliding window](Quota::sliding_window) | `count` in any span as long as the period | up to two words per cell of the count |
///
/// A token bucket is full at first: in its first period it lets through the burst *and* what comes back meanwhile. Where
/// that is too much, say a smaller burst, or take a sliding window.
///
/// The interval between two cells of a bucket is `period / count`, rounded up to a sixteenth of a nanosecond: the rate is
/// never exceeded. A count of zero refuses everything.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use steadfast::Quota;
///
/// let calls = Quota::per_second(100).burst(20);
/// let mails = Quota::per_minute(30).sliding_window();
/// let reports = Quota::per(3, Duration::from_secs(86_400)).fixed_window();
/// assert_eq!([calls, mails, reports].map(|quota| quota.limit()), [20, 30, 3]);
/// assert!(Quota::per(1, Duration::ZERO).validate().is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Quota {
    count: u32,
    period: Duration,
    burst: Option<u32>,
    algorithm: Algorithm,
}

/// How a quota counts.
///
/// # Examples
///
/// ```
/// use steadfast::Quota;
/// use steadfast::guards::rate_limit::Algorithm;
///
/// assert_eq!(Quota::per_second(5).algorithm(), Algorithm::TokenBucket);
/// assert_eq!(Quota::per_second(5).sliding_window().algorithm(), Algorithm::SlidingWindow);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// A bucket that fills evenly, and of which each cell takes a bit.
    #[default]
    TokenBucket,
    /// Windows that follow one another from when the limiter was made, each with a count of its own.
    FixedWindow,
    /// Every span that is as long as the period.
    SlidingWindow,
}

impl Quota {
    /// The longest period, and the longest time that a bucket may take to fill: about nine years.
    pub const MAX_PERIOD: Duration = Duration::from_nanos((END >> 1) / PER_NANOSECOND);

    /// The greatest count of a sliding window, which remembers each cell.
    pub const MAX_REMEMBERED: u32 = 1 << 20;

    /// That many cells per second.
    #[must_use]
    pub const fn per_second(count: u32) -> Self {
        Self::per(count, Duration::from_secs(1))
    }

    /// That many cells per minute.
    #[must_use]
    pub const fn per_minute(count: u32) -> Self {
        Self::per(count, Duration::from_secs(60))
    }

    /// That many cells per hour.
    #[must_use]
    pub const fn per_hour(count: u32) -> Self {
        Self::per(count, Duration::from_secs(3_600))
    }

    /// That many cells per `period`.
    #[must_use]
    pub const fn per(count: u32, period: Duration) -> Self {
        Self {
            count,
            period,
            burst: None,
            algorithm: Algorithm::TokenBucket,
        }
    }

    /// How many cells a token bucket holds, which may pass at once. Default: the count of the quota; less evens out what
    /// passes, one spaces all cells apart.
    #[must_use]
    pub const fn burst(mut self, burst: u32) -> Self {
        self.burst = Some(burst);
        self
    }

    /// Counts in windows that follow one another, the first of which begins when the limiter is made. Default: a token
    /// bucket; choose it where the counterpart counts so, and where twice the count around an edge is no harm.
    #[must_use]
    pub const fn fixed_window(mut self) -> Self {
        self.algorithm = Algorithm::FixedWindow;
        self
    }

    /// Counts in every span that is as long as the period. Default: a token bucket; choose it where the count may not be
    /// exceeded wherever one begins to look.
    #[must_use]
    pub const fn sliding_window(mut self) -> Self {
        self.algorithm = Algorithm::SlidingWindow;
        self
    }

    /// How many cells can pass at once: the burst of a bucket, the count of a window; zero for a count of zero.
    #[must_use]
    pub const fn limit(&self) -> u32 {
        match (self.count, self.algorithm, self.burst) {
            (0, _, _) => 0,
            (_, Algorithm::TokenBucket, Some(burst)) => burst,
            (count, _, _) => count,
        }
    }

    /// How many cells pass per period.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// The period that the count is for.
    #[must_use]
    pub const fn period(&self) -> Duration {
        self.period
    }

    /// How it counts.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Checks the whole value.
    ///
    /// # Errors
    /// All faults at once.
    pub fn validate(&self) -> Result<(), RateLimitError> {
        RateLimitError::unless_empty(self.faults())
    }

    pub(super) fn faults(&self) -> Vec<RateLimitFault> {
        let (count, period) = (self.count, self.period);
        let is_bucket = self.algorithm == Algorithm::TokenBucket;
        let mut faults = Vec::new();
        if period.is_zero() {
            faults.push(RateLimitFault::ZeroPeriod);
        } else if ticks(period) < u64::from(count) {
            faults.push(RateLimitFault::TooFast { count, period });
        }
        if period > Self::MAX_PERIOD {
            faults.push(RateLimitFault::PeriodTooLong { period });
        }
        if self.burst == Some(0) {
            faults.push(RateLimitFault::ZeroBurst);
        }
        if self.burst.is_some() && !is_bucket {
            faults.push(RateLimitFault::BurstOfWindow);
        }
        let fills = self.interval().saturating_mul(u64::from(self.limit()));
        let burst = self.limit();
        // A tick more for each cell: that much is lost by rounding.
        let longest = ticks(Self::MAX_PERIOD) + u64::from(burst);
        if is_bucket && period <= Self::MAX_PERIOD && fills > longest {
            faults.push(RateLimitFault::BurstTooLarge { burst });
        }
        if self.algorithm == Algorithm::SlidingWindow && count > Self::MAX_REMEMBERED {
            faults.push(RateLimitFault::CountTooLarge { count });
        }
        faults
    }

    /// The rule of a valid quota, as numbers; a sliding window's is that of a fixed one.
    pub(super) fn numbers(&self) -> [u64; 2] {
        match self.algorithm {
            Algorithm::TokenBucket => Gcra {
                interval: self.interval(),
                burst: self.limit(),
            }
            .pack(),
            Algorithm::FixedWindow | Algorithm::SlidingWindow => FixedWindow {
                period: ticks(self.period),
                limit: self.count,
            }
            .pack(),
        }
    }

    /// The ticks from one cell to the next, rounded up.
    fn interval(&self) -> u64 {
        ticks(self.period).div_ceil(u64::from(self.count.max(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn faults(quota: Quota) -> Vec<RateLimitFault> {
        match quota.validate() {
            Ok(()) => Vec::new(),
            Err(error) => error.faults().to_vec(),
        }
    }

    // property 62
    #[test]
    fn all_faults_of_a_quota_are_listed_at_once() {
        let quota = Quota::per(5, Duration::ZERO).burst(0).fixed_window();
        let found = [
            RateLimitFault::ZeroPeriod,
            RateLimitFault::ZeroBurst,
            RateLimitFault::BurstOfWindow,
        ];
        assert_eq!(faults(quota), found);
        let count = Quota::MAX_REMEMBERED + 1;
        let period = Duration::MAX;
        let quota = Quota::per(count, period).sliding_window();
        let found = [
            RateLimitFault::PeriodTooLong { period },
            RateLimitFault::CountTooLarge { count },
        ];
        assert_eq!(faults(quota), found);
    }

    #[test]
    fn a_quota_at_its_bounds_is_valid_and_one_beyond_is_not() {
        let (count, period) = (17, Duration::from_nanos(1));
        assert_eq!(faults(Quota::per(16, period)), []);
        let found = [RateLimitFault::TooFast { count, period }];
        assert_eq!(faults(Quota::per(count, period)), found);
        assert_eq!(faults(Quota::per(1, Quota::MAX_PERIOD)), []);
        assert_eq!(faults(Quota::per(u32::MAX, Quota::MAX_PERIOD)), []);
        let found = [RateLimitFault::BurstTooLarge { burst: 2 }];
        assert_eq!(faults(Quota::per(1, Quota::MAX_PERIOD).burst(2)), found);
        assert_eq!(faults(Quota::per_second(0)), []);
        assert_eq!(faults(Quota::per_second(0).sliding_window()), []);
    }

    // property 40
    #[test]
    fn no_rate_is_rounded_up() {
        let mut rng = fastrand::Rng::with_seed(3);
        let counts = [700_000_000, 3, 7, 16_000_000, u32::MAX];
        for count in counts.into_iter().chain((0..500).map(|_| rng.u32(1..))) {
            let rule = Gcra::unpack(&Quota::per_second(count).numbers());
            let in_a_second = ticks(SECOND) / rule.interval;
            assert!(in_a_second <= u64::from(count), "{in_a_second} of {count}");
            // And not far below: one part in a hundred up to a hundred million a second.
            let floor = u64::from(count) - u64::from(count) / 100;
            assert!(count > 100_000_000 || in_a_second + 1 >= floor, "{count}");
        }
    }
}
