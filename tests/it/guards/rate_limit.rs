//! The rate limiter: exact with real threads, and true about the time to come.

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use steadfast::fault::{Category, Classify};
use steadfast::guards::rate_limit::{
    AcquireError, CheckError, RateLimitFault, RateLimiterConfig, RateLimiterStats, Refused,
};
use steadfast::telemetry::{Filter, Recorder};
use steadfast::time::ManualClock;
use steadfast::{Child, Deadline, Quota, RateLimiter, Restart, Telemetry};

use crate::support::{FAR, Journal, LONG, SECOND, config, system, timeless};

const TENTH: Duration = Duration::from_millis(100);
const HOUR: Duration = Duration::from_secs(3_600);

/// A limiter whose time stands still until the test moves it.
fn still(quota: Quota) -> (RateLimiter, ManualClock) {
    let clock = ManualClock::new();
    let config = RateLimiterConfig::new(quota).clock(clock.clock());
    (config.statistics(true).build().expect("valid"), clock)
}

/// The same quota by each algorithm.
fn each(count: u32) -> [Quota; 3] {
    let quota = Quota::per_second(count);
    [quota, quota.fixed_window(), quota.sliding_window()]
}

/// How many of `asked` checks pass, by eight threads that begin at once.
fn passed(limiter: &RateLimiter, asked: usize) -> usize {
    let start = Barrier::new(8);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    start.wait();
                    (0..asked / 8).filter(|_| limiter.check().is_ok()).count()
                })
            })
            .collect();
        let counts = threads.into_iter().map(|thread| thread.join());
        counts.map(|count| count.expect("no panic")).sum()
    })
}

// property 40, S14
#[test]
fn of_more_checks_at_once_than_the_limit_exactly_the_limit_pass() {
    for quota in each(100) {
        let (limiter, clock) = still(quota);
        for _ in 0..20 {
            assert_eq!(passed(&limiter, 200), 100, "{quota:?}");
            assert_eq!(limiter.remaining(), 0);
            clock.advance(SECOND);
        }
        let stats = limiter.stats();
        assert_eq!((stats.admitted, stats.refused), (2_000, 2_000));
    }
}

#[test]
fn a_limiter_without_statistics_has_counted_nothing() {
    let limiter = RateLimiter::new(Quota::per_hour(1)).expect("valid");
    assert!(limiter.check().is_ok() && limiter.check().is_err());
    assert_eq!(limiter.stats(), RateLimiterStats::default());
    let config = RateLimiterConfig::new(Quota::per_hour(1)).statistics(true);
    let unless = config.statistics(false).build().expect("valid");
    assert_eq!(unless.check(), Ok(()));
    assert_eq!(unless.stats().admitted, 0);
}

// property 40
#[test]
fn a_large_limit_is_as_exact_under_a_storm() {
    for quota in each(40_000) {
        let (limiter, _clock) = still(quota);
        assert_eq!(passed(&limiter, 80_000), 40_000, "{quota:?}");
    }
}

// property 41
#[test]
fn a_refusal_leaves_no_trace_and_says_exactly_when_to_come_back() {
    for quota in each(2) {
        let (limiter, clock) = still(quota);
        assert_eq!([limiter.check(), limiter.check()], [Ok(()); 2]);
        let refused: Vec<Refused> = (0..5).filter_map(|_| limiter.check().err()).collect();
        assert_eq!(refused.len(), 5);
        assert!(refused.iter().all(|other| *other == refused[0]));
        assert_eq!(refused[0].limit, 2);
        clock.advance(refused[0].retry_after - Duration::from_nanos(1));
        assert!(limiter.check().is_err(), "{quota:?}: too early");
        clock.advance(Duration::from_nanos(1));
        assert_eq!(limiter.check(), Ok(()), "{quota:?}: not in time");
    }
}

// property 41
#[test]
fn cells_that_are_refused_together_pass_together_at_the_time_that_they_are_told() {
    for quota in each(4) {
        let (limiter, clock) = still(quota);
        assert_eq!(limiter.check_n(3), Ok(()));
        clock.advance(TENTH);
        let Err(CheckError::Refused(refused)) = limiter.check_n(3) else {
            panic!("{quota:?}: one is left");
        };
        clock.advance(refused.retry_after - Duration::from_nanos(1));
        assert!(limiter.check_n(3).is_err(), "{quota:?}: too early");
        clock.advance(Duration::from_nanos(1));
        assert_eq!(limiter.check_n(3), Ok(()), "{quota:?}: not in time");
    }
}

// property 42, S14
#[test]
fn a_fixed_window_begins_clean_and_may_double_around_its_edge() {
    let (limiter, clock) = still(Quota::per_second(5).fixed_window());
    clock.advance(SECOND - Duration::from_nanos(1));
    assert_eq!(passed(&limiter, 16), 5);
    clock.advance(Duration::from_nanos(1));
    assert_eq!(limiter.remaining(), 5);
    assert_eq!(passed(&limiter, 16), 5);
    assert_eq!(limiter.remaining(), 0);
}

