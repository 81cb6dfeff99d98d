//! What concerns many entries.

use std::collections::BTreeSet;

use steadfast::Cache;
use steadfast::guards::cache::{CacheConfig, EntryOptions};
use steadfast::time::ManualClock;

use crate::support::SECOND;

#[test]
fn retain_keeps_what_is_wanted() {
    let cache = Cache::new(5000).expect("valid");
    (0..4000_u64).for_each(|key| cache.insert(key, key).expect("room"));
    assert_eq!(cache.retain(|key, _| key % 4 == 0), 3000);
    assert_eq!(cache.len(), 1000);
    assert!((0..4000).all(|key| cache.contains_key(&key) == (key % 4 == 0)));
}

// property 28
#[test]
fn retain_takes_out_only_the_value_that_it_was_asked_about() {
    let cache = Cache::new(10).expect("valid");
    cache.insert(1, 1).expect("room");
    let taken = cache.retain(|key, value| {
        cache.insert(*key, value + 1).expect("room");
        false
    });
    assert_eq!((taken, cache.get(&1)), (0, Some(2)));
}

#[test]
fn what_is_over_is_not_shown() {
    let manual = ManualClock::new();
    let config = CacheConfig::new(10).clock(manual.clock()).groups(1);
    let cache = config.grace(SECOND).build().expect("valid");
    let in_group = EntryOptions::new().group(0);
    cache.insert_with_ttl(1, 1, SECOND).expect("room");
    cache.insert_with(2, 2, in_group).expect("room");
    cache.insert(3, 3).expect("room");
    manual.advance(SECOND);
    cache.invalidate_group(0);
    assert_eq!(cache.iter().collect::<Vec<_>>(), [(3, 3)]);
    cache.for_each(|key, _| assert_eq!(*key, 3));
}

#[test]
fn each_entry_is_shown_once() {
    let cache = Cache::new(10_000).expect("valid");
    (0..4000_u64).for_each(|key| cache.insert(key, key + 1).expect("room"));
    let pairs: Vec<_> = cache.iter().collect();
    let keys: BTreeSet<_> = pairs.iter().map(|(key, _)| *key).collect();
    assert_eq!((pairs.len(), keys.len()), (4000, 4000));
    assert!(pairs.iter().all(|(key, value)| key + 1 == *value));
    let mut sum = 0;
    cache.for_each(|key, _| sum += key);
    assert_eq!(sum, (0..4000).sum());
}

#[test]
fn what_is_there_throughout_is_shown_while_others_come_and_go() {
    let cache = Cache::new(10_000).expect("valid");
    (0..1000_u64).for_each(|key| cache.insert(key, key).expect("room"));
    let mut shown = BTreeSet::new();
    for (number, (key, _)) in cache.iter().enumerate() {
        let other = 1000 + number as u64;
        cache.insert(other, other).expect("room");
        cache.remove(&(other - 1).max(1000));
        shown.insert(key);
    }
    assert!((0..1000).all(|key| shown.contains(&key)));
}
