//! What allocates nothing once it runs: a hit, an insert into a cache that is full, a check, an admission.
//!
//! A binary of its own, because it counts what the allocator does.

use std::time::Duration;

use allocation_counter::measure;
use steadfast::guards::breaker::{BreakerConfig, CallError, Trip};
use steadfast::guards::cache::CacheConfig;
use steadfast::guards::rate_limit::{KeyedRateLimiter, Quota, RateLimiter};
use steadfast::{Cache, CircuitBreaker};

const TIMES: u64 = 1_000;

/// Allocations of many calls, after a few that set things up.
fn allocations(mut call: impl FnMut(u64)) -> u64 {
    (0..TIMES).for_each(&mut call);
    measure(|| (0..TIMES).for_each(&mut call)).count_total
}

#[test]
fn the_counter_sees_an_allocation() {
    let seen = allocations(|number| drop(std::hint::black_box(Box::new(number))));
    assert_eq!(seen, TIMES);
}

#[test]
fn a_look_up_allocates_nothing_whether_it_hits_or_misses() {
    let day = Duration::from_secs(86_400);
    let config = CacheConfig::new(10_000).ttl(day).time_to_idle(day);
    let timed = config.statistics(true).build().expect("valid");
    for cache in [timed, Cache::new(10_000).expect("valid")] {
        (0..500).for_each(|key| cache.insert(key, key).expect("room"));
        let seen = allocations(|key| {
            let (there, absent) = (key % 500, 1_000 + key);
            assert_eq!(cache.get(&there), Some(there));
            assert_eq!(cache.get_with(&there, |value| *value), Some(there));
            assert_eq!(
                cache.get_or_insert_with(there, || unreachable!()),
                Ok(there)
            );
            assert!(cache.peek(&there).is_some() && cache.get(&absent).is_none());
        });
        assert_eq!(seen, 0);
    }
}

#[test]
fn an_entry_that_takes_the_place_of_another_takes_its_memory_too() {
    let cache = Cache::new(100).expect("valid");
    // Queues and shelves are as large as they get.
    (0..10_000).for_each(|key| cache.insert(key, key).expect("room"));
    let seen = allocations(|number| {
        cache.insert(20_000 + number, number).expect("room");
        cache.insert(20_000 + number, number + 1).expect("room");
        let loaded = cache.get_or_insert_with(30_000 + number, || number);
        assert_eq!(loaded, Ok(number));
    });
    assert_eq!(seen, 0);
}

#[test]
fn a_check_allocates_nothing_whether_it_passes_or_is_refused() {
    // Slow enough that a key is not as good as new, and forgotten, while others are added.
    let quota = Quota::per_hour(10_000);
    let few = Quota::per_hour(1);
    for (quota, passes) in [
        (quota, true),
        (quota.fixed_window(), true),
        (few, false),
        (few.fixed_window(), false),
        (few.sliding_window(), false),
    ] {
        let limiter = RateLimiter::new(quota).expect("valid");
        let keyed = KeyedRateLimiter::new(quota).expect("valid");
        let seen = allocations(|number| {
            let key = number % 10;
            let passed = [limiter.check().is_ok(), keyed.check(&key).is_ok()];
            // The first calls of a key pass in any case.
            assert!(!passes || passed == [true; 2]);
        });
        assert_eq!(seen, 0, "{quota:?}");
    }
}

#[test]
fn an_admission_allocates_nothing_whether_it_is_given_or_refused() {
    let trips = [
        Trip::consecutive(3),
        Trip::count_window(100),
        Trip::time_window(Duration::from_secs(60)),
    ];
    for trip in trips {
        let breaker = CircuitBreaker::new(trip).expect("valid");
        let seen = allocations(|_| {
            assert_eq!(breaker.call(|| Ok::<_, ()>(1)), Ok(1));
            breaker.admit().expect("closed").success();
        });
        assert_eq!(seen, 0, "{trip:?}");
        breaker.open();
        let refused = |_| {
            let answer = breaker.call(|| Ok::<_, ()>(1));
            assert!(matches!(answer, Err(CallError::Open(_))));
        };
        assert_eq!(allocations(refused), 0, "{trip:?}");
    }
    let slow = BreakerConfig::new(Trip::count_window(100).slow_rate(0.5));
    let slow = slow.slow_after(Duration::from_secs(60));
    let slow = slow.build().expect("valid");
    let call = |_| assert_eq!(slow.call(|| Ok::<_, ()>(1)), Ok(1));
    assert_eq!(allocations(call), 0);
}
