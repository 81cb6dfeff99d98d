//! Entries that are loaded anew ahead of their end.

use std::panic::{AssertUnwindSafe, catch_unwind};

use steadfast::Cache;
use steadfast::guards::cache::{CacheConfig, EntryOptions};
use steadfast::time::ManualClock;

use crate::support::SECOND;

/// A cache whose entries live for ten seconds, in the last two of which they are loaded anew.
fn ahead(
    set: impl FnOnce(CacheConfig<u64, u64>) -> CacheConfig<u64, u64>,
) -> (Cache<u64, u64>, ManualClock) {
    let manual = ManualClock::new();
    let config = CacheConfig::new(10).clock(manual.clock());
    let config = config.ttl(10 * SECOND).refresh_ahead(2 * SECOND);
    (set(config).build().expect("valid"), manual)
}

#[test]
fn an_entry_is_loaded_anew_ahead_of_its_end_by_one_caller() {
    let (cache, manual) = ahead(|config| config);
    cache.insert(1, 1).expect("room");
    manual.advance(8 * SECOND);
    let refreshed = cache.get_or_insert_with(1, || {
        assert_eq!(cache.get_or_insert_with(1, || unreachable!()), Ok(1));
        2
    });
    assert_eq!((refreshed, cache.stats().loads), (Ok(2), 1));
    manual.advance(9 * SECOND);
    assert_eq!(cache.get(&1), Some(2), "it lives its own time");
}

#[test]
fn a_refresh_that_fails_leaves_the_present_value_and_another_may_try() {
    let (cache, manual) = ahead(|config| config);
    cache.insert(1, 1).expect("room");
    manual.advance(9 * SECOND);
    let failed = cache.try_get_or_insert_with(1, || Err("down"));
    assert_eq!((failed, cache.get(&1)), (Ok(1), Some(1)));
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        cache.get_or_insert_with(1, || panic!("in the loader"))
    }));
    assert!(panicked.is_err());
    assert_eq!(cache.get_or_insert_with(1, || 3), Ok(3));
    assert_eq!(cache.stats().load_failures, 2);
}

#[test]
fn a_removal_during_a_refresh_is_not_undone() {
    let (cache, manual) = ahead(|config| config);
    cache.insert(1, 1).expect("room");
    manual.advance(9 * SECOND);
    let refreshed = cache.get_or_insert_with(1, || {
        assert!(cache.remove(&1));
        2
    });
    assert_eq!((refreshed, cache.get(&1)), (Ok(2), None));
}

#[test]
fn an_invalidation_during_a_refresh_is_not_undone() {
    let invalidations: [fn(&Cache<u64, u64>); 2] = [
        |cache| cache.invalidate_all(),
        |cache| assert!(cache.invalidate_group(1)),
    ];
    for invalidate in invalidations {
        let (cache, manual) = ahead(|config| config.groups(2));
        let options = EntryOptions::new().group(1);
        cache.insert_with(1, 1, options).expect("room");
        manual.advance(9 * SECOND);
        let refreshed = cache.get_or_insert_with(1, || {
            invalidate(&cache);
            2
        });
        assert_eq!((refreshed, cache.get(&1)), (Ok(2), None));
    }
}

#[test]
fn an_entry_that_is_loaded_anew_stays_in_its_group() {
    let (cache, manual) = ahead(|config| config.groups(2));
    let options = EntryOptions::new().group(1);
    cache.insert_with(1, 1, options).expect("room");
    manual.advance(9 * SECOND);
    assert_eq!(cache.get_or_insert_with(1, || 2), Ok(2));
    cache.invalidate_group(0);
    assert_eq!(cache.get(&1), Some(2));
    cache.invalidate_group(1);
    assert_eq!(cache.get(&1), None);
}

#[test]
fn an_entry_that_is_loaded_anew_is_in_the_group_that_its_new_value_says() {
    let by_value = |_: &u64, value: &u64| Some(*value as usize);
    let (cache, manual) = ahead(|config| config.groups(2).group_of(by_value));
    cache.insert(1, 1).expect("room");
    manual.advance(9 * SECOND);
    assert_eq!(cache.get_or_insert_with(1, || 0), Ok(0));
    cache.invalidate_group(1);
    assert_eq!(cache.get(&1), Some(0));
    cache.invalidate_group(0);
    assert_eq!(cache.get(&1), None);
}
