//! Entries that stay when there is no room, and what that costs the others.

use std::collections::BTreeMap;

use fastrand::Rng;
use steadfast::Cache;
use steadfast::guards::cache::{CacheConfig, EntryOptions, InsertRefusal};
use steadfast::time::ManualClock;

use crate::support::SECOND;

const PINNED: EntryOptions = EntryOptions::new().pinned(true);

/// A cache of ten, whose values say what they weigh.
fn weighed() -> Cache<u64, u32> {
    let config = CacheConfig::new(10).weigher(|_: &u64, value: &u32| *value);
    config.build().expect("valid")
}

#[test]
fn one_that_is_not_pinned_makes_room_beside_all_that_are() {
    for capacity in [2, 10, 100, 500] {
        let cache = Cache::new(capacity).expect("valid");
        for key in 1..capacity {
            cache.insert_with(key, key, PINNED).expect("room");
        }
        for key in capacity..3 * capacity {
            cache.insert(key, key).expect("one of them is free");
            assert_eq!(cache.get(&key), Some(key));
        }
        assert!((1..capacity).all(|key| cache.contains_key(&key)));
    }
}

#[test]
fn an_insert_that_pinned_entries_refuse_takes_nothing_out() {
    let cache = weighed();
    cache.insert_with(1, 1, PINNED).expect("room");
    (2..=10).for_each(|key| cache.insert(key, 1).expect("room"));
    assert_eq!(
        cache.insert(99, 10).unwrap_err().why(),
        InsertRefusal::AllPinned
    );
    assert_eq!((cache.len(), cache.stats().evictions), (10, 0));
    cache.insert(99, 9).expect("all but one is free");
}

#[test]
fn a_replacement_that_pinned_entries_refuse_leaves_the_older_value() {
    let cache = weighed();
    cache.insert_with(1, 5, PINNED).expect("room");
    cache.insert(2, 2).expect("room");
    cache.insert(3, 3).expect("room");
    assert_eq!(
        cache.insert(2, 6).unwrap_err().why(),
        InsertRefusal::AllPinned
    );
    assert_eq!(
        [1, 2, 3].map(|key| cache.get(&key)),
        [Some(5), Some(2), Some(3)]
    );
    cache.insert(2, 5).expect("the third is free");
    assert_eq!((cache.get(&2), cache.get(&3)), (Some(5), None));
    let stats = cache.stats();
    assert_eq!((stats.updates, stats.evictions), (1, 1), "it did not go");
}

#[test]
fn a_pinned_value_may_grow_into_all_that_is_not_pinned() {
    let cache = weighed();
    cache.insert_with(1, 4, PINNED).expect("room");
    cache.insert_with(2, 4, PINNED).expect("room");
    cache.insert(3, 2).expect("room");
    assert_eq!(
        cache.insert(1, 7).unwrap_err().why(),
        InsertRefusal::AllPinned
    );
    assert_eq!((cache.get(&1), cache.get(&3)), (Some(4), Some(2)));
    cache.insert(1, 6).expect("the third is free");
    assert_eq!((cache.get(&1), cache.get(&3)), (Some(6), None));
}

/// What is pinned, by a cache that never evicts it.
#[derive(Default)]
struct Model(BTreeMap<u64, u64>);

impl Model {
    /// One random step of the cache, and what it must have come to.
    fn step(&mut self, cache: &Cache<u64, u32>, manual: &ManualClock, random: &mut Rng) {
        let (key, weight) = (random.u64(..12), random.u32(1..=40));
        match random.u32(..20) {
            0..8 => {
                let pinned = random.u32(..4) == 0;
                let others: u64 = self.others(key);
                let is_in = cache
                    .insert_with(key, weight, EntryOptions::new().pinned(pinned))
                    .is_ok();
                assert_eq!(is_in, u64::from(weight) + others <= 100, "{:?}", self.0);
                if is_in && (pinned || self.0.contains_key(&key)) {
                    self.0.insert(key, u64::from(weight));
                }
            }
            8..12 => {
                if cache.pin(&key) {
                    let weight = cache.peek(&key).expect("it is pinned");
                    self.0.insert(key, u64::from(weight));
                }
            }
            12..15 => {
                cache.unpin(&key);
                self.0.remove(&key);
            }
            15..18 => {
                cache.remove(&key);
                self.0.remove(&key);
            }
            18 => {
                cache.invalidate_all();
                self.0.clear();
            }
            _ => {
                manual.advance(SECOND);
                self.0.clear();
            }
        }
        assert!(self.0.keys().all(|key| cache.contains_key(key)));
        assert!(cache.weighted_size() <= 100);
    }

    fn others(&self, key: u64) -> u64 {
        let others = self.0.iter().filter(|(other, _)| **other != key);
        others.map(|(_, weight)| weight).sum()
    }
}

#[test]
fn what_is_not_pinned_is_all_to_be_had_and_no_more() {
    for seed in 0..100 {
        let (mut model, mut random) = (Model::default(), Rng::with_seed(seed));
        let manual = ManualClock::new();
        let config = CacheConfig::new(100).weigher(|_: &u64, value: &u32| *value);
        let config = config.ttl(SECOND).clock(manual.clock());
        let cache = config.build().expect("valid");
        for _ in 0..300 {
            model.step(&cache, &manual, &mut random);
        }
    }
}

#[test]
fn a_pin_ends_with_its_entry() {
    let cache = Cache::new(2).expect("valid");
    cache.insert_with(1, 1, PINNED).expect("room");
    cache.invalidate_all();
    (1..50).for_each(|key| cache.insert(key, key).expect("room"));
    assert!(!cache.contains_key(&1), "the new value was not pinned");
}

#[test]
fn what_can_not_be_got_any_more_can_not_be_pinned() {
    let manual = ManualClock::new();
    let config = CacheConfig::new(2).clock(manual.clock()).ttl(SECOND);
    let cache = config.build().expect("valid");
    cache.insert(1, 1).expect("room");
    assert!(cache.pin(&1) && cache.unpin(&1));
    manual.advance(SECOND);
    assert!(!cache.pin(&1) && !cache.unpin(&1));
    cache.insert(1, 1).expect("room");
    cache.invalidate_all();
    assert!(!cache.pin(&1) && !cache.unpin(&1));
}
