//! Taking entries out, and who hears of it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use steadfast::Cache;
use steadfast::guards::cache::{CacheConfig, EntryOptions, RemovalCause};
use steadfast::telemetry::{Filter, Recorder, Telemetry};
use steadfast::time::ManualClock;

use crate::support::SECOND;

#[test]
fn a_removal_says_whether_the_key_was_there() {
    let cache = Cache::new(10).expect("valid");
    cache.insert(1, 1).expect("room");
    assert!(cache.remove(&1) && !cache.remove(&1));
    assert_eq!(
        (cache.get(&1), cache.len(), cache.stats().removals),
        (None, 0, 1)
    );
}

// property 28
#[test]
fn a_conditional_removal_takes_only_the_value_that_it_was_asked_about() {
    let cache = Cache::new(10).expect("valid");
    cache.insert(1, 1).expect("room");
    assert!(!cache.remove_if(&1, |value| *value == 2));
    let removed = cache.remove_if(&1, |value| {
        if *value == 1 {
            cache.insert(1, 2).expect("room");
        }
        *value == 1
    });
    assert!(!removed, "the value that it said yes to was gone");
    assert_eq!(cache.get(&1), Some(2));
}

#[test]
fn lanes_of_removed_entries_are_used_again() {
    let cache = Cache::new(16).expect("valid");
    for key in 0..100_000_u64 {
        cache.insert(key, key).expect("room");
        assert_eq!(cache.get(&key), Some(key));
        assert!(cache.remove(&key));
    }
    assert_eq!((cache.len(), cache.stats().evictions), (0, 0));
}

type Heard = Arc<Mutex<Vec<(u64, u64, RemovalCause)>>>;

fn listened(capacity: u64, manual: &ManualClock) -> (Cache<u64, u64>, Heard) {
    let heard = Heard::default();
    let notes = Arc::clone(&heard);
    let config = CacheConfig::new(capacity).clock(manual.clock()).groups(2);
    let config = config.listener(move |key, value, cause| {
        notes.lock().expect("no panic").push((*key, *value, cause));
    });
    (config.build().expect("valid"), heard)
}

#[test]
fn the_listener_hears_of_each_entry_once_and_why_it_went() {
    let manual = ManualClock::new();
    let (cache, heard) = listened(2, &manual);
    let take = || std::mem::take(&mut *heard.lock().expect("no panic"));
    cache.insert(1, 1).expect("room");
    cache.insert(1, 2).expect("room");
    assert_eq!(take(), [(1, 1, RemovalCause::Replaced)]);
    cache.remove(&1);
    assert_eq!(take(), [(1, 2, RemovalCause::Removed)]);
    for key in 3..6 {
        cache.insert(key, key).expect("room");
    }
    let causes: Vec<_> = take().iter().map(|(_, _, cause)| *cause).collect();
    assert_eq!(causes, [RemovalCause::Evicted]);
    assert_eq!(cache.stats().evictions, 1);
    cache.invalidate_all();
    assert_eq!((take().len(), cache.purge(), take().len()), (0, 2, 2));
    cache.insert_with_ttl(7, 7, SECOND).expect("room");
    manual.advance(SECOND);
    assert_eq!((cache.get(&7), take().len()), (None, 0), "not by a reader");
    cache.purge();
    assert_eq!(take(), [(7, 7, RemovalCause::Expired)]);
}

#[test]
fn the_listener_hears_of_what_a_reader_kept_when_somebody_writes_after_it() {
    let (cache, heard) = listened(10, &ManualClock::new());
    cache.insert(1, 1).expect("room");
    cache.get_with(&1, |_| cache.insert(1, 2).expect("room"));
    assert!(heard.lock().expect("no panic").is_empty(), "it was kept");
    cache.insert(3, 3).expect("room");
    let heard = heard.lock().expect("no panic").clone();
    assert_eq!(heard, [(1, 1, RemovalCause::Replaced)]);
}

#[test]
fn the_listener_may_use_the_cache() {
    let slot: Arc<Mutex<Option<Cache<u64, u64>>>> = Arc::default();
    let inside = Arc::clone(&slot);
    let config = CacheConfig::new(10).listener(move |key: &u64, _: &u64, _| {
        let cache = inside.lock().expect("no panic").clone();
        if *key < 5 {
            cache.expect("set").insert(key + 5, 0).expect("room");
        }
    });
    let cache = config.build().expect("valid");
    *slot.lock().expect("no panic") = Some(cache.clone());
    cache.insert(1, 1).expect("room");
    assert!(cache.remove(&1));
    assert_eq!((cache.get(&6), cache.len()), (Some(0), 1));
    slot.lock().expect("no panic").take();
}

