//! What a thread that stands still cannot stop.

use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

use super::{Cache, CacheConfig};
use crate::time::ManualClock;

const SECOND: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(20);

/// Runs `work` while another thread holds the gate of every shard.
fn behind_all_gates(cache: &Cache<u64, u64>, work: impl FnOnce() + Send) {
    let (held, is_held) = sync_channel(0);
    let (done, is_done) = sync_channel(0);
    thread::scope(|scope| {
        scope.spawn(move || {
            let shards = cache.inner.shards().iter();
            let gates: Vec<_> = shards.map(|shard| shard.hold_gate()).collect();
            held.send(()).unwrap();
            is_done
                .recv_timeout(PATIENCE)
                .expect("somebody waits for a gate");
            drop(gates);
        });
        is_held.recv().unwrap();
        work();
        done.send(()).unwrap();
    });
}

#[test]
fn no_policy_lock_keeps_anybody_from_what_is_already_there() {
    let manual = ManualClock::new();
    let config = CacheConfig::new(10_000).clock(manual.clock());
    let cache = config.statistics(true).build().unwrap();
    (0..5000).for_each(|key| cache.insert(key, key).unwrap());
    cache.insert_with_ttl(6000, 6000, SECOND).unwrap();
    behind_all_gates(&cache, || {
        for key in 0..1000 {
            assert_eq!(cache.get(&key), Some(key));
            cache.insert(key, key + 1).unwrap();
            assert_eq!(cache.get(&key), Some(key + 1));
            assert!(cache.remove(&key) && !cache.remove(&key));
        }
        manual.advance(SECOND);
        assert_eq!(cache.get(&6000), None);
        assert_eq!(cache.stats().expirations, 1);
        assert_eq!(cache.retain(|key, _| *key >= 2000), 1000);
        cache.invalidate_all();
        assert_eq!((cache.get(&3000), cache.len()), (None, 0));
    });
    cache.insert(1, 1).unwrap();
    assert_eq!(cache.get(&1), Some(1));
}

#[test]
fn a_new_key_waits_for_its_gate_and_then_comes_in() {
    let cache = Cache::new(10).unwrap();
    let other = cache.clone();
    let (started, is_started) = sync_channel(0);
    let insert = move || {
        started.send(()).unwrap();
        other.insert(1, 1)
    };
    let inserting = thread::scope(|scope| {
        let gate = cache.inner.shards()[0].hold_gate();
        let inserting = scope.spawn(insert);
        is_started.recv().unwrap();
        assert_eq!(cache.get(&1), None);
        drop(gate);
        inserting.join().unwrap()
    });
    assert!(inserting.is_ok() && cache.get(&1) == Some(1));
}