// property 40
#[test]
fn a_sliding_window_has_no_edge_to_double_around() {
    let (limiter, clock) = still(Quota::per_second(5).sliding_window());
    clock.advance(SECOND - TENTH);
    assert_eq!(passed(&limiter, 16), 5);
    clock.advance(SECOND - Duration::from_nanos(1));
    assert_eq!(passed(&limiter, 16), 0);
    clock.advance(Duration::from_nanos(1));
    assert_eq!(passed(&limiter, 16), 5);
}

#[test]
fn a_bucket_evens_out_what_passes_after_its_burst() {
    let (limiter, clock) = still(Quota::per_second(10).burst(2));
    assert_eq!(passed(&limiter, 16), 2);
    for _ in 0..20 {
        clock.advance(TENTH);
        assert_eq!(passed(&limiter, 16), 1);
    }
    clock.advance(FAR);
    assert_eq!(limiter.remaining(), 2);
}

// S14
#[test]
fn a_quota_of_zero_refuses_everything() {
    for quota in each(0) {
        let (limiter, clock) = still(quota);
        clock.advance(FAR);
        let refused = limiter.check().expect_err("refused");
        assert_eq!((refused.retry_after, refused.limit), (Duration::MAX, 0));
        assert!(!refused.is_retryable());
        let limit = 0;
        let impossible = CheckError::Impossible { cells: 1, limit };
        assert_eq!(limiter.check_n(1), Err(impossible));
        assert!(limiter.acquire_timeout(FAR).is_err());
        assert_eq!(limiter.check_n(0), Ok(()));
    }
}

// property 40
#[test]
fn seven_hundred_million_a_second_are_not_rounded_up() {
    let (limiter, clock) = still(Quota::per_second(700_000_000).burst(1_000_000));
    assert_eq!(limiter.check_n(1_000_000), Ok(()));
    clock.advance(Duration::from_millis(1));
    let filled = limiter.remaining();
    assert!(
        (690_000..=700_000).contains(&filled),
        "{filled} in a millisecond"
    );
}

#[test]
fn what_never_passes_at_once_is_told_apart_from_what_passes_later() {
    for quota in each(3) {
        let (limiter, _clock) = still(quota);
        let impossible = CheckError::Impossible { cells: 4, limit: 3 };
        assert_eq!(limiter.check_n(4), Err(impossible));
        assert_eq!(impossible.category(), Category::Validation);
        assert_eq!(limiter.check_n(2), Ok(()));
        let refused = limiter.check_n(2).expect_err("one is left");
        assert!(matches!(refused, CheckError::Refused(_)) && refused.is_retryable());
        assert_eq!((limiter.remaining(), limiter.check_n(1)), (1, Ok(())));
        let stats = limiter.stats();
        assert_eq!((stats.refused, stats.impossible), (1, 1));
        let late = limiter.acquire_n(4, Deadline::NEVER);
        assert_eq!(late, Err(AcquireError::Impossible { cells: 4, limit: 3 }));
    }
}

#[test]
fn a_refusal_says_in_words_and_as_a_time_when_to_come_back_or_never() {
    let (limiter, _clock) = still(Quota::per_hour(1));
    assert_eq!(limiter.check_n(1), Ok(()));
    let refused = limiter.check_n(1).expect_err("one is taken");
    assert_eq!(refused.retry_after(), Some(HOUR));
    let later = "the limit of 1 is reached, try again in 3600s";
    assert_eq!(refused.to_string(), later);
    let (none, _clock) = still(Quota::per_hour(0));
    let never = CheckError::from(none.check().expect_err("nothing passes"));
    assert_eq!(never.retry_after(), None);
    let told = "the limit of 0 is reached, it never passes";
    assert_eq!(never.to_string(), told);
    let late = AcquireError::from(never).to_string();
    assert_eq!(late, format!("not before the deadline: {told}"));
    let impossible = none.check_n(1).expect_err("nothing passes");
    assert_eq!(impossible.retry_after(), None);
}

#[test]
fn a_peek_takes_nothing() {
    for quota in each(1) {
        let (limiter, _clock) = still(quota);
        assert_eq!(
            [limiter.peek(), limiter.peek(), limiter.check()],
            [Ok(()); 3]
        );
        assert_eq!(limiter.peek(), limiter.check());
        assert!(limiter.peek().is_err());
    }
}

