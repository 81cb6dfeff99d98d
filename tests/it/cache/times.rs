//! Times to live, and what is over.

use std::time::Duration;

use steadfast::guards::cache::{CacheConfig, EntryOptions};
use steadfast::time::ManualClock;
use steadfast::{Cache, Clock};

use crate::support::SECOND;

const NS: Duration = Duration::from_nanos(1);

fn timed(
    set: impl FnOnce(CacheConfig<u64, u64>) -> CacheConfig<u64, u64>,
) -> (Cache<u64, u64>, ManualClock) {
    let manual = ManualClock::new();
    let config = set(CacheConfig::new(100).clock(manual.clock()));
    (config.build().expect("valid"), manual)
}

// property 26
#[test]
fn an_entry_is_returned_up_to_its_edge_and_never_from_there_on() {
    let (cache, manual) = timed(|config| config.ttl(SECOND));
    cache.insert(1, 1).expect("room");
    manual.advance(SECOND - NS);
    assert_eq!(cache.get(&1), Some(1));
    manual.advance(NS);
    assert_eq!(
        (cache.get(&1), cache.peek(&1), cache.len()),
        (None, None, 0)
    );
    assert_eq!(cache.stats().expirations, 1);
}

#[test]
fn a_newer_value_lives_its_own_time() {
    let (cache, manual) = timed(|config| config.ttl(SECOND));
    cache.insert(1, 1).expect("room");
    manual.advance(SECOND / 2);
    cache.insert(1, 2).expect("room");
    manual.advance(SECOND - NS);
    assert_eq!(cache.get(&1), Some(2));
    manual.advance(NS);
    assert_eq!(cache.get(&1), None);
}

#[test]
fn an_entry_may_have_a_time_of_its_own() {
    let (cache, manual) = timed(|config| config.ttl(SECOND));
    cache.insert_with_ttl(1, 1, 2 * SECOND).expect("room");
    cache.insert_with_ttl(2, 2, SECOND / 2).expect("room");
    let for_ever = EntryOptions::new().ttl(Duration::MAX);
    cache.insert_with(3, 3, for_ever).expect("room");
    manual.advance(SECOND);
    assert_eq!(
        [1, 2, 3].map(|key| cache.get(&key)),
        [Some(1), None, Some(3)]
    );
    manual.advance(Duration::MAX);
    assert_eq!([1, 2, 3].map(|key| cache.get(&key)), [None, None, Some(3)]);
}

#[test]
fn a_negative_entry_has_a_shorter_life_by_its_value() {
    let manual = ManualClock::new();
    let config = CacheConfig::new(10).ttl(SECOND).clock(manual.clock());
    let config = config.ttl_of(|_, found: &Option<u64>| found.is_none().then_some(SECOND / 4));
    let cache = config.build().expect("valid");
    cache.insert(1, Some(1)).expect("room");
    cache.insert(2, None).expect("room");
    assert_eq!(cache.get(&2), Some(None), "known not to be there");
    manual.advance(SECOND / 4);
    assert_eq!((cache.get(&1), cache.get(&2)), (Some(Some(1)), None));
}

#[test]
fn an_entry_that_is_given_its_own_time_is_not_asked_for_another() {
    let manual = ManualClock::new();
    let config = CacheConfig::new(10).clock(manual.clock());
    let config = config.ttl_of(|_: &u64, _: &u64| Some(SECOND));
    let cache = config.build().expect("valid");
    cache.insert(1, 1).expect("room");
    cache.insert_with_ttl(2, 2, 2 * SECOND).expect("room");
    manual.advance(SECOND);
    assert_eq!((cache.get(&1), cache.get(&2)), (None, Some(2)));
}

#[test]
fn an_idle_entry_expires_and_a_used_one_does_not() {
    let (cache, manual) = timed(|config| config.time_to_idle(16 * SECOND));
    cache.insert(1, 1).expect("room");
    cache.insert(2, 2).expect("room");
    for _ in 0..4 {
        manual.advance(8 * SECOND);
        assert_eq!(cache.get(&1), Some(1));
        assert!(
            cache.peek(&2).is_none_or(|value| value == 2),
            "a peek is no use"
        );
    }
    assert_eq!(cache.get(&2), None);
    manual.advance(16 * SECOND);
    assert_eq!(cache.get(&1), None);
}

#[test]
fn use_does_not_prolong_a_life_beyond_its_end() {
    let (cache, manual) = timed(|config| config.ttl(10 * SECOND).time_to_idle(3 * SECOND));
    cache.insert(1, 1).expect("room");
    for _ in 0..9 {
        manual.advance(SECOND);
        assert_eq!(cache.get(&1), Some(1));
    }
    manual.advance(SECOND);
    assert_eq!(cache.get(&1), None);
}

#[test]
fn a_stale_value_is_for_who_asks_for_it_and_only_for_its_grace() {
    let (cache, manual) = timed(|config| config.ttl(SECOND).grace(SECOND));
    cache.insert(1, 1).expect("room");
    assert_eq!(cache.get_stale(&1), Some(1));
    manual.advance(SECOND);
    assert_eq!((cache.get(&1), cache.get_stale(&1)), (None, Some(1)));
    assert!(cache.peek(&1).is_none() && !cache.contains_key(&1));
    assert_eq!(cache.purge(), 0, "it is kept for its grace");
    manual.advance(SECOND);
    assert_eq!((cache.get_stale(&1), cache.purge()), (None, 1));
    cache.insert(1, 2).expect("room");
    cache.invalidate_all();
    assert_eq!(cache.get_stale(&1), None, "what is invalid is not stale");
}

#[test]
fn what_has_expired_makes_room_before_anything_else() {
    let manual = ManualClock::new();
    let cache = CacheConfig::new(3).clock(manual.clock()).build();
    let cache = cache.expect("valid");
    cache.insert_with_ttl(1, 1, SECOND).expect("room");
    cache.insert(2, 2).expect("room");
    cache.insert(3, 3).expect("room");
    manual.advance(SECOND);
    cache.insert(4, 4).expect("room");
    assert_eq!(
        [1, 2, 3, 4].map(|key| cache.get(&key)),
        [None, Some(2), Some(3), Some(4)]
    );
    assert_eq!((cache.stats().evictions, cache.stats().expirations), (0, 1));
}

#[test]
fn a_purge_takes_out_exactly_what_is_over() {
    let (cache, manual) = timed(|config| config);
    for key in 0..3 {
        cache
            .insert_with_ttl(key, key, SECOND * (1 + key as u32))
            .expect("room");
    }
    manual.advance(2 * SECOND);
    assert_eq!((cache.purge(), cache.purge(), cache.len()), (2, 0, 1));
}

#[test]
fn the_default_clock_needs_no_turning() {
    for clock in [None, Some(Clock::system()), Some(Clock::coarse())] {
        let mut config = CacheConfig::new(10).ttl(100 * SECOND);
        config = clock.map_or(config.clone(), |clock| config.clock(clock));
        let cache = config.build().expect("valid");
        cache.insert(1, 1).expect("room");
        assert_eq!(cache.get(&1), Some(1));
    }
}

#[test]
fn an_entry_of_a_few_milliseconds_is_seen_while_it_lives() {
    let cache = Cache::new(10).expect("valid");
    let seen = (0..1000_u64).filter(|key| {
        let ttl = Clock::coarse().resolution();
        cache.insert_with_ttl(*key, *key, ttl).expect("room");
        cache.get(key).is_some()
    });
    assert!(
        seen.count() > 0,
        "a busy machine may be slow, but not always"
    );
}
