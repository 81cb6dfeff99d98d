//! The keyed rate limiter: keys stand side by side, and idle ones make room.

use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, OnceLock, Weak};
use std::thread;
use std::time::Duration;

use steadfast::guards::rate_limit::{
    AcquireError, BackoffWindow, Beyond, CheckError, KeyedRateLimiter, RateLimitFault,
    RateLimiterConfig,
};
use steadfast::time::ManualClock;
use steadfast::{Child, Deadline, Quota, Restart};

use crate::support::{FAR, Journal, SECOND, config, timeless};

fn each(count: u32) -> [Quota; 3] {
    let quota = Quota::per_second(count);
    [quota, quota.fixed_window(), quota.sliding_window()]
}

fn still(quota: Quota, keys: usize) -> (KeyedRateLimiter<u64>, ManualClock) {
    still_beyond(quota, keys, Beyond::Refuse)
}

fn still_beyond(quota: Quota, keys: usize, beyond: Beyond) -> (KeyedRateLimiter<u64>, ManualClock) {
    let clock = ManualClock::new();
    let config = RateLimiterConfig::new(quota).clock(clock.clock());
    let config = config.max_keys(keys).beyond(beyond).statistics(true);
    (config.build_keyed().expect("valid"), clock)
}

/// How many checks of each of `keys` pass, by four threads that check each key `each` times and begin at once.
fn passed(limiter: &KeyedRateLimiter<u64>, keys: u64, each: u32) -> Vec<usize> {
    let start = Barrier::new(4);
    let counts: Vec<_> = (0..keys).map(|_| AtomicUsize::new(0)).collect();
    thread::scope(|scope| {
        for thread in 0..4 {
            let (start, counts) = (&start, &counts);
            scope.spawn(move || {
                start.wait();
                for step in 0..u64::from(each) * keys {
                    let key = (step + thread) % keys;
                    if limiter.check(&key).is_ok() {
                        // Relaxed: read after the threads are joined.
                        counts[key as usize].fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    counts.into_iter().map(AtomicUsize::into_inner).collect()
}

// property 40, S14
#[test]
fn each_key_has_the_whole_limit_and_no_more_under_contention() {
    for quota in each(10) {
        let (limiter, clock) = still(quota, 64);
        for _ in 0..20 {
            assert_eq!(passed(&limiter, 5, 15), [10; 5], "{quota:?}");
            clock.advance(SECOND);
        }
        let stats = limiter.stats();
        assert_eq!((stats.admitted, stats.refused), (1_000, 5_000));
    }
}

// property 40, property 43
#[test]
fn forgetting_idle_keys_beside_checks_lets_nothing_more_through() {
    for quota in each(10) {
        let (limiter, clock) = still(quota, 64);
        for _ in 0..50 {
            let is_over = AtomicUsize::new(0);
            thread::scope(|scope| {
                scope.spawn(|| {
                    while is_over.load(Ordering::Relaxed) == 0 {
                        limiter.purge();
                        thread::yield_now();
                    }
                });
                assert_eq!(passed(&limiter, 3, 8), [10; 3], "{quota:?}");
                is_over.store(1, Ordering::Relaxed);
            });
            clock.advance(SECOND);
        }
    }
}

// property 43
#[test]
fn a_key_is_forgotten_only_when_it_is_as_good_as_new() {
    for quota in each(2) {
        let (limiter, clock) = still(quota, 64);
        assert_eq!([limiter.check(&1), limiter.check(&2)], [Ok(()); 2]);
        assert_eq!((limiter.purge(), limiter.len()), (0, 2));
        assert_eq!(limiter.remaining(&1), 1, "{quota:?}");
        clock.advance(SECOND);
        assert_eq!((limiter.purge(), limiter.len()), (2, 0));
        assert_eq!((limiter.remaining(&1), limiter.is_empty()), (2, true));
    }
}

// property 43
#[test]
fn a_million_keys_that_come_and_go_stay_within_the_bound_without_a_thread() {
    let (limiter, clock) = still(Quota::per_second(10), 1_000);
    let keys = if cfg!(debug_assertions) {
        50_000
    } else {
        1_000_000
    };
    for key in 0..keys {
        assert_eq!(limiter.check(&key), Ok(()), "key {key}");
        assert!(limiter.len() <= 1_000);
        // One cell comes back in a tenth of a second: a thousand keys are never busy at once.
        clock.advance(Duration::from_micros(500));
    }
    assert!(limiter.len() < 600, "{} keys", limiter.len());
}

#[test]
fn a_key_beyond_the_bound_is_refused_until_another_is_idle() {
    for quota in each(1) {
        let (limiter, clock) = still(quota, 2);
        assert_eq!([limiter.check(&1), limiter.check(&2)], [Ok(()); 2]);
        let full = CheckError::TooManyKeys { keys: 2 };
        assert_eq!(limiter.check(&3), Err(full));
        assert!(matches!(limiter.check(&1), Err(CheckError::Refused(_))));
        let full = AcquireError::TooManyKeys { keys: 2 };
        assert_eq!(limiter.acquire(&3), Err(full));
        clock.advance(SECOND);
        assert_eq!([limiter.check(&3), limiter.check(&1)], [Ok(()); 2]);
        assert_eq!((limiter.len(), limiter.capacity()), (2, 2));
    }
}

#[test]
fn keys_beyond_the_bound_share_a_limit_where_that_was_chosen() {
    for quota in each(2) {
        let (limiter, _clock) = still_beyond(quota, 1, Beyond::Share);
        assert_eq!(limiter.check_n(&1, 2), Ok(()));
        assert_eq!([limiter.check(&2), limiter.check(&3)], [Ok(()); 2]);
        assert!(limiter.check(&2).is_err() && limiter.check(&4).is_err());
    }
}

#[test]
fn keys_beyond_the_bound_pass_where_that_was_chosen() {
    let (limiter, _clock) = still_beyond(Quota::per_second(1), 1, Beyond::Admit);
    assert_eq!(limiter.check(&1), Ok(()));
    assert!((2..100).all(|key| limiter.check(&key).is_ok() && limiter.check(&key).is_ok()));
    assert!(limiter.check(&1).is_err());
}

#[test]
fn keys_that_are_reconfigured_keep_what_was_taken() {
    let larger = each(20);
    for (quota, larger) in each(10).into_iter().zip(larger) {
        let (limiter, _clock) = still(quota, 64);
        for key in 0..20 {
            assert_eq!(limiter.check_n(&key, 1 + key as u32 % 10), Ok(()));
        }
        limiter.reconfigure(larger).expect("valid");
        for key in 0..20 {
            assert_eq!(limiter.remaining(&key), 19 - key as u32 % 10, "{quota:?}");
        }
        assert_eq!((limiter.quota(), limiter.remaining(&77)), (larger, 20));
        assert!(limiter.reconfigure(Quota::per_second(1).burst(0)).is_err());
    }
}

#[test]
fn a_key_that_is_reset_is_as_good_as_new_and_others_are_not() {
    for quota in each(1) {
        let (limiter, _clock) = still(quota, 64);
        assert_eq!([limiter.check(&1), limiter.check(&2)], [Ok(()); 2]);
        limiter.reset(&1);
        limiter.reset(&3);
        assert_eq!([1, 2, 3].map(|key| limiter.remaining(&key)), [1, 0, 1]);
        assert_eq!(limiter.len(), 2);
    }
}

#[test]
fn what_never_passes_for_a_key_is_told_apart() {
    let (limiter, _clock) = still(Quota::per_second(3), 64);
    let impossible = CheckError::Impossible { cells: 4, limit: 3 };
    assert_eq!(limiter.check_n(&1, 4), Err(impossible));
}

#[test]
fn no_cells_of_a_key_pass_always_and_make_no_key_known() {
    let (limiter, _clock) = still(Quota::per_second(1), 1);
    assert_eq!((limiter.check_n(&1, 0), limiter.len()), (Ok(()), 0));
    assert_eq!(limiter.check(&1), Ok(()));
    assert_eq!(
        (limiter.check_n(&1, 0), limiter.check_n(&2, 0)),
        (Ok(()), Ok(()))
    );
    assert!(limiter.reserve_n(&2, 0, Deadline::NEVER).is_ok());
    let (none, _clock) = still(Quota::per_second(0), 1);
    assert_eq!(none.check_n(&1, 0), Ok(()));
}

// S14
#[test]
fn a_quota_of_zero_is_impossible_for_all_and_for_a_key_and_counted_alike() {
    for quota in each(0) {
        let config = RateLimiterConfig::new(quota).statistics(true);
        let direct = config.clone().build().expect("valid");
        let keyed = config.build_keyed::<u8>().expect("valid");
        let impossible = CheckError::Impossible { cells: 1, limit: 0 };
        let answers = [direct.check_n(1), keyed.check_n(&1, 1), keyed.check(&1)];
        assert_eq!(answers, [Err(impossible); 3]);
        let waited = [direct.acquire(), keyed.acquire(&1)];
        assert_eq!(waited, [Err(impossible.into()); 2]);
        assert!(direct.check().is_err());
        let stats = direct.stats();
        assert_eq!((stats.refused, stats.impossible), (0, 3), "{quota:?}");
        assert_eq!(keyed.stats(), stats);
    }
}

#[test]
fn a_stop_ends_the_wait_for_a_key_and_gives_its_cell_back() {
    let (system, _recorder, clock) = timeless(config());
    let limiter = RateLimiterConfig::new(Quota::per_second(1)).clock(clock.clock());
    let limiter = std::sync::Arc::new(limiter.build_keyed::<String>().expect("valid"));
    assert_eq!(limiter.check_n("ann", 1), Ok(()));
    let (journal, shared) = (Journal::new(), limiter.clone());
    let notes = journal.clone();
    let child = Child::worker("caller", move |_| {
        notes.note("asks");
        notes.note(format!("{:?}", shared.acquire_timeout("ann", FAR)));
        Ok(())
    });
    let child = child.restart(Restart::Temporary);
    let worker = system.spawn(child).expect("started");
    journal.take(1);
    worker.terminate().expect("terminated");
    assert_eq!(journal.take(1), ["Err(Stopped)"]);
    clock.advance(SECOND);
    assert_eq!(limiter.check("ann"), Ok(()), "its cell was not given back");
}

#[test]
fn a_stop_ends_the_wait_for_a_shared_limit_and_gives_its_cell_back() {
    let (system, _recorder, clock) = timeless(config());
    let limiter = RateLimiterConfig::new(Quota::per_second(1)).clock(clock.clock());
    let limiter = limiter.max_keys(1).beyond(Beyond::Share).statistics(true);
    let limiter = Arc::new(limiter.build_keyed::<u64>().expect("valid"));
    assert_eq!([limiter.check(&1), limiter.check(&2)], [Ok(()); 2]);
    let (journal, shared) = (Journal::new(), limiter.clone());
    let notes = journal.clone();
    let child = Child::worker("caller", move |_| {
        notes.note("asks");
        notes.note(format!("{:?}", shared.acquire_timeout(&3, FAR)));
        Ok(())
    });
    let worker = system.spawn(child.restart(Restart::Temporary));
    let worker = worker.expect("started");
    journal.take(1);
    worker.terminate().expect("terminated");
    assert_eq!(journal.take(1), ["Err(Stopped)"]);
    clock.advance(SECOND);
    assert_eq!(limiter.check(&1), Ok(()));
    assert_eq!(limiter.check(&4), Ok(()), "its cell was not given back");
    assert_eq!(limiter.stats().admitted, 4);
}

#[test]
fn what_was_taken_is_kept_over_more_than_one_reconfiguration() {
    for ((quota, smaller), larger) in each(10).into_iter().zip(each(5)).zip(each(20)) {
        let (limiter, _clock) = still_beyond(quota, 1, Beyond::Share);
        let taken = [limiter.check_n(&1, 3), limiter.check_n(&2, 4)];
        assert_eq!(taken, [Ok(()); 2]);
        for next in [smaller, larger] {
            limiter.reconfigure(next).expect("valid");
        }
        assert_eq!(limiter.remaining(&1), 17, "{quota:?}");
        assert!(limiter.check_n(&3, 17).is_err(), "{quota:?}");
        assert_eq!(limiter.check_n(&3, 16), Ok(()), "{quota:?}");
    }
}

/// Panics when a copy of it is dropped.
struct Touchy(u64, bool, Arc<AtomicUsize>);

impl Clone for Touchy {
    fn clone(&self) -> Self {
        Self(self.0, true, Arc::clone(&self.2))
    }
}

impl Drop for Touchy {
    fn drop(&mut self) {
        if self.1 {
            self.2.fetch_add(1, Ordering::Relaxed);
            std::panic::resume_unwind(Box::new("in drop"));
        }
    }
}

impl PartialEq for Touchy {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Touchy {}

impl std::hash::Hash for Touchy {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

#[test]
fn a_key_whose_drop_panics_hurts_nobody_and_keeps_no_other_from_its_own() {
    let clock = ManualClock::new();
    let config = RateLimiterConfig::new(Quota::per_second(1)).clock(clock.clock());
    let limiter = config.build_keyed::<Touchy>().expect("valid");
    let dropped = Arc::new(AtomicUsize::new(0));
    let key = |number| Touchy(number, false, Arc::clone(&dropped));
    assert!((0..5).all(|number| limiter.check(&key(number)).is_ok()));
    clock.advance(SECOND);
    assert_eq!((limiter.purge(), limiter.len()), (5, 0));
    assert_eq!(dropped.load(Ordering::Relaxed), 5);
}

#[test]
fn a_key_whose_drop_panics_keeps_no_other_from_its_own_when_the_limiter_ends() {
    let limiter = KeyedRateLimiter::<Touchy>::new(Quota::per_hour(1)).expect("valid");
    let dropped = Arc::new(AtomicUsize::new(0));
    let key = |number| Touchy(number, false, Arc::clone(&dropped));
    assert!((0..10).all(|number| limiter.check(&key(number)).is_ok()));
    drop(limiter);
    assert_eq!(dropped.load(Ordering::Relaxed), 10);
}

/// Is never equal, not even to itself.
#[derive(Clone)]
struct Odd;

impl PartialEq for Odd {
    fn eq(&self, _: &Self) -> bool {
        false
    }
}

impl Eq for Odd {}

impl std::hash::Hash for Odd {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

#[test]
fn a_key_that_is_not_equal_to_itself_is_answered_as_a_new_one_each_time() {
    let config = RateLimiterConfig::new(Quota::per_hour(1)).max_keys(2);
    let limiter = config.build_keyed::<Odd>().expect("valid");
    assert_eq!([limiter.check(&Odd), limiter.check(&Odd)], [Ok(()); 2]);
    let full = CheckError::TooManyKeys { keys: 2 };
    assert_eq!(limiter.check(&Odd), Err(full));
    let window = BackoffWindow::<Odd>::new();
    assert_eq!(window.set(&Odd, SECOND), Ok(()));
    assert_eq!((window.len(), window.remaining(&Odd)), (1, None));
}

/// Uses its limiter when it is dropped.
#[derive(Clone)]
struct Nosy(u64, Arc<OnceLock<Weak<KeyedRateLimiter<Self>>>>);

impl Drop for Nosy {
    fn drop(&mut self) {
        let limiter = self.1.get().and_then(Weak::upgrade);
        assert!(limiter.is_none_or(|limiter| limiter.len() == 1));
    }
}

impl PartialEq for Nosy {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Nosy {}

impl std::hash::Hash for Nosy {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

#[test]
fn a_key_that_is_turned_away_is_not_dropped_under_the_lock() {
    let config = RateLimiterConfig::new(Quota::per_hour(1)).max_keys(1);
    let limiter = Arc::new(config.build_keyed::<Nosy>().expect("valid"));
    let shared = Arc::new(OnceLock::new());
    let [one, other] = [1, 2].map(|number| Nosy(number, Arc::clone(&shared)));
    assert_eq!(limiter.check(&one), Ok(()));
    assert!(shared.set(Arc::downgrade(&limiter)).is_ok());
    let full = CheckError::TooManyKeys { keys: 1 };
    assert_eq!(limiter.check(&other), Err(full));
}

/// All keys have one hash.
#[derive(Default)]
struct Same;

impl Hasher for Same {
    fn finish(&self) -> u64 {
        7
    }

    fn write(&mut self, _: &[u8]) {}
}

#[test]
fn keys_of_one_hash_are_told_apart() {
    let config = RateLimiterConfig::new(Quota::per_hour(1)).max_keys(200);
    let hasher = BuildHasherDefault::<Same>::default();
    let limiter = config.build_keyed_with(hasher).expect("valid");
    assert!((0..200_u64).all(|key| limiter.check(&key).is_ok()));
    assert!((0..200_u64).all(|key| limiter.check(&key).is_err()));
}

#[test]
fn all_faults_of_a_keyed_limiter_are_listed_at_once() {
    let config = RateLimiterConfig::new(Quota::per(1, Duration::ZERO)).max_keys(0);
    let error = config.name("").build_keyed::<u8>().expect_err("invalid");
    let faults = [
        RateLimitFault::ZeroPeriod,
        RateLimitFault::NoKeys,
        RateLimitFault::EmptyName,
    ];
    assert_eq!(error.faults(), faults);
    assert_eq!(
        error.to_string(),
        "invalid rate limit: per(.., 0s): the period is zero; max_keys(0): there is no place for a key; \
         name(\"\"): the name is empty"
    );
    let keys = RateLimiterConfig::MAX_KEYS + 1;
    let config = RateLimiterConfig::new(Quota::per_second(1)).max_keys(keys);
    let error = config.build_keyed::<u8>().expect_err("invalid");
    assert_eq!(error.faults(), [RateLimitFault::TooManyKeys { keys }]);
}
