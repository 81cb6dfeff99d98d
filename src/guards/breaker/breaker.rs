//! The circuit breaker.

use std::cell::LazyCell;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;

use super::breaker_error::{BreakerError, CallError, Open};
use super::calls_window::CallsWindow;
use super::config::BreakerConfig;
use super::count_window::Sample;
use super::permit::BreakerPermit;
use super::state::{Law, Outcome, Phase, State};
use super::stats::BreakerStats;
use super::switch::{Answer, Change, Spans, Switch};
use super::threshold::{Sums, Threshold};
use super::time_window::TimeWindow;
use super::trip::{Over, Trip};
use crate::kernel::stripe::Striped;
use crate::telemetry::{Telemetry, kinds};
use crate::time::{Backoff, Beginning, Clock};

/// Stops calling what does not work, and tries again later.
///
/// A call runs on the caller's thread, and the breaker is not held meanwhile: however long it takes, other calls, other
/// breakers and questions are served. A result counts for the state that admitted its call: an answer that comes when the
/// breaker has opened, or closed again, since then changes nothing.
///
/// While it is closed, a success after a success costs two loads where it opens after failures in a row.
///
/// # Examples
///
/// ```
/// use steadfast::CircuitBreaker;
/// use steadfast::guards::breaker::{CallError, Phase, Trip};
///
/// let breaker = CircuitBreaker::new(Trip::consecutive(2))?;
/// let refuse = || Err::<(), _>("connection refused");
/// assert_eq!(breaker.call(refuse), Err(CallError::Failed("connection refused")));
/// assert_eq!(breaker.call(refuse), Err(CallError::Failed("connection refused")));
/// assert_eq!(breaker.phase(), Phase::Open);
/// assert!(matches!(breaker.call(refuse), Err(CallError::Open(_))));
/// # Ok::<(), steadfast::guards::breaker::BreakerError>(())
/// ```
pub struct CircuitBreaker {
    switch: Switch,
    law: Law,
    window: Window,
    threshold: Threshold,
    times: Times,
    slow_after: Option<u64>,
    clock: Clock,
    begin: Beginning,
    refused: Striped,
    telemetry: Option<Telemetry>,
    name: Option<Arc<str>>,
}

/// What a breaker counts beside failures in a row.
enum Window {
    None,
    Calls(CallsWindow),
    Time(TimeWindow),
}

impl Window {
    /// Whether one more good call of this generation would change nothing.
    #[inline]
    fn is_clean(&self, generation: u32) -> bool {
        match self {
            Self::None => true,
            Self::Calls(window) => window.is_clean(generation),
            Self::Time(_) => false,
        }
    }
}

/// How long it stays open, and how long a probe may take.
struct Times {
    backoff: Backoff,
    lease: u64,
    seed: u64,
}

impl Spans for Times {
    fn open(&self, opens: u8) -> u64 {
        let mut rng = Rng::with_seed(self.seed ^ u64::from(opens));
        // Each delay may depend on the one before.
        let delay = (0..u32::from(opens.max(1))).fold(Duration::ZERO, |before, attempt| {
            self.backoff.delay(attempt, before, &mut rng)
        });
        nanoseconds(delay)
    }

    fn lease(&self) -> u64 {
        self.lease
    }
}

impl CircuitBreaker {
    /// A breaker that opens when `trip` says so, for 30 s. [`BreakerConfig`] has the other choices.
    ///
    /// # Errors
    /// What [`BreakerConfig::validate`] finds.
    pub fn new(trip: Trip) -> Result<Self, BreakerError> {
        BreakerConfig::new(trip).build()
    }

    /// A breaker of a valid configuration.
    pub(super) fn of(config: BreakerConfig) -> Self {
        let window = match config.trip.over {
            Over::Consecutive(_) => Window::None,
            Over::Calls(calls) => Window::Calls(CallsWindow::new(calls)),
            Over::Time(length) => Window::Time(TimeWindow::new(nanoseconds(length))),
        };
        Self {
            switch: Switch::new(),
            law: config.law(),
            window,
            threshold: config.trip.threshold(),
            times: Times {
                backoff: config.backoff,
                lease: nanoseconds(config.lease),
                seed: fastrand::u64(..),
            },
            slow_after: config.slow_after.map(nanoseconds),
            begin: config.clock.begin(),
            clock: config.clock,
            refused: Striped::new(1),
            telemetry: config.telemetry,
            name: config.name,
        }
    }

