//! The circuit breaker: what opens it, what closes it, and who hears of it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use steadfast::fault::{Category, Classify};
use steadfast::guards::breaker::{
    BreakerConfig, BreakerFault, CallError, Open, Outcome, Phase, Trip,
};
use steadfast::telemetry::{Event, Filter, RecordedEvent, Recorder};
use steadfast::time::ManualClock;
use steadfast::{Backoff, Child, CircuitBreaker, Restart, Telemetry};

use crate::support::{FAR, Gate, Journal, OpenAtEnd, SECOND, system};

/// A breaker whose time stands still until the test moves it, and whose changes are recorded.
pub(super) struct Still {
    pub(super) breaker: CircuitBreaker,
    pub(super) clock: ManualClock,
    recorder: Recorder,
}

pub(super) fn still(config: BreakerConfig) -> Still {
    let clock = ManualClock::new();
    let telemetry = Telemetry::with_clock(clock.clock());
    let recorder = Recorder::attach(&telemetry, Filter::kind("breaker.changed"));
    let config = config.clock(clock.clock()).telemetry(telemetry);
    Still {
        breaker: config.name("it").build().expect("valid"),
        clock,
        recorder,
    }
}

/// Opens after three failures in a row, for ten seconds.
pub(super) fn simple() -> BreakerConfig {
    BreakerConfig::new(Trip::consecutive(3)).open_for(10 * SECOND)
}

impl Still {
    pub(super) fn fail(&self, times: usize) {
        for _ in 0..times {
            let failed = self.breaker.call(|| Err::<(), _>("no"));
            assert_eq!(failed, Err(CallError::Failed("no")));
        }
    }

    pub(super) fn succeed(&self, times: usize) {
        for _ in 0..times {
            assert_eq!(self.breaker.call(|| Ok::<_, &str>(7)), Ok(7));
        }
    }

    /// The refusal of a call that must not run.
    pub(super) fn refusal(&self) -> Open {
        match self
            .breaker
            .call(|| -> Result<(), &str> { panic!("it ran") })
        {
            Err(CallError::Open(open)) => open,
            other => panic!("{other:?}"),
        }
    }

    fn changes(&self) -> Vec<(String, String)> {
        let text = |event: &RecordedEvent, key| {
            let text = event.text(key).expect("declared");
            text.into_owned()
        };
        self.recorder
            .events()
            .iter()
            .map(|event| (text(event, "from"), text(event, "to")))
            .collect()
    }
}

fn pair(from: &str, to: &str) -> (String, String) {
    (from.to_owned(), to.to_owned())
}

// S13
#[test]
fn failures_in_a_row_open_it_and_the_next_call_does_not_run() {
    let it = still(simple());
    it.fail(2);
    it.succeed(1);
    it.fail(3);
    let open = it.refusal();
    assert_eq!((open.retry_after, open.phase), (10 * SECOND, Phase::Open));
    assert_eq!(
        (open.category(), open.is_retryable()),
        (Category::Unavailable, true)
    );
    assert_eq!(it.changes(), [pair("closed", "open")]);
}

// property 37, S13
#[test]
fn a_probe_passes_when_the_time_has_come_and_a_success_closes_it() {
    let it = still(simple());
    it.fail(3);
    it.clock.advance(10 * SECOND - Duration::from_millis(1));
    assert!(it.refusal().retry_after <= Duration::from_millis(2));
    it.clock.advance(Duration::from_millis(2));
    assert_eq!(it.breaker.phase(), Phase::Open, "nobody has called");
    it.succeed(1);
    assert_eq!(it.breaker.phase(), Phase::Closed);
    let changes = [
        pair("closed", "open"),
        pair("open", "half_open"),
        pair("half_open", "closed"),
    ];
    assert_eq!(it.changes(), changes);
}

// S13
#[test]
fn it_closes_after_as_many_successful_probes_as_it_was_told_and_not_before() {
    let it = still(simple().successes(3));
    it.fail(3);
    it.clock.advance(10 * SECOND);
    for phase in [Phase::HalfOpen, Phase::HalfOpen, Phase::Closed] {
        it.succeed(1);
        assert_eq!(it.breaker.phase(), phase);
    }
}

