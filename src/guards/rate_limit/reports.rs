//! What a limiter tells: its counters, its events, its name.

use std::sync::Arc;
use std::time::Duration;

use super::config::RateLimiterConfig;
use super::quota::Quota;
use super::refusal::Refused;
use super::stats::{Counts, RateLimiterStats};
use crate::telemetry::{Telemetry, kinds};

/// What a limiter tells.
pub(super) struct Reports {
    counts: Option<Box<Counts>>,
    telemetry: Option<Telemetry>,
    pub(super) name: Option<Arc<str>>,
}

impl Reports {
    pub(super) fn of(config: &RateLimiterConfig) -> Self {
        Self {
            counts: config.statistics.then(|| Box::new(Counts::new())),
            telemetry: config.telemetry.clone(),
            name: config.name.clone(),
        }
    }

    #[inline]
    pub(super) fn admit(&self, cells: u32) {
        if let Some(counts) = &self.counts {
            counts.admit(cells);
        }
    }

    pub(super) fn give_back(&self, cells: u32) {
        if let Some(counts) = &self.counts {
            counts.give_back(cells);
        }
    }

    /// A request was refused; with what is asked only where somebody wants to hear of it.
    #[inline]
    pub(super) fn refuse(&self, refused: impl FnOnce() -> Refused) {
        if self.counts.is_some() || self.telemetry.is_some() {
            self.count_refusal();
            self.tell(&refused());
        }
    }

    /// A request was for more cells than ever pass at once.
    #[cold]
    pub(super) fn impossible(&self, limit: u32) {
        if let Some(counts) = &self.counts {
            counts.impossible();
        }
        self.tell(&Refused {
            retry_after: Duration::MAX,
            limit,
        });
    }

    #[cold]
    fn tell(&self, refused: &Refused) {
        if let Some(telemetry) = &self.telemetry {
            telemetry.emit(&kinds::RATE_LIMIT_REFUSED, |event| {
                event.measure("retry_after", refused.retry_after);
                event.tag("name", self.name());
            });
        }
    }

    /// A key had no place.
    #[cold]
    pub(super) fn beyond(&self, keys: usize) {
        self.count_refusal();
        if let Some(telemetry) = &self.telemetry {
            telemetry.emit(&kinds::RATE_LIMIT_KEYS_FULL, |event| {
                event.measure("keys", keys as u64);
                event.tag("name", self.name());
            });
        }
    }

    /// It goes on under another quota.
    pub(super) fn reconfigure(&self, quota: &Quota) {
        if let Some(telemetry) = &self.telemetry {
            telemetry.emit(&kinds::RATE_LIMIT_RECONFIGURED, |event| {
                event.measure("limit", u64::from(quota.limit()));
                event.tag("name", self.name());
            });
        }
    }

    pub(super) fn stats(&self) -> RateLimiterStats {
        let counts = self.counts.as_ref();
        counts.map(|counts| counts.stats()).unwrap_or_default()
    }

    fn count_refusal(&self) {
        if let Some(counts) = &self.counts {
            counts.refuse();
        }
    }

    fn name(&self) -> &str {
        self.name.as_deref().unwrap_or_default()
    }
}