#[test]
fn reservations_get_their_turns_in_order_and_a_check_comes_behind_them() {
    for quota in each(1) {
        let (limiter, clock) = still(quota);
        let begin = clock.now();
        let turns = (0..3).map(|_| limiter.reserve().expect("a turn").keep());
        let waits: Vec<Duration> = turns.map(|at| at - begin).collect();
        assert_eq!(waits, [Duration::ZERO, SECOND, 2 * SECOND], "{quota:?}");
        clock.advance(2 * SECOND);
        assert!(limiter.check().is_err(), "the turn at two seconds is taken");
        clock.advance(SECOND);
        assert!(limiter.check().is_ok());
    }
}

#[test]
fn a_reservation_that_is_cancelled_or_dropped_was_never_made() {
    for quota in each(2) {
        let (limiter, clock) = still(quota);
        assert!(limiter.reserve().expect("a turn").cancel());
        drop(limiter.reserve_n(2, Deadline::NEVER));
        assert_eq!(limiter.remaining(), 2, "{quota:?}");
        assert_eq!(limiter.check_n(2), Ok(()));
        let first = limiter.reserve().expect("a turn");
        let second = limiter.reserve().expect("a turn");
        let at = second.at();
        assert!(second.cancel());
        assert_eq!(limiter.reserve().expect("a turn").keep(), at);
        assert!(!first.cancel(), "another has come behind");
        assert_eq!(limiter.stats().admitted, 4);
        clock.advance(FAR);
        assert_eq!(limiter.remaining(), 2);
    }
}

#[test]
fn a_turn_that_would_come_too_late_is_refused_at_once() {
    for quota in each(1) {
        let (limiter, clock) = still(quota);
        assert_eq!(limiter.acquire(), Ok(()));
        let just_not = Deadline::after(clock.now(), SECOND - Duration::from_nanos(1));
        let late = limiter.acquire_deadline(just_not).expect_err("too late");
        assert!(matches!(late, AcquireError::TooLate(refused) if refused.retry_after == SECOND));
        assert_eq!(late.category(), Category::Deadline);
        assert!(limiter.reserve_n(1, just_not).is_err());
        let just = Deadline::after(clock.now(), SECOND);
        assert!(limiter.reserve_n(1, just).is_ok());
    }
}

#[test]
fn a_thread_that_acquires_waits_for_its_turn() {
    for quota in each(1) {
        let (limiter, clock) = still(quota);
        assert_eq!(limiter.acquire(), Ok(()));
        thread::scope(|scope| {
            let waiting = scope.spawn(|| {
                let acquired = limiter.acquire_timeout(LONG);
                (acquired, clock.now())
            });
            clock.wait_for_sleepers(1);
            let turn = clock.now() + SECOND;
            clock.advance(SECOND);
            assert_eq!(waiting.join().expect("no panic"), (Ok(()), turn));
        });
    }
}

#[test]
fn a_stop_ends_the_wait_and_gives_the_cell_back() {
    let (system, _recorder, clock) = timeless(config());
    let limiter = RateLimiterConfig::new(Quota::per_hour(1)).clock(clock.clock());
    let limiter = std::sync::Arc::new(limiter.build().expect("valid"));
    assert_eq!(limiter.check(), Ok(()));
    let (journal, shared) = (Journal::new(), limiter.clone());
    let notes = journal.clone();
    let child = Child::worker("caller", move |_| {
        notes.note("asks");
        let acquired = shared.acquire_timeout(FAR);
        notes.note(format!("{acquired:?}"));
        Ok(())
    });
    let worker = system
        .spawn(child.restart(Restart::Temporary))
        .expect("started");
    journal.take(1);
    worker.terminate().expect("terminated");
    assert_eq!(journal.take(1), ["Err(Stopped)"]);
    let turn = limiter.reserve().expect("a turn").keep();
    assert_eq!(turn - clock.now(), HOUR, "the turn was not given back");
}

// S14
#[test]
fn a_limiter_that_is_reconfigured_keeps_what_was_taken() {
    let (larger, smaller) = (each(20), each(5));
    for ((quota, larger), smaller) in each(10).into_iter().zip(larger).zip(smaller) {
        let (limiter, _clock) = still(quota);
        assert_eq!(limiter.check_n(7), Ok(()));
        let left = [larger, quota, smaller].map(|next| {
            limiter.reconfigure(next).expect("valid");
            assert_eq!(limiter.quota(), next);
            limiter.remaining()
        });
        assert_eq!(left, [13, 3, 0], "{quota:?}");
    }
}

// S14
#[test]
fn a_quota_that_becomes_smaller_and_comes_back_finds_what_it_had_let_through() {
    let found = each(100).into_iter().zip(each(1)).map(|(quota, smaller)| {
        let (limiter, _clock) = still(quota);
        assert_eq!(limiter.check_n(100), Ok(()));
        limiter.reconfigure(smaller).expect("valid");
        assert_eq!(limiter.remaining(), 0, "{quota:?}");
        limiter.reconfigure(quota).expect("valid");
        limiter.remaining()
    });
    // A fixed window knows no more than that all of the smaller count was used.
    assert_eq!(found.collect::<Vec<_>>(), [0, 99, 0]);
}

