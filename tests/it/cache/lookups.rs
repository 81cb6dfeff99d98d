//! Looking things up, and what is counted.

use std::sync::Arc;

use steadfast::Cache;
use steadfast::guards::cache::{CacheConfig, CacheStats};
use steadfast::telemetry::{Filter, Recorder, Telemetry};
use steadfast::time::ManualClock;

use crate::support::SECOND;

#[test]
fn what_was_inserted_is_found_and_what_was_not_is_not() {
    let cache = Cache::new(100).expect("valid");
    for key in 0..100_u64 {
        cache.insert(key, key * 2).expect("room");
    }
    assert!((0..100).all(|key| cache.get(&key) == Some(key * 2)));
    assert!((100..200).all(|key| cache.get(&key).is_none()));
    assert_eq!(
        (cache.len(), cache.capacity(), cache.weighted_size()),
        (100, 100, 100)
    );
}

#[test]
fn a_second_insert_replaces_the_value_and_makes_no_second_entry() {
    let cache = Cache::new(10).expect("valid");
    cache.insert("a".to_owned(), 1).expect("room");
    cache.insert("a".to_owned(), 2).expect("room");
    assert_eq!((cache.get("a"), cache.len()), (Some(2), 1));
    assert_eq!((cache.stats().inserts, cache.stats().updates), (1, 1));
}

#[test]
fn a_look_in_place_may_use_the_cache_itself() {
    let cache = Cache::new(10).expect("valid");
    cache.insert(1, Arc::new(10)).expect("room");
    let sum = cache.get_with(&1, |value| {
        cache.insert(2, Arc::new(20)).expect("room");
        cache.insert(1, Arc::new(30)).expect("room");
        assert!(cache.remove(&1));
        **value + cache.get_with(&2, |other| **other).expect("inserted")
    });
    assert_eq!((sum, cache.get(&1)), (Some(30), None));
}

#[test]
fn a_peek_leaves_no_trace() {
    let cache = CacheConfig::new(10)
        .statistics(true)
        .build()
        .expect("valid");
    cache.insert(1, 1).expect("room");
    assert_eq!((cache.peek(&1), cache.peek(&2)), (Some(1), None));
    assert!(cache.contains_key(&1) && !cache.contains_key(&2));
    assert_eq!((cache.stats().hits, cache.stats().misses()), (0, 0));
}

fn hits_and_misses(stats: &CacheStats) -> [u64; 4] {
    [
        stats.hits,
        stats.misses_absent,
        stats.misses_expired,
        stats.misses_invalidated,
    ]
}

// property 27
#[test]
fn hits_and_misses_are_all_look_ups_and_each_miss_has_one_reason() {
    let manual = ManualClock::new();
    let config = CacheConfig::new(10).ttl(SECOND).clock(manual.clock());
    let cache = config.statistics(true).build().expect("valid");
    for key in 0..3 {
        cache.insert(key, key).expect("room");
    }
    let found = (0..8).filter(|key| cache.get(&(key % 4)).is_some()).count();
    assert_eq!((found, hits_and_misses(&cache.stats())), (6, [6, 2, 0, 0]));
    manual.advance(SECOND);
    assert_eq!((cache.get(&0), cache.get(&0)), (None, None));
    assert_eq!(
        hits_and_misses(&cache.stats()),
        [6, 3, 1, 0],
        "expired once, then absent"
    );
    cache.insert(5, 5).expect("room");
    cache.invalidate_all();
    assert_eq!(cache.get(&5), None);
    assert_eq!(hits_and_misses(&cache.stats()), [6, 3, 1, 1]);
    assert!((cache.stats().hit_ratio() - 6.0 / 11.0).abs() < 1e-9);
}

// property 27
#[test]
fn the_events_of_look_ups_agree_with_their_results() {
    let telemetry = Telemetry::new();
    let recorder = Recorder::attach(&telemetry, Filter::All);
    let config = CacheConfig::new(10).name("pages").telemetry(telemetry);
    let cache = config.build().expect("valid");
    cache.insert(1, 1).expect("room");
    let results = [1, 2, 1].map(|key| cache.get(&key).is_some());
    assert_eq!(results, [true, false, true]);
    let names: Vec<_> = recorder.events().iter().map(|event| event.name()).collect();
    assert_eq!(names, ["cache.hit", "cache.missed", "cache.hit"]);
    assert_eq!(recorder.events()[1].text("why").as_deref(), Some("absent"));
    assert_eq!(recorder.events()[0].text("name").as_deref(), Some("pages"));
}

#[test]
fn clones_are_the_same_cache() {
    let cache = Cache::new(10).expect("valid");
    let other = cache.clone();
    cache.insert(1, 1).expect("room");
    assert_eq!(other.get(&1), Some(1));
    assert!(format!("{other:?}").contains("weighted_size: 1"));
}