    /// Runs `call`, if calls pass now, and counts an error as a failure.
    ///
    /// A panic of `call` counts as a failure and goes on.
    ///
    /// # Errors
    /// [`CallError::Open`] if it was not tried, [`CallError::Failed`] with its error if it was.
    #[inline]
    pub fn call<T, E>(&self, call: impl FnOnce() -> Result<T, E>) -> Result<T, CallError<E>> {
        let classify = |result: &Result<T, E>| match result {
            Ok(_) => Outcome::Success,
            Err(_) => Outcome::Failure,
        };
        self.call_by(classify, call)
    }

    /// As [`call`](Self::call), where `classify` says what a result means.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    #[inline]
    pub fn call_by<T, E>(
        &self,
        classify: impl FnOnce(&Result<T, E>) -> Outcome,
        call: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, CallError<E>> {
        // As `admit`, without the way over its result.
        let permit = match self.switch.passes() {
            Some(generation) => self.permit(generation),
            None => self.admit_probe()?,
        };
        let result = call();
        permit.report(classify(&result));
        result.map_err(CallError::Failed)
    }

    /// As [`call`](Self::call), with another way to a result where there is none. What the other way yields is not counted.
    /// (With a classifier: `breaker.call_by(classify, call).or_else(fallback)`.)
    ///
    /// # Errors
    /// What the other way fails with.
    pub fn call_or_else<T, E, F>(
        &self,
        call: impl FnOnce() -> Result<T, E>,
        fallback: impl FnOnce(CallError<E>) -> Result<T, F>,
    ) -> Result<T, F> {
        self.call(call).or_else(fallback)
    }

    /// Lets one call pass, if calls pass now; the permit is told how it ended.
    ///
    /// # Errors
    /// [`Open`], with the time after which a probe may pass.
    #[inline]
    pub fn admit(&self) -> Result<BreakerPermit<'_>, Open> {
        match self.switch.passes() {
            Some(generation) => Ok(self.permit(generation)),
            None => self.admit_probe(),
        }
    }