// property 37
#[test]
fn the_time_that_it_stays_open_begins_when_it_opens_and_not_with_the_next_call() {
    let it = still(simple());
    it.fail(3);
    it.clock.advance(11 * SECOND);
    it.succeed(1);
}

// S13
#[test]
fn a_probe_that_fails_opens_it_again_for_longer() {
    let backoff = Backoff::exponential(SECOND);
    let it = still(BreakerConfig::new(Trip::consecutive(1)).backoff(backoff));
    it.fail(1);
    for wait in [1, 2, 4, 8] {
        assert_eq!(
            it.refusal().retry_after.as_secs_f64().round(),
            f64::from(wait)
        );
        it.clock.advance(wait * SECOND + Duration::from_millis(1));
        it.fail(1);
    }
    it.clock.advance(17 * SECOND);
    it.succeed(1);
    it.fail(1);
    assert!(it.refusal().retry_after <= SECOND + Duration::from_millis(1));
}

// property 38, S13
#[test]
fn of_many_calls_at_once_only_the_probes_pass() {
    let it = still(simple().probes(3).successes(3));
    it.fail(3);
    it.clock.advance(11 * SECOND);
    let (start, together) = (Barrier::new(8), Barrier::new(8));
    let passed: Vec<bool> = thread::scope(|scope| {
        let call = || {
            start.wait();
            let permit = it.breaker.admit();
            // All have asked before any has an answer.
            together.wait();
            permit.map(|permit| permit.success()).is_ok()
        };
        let calls: Vec<_> = (0..8).map(|_| scope.spawn(call)).collect();
        calls
            .into_iter()
            .map(|call| call.join().expect("no panic"))
            .collect()
    });
    assert_eq!(passed.iter().filter(|passed| **passed).count(), 3);
    assert_eq!(it.breaker.phase(), Phase::Closed);
    assert_eq!(it.changes().len(), 3, "one event for each change");
}

// property 38, S13
#[test]
fn a_result_counts_for_the_generation_that_admitted_it_and_no_other() {
    let it = still(simple());
    let (late_success, late_failure) = (it.breaker.admit(), it.breaker.admit());
    it.fail(3);
    late_success.expect("it was closed").success();
    assert_eq!(it.breaker.phase(), Phase::Open, "closed by an old success");
    it.clock.advance(11 * SECOND);
    let probe = it.breaker.admit().expect("due");
    late_failure.expect("it was closed").failure();
    assert_eq!(
        it.breaker.phase(),
        Phase::HalfOpen,
        "opened by an old failure"
    );
    probe.success();
    assert_eq!(it.breaker.phase(), Phase::Closed);
}

#[test]
fn an_ignored_probe_gives_its_place_back() {
    let it = still(simple());
    it.fail(3);
    it.clock.advance(11 * SECOND);
    it.breaker.admit().expect("due").ignore();
    drop(it.breaker.admit().expect("the place is back"));
    let ignored = it
        .breaker
        .call_by(|_| Outcome::Ignored, || Err::<(), _>("mine"));
    assert_eq!(ignored, Err(CallError::Failed("mine")));
    assert_eq!(it.breaker.phase(), Phase::HalfOpen);
    it.succeed(1);
    assert_eq!(it.breaker.phase(), Phase::Closed);
}

#[test]
fn a_probe_that_is_never_heard_of_does_not_hold_it_half_open() {
    let it = still(simple().lease(60 * SECOND));
    it.fail(3);
    it.clock.advance(11 * SECOND);
    std::mem::forget(it.breaker.admit().expect("due"));
    assert_eq!(it.refusal().phase, Phase::HalfOpen);
    it.clock.advance(61 * SECOND);
    assert_eq!(it.refusal().phase, Phase::Open);
    it.clock.advance(11 * SECOND);
    it.succeed(1);
    assert_eq!(it.breaker.phase(), Phase::Closed);
    let changes = [
        pair("closed", "open"),
        pair("open", "half_open"),
        pair("half_open", "open"),
        pair("open", "half_open"),
        pair("half_open", "closed"),
    ];
    assert_eq!(it.changes(), changes);
}

