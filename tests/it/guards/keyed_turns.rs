//! The keyed rate limiter: turns that are taken for later and given back, looks that change nothing, and what is counted.

use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use steadfast::guards::rate_limit::{Beyond, CheckError, KeyedRateLimiter, RateLimiterConfig};
use steadfast::time::ManualClock;
use steadfast::{Deadline, Quota};

use crate::support::{FAR, SECOND};

fn each(count: u32) -> [Quota; 3] {
    let quota = Quota::per_second(count);
    [quota, quota.fixed_window(), quota.sliding_window()]
}

fn still(quota: Quota, keys: usize, beyond: Beyond) -> (KeyedRateLimiter<u64>, ManualClock) {
    let clock = ManualClock::new();
    let config = RateLimiterConfig::new(quota).clock(clock.clock());
    let config = config.max_keys(keys).beyond(beyond).statistics(true);
    (config.build_keyed().expect("valid"), clock)
}

fn turn(limiter: &KeyedRateLimiter<u64>, key: u64) -> Instant {
    limiter.reserve(&key).expect("a turn").keep()
}

#[test]
fn turns_of_a_key_come_in_order_and_keys_do_not_wait_for_each_other() {
    for quota in each(1) {
        let (limiter, clock) = still(quota, 64, Beyond::Refuse);
        let begin = clock.now();
        let turns = [1, 1, 2, 1, 2].map(|key| (turn(&limiter, key) - begin).as_secs());
        assert_eq!(turns, [0, 1, 0, 2, 1], "{quota:?}");
        clock.advance(2 * SECOND);
        assert!(
            limiter.check(&1).is_err(),
            "the turn at two seconds is taken"
        );
        assert!(limiter.check(&2).is_ok());
    }
}

#[test]
fn a_turn_of_a_key_that_is_cancelled_or_dropped_was_never_taken() {
    for quota in each(2) {
        let (limiter, _clock) = still(quota, 64, Beyond::Refuse);
        assert!(limiter.reserve(&1).expect("a turn").cancel());
        drop(limiter.reserve_n(&1, 2, Deadline::NEVER));
        assert_eq!(limiter.check_n(&1, 2), Ok(()), "{quota:?}");
        let first = limiter.reserve(&1).expect("a turn");
        let second = limiter.reserve(&1).expect("a turn");
        let other = limiter.reserve(&2).expect("a turn");
        let at = second.at();
        assert!(second.cancel() && other.cancel());
        assert_eq!(turn(&limiter, 1), at);
        assert!(!first.cancel(), "another has come behind");
        assert_eq!(limiter.stats().admitted, 4);
    }
}

#[test]
fn a_turn_of_a_key_that_would_come_too_late_is_refused_and_leaves_nothing() {
    for quota in each(1) {
        let (limiter, clock) = still(quota, 64, Beyond::Refuse);
        assert_eq!(limiter.check(&1), Ok(()));
        let just_not = Deadline::after(clock.now(), SECOND - Duration::from_nanos(1));
        let late = limiter.reserve_n(&1, 1, just_not).map(drop);
        assert!(matches!(late, Err(CheckError::Refused(late)) if late.retry_after == SECOND));
        assert!(limiter.reserve_n(&1, 2, Deadline::NEVER).is_err());
        assert_eq!(turn(&limiter, 1), clock.now() + SECOND, "{quota:?}");
    }
}

// property 43
#[test]
fn a_key_with_a_turn_to_come_is_not_forgotten() {
    for quota in each(1) {
        let (limiter, clock) = still(quota, 2, Beyond::Refuse);
        let now = limiter.reserve(&1).expect("a turn");
        let later = limiter.reserve(&1).expect("a turn");
        assert_eq!(limiter.check(&2), Ok(()));
        clock.advance(SECOND + SECOND / 2);
        let strangers = (10..30).filter(|key| limiter.check(key).is_ok());
        assert_eq!(strangers.count(), 1, "{quota:?}: one place was idle");
        assert_eq!((limiter.remaining(&1), limiter.len()), (0, 2));
        let _turns = (now.keep(), later.keep());
        clock.advance(SECOND / 2);
        assert!(limiter.purge() >= 1);
        assert_eq!(limiter.check(&77), Ok(()), "its place is free");
    }
}

// property 40, property 43
#[test]
fn turns_that_are_cancelled_beside_forgetting_let_nothing_more_through() {
    for quota in each(5) {
        let (limiter, clock) = still(quota, 8, Beyond::Refuse);
        for _ in 0..40 {
            let is_over = AtomicBool::new(false);
            thread::scope(|scope| {
                let cancels = || (0..50).for_each(|key| drop(limiter.reserve(&(key % 3))));
                let busy = [scope.spawn(cancels), scope.spawn(cancels)];
                scope.spawn(|| {
                    // Relaxed: it only ends the loop.
                    while !is_over.load(Ordering::Relaxed) {
                        limiter.purge();
                        thread::yield_now();
                    }
                });
                for thread in busy {
                    thread.join().expect("no panic");
                }
                is_over.store(true, Ordering::Relaxed);
            });
            for key in 0..3 {
                let passed = (0..10).filter(|_| limiter.check(&key).is_ok()).count();
                assert!(passed <= 5, "{quota:?}: {passed}");
            }
            clock.advance(FAR);
            assert_eq!([0, 1, 2].map(|key| limiter.remaining(&key)), [5; 3]);
        }
    }
}

