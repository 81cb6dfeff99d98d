//! What comes between two steps of a replacement.

use std::thread;

use super::super::load::Outcome;
use super::super::{Cache, EntryOptions, InsertRefusal};
use crate::kernel::flights::Boarded;
use crate::sync::give_way;

/// Replaces the only entry of a cache by one that is pinned or not on its `own` account, where `meanwhile` runs after the
/// heritage was passed on. Whether the new one stays.
fn stays(pinned: bool, own: bool, meanwhile: impl FnOnce(&Cache<u64, u64>)) -> bool {
    let cache = Cache::new(1).unwrap();
    let options = EntryOptions::new().pinned(pinned);
    cache.insert_with(1, 1, options).unwrap();
    let inner = &*cache.inner;
    let hash = inner.hash(&1);
    let (shard, mut hazard) = (inner.shard(hash), inner.domain.hazard());
    let found = shard.find(hash, &mut hazard, |entry| entry.key == 1);
    let found = found.unwrap();
    let node = inner.make(shard, 1, 9, EntryOptions::new(), inner.law.eras.stamp());
    let node = node.unwrap();
    let heritage = inner.pass_on(found.item(), node.item(), own);
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
    assert!(stays(false, false, |cache| assert!(cache.pin(&1))));
    assert!(stays(true, false, |_| {}));
}

#[test]
fn an_end_of_a_pin_that_comes_while_its_entry_is_replaced_is_kept() {
    assert!(!stays(true, false, |cache| assert!(cache.unpin(&1))));
    assert!(!stays(false, false, |_| {}));
}

#[test]
fn an_end_of_a_pin_does_not_reach_a_newer_value_that_is_pinned_itself() {
    assert!(stays(true, true, |cache| assert!(cache.unpin(&1))));
}

/// A load is let in while another thread removes its key, which passed the look at the flights but not yet the gate.
#[test]
fn a_removal_waits_for_a_load_that_is_about_to_come_in() {
    for round in 0..200 {
        let cache = Cache::new(10).unwrap();
        let inner = &*cache.inner;
        let hash = inner.hash(&1);
        let Boarded::Leads(lead) = inner.loads.board(hash, usize::MAX) else {
            unreachable!("nobody else boards")
        };
        let shard = inner.shard(hash);
        let node = inner.make(shard, 1, round, EntryOptions::new(), inner.law.eras.stamp());
        let node = node.unwrap();
        thread::scope(|scope| {
            let mut hazard = inner.domain.hazard();
            let absent = shard.find_or_absent(hash, &mut hazard, |entry| entry.key == 1);
            let mut removing = None;
            let is_wanted = || {
                removing = Some(scope.spawn(|| cache.remove(&1)));
                while inner.loads.is_wanted(&lead) {
                    give_way();
                }
                // Time for who does not wait for the gate.
                (0..20).for_each(|_| give_way());
                true
            };
            let absent = absent.err().unwrap();
            let eras = &inner.law.eras;
            let admitted = shard.admit(eras, hash, node, absent, &mut hazard, is_wanted);
            assert!(admitted.is_ok());
            assert!(removing.unwrap().join().unwrap(), "round {round}");
        });
        assert_eq!(cache.get(&1), None, "round {round}");
        inner.loads.land(lead, Outcome::Failed, || Outcome::Failed);
    }
}