// S13
#[test]
fn a_panic_is_a_failure_and_goes_on() {
    let it = still(BreakerConfig::new(Trip::consecutive(1)));
    let call = || {
        it.breaker
            .call(|| -> Result<(), &str> { std::panic::resume_unwind(Box::new(5)) })
    };
    let caught = catch_unwind(AssertUnwindSafe(call)).expect_err("it goes on");
    assert_eq!(caught.downcast_ref(), Some(&5));
    assert_eq!(it.breaker.phase(), Phase::Open);
}

// property 39
#[test]
fn what_a_fallback_yields_is_no_success() {
    let it = still(simple());
    for _ in 0..3 {
        let answer = it
            .breaker
            .call_or_else(|| Err("no"), |_| Ok::<_, &str>("old"));
        assert_eq!(answer, Ok("old"));
    }
    assert_eq!(it.breaker.phase(), Phase::Open);
    let answer = it.breaker.call_or_else(
        || -> Result<_, &str> { panic!("it ran") },
        |error| Err::<(), _>(error.into_failed()),
    );
    assert_eq!(answer, Err(None));
}

// property 36, S13
#[test]
fn a_slow_call_holds_up_neither_questions_nor_other_calls() {
    let it = still(simple());
    let gate = Gate::new();
    thread::scope(|scope| {
        let _open = OpenAtEnd(gate.clone());
        let calls: Vec<_> = (0..10)
            .map(|_| {
                scope.spawn(|| {
                    it.breaker.call(|| {
                        gate.pass();
                        Ok::<_, &str>(())
                    })
                })
            })
            .collect();
        gate.wait_for(10);
        it.succeed(5);
        assert_eq!(
            (it.breaker.phase(), it.breaker.stats().refused),
            (Phase::Closed, 0)
        );
        gate.open();
        assert!(
            calls
                .into_iter()
                .all(|call| call.join().expect("no panic").is_ok())
        );
    });
}

#[test]
fn what_is_said_by_hand_holds_until_it_is_said_otherwise() {
    let it = still(simple());
    it.breaker.force_open();
    it.clock.advance(FAR);
    assert_eq!(it.refusal().retry_after, Duration::MAX);
    it.breaker.force_closed();
    it.fail(10);
    assert_eq!(
        (it.breaker.phase(), it.breaker.stats().failed),
        (Phase::ForcedClosed, 10)
    );
    it.breaker.disable();
    it.fail(10);
    assert_eq!(
        (it.breaker.phase(), it.breaker.stats().failed),
        (Phase::Disabled, 0)
    );
    it.breaker.open();
    assert_eq!(it.refusal().retry_after, 10 * SECOND);
    it.breaker.reset();
    it.fail(3);
    assert_eq!(it.breaker.phase(), Phase::Open, "as if it were new");
}

// property 38, S13
#[test]
fn each_change_is_told_once_whatever_the_number_of_threads() {
    let it = still(BreakerConfig::new(Trip::consecutive(2)).open_for(SECOND));
    for _ in 0..50 {
        let start = Barrier::new(4);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    start.wait();
                    for _ in 0..20 {
                        let _failed = it.breaker.call(|| Err::<(), _>("no"));
                    }
                });
            }
        });
        it.clock.advance(2 * SECOND);
    }
    let changes = it.changes();
    assert!(changes.len() >= 50);
    assert!(
        changes.windows(2).all(|two| two[0].1 == two[1].0),
        "a change is missing or twice"
    );
}