    #[cold]
    fn admit_probe(&self) -> Result<BreakerPermit<'_>, Open> {
        let now = self.now();
        let (answer, change) = self.switch.admit(&self.law, now, &self.times);
        self.announce(change);
        match answer {
            Answer::Pass(generation) => Ok(self.permit(generation)),
            Answer::Refuse(phase, due) => Err(self.refuse(phase, due, now)),
        }
    }

    #[inline]
    fn permit(&self, generation: u32) -> BreakerPermit<'_> {
        let begun = self.slow_after.map_or(0, |_| self.now());
        BreakerPermit::new(self, generation, begun)
    }

    /// A call of this generation has ended.
    #[inline]
    pub(super) fn settle(&self, generation: u32, begun: u64, outcome: Outcome) {
        let is_good = outcome == Outcome::Success && self.slow_after.is_none();
        let changes_nothing =
            is_good && self.window.is_clean(generation) && self.switch.is_quiet(generation);
        if !changes_nothing {
            self.settle_what_counts(generation, begun, outcome);
        }
    }

    fn settle_what_counts(&self, generation: u32, begun: u64, outcome: Outcome) {
        let now = LazyCell::new(|| self.now());
        let is_slow = self
            .slow_after
            .is_some_and(|slow| now.saturating_sub(begun) >= slow);
        let phase = self.switch.state().phase;
        let (outcome, trips) = match (phase, outcome) {
            (Phase::HalfOpen, Outcome::Success) if is_slow => (Outcome::Failure, false),
            (Phase::Closed | Phase::ForcedClosed, Outcome::Success | Outcome::Failure) => {
                let sample = Sample {
                    failed: outcome == Outcome::Failure,
                    slow: is_slow,
                };
                (outcome, self.record(generation, sample, || *now))
            }
            _ => (outcome, false),
        };
        let change = self.switch.settle(&self.law, generation, outcome, trips);
        if change.is_some() {
            self.announce(change);
        }
    }

    /// Counts a call in the window, if its generation is present; whether that is enough.
    fn record(&self, generation: u32, sample: Sample, now: impl FnOnce() -> u64) -> bool {
        let is_present = || self.switch.state().is_of(generation);
        match &self.window {
            Window::None => false,
            Window::Calls(window) => window.record(generation, sample, &self.threshold, is_present),
            Window::Time(window) => {
                let now = now();
                window.record(generation, now, sample, is_present);
                let is_bad = sample.failed || sample.slow;
                is_bad && self.threshold.is_reached(window.sums(generation, now))
            }
        }
    }

    /// Opens it, as if too much had failed: a probe follows in time. Also one that was forced or disabled.
    pub fn open(&self) {
        self.announce(self.switch.force(Phase::Open));
    }

    /// Refuses all calls from now on.
    pub fn force_open(&self) {
        self.announce(self.switch.force(Phase::ForcedOpen));
    }

    /// Lets all calls pass from now on, and counts them.
    pub fn force_closed(&self) {
        self.announce(self.switch.force(Phase::ForcedClosed));
    }

    /// Lets all calls pass from now on, and counts nothing.
    pub fn disable(&self) {
        self.announce(self.switch.force(Phase::Disabled));
    }

    /// Closes it as if it were new: also one that was forced or disabled. Calls that are under way count for nothing.
    pub fn reset(&self) {
        self.announce(self.switch.force(Phase::Closed));
    }

    /// What it does with calls now. An open breaker whose time has come is open until a call comes.
    pub fn phase(&self) -> Phase {
        self.switch.state().phase
    }

    /// What it has counted.
    pub fn stats(&self) -> BreakerStats {
        let (state, now) = (self.switch.state(), self.now());
        let Sums {
            calls,
            failed,
            slow,
        } = self.sums(state, now);
        let waits = state.phase == Phase::Open || state.probes_out() >= self.law.probes;
        let due = self.switch.due_of(state, now, &self.times);
        let due = due.filter(|_| waits);
        BreakerStats {
            phase: state.phase,
            calls,
            failed,
            slow,
            probes_out: u32::from(state.probes_out()),
            opened_in_a_row: u32::from(state.opens),
            refused: self.refused.sum(),
            retry_after: due.map(|due| Duration::from_nanos(due.saturating_sub(now))),
        }
    }

    /// What its window has counted in this state; without one, the failures in a row.
    fn sums(&self, state: State, now: u64) -> Sums {
        match &self.window {
            Window::None => Sums {
                calls: u32::from(state.failures()),
                failed: u32::from(state.failures()),
                slow: 0,
            },
            Window::Calls(window) => window.sums(state.generation),
            Window::Time(window) => window.sums(state.generation, now),
        }
    }

    /// Its name, if it was given one.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    fn now(&self) -> u64 {
        self.clock.nanoseconds_since(&self.begin)
    }

    fn refuse(&self, phase: Phase, due: Option<u64>, now: u64) -> Open {
        self.refused.add(1);
        let wait = due.map(|due| Duration::from_nanos(due.saturating_sub(now)));
        let open = Open {
            retry_after: wait.unwrap_or(Duration::MAX),
            phase,
        };
        if let Some(telemetry) = &self.telemetry {
            telemetry.emit(&kinds::BREAKER_REFUSED, |event| {
                event.measure("retry_after", open.retry_after);
                event.tag("name", self.name().unwrap_or_default());
            });
        }
        open
    }

    /// A change has been made: its time begins, where it has one, and whoever has made it tells of it, and nobody else.
    #[cold]
    fn announce(&self, change: Option<Change>) {
        let Some(Change { from, to }) = change else {
            return;
        };
        let now = self.now();
        self.switch.due_of(to, now, &self.times);
        // Reset while it is closed, opened while it is open: it begins anew, and changes nothing for others.
        let telemetry = self.telemetry.as_ref().filter(|_| from.phase != to.phase);
        if let Some(telemetry) = telemetry {
            telemetry.emit(&kinds::BREAKER_CHANGED, |event| {
                let before = self.sums(from, now);
                event.measure("generation", u64::from(to.generation));
                event.measure("calls", u64::from(before.calls));
                event.measure("failed", u64::from(before.failed));
                event.measure("slow", u64::from(before.slow));
                event.tag("name", self.name().unwrap_or_default());
                event.tag("from", from.phase.as_str());
                event.tag("to", to.phase.as_str());
            });
        }
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl fmt::Debug for CircuitBreaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CircuitBreaker")
            .field("name", &self.name)
            .field("phase", &self.phase())
            .finish_non_exhaustive()
    }
}
