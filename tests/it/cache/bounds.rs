//! The capacity, and who goes for whom.

use std::sync::Barrier;
use std::thread;

use steadfast::Cache;
use steadfast::guards::cache::{CacheConfig, EntryOptions, InsertRefusal};
use steadfast::time::ManualClock;

use crate::support::SECOND;

// property 29
#[test]
fn a_small_cache_keeps_as_many_as_it_may_and_no_more() {
    for capacity in [1, 2, 3, 10, 16, 100, 500] {
        let cache = Cache::new(capacity).expect("valid");
        for key in 0..2 * capacity {
            cache.insert(key, key).expect("room");
            assert!(cache.len() as u64 <= capacity);
        }
        let found = (0..2 * capacity)
            .filter(|key| cache.get(key).is_some())
            .count();
        assert_eq!((found as u64, cache.len() as u64), (capacity, capacity));
        assert_eq!(cache.stats().evictions, capacity);
    }
}

#[test]
fn of_equals_the_first_goes_first() {
    let cache = Cache::new(2).expect("valid");
    for key in 1..=3 {
        cache.insert(key, key).expect("room");
    }
    assert_eq!(
        [1, 2, 3].map(|key| cache.contains_key(&key)),
        [false, true, true]
    );
}

#[test]
fn a_value_that_was_used_passes_its_warmth_on_to_the_newer_one() {
    let cache = Cache::new(10).expect("valid");
    (1..=10).for_each(|key| cache.insert(key, key).expect("room"));
    assert_eq!(cache.get(&1), Some(1));
    for (key, value) in [(1, 100), (11, 11)] {
        cache.insert(key, value).expect("room");
    }
    assert_eq!((cache.peek(&1), cache.peek(&2)), (Some(100), None));
}

// property 29
#[test]
fn the_capacity_is_never_exceeded_by_threads_that_insert_at_once() {
    const EACH: u64 = 20_000;
    let cache = CacheConfig::new(64).build().expect("valid");
    let start = Barrier::new(5);
    thread::scope(|scope| {
        for number in 0..4_u64 {
            let (cache, start) = (&cache, &start);
            scope.spawn(move || {
                start.wait();
                for key in 0..EACH {
                    let key = (key * (number + 1)) % 200;
                    cache.insert(key, key).expect("room");
                    if key % 16 == 0 {
                        cache.remove(&key);
                    }
                }
            });
        }
        start.wait();
        for _ in 0..EACH {
            assert!(cache.weighted_size() <= 64 && cache.len() <= 64);
        }
    });
    let stats = cache.stats();
    let gone = stats.evictions + stats.removals;
    assert_eq!(
        stats.inserts - gone,
        cache.len() as u64,
        "every entry is accounted for"
    );
    assert_eq!(stats.inserts + stats.updates, 4 * EACH);
    assert!(stats.evictions > 0 && stats.updates > 0, "no contention");
}

#[test]
fn entries_are_weighed() {
    let config = CacheConfig::new(100).weigher(|_: &u64, value: &u32| *value);
    let cache = config.build().expect("valid");
    for key in 0..30 {
        cache.insert(key, 10).expect("room");
        assert!(cache.weighted_size() <= 100);
    }
    assert_eq!((cache.len(), cache.weighted_size()), (10, 100));
    cache.insert(100, 95).expect("room");
    assert!(cache.contains_key(&100) && cache.weighted_size() <= 100);
}

#[test]
fn a_replacement_that_is_heavier_makes_room() {
    let config = CacheConfig::new(100).weigher(|_: &u64, value: &u32| *value);
    let cache = config.build().expect("valid");
    for key in 0..10 {
        cache.insert(key, 10).expect("room");
    }
    cache.insert(9, 60).expect("room");
    assert_eq!(cache.get(&9), Some(60));
    assert_eq!(cache.weighted_size(), cache.len() as u64 * 10 + 50);
    cache.insert(9, 1).expect("room");
    assert_eq!(cache.weighted_size(), cache.len() as u64 * 10 - 9);
}

#[test]
fn an_entry_that_can_not_fit_is_given_back_and_disturbs_nobody() {
    let config = CacheConfig::new(100).weigher(|_: &u64, value: &u32| *value);
    let cache = config.build().expect("valid");
    (0..10).for_each(|key| cache.insert(key, 10).expect("room"));
    for key in [3, 77] {
        let error = cache.insert(key, 101).unwrap_err();
        assert_eq!(
            error.why(),
            InsertRefusal::TooHeavy {
                weight: 101,
                most: 100
            }
        );
        assert_eq!(error.into_inner(), (key, 101));
    }
    assert_eq!(
        (cache.len(), cache.get(&3), cache.stats().refused),
        (10, Some(10), 2)
    );
}

