//! The windows of a breaker: what they count, and what they forget.

use steadfast::guards::breaker::{BreakerConfig, CallError, Outcome, Phase, Trip};

use super::breaker::{Still, simple, still};
use crate::support::SECOND;

#[test]
fn slow_calls_of_a_time_window_open_it_too() {
    let trip = Trip::time_window(10 * SECOND).slow_rate(0.5).min_calls(4);
    let it = still(BreakerConfig::new(trip).slow_after(SECOND));
    for slow in [false, true, false, true] {
        let call = || {
            it.clock.advance(if slow { SECOND } else { SECOND / 2 });
            Ok::<_, &str>(())
        };
        assert_eq!(it.breaker.phase(), Phase::Closed);
        assert_eq!(it.breaker.call(call), Ok(()));
    }
    assert_eq!(it.breaker.phase(), Phase::Open);
}

#[test]
fn slow_calls_open_a_window_that_was_clean_before() {
    let trip = Trip::count_window(2).slow_rate(0.5);
    let it = still(BreakerConfig::new(trip).slow_after(SECOND));
    it.succeed(5);
    let slow = || {
        it.clock.advance(SECOND);
        Ok::<_, &str>(())
    };
    assert_eq!(it.breaker.call(slow), Ok(()));
    assert_eq!(it.breaker.phase(), Phase::Open);
}

/// Breakers with a window of each kind, which remember four calls at least.
fn windowed() -> [Still; 2] {
    [Trip::count_window(4), Trip::time_window(10 * SECOND)]
        .map(|trip| still(BreakerConfig::new(trip.failure_rate(0.9))))
}

fn counted(it: &Still) -> (u32, u32) {
    let stats = it.breaker.stats();
    (stats.calls, stats.failed)
}

// property 38
#[test]
fn a_window_counts_the_calls_of_its_generation_and_no_other() {
    for it in windowed() {
        let late = [it.breaker.admit(), it.breaker.admit()];
        it.succeed(4);
        it.breaker.reset();
        it.succeed(1);
        it.fail(1);
        let [success, failure] = late.map(|late| late.expect("it was closed"));
        success.success();
        failure.failure();
        assert_eq!(counted(&it), (2, 1));
        it.breaker.disable();
        it.fail(4);
        assert_eq!(counted(&it), (0, 0), "disabled");
    }
}

#[test]
fn a_window_that_is_forced_closed_counts_on_and_opens_nothing() {
    for it in windowed() {
        it.breaker.force_closed();
        it.fail(12);
        let stats = it.breaker.stats();
        assert_eq!(stats.phase, Phase::ForcedClosed);
        assert!(stats.failed >= 4 && stats.failed == stats.calls, "{stats}");
    }
}

#[test]
fn a_call_that_says_nothing_is_not_in_the_window() {
    for it in windowed() {
        it.fail(1);
        let call = || Err::<(), _>("mine");
        let ignored = it.breaker.call_by(|_| Outcome::Ignored, call);
        assert_eq!(ignored, Err(CallError::Failed("mine")));
        drop(it.breaker.admit());
        assert_eq!(counted(&it), (1, 1));
    }
}

#[test]
fn good_calls_push_a_bad_one_out_of_a_window_that_was_clean_before() {
    let [it, _] = windowed();
    it.succeed(5);
    it.fail(1);
    assert_eq!(counted(&it), (4, 1));
    it.succeed(3);
    assert_eq!(counted(&it), (4, 1));
    it.succeed(1);
    assert_eq!(counted(&it), (4, 0));
}

#[test]
fn its_stats_say_what_it_does() {
    let it = still(simple().probes(2));
    it.fail(3);
    it.refusal();
    it.refusal();
    let stats = it.breaker.stats();
    assert_eq!((stats.refused, stats.opened_in_a_row), (2, 1));
    assert_eq!(
        (stats.probes_out, stats.retry_after),
        (0, Some(10 * SECOND))
    );
    it.clock.advance(11 * SECOND);
    let probes = [it.breaker.admit(), it.breaker.admit()];
    assert!(probes.iter().all(Result::is_ok));
    assert_eq!(it.breaker.stats().probes_out, 2);
    drop(probes);
    assert_eq!(it.breaker.stats().probes_out, 0);
}

#[test]
fn a_count_window_opens_at_its_rate_and_not_before_it_has_seen_enough() {
    let trip = Trip::count_window(10).failure_rate(0.5).min_calls(4);
    let it = still(BreakerConfig::new(trip));
    it.fail(3);
    assert_eq!(it.breaker.phase(), Phase::Closed, "three are not enough");
    it.breaker.reset();
    for _ in 0..20 {
        it.succeed(2);
        it.fail(1);
    }
    assert_eq!(it.breaker.phase(), Phase::Closed, "a third is not enough");
    it.fail(2);
    assert_eq!(it.breaker.phase(), Phase::Open);
}

#[test]
fn a_time_window_forgets_what_is_older() {
    let trip = Trip::time_window(10 * SECOND)
        .failure_rate(0.5)
        .min_calls(4);
    let it = still(BreakerConfig::new(trip));
    it.fail(3);
    it.clock.advance(10 * SECOND);
    it.fail(3);
    assert_eq!(
        it.breaker.phase(),
        Phase::Closed,
        "the first three are gone"
    );
    let stats = it.breaker.stats();
    assert_eq!((stats.calls, stats.failed), (3, 3));
    it.clock.advance(8 * SECOND);
    it.fail(1);
    assert_eq!(it.breaker.phase(), Phase::Open);
}

#[test]
fn slow_calls_open_it_as_failures_do() {
    let trip = Trip::count_window(4).slow_rate(0.5);
    let it = still(BreakerConfig::new(trip).slow_after(SECOND));
    for slow in [true, false, true, false] {
        let call = || {
            it.clock.advance(if slow { SECOND } else { SECOND / 2 });
            Ok::<_, &str>(())
        };
        assert_eq!(it.breaker.call(call), Ok(()));
    }
    assert_eq!(it.breaker.phase(), Phase::Open);
}
