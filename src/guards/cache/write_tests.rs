//! What comes between two steps of a replacement.

use super::super::{Cache, EntryOptions, InsertRefusal};

/// Replaces the only entry of a cache, where `meanwhile` runs after its heritage was passed on. Whether the new one stays.
fn stays_after(pinned: bool, meanwhile: impl FnOnce(&Cache<u64, u64>)) -> bool {
    let cache = Cache::new(1).unwrap();
    let options = EntryOptions::new().pinned(pinned);
    cache.insert_with(1, 1, options).unwrap();
    let inner = &*cache.inner;
    let hash = inner.hash(&1);
    let (shard, mut hazard) = (inner.shard(hash), inner.domain.hazard());
    let found = shard.find(hash, &mut hazard, |entry| entry.key == 1);
    let found = found.unwrap();
    let node = inner.make(1, 9, EntryOptions::new(), inner.law.eras.stamp());
    let node = node.unwrap();
    let heritage = inner.pass_on(found.item(), node.item(), false);
    meanwhile(&cache);
    assert!(inner.exchange(shard, found, node, heritage).is_ok());
    drop(hazard);
    assert_eq!(cache.get(&1), Some(9));
    match cache.insert(2, 2) {
        Ok(()) => false,
        Err(error) => error.why() == InsertRefusal::AllPinned,
    }
}

#[test]
fn a_pin_that_comes_while_its_entry_is_replaced_is_kept() {
    assert!(stays_after(false, |cache| assert!(cache.pin(&1))));
    assert!(stays_after(true, |_| {}));
}

#[test]
fn an_end_of_a_pin_that_comes_while_its_entry_is_replaced_is_kept() {
    assert!(!stays_after(true, |cache| assert!(cache.unpin(&1))));
    assert!(!stays_after(false, |_| {}));
}