#[test]
fn a_limiter_that_is_reconfigured_beside_checks_neither_loses_nor_invents_cells() {
    for quota in each(1_000) {
        let (limiter, _clock) = still(quota);
        let more = thread::scope(|scope| {
            let checks = scope.spawn(|| passed(&limiter, 4_000));
            for _ in 0..500 {
                limiter.reconfigure(quota).expect("valid");
            }
            checks.join().expect("no panic")
        });
        assert_eq!((more, limiter.remaining()), (1_000, 0), "{quota:?}");
    }
}

#[test]
fn a_quota_that_makes_no_sense_changes_nothing() {
    let (limiter, _clock) = still(Quota::per_second(1));
    let error = limiter
        .reconfigure(Quota::per(1, Duration::ZERO))
        .expect_err("no period");
    assert_eq!(error.faults(), [RateLimitFault::ZeroPeriod]);
    assert_eq!(
        error.to_string(),
        "invalid rate limit: per(.., 0s): the period is zero"
    );
    let other = limiter.reconfigure(Quota::per_second(9).sliding_window());
    let error = other.expect_err("another algorithm");
    assert_eq!(error.faults(), [RateLimitFault::OtherAlgorithm]);
    assert_eq!(limiter.quota(), Quota::per_second(1));
    assert!(RateLimiter::new(Quota::per_second(1).burst(0)).is_err());
}

#[test]
fn a_reset_forgets_what_was_taken() {
    for quota in each(3) {
        let (limiter, _clock) = still(quota);
        assert_eq!(limiter.check_n(3), Ok(()));
        assert!(limiter.check().is_err());
        limiter.reset();
        assert_eq!(limiter.remaining(), 3, "{quota:?}");
        assert_eq!(limiter.check(), Ok(()), "{quota:?}");
    }
}

// property 40
#[test]
fn a_turn_that_is_cancelled_after_a_reset_gives_back_no_cell_of_somebody_else() {
    for quota in each(1) {
        let (limiter, _clock) = still(quota);
        let turn = limiter.reserve().expect("a turn");
        limiter.reset();
        assert_eq!(limiter.check(), Ok(()));
        assert!(!turn.cancel(), "{quota:?}");
        assert!(limiter.check().is_err(), "{quota:?}: two of one");
    }
}

// S14
#[test]
fn a_limiter_that_refuses_lets_through_what_a_new_quota_or_a_cancelled_turn_gives_it() {
    for (quota, larger) in each(1).into_iter().zip(each(2)) {
        let (limiter, clock) = still(quota);
        assert_eq!(limiter.check(), Ok(()));
        limiter.reserve().expect("a turn").cancel();
        assert!(limiter.check().is_err());
        clock.advance(SECOND);
        assert_eq!(limiter.check(), Ok(()), "{quota:?}: the turn was cancelled");
        assert!(limiter.check().is_err());
        limiter.reconfigure(larger).expect("valid");
        assert_eq!(limiter.check(), Ok(()), "{quota:?}: there is one more");
        assert!(limiter.check().is_err());
    }
}

// S14
#[test]
fn limiters_stand_side_by_side_and_outlive_no_unit() {
    let system = system();
    let one = std::sync::Arc::new(RateLimiter::new(Quota::per_hour(1)).expect("valid"));
    let other = RateLimiter::new(Quota::per_hour(1)).expect("valid");
    let journal = Journal::new();
    let (shared, notes) = (one.clone(), journal.clone());
    let child = Child::worker("caller", move |_| {
        notes.note(format!("{:?}", shared.check().is_ok()));
        Err("again".into())
    });
    system.spawn(child).expect("started");
    assert_eq!(
        journal.take(2),
        ["true", "false"],
        "a restart is no new limit"
    );
    assert_eq!(other.check(), Ok(()));
}

// property 66
#[test]
fn a_refusal_is_told_with_the_name_of_the_limiter() {
    let telemetry = Telemetry::new();
    let recorder = Recorder::attach(&telemetry, Filter::All);
    let limiter = RateLimiterConfig::new(Quota::per_hour(1)).name("api");
    let limiter = limiter.telemetry(telemetry).build().expect("valid");
    assert!(limiter.check().is_ok() && limiter.check().is_err());
    limiter.reconfigure(Quota::per_hour(2)).expect("valid");
    let events = recorder.events();
    let names: Vec<_> = events.iter().map(|event| event.name()).collect();
    assert_eq!(names, ["rate_limit.refused", "rate_limit.reconfigured"]);
    assert!(
        events
            .iter()
            .all(|event| event.text("name").as_deref() == Some("api"))
    );
}