#[test]
fn all_faults_of_a_breaker_are_listed_at_once() {
    let trip = Trip::count_window(0).failure_rate(1.5);
    let config = BreakerConfig::new(trip)
        .probes(0)
        .successes(0)
        .lease(Duration::ZERO);
    let error = config.slow_after(SECOND).build().expect_err("invalid");
    let faults = [
        BreakerFault::ZeroCalls,
        BreakerFault::Rate {
            of: "failure_rate",
            rate: 1.5,
        },
        BreakerFault::NoProbes,
        BreakerFault::NoSuccesses,
        BreakerFault::ZeroLease,
        BreakerFault::HalfSlow,
    ];
    assert_eq!(error.faults(), faults);
    assert!(CircuitBreaker::new(Trip::consecutive(1).min_calls(3)).is_err());
    assert!(CircuitBreaker::new(Trip::time_window(Duration::ZERO)).is_err());
    assert!(CircuitBreaker::new(Trip::count_window(3).min_calls(4)).is_err());
    let at_once = Backoff::exponential(SECOND).immediate_first(true);
    for backoff in [Backoff::constant(Duration::ZERO), Backoff::none(), at_once] {
        assert!(simple().backoff(backoff).build().is_err());
    }
    let slow = Trip::count_window(3).slow_rate(0.5);
    let always = BreakerConfig::new(slow).slow_after(Duration::ZERO).build();
    assert!(always.is_err());
}

#[test]
fn a_reset_forgets_the_failures_in_a_row() {
    let it = still(simple());
    it.fail(2);
    it.breaker.reset();
    it.fail(2);
    assert_eq!(it.breaker.phase(), Phase::Closed);
    it.fail(1);
    assert_eq!(it.breaker.phase(), Phase::Open);
}

// property 37
#[test]
fn however_often_it_was_reset_it_opens_for_its_time() {
    let it = still(simple());
    for _ in 0..600 {
        it.breaker.reset();
    }
    it.fail(3);
    assert_eq!(it.refusal().retry_after, 10 * SECOND);
}

#[test]
fn a_time_window_counts_as_before_after_an_outage_of_any_length() {
    for failed_probes in [1, 70, 300, 5_000] {
        let it = still(BreakerConfig::new(Trip::time_window(10 * SECOND)).open_for(SECOND));
        it.fail(10);
        for _ in 0..failed_probes {
            it.clock.advance(SECOND);
            it.fail(1);
        }
        it.clock.advance(SECOND);
        assert_eq!(it.breaker.call(|| Ok::<_, &str>(1)), Ok(1), "the probe");
        assert_eq!(it.breaker.phase(), Phase::Closed);
        it.fail(10);
        assert_eq!(it.breaker.phase(), Phase::Open, "{failed_probes}");
    }
}

// S13
#[test]
fn a_time_window_is_exact_however_much_passes_in_it() {
    let it = still(BreakerConfig::new(
        Trip::time_window(10 * SECOND).failure_rate(0.25),
    ));
    for _ in 0..30_000 {
        assert_eq!(it.breaker.call(|| Ok::<_, &str>(())), Ok(()));
    }
    it.clock.advance(SECOND);
    it.fail(9_999);
    assert_eq!(it.breaker.phase(), Phase::Closed);
    it.fail(1);
    assert_eq!(it.breaker.phase(), Phase::Open);
    let many = Trip::time_window(SECOND).min_calls(20_000);
    let it = still(BreakerConfig::new(many));
    it.fail(19_999);
    assert_eq!(it.breaker.phase(), Phase::Closed);
    it.fail(1);
    assert_eq!(it.breaker.phase(), Phase::Open);
}

#[test]
fn half_open_there_is_no_time_to_wait_for_unless_all_probes_are_out() {
    let it = still(simple());
    it.fail(3);
    it.clock.advance(10 * SECOND);
    let probe = it.breaker.admit().expect("due");
    assert!(it.breaker.stats().retry_after.is_some());
    probe.ignore();
    assert_eq!(it.breaker.stats().retry_after, None);
}

#[test]
fn to_say_what_it_is_already_is_no_change() {
    let it = still(simple());
    it.breaker.reset();
    it.breaker.open();
    it.breaker.open();
    assert_eq!(it.changes(), [pair("closed", "open")]);
}