// property 40
#[test]
fn a_turn_beyond_the_bound_is_given_back_to_what_it_was_taken_of() {
    for quota in each(2) {
        let (limiter, _clock) = still(quota, 1, Beyond::Share);
        assert_eq!(limiter.check(&1), Ok(()));
        let shared = limiter.reserve(&2).expect("a turn");
        limiter.reset(&1);
        assert_eq!(limiter.purge(), 1);
        assert_eq!(limiter.check(&2), Ok(()), "it has a place of its own now");
        assert!(shared.cancel());
        assert_eq!(
            limiter.remaining(&2),
            1,
            "{quota:?}: its own cell is still taken"
        );
        assert_eq!(limiter.check_n(&3, 2), Ok(()), "the shared cell is back");
    }
}

/// Runs what it was given once, while it is hashed or while it is compared.
#[derive(Clone, Default)]
pub(super) struct Slow {
    while_hashed: Interruption,
    while_compared: Interruption,
}

type Interruption = Arc<Mutex<Option<Box<dyn FnOnce() + Send>>>>;

impl Slow {
    /// It runs `run` the next time that it is compared.
    pub(super) fn run_while_compared(&self, run: impl FnOnce() + Send + 'static) {
        *self.while_compared.lock().expect("no panic") = Some(Box::new(run));
    }
}

fn interrupt(interruption: &Interruption) {
    let interruption = interruption.lock().expect("no panic").take();
    interruption.into_iter().for_each(|run| run());
}

impl PartialEq for Slow {
    fn eq(&self, other: &Self) -> bool {
        interrupt(&other.while_compared);
        true
    }
}

impl Eq for Slow {}

impl Hash for Slow {
    fn hash<H: Hasher>(&self, _: &mut H) {
        interrupt(&self.while_hashed);
    }
}

fn slow_keys(quota: Quota) -> (Arc<KeyedRateLimiter<Slow>>, ManualClock) {
    let clock = ManualClock::new();
    let config = RateLimiterConfig::new(quota).clock(clock.clock());
    (Arc::new(config.build_keyed().expect("valid")), clock)
}

// property 43
#[test]
fn a_thread_that_was_kept_from_its_key_gets_no_cell_of_an_earlier_time() {
    for quota in each(1) {
        let (limiter, clock) = slow_keys(quota);
        let key = Slow::default();
        clock.advance(FAR + SECOND / 2);
        assert_eq!(limiter.check(&key), Ok(()));
        clock.advance(SECOND / 4);
        let (shared, hands) = (Arc::clone(&limiter), clock.clone());
        let meanwhile = move || {
            hands.advance(SECOND);
            assert_eq!(shared.purge(), 1, "it was idle");
        };
        *key.while_hashed.lock().expect("no panic") = Some(Box::new(meanwhile));
        let answers = [limiter.check(&key), limiter.check(&key)];
        let passed = answers.iter().filter(|answer| answer.is_ok()).count();
        assert_eq!(passed, 1, "{quota:?}");
    }
}

// property 43
#[test]
fn a_look_at_a_key_that_is_forgotten_at_this_very_moment_finds_it_new() {
    for quota in each(1) {
        let (limiter, clock) = slow_keys(quota);
        let key = Slow::default();
        let forget_meanwhile = || {
            assert_eq!(limiter.check(&key), Ok(()));
            clock.advance(SECOND);
            let shared = Arc::clone(&limiter);
            key.run_while_compared(move || assert_eq!(shared.purge(), 1, "it was idle"));
        };
        forget_meanwhile();
        assert_eq!(
            (limiter.peek(&key), limiter.len()),
            (Ok(()), 0),
            "{quota:?}"
        );
        forget_meanwhile();
        assert_eq!(
            (limiter.remaining(&key), limiter.len()),
            (1, 0),
            "{quota:?}"
        );
        forget_meanwhile();
        assert_eq!(
            (limiter.check(&key), limiter.len()),
            (Ok(()), 1),
            "{quota:?}"
        );
    }
}

// property 40
#[test]
fn a_turn_gives_nothing_back_to_a_key_that_was_forgotten_and_came_anew() {
    for quota in each(1) {
        let (limiter, clock) = still(quota, 64, Beyond::Refuse);
        let turn = limiter.reserve(&1).expect("a turn");
        clock.advance(SECOND);
        assert_eq!((limiter.purge(), limiter.check(&1)), (1, Ok(())));
        assert!(!turn.cancel(), "{quota:?}");
        assert!(limiter.check(&1).is_err(), "{quota:?}: two of one");
        let [own, other] = [2, 3].map(|key| limiter.reserve(&key).expect("a turn"));
        limiter.reset(&3);
        assert_eq!([own.cancel(), other.cancel()], [true, false]);
        let over = limiter.reserve(&4).expect("a turn");
        clock.advance(SECOND);
        assert!(limiter.purge() > 0 && over.cancel(), "nothing is owed");
    }
}

