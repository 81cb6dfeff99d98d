//! Look-ups with a loader.

use std::convert::Infallible;
use std::hash::{BuildHasherDefault, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use steadfast::guards::cache::{CacheConfig, EntryOptions, InsertRefusal, LoadError};
use steadfast::telemetry::{Event, Filter};
use steadfast::time::ManualClock;
use steadfast::{Cache, Child, ExitReason, Telemetry};

use crate::support::{Gate, LONG, OpenAtEnd, SECOND, system};

type Loaded = Result<u64, LoadError<&'static str>>;

/// One thread loads the key 1 by `lead`, which passes the gate first; others miss it meanwhile, and `meanwhile` runs.
fn together(
    cache: &Cache<u64, u64>,
    manual: &ManualClock,
    lead: impl FnOnce() -> Result<u64, &'static str> + Send,
    meanwhile: impl FnOnce(),
) -> (thread::Result<Loaded>, Vec<Loaded>) {
    let gate = Gate::new();
    thread::scope(|scope| {
        let _open = OpenAtEnd(gate.clone());
        let leader = scope.spawn(|| {
            catch_unwind(AssertUnwindSafe(|| {
                cache.try_get_or_insert_with(1, || {
                    gate.pass();
                    lead()
                })
            }))
        });
        gate.wait_for(1);
        let others: Vec<_> = (0..3)
            .map(|_| scope.spawn(|| cache.try_get_or_insert_with(1, || Err("not me"))))
            .collect();
        manual.wait_for_sleepers(3);
        meanwhile();
        gate.open();
        let leader = leader.join().expect("caught");
        // Who was not woken by then has waited too long.
        manual.advance(LONG);
        let others = others.into_iter().map(|it| it.join().expect("no panic"));
        (leader, others.collect())
    })
}

fn timeless() -> (Cache<u64, u64>, ManualClock) {
    let manual = ManualClock::new();
    let cache = CacheConfig::new(100).clock(manual.clock()).build();
    (cache.expect("valid"), manual)
}

#[test]
fn one_loads_and_the_others_get_what_it_loaded() {
    let (cache, manual) = timeless();
    let (leader, others) = together(&cache, &manual, || Ok(7), || {});
    assert_eq!(leader.unwrap(), Ok(7));
    assert_eq!(others, [Ok(7), Ok(7), Ok(7)]);
    assert_eq!((cache.get(&1), cache.stats().loads), (Some(7), 1));
}

#[test]
fn a_loader_that_fails_wakes_the_others_and_the_next_one_loads_again() {
    let (cache, manual) = timeless();
    let (leader, others) = together(&cache, &manual, || Err("down"), || {});
    assert_eq!(leader.unwrap(), Err(LoadError::Failed("down")));
    assert!(
        others
            .iter()
            .all(|it| *it == Err(LoadError::FailedElsewhere))
    );
    assert_eq!((cache.get(&1), cache.stats().load_failures), (None, 1));
    assert_eq!(cache.get_or_insert_with(1, || 8), Ok(8));
}

#[test]
fn a_loader_that_panics_wakes_the_others_and_poisons_nothing() {
    let (cache, manual) = timeless();
    let (leader, others) = together(&cache, &manual, || panic!("in the loader"), || {});
    assert!(leader.is_err());
    assert!(
        others
            .iter()
            .all(|it| *it == Err(LoadError::PanickedElsewhere))
    );
    assert_eq!(cache.stats().load_failures, 1);
    assert_eq!(cache.get_or_insert_with(1, || 8), Ok(8));
}

#[test]
fn a_key_that_is_removed_during_its_load_is_not_cached() {
    let (cache, manual) = timeless();
    let remove = || assert!(!cache.remove(&1));
    let (leader, others) = together(&cache, &manual, || Ok(7), remove);
    assert_eq!(leader.unwrap(), Ok(7));
    assert_eq!(others, [Ok(7), Ok(7), Ok(7)]);
    assert_eq!(cache.get(&1), None);
}

#[test]
fn an_invalidation_during_a_load_keeps_it_out() {
    let (cache, manual) = timeless();
    let (leader, _) = together(&cache, &manual, || Ok(7), || cache.invalidate_all());
    assert_eq!(
        (leader.unwrap(), cache.get(&1), cache.len()),
        (Ok(7), None, 0)
    );
}

#[test]
fn a_value_that_is_inserted_during_a_load_is_newer() {
    let (cache, manual) = timeless();
    let insert = || cache.insert(1, 9).expect("room");
    let (leader, _) = together(&cache, &manual, || Ok(7), insert);
    assert_eq!((leader.unwrap(), cache.get(&1)), (Ok(7), Some(9)));
}

#[test]
fn a_value_that_came_and_went_during_a_load_is_newer_too() {
    let (cache, manual) = timeless();
    let come_and_go = || {
        cache.insert_with_ttl(1, 9, SECOND).expect("room");
        manual.advance(SECOND);
    };
    let (leader, _) = together(&cache, &manual, || Ok(7), come_and_go);
    assert_eq!((leader.unwrap(), cache.get(&1)), (Ok(7), None));
}

#[test]
fn a_value_that_came_and_grew_stale_during_a_load_is_newer_too() {
    let manual = ManualClock::new();
    let config = CacheConfig::new(10).ttl(SECOND).grace(SECOND);
    let cache = config.clock(manual.clock()).build().expect("valid");
    let loaded = cache.get_or_insert_with(1, || {
        cache.insert(1, 9).expect("room");
        manual.advance(SECOND);
        7
    });
    let found = (cache.get(&1), cache.get_stale(&1));
    assert_eq!((loaded, found), (Ok(7), (None, Some(9))));
}

#[test]
fn a_value_that_came_in_between_the_miss_and_the_load_is_not_loaded_again() {
    let telemetry = Telemetry::new();
    let config = CacheConfig::new(10).telemetry(telemetry.clone());
    let cache = config.build().expect("valid");
    let other = cache.clone();
    let come_in = move |_: &Event| other.insert(1, 7).expect("room");
    let attached = telemetry.attach("other", Filter::kind("cache.missed"), come_in);
    attached.expect("the first of this name");
    assert_eq!(cache.get_or_insert_with(1, || unreachable!()), Ok(7));
    let stats = cache.stats();
    assert_eq!((stats.loads, stats.load_failures), (0, 0));
    telemetry.detach("other").expect("attached");
}

#[test]
fn a_wait_for_the_load_of_another_ends_by_its_deadline() {
    let (cache, manual) = timeless();
    let gate = Gate::new();
    thread::scope(|scope| {
        let _open = OpenAtEnd(gate.clone());
        let leader = scope.spawn(|| {
            cache.get_or_insert_with(1, || {
                gate.pass();
                7
            })
        });
        gate.wait_for(1);
        let waiter = scope
            .spawn(|| cache.try_get_or_insert_with_timeout(1, SECOND, || Err::<u64, _>("not me")));
        manual.wait_for_sleepers(1);
        manual.advance(SECOND);
        assert_eq!(waiter.join().expect("no panic"), Err(LoadError::TimedOut));
        gate.open();
        assert_eq!(leader.join().expect("no panic"), Ok(7));
    });
}

#[test]
fn a_unit_that_waits_for_a_load_ends_when_it_is_asked_to_stop() {
    let (cache, manual) = timeless();
    let gate = Gate::new();
    let system = system();
    thread::scope(|scope| {
        let _open = OpenAtEnd(gate.clone());
        scope.spawn(|| {
            cache.get_or_insert_with(1, || {
                gate.pass();
                7
            })
        });
        gate.wait_for(1);
        let inside = cache.clone();
        let child = Child::worker("waiter", move |_| {
            let loaded = inside.get_or_insert_with(1, || unreachable!());
            assert_eq!(loaded, Err(LoadError::Stopped));
            Ok(())
        });
        let worker = system.spawn(child).expect("started");
        manual.wait_for_sleepers(1);
        let monitor = worker.monitor();
        worker.terminate().expect("terminated");
        let down = monitor.down_timeout(LONG).expect("down");
        let is_clean = matches!(
            down.reason,
            Some(ExitReason::Normal | ExitReason::Stopped(_))
        );
        assert!(is_clean, "{down:?}");
    });
}

#[test]
fn a_loader_that_asks_for_its_own_key_is_told_so() {
    let cache: Cache<u64, u64> = Cache::new(10).expect("valid");
    let loaded = cache.get_or_insert_with(1, || {
        let inner = cache.get_or_insert_with(1, || 2);
        assert_eq!(inner, Err(LoadError::<Infallible>::Recursive));
        cache.get_or_insert_with(2, || 5).expect("another key")
    });
    assert_eq!(
        (loaded, cache.get(&1), cache.get(&2)),
        (Ok(5), Some(5), Some(5))
    );
}

/// All keys have one hash.
#[derive(Default)]
struct Same;

impl Hasher for Same {
    fn finish(&self) -> u64 {
        7
    }

    fn write(&mut self, _: &[u8]) {}
}

type OneHash = BuildHasherDefault<Same>;

#[test]
fn a_key_waits_for_the_load_of_another_of_its_hash_and_is_loaded_then() {
    let manual = ManualClock::new();
    let config = CacheConfig::new(10).clock(manual.clock());
    let cache = config.build_with_hasher(OneHash::default()).expect("valid");
    let gate = Gate::new();
    thread::scope(|scope| {
        let _open = OpenAtEnd(gate.clone());
        let one = scope.spawn(|| {
            cache.get_or_insert_with(1, || {
                gate.pass();
                10
            })
        });
        gate.wait_for(1);
        let other = scope.spawn(|| cache.get_or_insert_with(2, || 20));
        manual.wait_for_sleepers(1);
        gate.open();
        let loaded = [one, other].map(|it| it.join().expect("no panic"));
        assert_eq!(loaded, [Ok(10), Ok(20)]);
    });
    assert_eq!((cache.get(&1), cache.get(&2)), (Some(10), Some(20)));
}

#[test]
fn keys_of_one_hash_do_not_get_each_others_values() {
    let config = CacheConfig::new(100);
    let cache = config.build_with_hasher(OneHash::default()).expect("valid");
    let start = Barrier::new(4);
    let loads = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                start.wait();
                for key in 0..50_u64 {
                    let loaded = cache.get_or_insert_with(key, || {
                        loads.fetch_add(1, Ordering::Relaxed);
                        key * 3
                    });
                    assert_eq!(loaded, Ok(key * 3));
                }
            });
        }
    });
    assert_eq!((loads.into_inner(), cache.len()), (50, 50));
}