#[test]
fn an_invalidation_of_all_empties_the_cache_at_once() {
    let cache = Cache::new(100).expect("valid");
    (0..3).for_each(|key| cache.insert(key, key).expect("room"));
    assert_eq!(cache.len(), 3);
    cache.invalidate_all();
    assert_eq!((cache.len(), cache.get(&1)), (0, None));
    cache.insert(1, 9).expect("room");
    assert_eq!((cache.len(), cache.get(&1)), (1, Some(9)));
    assert_eq!(cache.purge(), 2, "one was met by the look-up");
    assert_eq!(cache.weighted_size(), 1);
}

#[test]
fn a_group_is_invalidated_on_its_own() {
    let manual = ManualClock::new();
    let (cache, _) = listened(10, &manual);
    for key in 0..4 {
        let options = EntryOptions::new().group(key as usize % 2);
        cache.insert_with(key, key, options).expect("room");
    }
    cache.insert(4, 4).expect("room");
    assert!(cache.invalidate_group(1) && !cache.invalidate_group(2));
    let left: Vec<_> = (0..5).filter(|key| cache.get(key).is_some()).collect();
    assert_eq!(left, [0, 2, 4]);
}

struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn every_value_is_dropped_exactly_once() {
    let dropped = Arc::new(AtomicUsize::new(0));
    let value = || Counted(Arc::clone(&dropped));
    let cache = Cache::new(8).expect("valid");
    for key in 0..100_u64 {
        cache.insert(key % 20, value()).expect("room");
        if key % 7 == 0 {
            cache.remove(&(key % 20));
        }
    }
    cache.invalidate_all();
    cache.insert(1, value()).expect("room");
    drop(cache);
    assert_eq!(dropped.load(Ordering::Relaxed), 101);
}

#[test]
fn a_removed_value_is_dropped_when_the_removal_returns() {
    let dropped = Arc::new(AtomicUsize::new(0));
    let cache = Cache::new(8).expect("valid");
    cache
        .insert(1, Counted(Arc::clone(&dropped)))
        .expect("room");
    cache.remove(&1);
    assert_eq!(dropped.load(Ordering::Relaxed), 1);
}

#[test]
fn who_only_looks_drops_nothing_not_even_what_has_expired() {
    let manual = ManualClock::new();
    let dropped = Arc::new(AtomicUsize::new(0));
    let value = || Counted(Arc::clone(&dropped));
    let cache = CacheConfig::new(100).clock(manual.clock()).build();
    let cache = cache.expect("valid");
    cache.insert(1, value()).expect("room");
    cache.insert(1, value()).expect("room");
    cache.insert_with_ttl(2, value(), SECOND).expect("room");
    manual.advance(SECOND);
    assert!(cache.get_with(&2, |_| ()).is_none() && !cache.contains_key(&2));
    cache.for_each(|_, _| {});
    assert_eq!((dropped.load(Ordering::Relaxed), cache.len()), (0, 1));
    cache.purge();
    assert_eq!(dropped.load(Ordering::Relaxed), 2);
}

#[test]
fn a_reader_that_stalls_keeps_its_own_entry_and_no_other() {
    let dropped = Arc::new(AtomicUsize::new(0));
    let value = || Counted(Arc::clone(&dropped));
    let cache = Cache::new(8).expect("valid");
    cache.insert(0, value()).expect("room");
    cache.get_with(&0, |_| {
        for round in 0..1000 {
            cache.insert(round % 4, value()).expect("room");
        }
        cache.purge();
        let alive = 1001 - dropped.load(Ordering::Relaxed);
        assert_eq!(alive, 4 + 1, "four in the cache, one that is looked at");
    });
    cache.purge();
    assert_eq!(1001 - dropped.load(Ordering::Relaxed), 4);
}

#[test]
fn what_waits_to_be_dropped_is_bounded_by_its_weight() {
    for (capacity, weight, most) in [(1, 1, 3), (1000, 100, 13), (1 << 20, 1 << 14, 80)] {
        let dropped = Arc::new(AtomicUsize::new(0));
        let config = CacheConfig::new(capacity).expected_entries(10);
        let cache = config.weigher(move |_, _| weight).build().expect("valid");
        for key in 0..1000 {
            cache
                .insert(key, Counted(Arc::clone(&dropped)))
                .expect("room");
            let alive = 1 + key as usize - dropped.load(Ordering::Relaxed);
            assert!(alive <= most, "{alive} of {weight} each");
        }
    }
}

#[test]
fn an_eviction_is_told_at_once() {
    let telemetry = Telemetry::new();
    let recorder = Recorder::attach(&telemetry, Filter::All);
    let cache = CacheConfig::new(100).telemetry(telemetry);
    let cache = cache.build().expect("valid");
    for key in 0..150_u64 {
        cache.insert(key, key).expect("room");
        let told = recorder
            .events()
            .iter()
            .filter(|it| it.name() == "cache.evicted")
            .count();
        assert_eq!(told as u64, cache.stats().evictions);
    }
    assert_eq!(cache.stats().evictions, 50);
}
