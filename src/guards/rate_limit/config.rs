//! What a limiter is made from.

use std::hash::RandomState;
use std::sync::Arc;

use super::keyed::KeyedRateLimiter;
use super::limiter::RateLimiter;
use super::quota::Quota;
use super::rate_limit_error::{RateLimitError, RateLimitFault};
use crate::telemetry::Telemetry;
use crate::time::Clock;

/// What a limiter is made from: an inert value, checked when the limiter is made.
///
/// # Examples
///
/// ```
/// use steadfast::guards::rate_limit::{Quota, RateLimiterConfig};
/// use steadfast::Clock;
///
/// let limiter = RateLimiterConfig::new(Quota::per_second(100))
///     .name("api")
///     .clock(Clock::coarse())
///     .build()?;
/// assert_eq!(limiter.name(), Some("api"));
/// # Ok::<(), steadfast::guards::rate_limit::RateLimitError>(())
/// ```
#[derive(Clone, Debug)]
pub struct RateLimiterConfig {
    pub(super) quota: Quota,
    pub(super) name: Option<Arc<str>>,
    pub(super) clock: Clock,
    pub(super) telemetry: Option<Telemetry>,
    pub(super) statistics: bool,
    pub(super) keys: usize,
    pub(super) beyond: Beyond,
}

/// What becomes of a key that there is no place for.
///
/// # Examples
///
/// ```
/// use steadfast::guards::rate_limit::{Beyond, KeyedRateLimiter, Quota, RateLimiterConfig};
///
/// let config = RateLimiterConfig::new(Quota::per_minute(60)).max_keys(10_000).beyond(Beyond::Share);
/// let addresses: KeyedRateLimiter<std::net::IpAddr> = config.build_keyed()?;
/// # let _ = addresses;
/// # Ok::<(), steadfast::guards::rate_limit::RateLimitError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Beyond {
    /// It is refused until another key is idle.
    #[default]
    Refuse,
    /// All such keys share one limit.
    Share,
    /// It passes, unlimited.
    Admit,
}

impl RateLimiterConfig {
    /// How many keys a keyed limiter knows at once at most.
    pub const MAX_KEYS: usize = 1 << 24;

    /// How many keys a keyed limiter knows at once where nothing else is said.
    pub const DEFAULT_MAX_KEYS: usize = 1 << 16;

    /// A limiter with this quota.
    #[must_use]
    pub const fn new(quota: Quota) -> Self {
        Self {
            quota,
            name: None,
            clock: Clock::system(),
            telemetry: None,
            statistics: false,
            keys: Self::DEFAULT_MAX_KEYS,
            beyond: Beyond::Refuse,
        }
    }

    /// Its name in events and debugging output, which is not empty. Default: none; give one where there are several.
    #[must_use]
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Where the time comes from. Default: the operating system's clock, which is most of what a check costs; a coarse
    /// one where some milliseconds more of waiting do no harm, a manual one in tests.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Who is told of refusals (`rate_limit.refused`), of keys that there is no place for (`rate_limit.keys_full`), and of
    /// another quota (`rate_limit.reconfigured`). Handlers run on the thread that asked. Default: nobody.
    #[must_use]
    pub fn telemetry(mut self, telemetry: Telemetry) -> Self {
        self.telemetry = Some(telemetry);
        self
    }

    /// Whether what passes and what is refused is counted, for [`RateLimiter::stats`]. Default: no, because counting costs
    /// as much as the check itself.
    #[must_use]
    pub const fn statistics(mut self, statistics: bool) -> Self {
        self.statistics = statistics;
        self
    }

    /// How many keys a keyed limiter knows at once; one that is as good as new makes room for another, and half of the
    /// places are for keys that are idle now and then. Default: [`DEFAULT_MAX_KEYS`](Self::DEFAULT_MAX_KEYS); more where more
    /// than half as many are active within one period.
    #[must_use]
    pub const fn max_keys(mut self, keys: usize) -> Self {
        self.keys = keys;
        self
    }

    /// What becomes of a key that there is no place for. Default: [`Beyond::Refuse`]; share where strangers should not
    /// be able to shut others out, admit where the limit is a courtesy.
    #[must_use]
    pub const fn beyond(mut self, beyond: Beyond) -> Self {
        self.beyond = beyond;
        self
    }

    /// Checks the whole value.
    ///
    /// # Errors
    /// All faults at once.
    pub fn validate(&self) -> Result<(), RateLimitError> {
        let mut faults = self.quota.faults();
        if self.keys == 0 {
            faults.push(RateLimitFault::NoKeys);
        }
        if self.keys > Self::MAX_KEYS {
            faults.push(RateLimitFault::TooManyKeys { keys: self.keys });
        }
        if self.name.as_deref() == Some("") {
            faults.push(RateLimitFault::EmptyName);
        }
        RateLimitError::unless_empty(faults)
    }

    /// Makes a limiter.
    ///
    /// # Errors
    /// What [`validate`](Self::validate) finds.
    pub fn build(self) -> Result<RateLimiter, RateLimitError> {
        self.validate()?;
        Ok(RateLimiter::of(self))
    }

    /// Makes a limiter with a limit for each key, whose keys are hashed by a secret that no stranger knows.
    ///
    /// # Errors
    /// What [`validate`](Self::validate) finds.
    pub fn build_keyed<K>(self) -> Result<KeyedRateLimiter<K>, RateLimitError> {
        self.build_keyed_with(RandomState::new())
    }

    /// As [`build_keyed`](Self::build_keyed) with another hasher: for keys that no stranger chooses.
    ///
    /// # Errors
    /// What [`validate`](Self::validate) finds.
    pub fn build_keyed_with<K, S>(
        self,
        hasher: S,
    ) -> Result<KeyedRateLimiter<K, S>, RateLimitError> {
        self.validate()?;
        Ok(KeyedRateLimiter::of(self, hasher))
    }
}
