//! Entries that stay when there is no room, and what that costs the others.

use steadfast::Cache;
use steadfast::guards::cache::{CacheConfig, EntryOptions, Refused};

const PINNED: EntryOptions = EntryOptions::new().pinned(true);

/// A cache of ten, whose values say what they weigh.
fn weighed() -> Cache<u64, u32> {
    let config = CacheConfig::new(10).weigher(|_: &u64, value: &u32| *value);
    config.open().expect("valid")
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
    assert_eq!(cache.insert(99, 10).unwrap_err().why(), Refused::AllPinned);
    assert_eq!((cache.len(), cache.stats().evictions), (10, 0));
    cache.insert(99, 9).expect("all but one is free");
}

#[test]
fn a_replacement_that_pinned_entries_refuse_leaves_the_older_value() {
    let cache = weighed();
    cache.insert_with(1, 5, PINNED).expect("room");
    cache.insert(2, 2).expect("room");
    cache.insert(3, 3).expect("room");
    assert_eq!(cache.insert(2, 6).unwrap_err().why(), Refused::AllPinned);
    assert_eq!(
        [1, 2, 3].map(|key| cache.get(&key)),
        [Some(5), Some(2), Some(3)]
    );
    cache.insert(2, 5).expect("the third is free");
    assert_eq!((cache.get(&2), cache.get(&3)), (Some(5), None));
}

#[test]
fn a_pinned_value_may_grow_into_all_that_is_not_pinned() {
    let cache = weighed();
    cache.insert_with(1, 4, PINNED).expect("room");
    cache.insert_with(2, 4, PINNED).expect("room");
    cache.insert(3, 2).expect("room");
    assert_eq!(cache.insert(1, 7).unwrap_err().why(), Refused::AllPinned);
    assert_eq!((cache.get(&1), cache.get(&3)), (Some(4), Some(2)));
    cache.insert(1, 6).expect("the third is free");
    assert_eq!((cache.get(&1), cache.get(&3)), (Some(6), None));
}