#[test]
fn a_loaded_value_takes_the_place_of_a_stale_one_and_counts_as_an_update() {
    let manual = ManualClock::new();
    let config = CacheConfig::new(10).ttl(SECOND).grace(SECOND);
    let cache = config.clock(manual.clock()).build().expect("valid");
    cache.insert(1, 1).expect("room");
    manual.advance(SECOND);
    assert_eq!(cache.get_or_insert_with(1, || 2), Ok(2));
    let stats = cache.stats();
    assert_eq!((stats.inserts, stats.updates, cache.len()), (1, 1, 1));
}

#[test]
fn a_load_that_the_older_value_does_not_outlive_is_kept() {
    let manual = ManualClock::new();
    let config = CacheConfig::new(10).ttl(SECOND).grace(SECOND);
    let cache = config.clock(manual.clock()).build().expect("valid");
    cache.insert(1, 1).expect("room");
    manual.advance(SECOND);
    let loaded = cache.get_or_insert_with(1, || {
        assert_eq!(cache.get_stale(&1), Some(1));
        manual.advance(SECOND);
        2
    });
    assert_eq!((loaded, cache.get(&1)), (Ok(2), Some(2)));
}

#[test]
fn a_load_that_was_invalidated_takes_nobodys_place() {
    let cache = Cache::new(2).expect("valid");
    let loaded = cache.get_or_insert_with(3, || {
        cache.invalidate_all();
        (1..3).for_each(|key| cache.insert(key, key).expect("room"));
        33
    });
    assert_eq!((loaded, cache.get(&3)), (Ok(33), None));
    assert!(cache.contains_key(&1) && cache.contains_key(&2));
    let stats = cache.stats();
    assert_eq!((stats.inserts, stats.evictions, stats.loads), (2, 0, 1));
}