#[test]
fn a_peek_at_a_key_takes_nothing_and_makes_no_key_known() {
    for quota in each(1) {
        let (limiter, _clock) = still(quota, 64, Beyond::Refuse);
        assert_eq!([limiter.peek(&1), limiter.peek(&1)], [Ok(()); 2]);
        assert!(limiter.is_empty());
        assert_eq!(limiter.check(&1), Ok(()));
        let refused = limiter.peek(&1).expect_err("it is taken");
        assert_eq!(limiter.check(&1), Err(refused));
        assert_eq!(limiter.peek(&2), Ok(()), "{quota:?}");
    }
    let (none, _clock) = still(Quota::per_second(0), 64, Beyond::Refuse);
    let impossible = CheckError::Impossible { cells: 1, limit: 0 };
    assert_eq!(none.peek(&1), Err(impossible));
}

#[test]
fn a_look_at_a_key_that_there_is_no_place_for_says_what_a_check_would() {
    for quota in each(2) {
        for beyond in [Beyond::Refuse, Beyond::Share, Beyond::Admit] {
            let (limiter, clock) = still(quota, 1, beyond);
            let left = |key| (limiter.remaining(&key), limiter.peek(&key));
            assert_eq!((left(2), limiter.check_n(&1, 2)), ((2, Ok(())), Ok(())));
            let full = CheckError::TooManyKeys { keys: 1 };
            let (fresh, used) = match beyond {
                Beyond::Share => ((2, Ok(())), (0, limiter.peek(&1))),
                Beyond::Admit => ((u32::MAX, Ok(())), (u32::MAX, Ok(()))),
                _ => ((0, Err(full)), (0, Err(full))),
            };
            assert_eq!(left(2), fresh, "{quota:?}");
            assert_eq!(limiter.check_n(&2, 2).is_ok(), fresh.0 > 0);
            assert_eq!(left(3), used, "{quota:?}");
            assert_eq!(limiter.check(&3), used.1, "{quota:?}");
            clock.advance(SECOND);
            assert_eq!(left(3), (2, Ok(())), "{quota:?}: a place is idle");
        }
    }
}

// property 43
#[test]
fn keys_that_are_idle_now_and_then_keep_their_places_while_there_is_room() {
    for quota in each(1) {
        let (limiter, clock) = still(quota, 64, Beyond::Refuse);
        for key in 0..32 {
            assert_eq!(limiter.check(&key), Ok(()));
            clock.advance(2 * SECOND);
        }
        assert_eq!((limiter.len(), limiter.key_stats().forgotten), (32, 0));
        for key in 32..1_000 {
            assert_eq!(limiter.check(&key), Ok(()));
            clock.advance(2 * SECOND);
        }
        assert!(limiter.len() <= 34, "{quota:?}: {} keys", limiter.len());
    }
}

#[test]
fn keys_are_counted_as_they_come_and_go_and_are_turned_away() {
    for beyond in [Beyond::Refuse, Beyond::Share, Beyond::Admit] {
        let (limiter, clock) = still(Quota::per_second(5), 2, beyond);
        let answers = [1, 2, 3, 3, 4].map(|key| limiter.check(&key).is_ok());
        let passes = beyond != Beyond::Refuse;
        assert_eq!(answers, [true, true, passes, passes, passes]);
        let stats = limiter.key_stats();
        assert_eq!((stats.known, stats.forgotten, stats.beyond), (2, 0, 3));
        let (admitted, refused) = if passes { (5, 0) } else { (2, 3) };
        let stats = limiter.stats();
        assert_eq!((stats.admitted, stats.refused), (admitted, refused));
        clock.advance(SECOND);
        assert_eq!(limiter.check(&3), Ok(()));
        limiter.purge();
        let stats = limiter.key_stats();
        assert_eq!((stats.known, stats.forgotten, stats.beyond), (1, 2, 3));
        assert_eq!(
            stats.to_string(),
            "1 keys known, 2 forgotten, 3 requests beyond them"
        );
    }
}

#[test]
fn requests_that_are_impossible_are_counted_apart_from_those_that_are_refused() {
    let (limiter, _clock) = still(Quota::per_second(3), 64, Beyond::Refuse);
    assert_eq!(limiter.check_n(&1, 2), Ok(()));
    assert!(limiter.check_n(&1, 2).is_err() && limiter.check_n(&1, 4).is_err());
    assert!(limiter.reserve_n(&2, 4, Deadline::NEVER).is_err());
    let stats = limiter.stats();
    assert_eq!((stats.admitted, stats.refused, stats.impossible), (2, 1, 2));
}
