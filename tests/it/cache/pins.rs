//! Entries that stay when there is no room, and what that costs the others.

use steadfast::Cache;
use steadfast::guards::cache::EntryOptions;

const PINNED: EntryOptions = EntryOptions::new().pinned(true);

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
