//! What a breaker is made from.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;

use super::breaker::CircuitBreaker;
use super::breaker_error::{BreakerError, BreakerFault};
use super::state::Law;
use super::time_window::MAX_CALLS;
use super::trip::{Over, Trip, is_rate};
use crate::telemetry::Telemetry;
use crate::time::{Backoff, Clock, Jitter};

/// How long it stays open where nothing else is said.
const DEFAULT_OPEN: Duration = Duration::from_secs(30);

/// How long a probe may take where nothing else is said.
const DEFAULT_LEASE: Duration = Duration::from_secs(60);

/// What a breaker is made from: an inert value, checked when the breaker is made.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use steadfast::Backoff;
/// use steadfast::guards::breaker::{BreakerConfig, Trip};
///
/// let breaker = BreakerConfig::new(Trip::count_window(50).failure_rate(0.4))
///     .name("payments")
///     .backoff(Backoff::exponential(Duration::from_secs(1)).cap(Duration::from_secs(60)))
///     .probes(3)
///     .successes(2)
///     .build()?;
/// assert_eq!(breaker.name(), Some("payments"));
/// # Ok::<(), steadfast::guards::breaker::BreakerError>(())
/// ```
#[derive(Clone, Debug)]
pub struct BreakerConfig {
    pub(super) trip: Trip,
    pub(super) backoff: Backoff,
    pub(super) probes: u16,
    pub(super) successes: u16,
    pub(super) lease: Duration,
    pub(super) slow_after: Option<Duration>,
    pub(super) name: Option<Arc<str>>,
    pub(super) clock: Clock,
    pub(super) telemetry: Option<Telemetry>,
}

impl BreakerConfig {
    /// A breaker that opens when `trip` says so.
    #[must_use]
    pub const fn new(trip: Trip) -> Self {
        Self {
            trip,
            backoff: Backoff::constant(DEFAULT_OPEN),
            probes: 1,
            successes: 1,
            lease: DEFAULT_LEASE,
            slow_after: None,
            name: None,
            clock: Clock::system(),
            telemetry: None,
        }
    }

    /// When it opens, instead of what was said before.
    #[must_use]
    pub const fn trip(mut self, trip: Trip) -> Self {
        self.trip = trip;
        self
    }

    /// How long it stays open. Default: 30 s; as long as the other side needs to recover.
    #[must_use]
    pub const fn open_for(mut self, open: Duration) -> Self {
        self.backoff = Backoff::constant(open);
        self
    }

    /// How long it stays open, by how often it has opened in a row. Default: always 30 s; let it grow where the other side
    /// may be gone for long, up to a [`cap`](Backoff::cap) that is longer than the first time.
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// How many probes may be out at once when it is half open. Default: one.
    #[must_use]
    pub const fn probes(mut self, probes: u16) -> Self {
        self.probes = probes;
        self
    }

    /// How many probes must succeed before it closes. Default: one; more where one success says little.
    #[must_use]
    pub const fn successes(mut self, successes: u16) -> Self {
        self.successes = successes;
        self
    }

    /// How long a probe may take: where all are out for longer, they count as failed. Default: 60 s; longer than any
    /// call takes.
    #[must_use]
    pub const fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// From how long on a call is slow, for [`Trip::slow_rate`]; a probe that is slow has failed. Default: no call is. Each
    /// call reads the clock twice then.
    #[must_use]
    pub const fn slow_after(mut self, slow: Duration) -> Self {
        self.slow_after = Some(slow);
        self
    }

    /// Its name in events and debugging output. Default: none; give one where there are several.
    #[must_use]
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Where the time comes from. Default: the operating system's clock; a manual one in tests.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Who is told of each change ([`breaker.changed`](crate::telemetry::kinds::BREAKER_CHANGED), with what led to it) and
    /// of refusals ([`breaker.refused`](crate::telemetry::kinds::BREAKER_REFUSED)). Handlers run on the thread whose
    /// call made the change. Default: nobody.
    #[must_use]
    pub fn telemetry(mut self, telemetry: Telemetry) -> Self {
        self.telemetry = Some(telemetry);
        self
    }

    /// Checks the whole value.
    ///
    /// # Errors
    /// All faults at once.
    pub fn validate(&self) -> Result<(), BreakerError> {
        let mut faults = self.faults_of_trip();
        match self.backoff.validate() {
            Err(error) => faults.push(BreakerFault::Backoff(error)),
            Ok(()) if self.opens_for_no_time() => faults.push(BreakerFault::NoTimeOpen),
            Ok(()) => {}
        }
        let tests = [
            (self.probes == 0, BreakerFault::NoProbes),
            (self.successes == 0, BreakerFault::NoSuccesses),
            (self.lease.is_zero(), BreakerFault::ZeroLease),
            (
                self.slow_after.is_some() != self.trip.slow_rate.is_some(),
                BreakerFault::HalfSlow,
            ),
            (
                self.slow_after.is_some_and(|slow| slow.is_zero()),
                BreakerFault::ZeroSlow,
            ),
            (self.name.as_deref() == Some(""), BreakerFault::EmptyName),
        ];
        let found = tests.into_iter().filter(|(is_fault, _)| *is_fault);
        faults.extend(found.map(|(_, fault)| fault));
        BreakerError::unless_empty(faults)
    }

    fn opens_for_no_time(&self) -> bool {
        let plain = self.backoff.clone().jitter(Jitter::None);
        let first = plain.delay(0, Duration::ZERO, &mut Rng::with_seed(0));
        first.is_zero()
    }

    fn faults_of_trip(&self) -> Vec<BreakerFault> {
        let Trip {
            over,
            failure_rate,
            slow_rate,
            min_calls,
        } = self.trip;
        let mut faults = Vec::new();
        let min = min_calls.unwrap_or_default();
        match over {
            Over::Consecutive(0) | Over::Calls(0) => faults.push(BreakerFault::ZeroCalls),
            Over::Calls(calls) if calls > Trip::MAX_CALLS => {
                faults.push(BreakerFault::TooManyCalls { calls });
            }
            Over::Calls(calls) if min > calls => {
                faults.push(BreakerFault::NeverEnough { calls, min });
            }
            Over::Time(length) if length.is_zero() => faults.push(BreakerFault::ZeroWindow),
            Over::Time(_) if min > MAX_CALLS => {
                let calls = MAX_CALLS;
                faults.push(BreakerFault::NeverEnough { calls, min });
            }
            Over::Consecutive(_) | Over::Calls(_) | Over::Time(_) => {}
        }
        for (of, rate) in [("failure_rate", failure_rate), ("slow_rate", slow_rate)] {
            faults.extend(
                rate.filter(|rate| !is_rate(*rate))
                    .map(|rate| BreakerFault::Rate { of, rate }),
            );
        }
        let of_window = failure_rate.is_some() || slow_rate.is_some() || min_calls.is_some();
        if matches!(over, Over::Consecutive(_)) && of_window {
            faults.push(BreakerFault::NoWindow);
        }
        faults
    }

    /// Makes the breaker.
    ///
    /// # Errors
    /// What [`validate`](Self::validate) finds.
    pub fn build(self) -> Result<CircuitBreaker, BreakerError> {
        self.validate()?;
        Ok(CircuitBreaker::of(self))
    }

    pub(super) const fn law(&self) -> Law {
        Law {
            failures: match self.trip.over {
                Over::Consecutive(failures) => failures,
                Over::Calls(_) | Over::Time(_) => 0,
            },
            probes: self.probes,
            successes: self.successes,
        }
    }
}