#[test]
fn a_rate_that_is_reached_exactly_is_enough() {
    let rows = [
        (3, 2, 2.0 / 3.0),
        (100, 55, 0.55),
        (1_000, 29, 0.029),
        (7, 7, 1.0),
    ];
    for (calls, failed, rate) in rows {
        let it = still(BreakerConfig::new(
            Trip::count_window(calls).failure_rate(rate),
        ));
        for _ in failed..calls {
            assert_eq!(it.breaker.call(|| Ok::<_, &str>(())), Ok(()));
        }
        it.fail(failed as usize - 1);
        assert_eq!(it.breaker.phase(), Phase::Closed, "{rate}");
        it.fail(1);
        assert_eq!(it.breaker.phase(), Phase::Open, "{rate}");
    }
}

#[test]
fn a_probe_that_is_slow_has_failed() {
    let trip = Trip::count_window(1).slow_rate(1.0);
    let config = BreakerConfig::new(trip).slow_after(SECOND).open_for(SECOND);
    let it = still(config);
    for opened in 1..=3 {
        let slow = || {
            it.clock.advance(SECOND);
            Ok::<_, &str>(())
        };
        assert_eq!(it.breaker.call(slow), Ok(()));
        let stats = it.breaker.stats();
        assert_eq!((stats.phase, stats.opened_in_a_row), (Phase::Open, opened));
        it.clock.advance(SECOND);
    }
    assert_eq!(it.breaker.call(|| Ok::<_, &str>(())), Ok(()));
    assert_eq!(it.breaker.phase(), Phase::Closed);
}

#[test]
fn who_hears_of_a_change_hears_what_led_to_it() {
    let in_a_row = still(simple());
    in_a_row.fail(3);
    let of_window = still(BreakerConfig::new(Trip::count_window(4).failure_rate(0.5)));
    assert_eq!(of_window.breaker.call(|| Ok::<_, &str>(())), Ok(()));
    of_window.fail(3);
    for (it, calls, failed) in [(in_a_row, 3, 3), (of_window, 4, 3)] {
        let [event] = &it.recorder.events()[..] else {
            panic!("one change");
        };
        let counted = ["calls", "failed", "slow"].map(|key| event.measurement(key));
        let expected = [calls, failed, 0].map(|count: u64| Some(count.into()));
        assert_eq!(counted, expected);
    }
}

#[test]
fn who_hears_of_a_change_may_use_the_breaker() {
    for trip in [Trip::consecutive(3), Trip::count_window(3)] {
        let telemetry = Telemetry::new();
        let config = BreakerConfig::new(trip).telemetry(telemetry.clone());
        let breaker = Arc::new(config.build().expect("valid"));
        let (journal, weak) = (Journal::new(), Arc::downgrade(&breaker));
        let notes = journal.clone();
        let hears = move |event: &Event| {
            let breaker = weak.upgrade().expect("it is being used");
            if breaker.stats().phase == Phase::Open {
                breaker.reset();
            }
            notes.note(event.text("to").expect("declared"));
        };
        let attached = telemetry.attach("mine", Filter::kind("breaker.changed"), hears);
        attached.expect("the first of this name");
        // In a unit, which is given up where it hangs.
        let calls = Child::worker("caller", move |_| {
            assert!((0..3).all(|_| breaker.call(|| Err::<(), _>("no")).is_err()));
            Ok(())
        });
        let system = system();
        let calls = system.spawn(calls.restart(Restart::Temporary));
        calls.expect("started");
        assert_eq!(journal.take(2), ["closed", "open"]);
    }
}

#[test]
fn a_refusal_says_when_to_come_back_or_that_somebody_has_to_act() {
    let it = still(simple());
    it.fail(3);
    let message = it.refusal().to_string();
    assert_eq!(message, "the breaker is open, try again in 10s");
    it.breaker.force_open();
    let message = it.refusal().to_string();
    assert_eq!(
        message,
        "the breaker is forced open until somebody closes it"
    );
}