#[test]
fn more_and_lighter_entries_than_expected_have_room() {
    let config = CacheConfig::new(100_000).expected_entries(16);
    let cache = config.weigher(|_: &u64, _: &u64| 1).build().expect("valid");
    (0..50_000).for_each(|key| cache.insert(key, key).expect("room"));
    assert!((0..50_000).all(|key| cache.get(&key) == Some(key)));
}

#[test]
fn what_is_pinned_stays_until_it_is_let_go() {
    let cache = Cache::new(4).expect("valid");
    let pinned = EntryOptions::new().pinned(true);
    cache.insert_with(0, 0, pinned).expect("room");
    (1..100).for_each(|key| cache.insert(key, key).expect("room"));
    assert_eq!(cache.get(&0), Some(0));
    assert!(cache.unpin(&0) && !cache.unpin(&1));
    for key in 100..200 {
        cache.insert(key, key).expect("room");
        assert_eq!(cache.get(&key), Some(key));
    }
    assert_eq!(cache.get(&0), None);
}

#[test]
fn where_all_is_pinned_nobody_comes_in_and_nothing_is_lost() {
    let cache = Cache::new(2).expect("valid");
    for key in 0..2 {
        cache.insert(key, key).expect("room");
        assert!(cache.pin(&key));
    }
    assert_eq!(
        cache.insert(2, 2).unwrap_err().why(),
        InsertRefusal::AllPinned
    );
    cache.insert(1, 9).expect("a newer value has room");
    assert_eq!(
        [0, 1, 2].map(|key| cache.get(&key)),
        [Some(0), Some(9), None]
    );
    assert!(cache.insert(2, 2).is_err(), "a newer value stays pinned");
}

#[test]
fn what_is_asked_for_again_and_again_survives_a_scan() {
    for capacity in [16, 100, 500] {
        let cache = Cache::new(capacity).expect("valid");
        let hot = capacity / 4;
        for round in 0..20 {
            for key in 0..hot {
                if cache.get(&key).is_none() {
                    cache.insert(key, key).expect("room");
                }
            }
            for key in 0..capacity / 2 {
                let once = 1_000_000 + round * capacity + key;
                cache.insert(once, once).expect("room");
            }
        }
        let kept = (0..hot).filter(|key| cache.contains_key(key)).count() as u64;
        assert!(kept * 10 >= hot * 9, "{kept} of {hot} at {capacity}");
    }
}

#[test]
fn what_is_unpinned_makes_room_where_all_else_is_pinned() {
    for capacity in [1, 2, 3, 10, 20] {
        for let_go in 0..capacity {
            let cache = Cache::new(capacity).expect("valid");
            for key in 0..capacity {
                cache.insert(key, key).expect("room");
                assert!(cache.pin(&key));
            }
            assert!(cache.insert(100, 100).is_err());
            assert!(cache.unpin(&let_go));
            cache.insert(100, 100).expect("one may go");
            let is_there = |key: &u64| cache.contains_key(key);
            assert!(
                !is_there(&let_go) && is_there(&100),
                "{let_go} of {capacity}"
            );
            assert_eq!(cache.len() as u64, capacity);
        }
    }
}

#[test]
fn a_pin_ends_with_its_entry() {
    let manual = ManualClock::new();
    let cache = CacheConfig::new(4).clock(manual.clock()).build();
    let cache = cache.expect("valid");
    let pinned = EntryOptions::new().pinned(true).ttl(SECOND);
    for key in 0..4 {
        cache.insert_with(key, key, pinned).expect("room");
    }
    manual.advance(SECOND);
    assert!(!cache.pin(&1), "it is over");
    cache.insert(0, 10).expect("room");
    for key in 4..8 {
        cache
            .insert(key, key)
            .expect("what is over makes room, pinned or not");
    }
    assert_eq!(
        cache.get(&0),
        None,
        "it took over the pin of one that was over"
    );
    (0..4).for_each(|key| assert!(cache.insert_with(key, key, pinned).is_ok()));
    cache.invalidate_all();
    (4..8).for_each(|key| cache.insert(key, key).expect("what is invalid makes room"));
}