#[test]
fn an_insert_that_is_refused_leaves_the_load_alone() {
    let cache = Cache::new(2).expect("valid");
    let loaded = cache.get_or_insert_with(1, || {
        let refused = cache.insert_with_ttl(1, 2, Duration::ZERO);
        assert_eq!(refused.unwrap_err().why(), InsertRefusal::ZeroTtl);
        3
    });
    assert_eq!((loaded, cache.get(&1)), (Ok(3), Some(3)));
}

#[test]
fn a_loaded_value_that_has_no_room_is_returned_and_not_kept() {
    let config = CacheConfig::new(100).weigher(|_: &u64, value: &u32| *value);
    let cache = config.build().expect("valid");
    cache.insert(2, 10).expect("room");
    for too_much in [101, 0] {
        assert_eq!(cache.get_or_insert_with(1, || too_much), Ok(too_much));
        assert_eq!((cache.get(&1), cache.get(&2)), (None, Some(10)));
    }
    assert_eq!((cache.stats().refused, cache.stats().loads), (2, 2));
}

#[test]
fn what_is_loaded_is_in_the_group_that_its_value_says() {
    let manual = ManualClock::new();
    let config = CacheConfig::new(10).groups(2).ttl(SECOND);
    let config = config.clock(manual.clock());
    let config = config.group_of(|_: &u64, value: &usize| Some(value % 2));
    let cache = config.build().expect("valid");
    for key in 0..2 {
        assert_eq!(cache.get_or_insert_with(key, || 1), Ok(1));
    }
    cache.insert(2, 2).expect("room");
    let options = EntryOptions::new().group(0);
    cache.insert_with(3, 1, options).expect("room");
    cache.invalidate_group(1);
    let is_there = [0, 1, 2, 3].map(|key| cache.contains_key(&key));
    assert_eq!(is_there, [false, false, true, true]);
    let invalidated = cache.get_or_insert_with(4, || {
        cache.invalidate_group(1);
        1
    });
    assert_eq!((invalidated, cache.get(&4)), (Ok(1), None));
    manual.advance(SECOND);
    assert_eq!(cache.get_or_insert_with(2, || 1), Ok(1), "loaded anew");
    cache.invalidate_group(1);
    assert_eq!(cache.get(&2), None);
}
