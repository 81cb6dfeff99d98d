//! Configurations that make no sense, and users' code that panics or lies.

use std::cell::Cell;
use std::hash::{BuildHasherDefault, DefaultHasher, Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use steadfast::Cache;
use steadfast::fault::{Category, Classify};
use steadfast::guards::cache::{
    CacheConfig, CacheFault, EntryOptions, InsertRefusal, MAX_CAPACITY, MAX_ENTRIES, MAX_GROUPS,
};

use crate::support::SECOND;

#[test]
fn an_invalid_configuration_is_refused_with_all_its_faults() {
    let config = CacheConfig::<u64, u64>::new(0)
        .ttl(Duration::ZERO)
        .time_to_idle(Duration::ZERO)
        .expected_entries(0)
        .groups(MAX_GROUPS + 1)
        .name("");
    let error = config.build().unwrap_err();
    let expected = [
        CacheFault::ZeroCapacity,
        CacheFault::ExpectedEntries { expected: 0 },
        CacheFault::ZeroTtl,
        CacheFault::ZeroIdle,
        CacheFault::TooManyGroups {
            groups: MAX_GROUPS + 1,
        },
        CacheFault::EmptyName,
    ];
    assert_eq!(error.faults(), expected);
    assert_eq!(error.category(), Category::Validation);
    assert!(
        error
            .to_string()
            .starts_with("invalid cache: the capacity is zero; ")
    );
}

#[test]
fn a_capacity_or_a_refresh_beyond_reason_is_refused() {
    let faults = |config: CacheConfig<u64, u64>| config.build().unwrap_err().faults().to_vec();
    let capacity = MAX_ENTRIES + 1;
    let too_large = |capacity, most| CacheFault::CapacityTooLarge { capacity, most };
    assert_eq!(
        faults(CacheConfig::new(capacity)),
        [too_large(capacity, MAX_ENTRIES)]
    );
    let weighed = CacheConfig::new(MAX_CAPACITY + 1).weigher(|_, _| 1);
    assert_eq!(faults(weighed), [too_large(MAX_CAPACITY + 1, MAX_CAPACITY)]);
    let refresh = CacheConfig::new(1).ttl(SECOND).refresh_ahead(SECOND);
    let (ahead, ttl) = (SECOND, SECOND);
    assert_eq!(
        faults(refresh),
        [CacheFault::RefreshBeyondTtl { ahead, ttl }]
    );
}

#[test]
fn the_longest_times_and_the_largest_capacity_are_accepted() {
    let config = CacheConfig::new(MAX_CAPACITY).weigher(|_: &u64, _: &u64| u32::MAX);
    let config = config.ttl(Duration::MAX).time_to_idle(Duration::MAX);
    let cache = config.grace(Duration::MAX).build().expect("valid");
    cache.insert(1, 1).expect("room");
    assert_eq!((cache.get(&1), cache.purge()), (Some(1), 0));
}

#[test]
fn entries_that_make_no_sense_are_given_back() {
    let config = CacheConfig::new(10)
        .groups(1)
        .weigher(|_: &u64, value: &u32| *value);
    let cache = config.build().expect("valid");
    let why = |options, value| {
        let error = cache.insert_with(1, value, options).unwrap_err();
        assert_eq!(error.code(), "cache.refused");
        error.why()
    };
    let plain = EntryOptions::new();
    assert_eq!(why(plain.ttl(Duration::ZERO), 1), InsertRefusal::ZeroTtl);
    for group in [1, usize::MAX] {
        assert_eq!(
            why(plain.group(group), 1),
            InsertRefusal::NoSuchGroup { group }
        );
    }
    assert_eq!(why(plain, 0), InsertRefusal::Weightless);
    assert!(cache.is_empty() && cache.stats().refused == 4);
}

/// A key whose `Hash` and `Eq` panic on demand.
#[derive(Debug)]
struct Touchy(u64, Arc<AtomicBool>);

impl PartialEq for Touchy {
    fn eq(&self, other: &Self) -> bool {
        assert!(!self.1.load(Ordering::Relaxed), "in eq");
        self.0 == other.0
    }
}

impl Eq for Touchy {}

impl Hash for Touchy {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

fn panics<R>(f: impl FnOnce() -> R) -> bool {
    catch_unwind(AssertUnwindSafe(f)).is_err()
}

#[test]
fn an_eq_that_panics_leaves_the_cache_as_it_was() {
    let bad = Arc::new(AtomicBool::new(false));
    let cache = Cache::new(4).expect("valid");
    let key = |number| Touchy(number, Arc::clone(&bad));
    (0..4).for_each(|number| cache.insert(key(number), number).expect("room"));
    bad.store(true, Ordering::Relaxed);
    assert!(panics(|| cache.get(&key(1))));
    assert!(panics(|| cache.insert(key(1), 9)));
    assert!(panics(|| cache.remove(&key(1))));
    bad.store(false, Ordering::Relaxed);
    assert!((0..4).all(|number| cache.get(&key(number)) == Some(number)));
    (4..100).for_each(|number| cache.insert(key(number), number).expect("room"));
    assert_eq!((cache.len(), cache.weighted_size()), (4, 4));
}

/// A hash that panics from a number on.
#[derive(Debug, PartialEq, Eq)]
struct Unhashed(u64);

impl Hash for Unhashed {
    fn hash<H: Hasher>(&self, state: &mut H) {
        assert!(self.0 < 10, "in hash");
        self.0.hash(state);
    }
}

#[test]
fn a_hash_that_panics_leaves_the_cache_as_it_was() {
    let cache = Cache::new(4).expect("valid");
    (0..4).for_each(|number| cache.insert(Unhashed(number), number).expect("room"));
    assert!(panics(|| cache.get(&Unhashed(10))));
    assert!(panics(|| cache.insert(Unhashed(10), 1)));
    assert!(panics(|| cache.remove(&Unhashed(10))));
    assert!((0..4).all(|number| cache.get(&Unhashed(number)) == Some(number)));
    cache.insert(Unhashed(5), 5).expect("room");
    assert_eq!((cache.len(), cache.weighted_size()), (4, 4));
}

#[test]
fn an_eq_that_lies_costs_look_ups_and_nothing_else() {
    struct Never(u64);
    impl Hash for Never {
        fn hash<H: Hasher>(&self, state: &mut H) {
            self.0.hash(state);
        }
    }
    impl PartialEq for Never {
        fn eq(&self, _: &Self) -> bool {
            false
        }
    }
    impl Eq for Never {}
    let cache = Cache::new(8).expect("valid");
    for round in 0..1000 {
        cache.insert(Never(round % 3), round).expect("room");
        assert_eq!(cache.get(&Never(round % 3)), None);
        assert!(cache.len() <= 8 && cache.weighted_size() <= 8);
    }
}

/// A value whose `Clone` and `Drop` panic on demand.
struct Moody {
    bad: Arc<AtomicBool>,
    dropped: Arc<AtomicUsize>,
}

impl Clone for Moody {
    fn clone(&self) -> Self {
        assert!(!self.bad.load(Ordering::Relaxed), "in clone");
        Self {
            bad: Arc::clone(&self.bad),
            dropped: Arc::clone(&self.dropped),
        }
    }
}

impl Drop for Moody {
    fn drop(&mut self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
        let bad = self.bad.load(Ordering::Relaxed) && !std::thread::panicking();
        assert!(!bad, "in drop");
    }
}

fn moody() -> (Moody, Arc<AtomicBool>, Arc<AtomicUsize>) {
    let (bad, dropped) = (Arc::default(), Arc::default());
    let value = Moody {
        bad: Arc::clone(&bad),
        dropped: Arc::clone(&dropped),
    };
    (value, bad, dropped)
}

#[test]
fn a_clone_that_panics_is_no_hit() {
    let (value, bad, _) = moody();
    let cache = CacheConfig::new(4).statistics(true).build().expect("valid");
    cache.insert(1, value).expect("room");
    bad.store(true, Ordering::Relaxed);
    assert!(panics(|| cache.get(&1)));
    assert_eq!((cache.stats().hits, cache.len()), (0, 1));
    bad.store(false, Ordering::Relaxed);
    assert!(cache.get(&1).is_some());
}

#[test]
fn a_drop_that_panics_is_caught_and_counted_and_keeps_no_other_from_running() {
    let (value, bad, dropped) = moody();
    let cache = Cache::new(4).expect("valid");
    for key in 0..4 {
        cache.insert(key, value.clone()).expect("room");
    }
    bad.store(true, Ordering::Relaxed);
    assert_eq!(cache.retain(|_, _| false), 4);
    assert_eq!(dropped.load(Ordering::Relaxed), 4);
    assert_eq!((cache.stats().panics, cache.len()), (4, 0));
    bad.store(false, Ordering::Relaxed);
    cache.insert(1, value.clone()).expect("room");
    bad.store(true, Ordering::Relaxed);
    drop(cache);
    bad.store(false, Ordering::Relaxed);
    assert_eq!(dropped.load(Ordering::Relaxed), 5);
}

#[test]
fn a_listener_that_panics_is_caught_and_hears_of_the_next() {
    let heard = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&heard);
    let config = CacheConfig::new(4).listener(move |_: &u64, _: &u64, _| {
        count.fetch_add(1, Ordering::Relaxed);
        panic!("in the listener");
    });
    let cache = config.build().expect("valid");
    (0..4).for_each(|key| cache.insert(key, key).expect("room"));
    assert_eq!(cache.retain(|_, _| false), 4);
    assert_eq!(
        (heard.load(Ordering::Relaxed), cache.stats().panics),
        (4, 4)
    );
}

#[test]
fn a_weigher_or_a_condition_that_panics_changes_nothing() {
    let config = CacheConfig::new(10).weigher(|_: &u64, value: &u32| {
        assert!(*value != 13, "in the weigher");
        1
    });
    let cache = config.build().expect("valid");
    cache.insert(1, 1).expect("room");
    assert!(panics(|| cache.insert(1, 13)));
    assert!(panics(
        || cache.remove_if(&1, |_| panic!("in the condition"))
    ));
    assert!(panics(|| cache.retain(|_, _| panic!("in retain"))));
    assert_eq!(
        (cache.get(&1), cache.len(), cache.weighted_size()),
        (Some(1), 1, 1)
    );
}

struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("in drop");
    }
}

#[test]
fn a_listener_and_a_destructor_may_both_panic_over_one_entry() {
    let config = CacheConfig::new(4).listener(|_: &u64, _: &Bomb, _| panic!("in the listener"));
    let cache = config.build().expect("valid");
    for key in 0..2 {
        assert!(cache.insert(key, Bomb).is_ok());
    }
    assert_eq!(cache.retain(|_, _| false), 2);
    assert_eq!((cache.stats().panics, cache.len()), (4, 0));
}

type Fixed = BuildHasherDefault<DefaultHasher>;

thread_local! {
    static OVERTAKEN: Cell<u64> = const { Cell::new(0) };
    static CACHE: Cell<Option<Cache<Slow, u64, Fixed>>> = const { Cell::new(None) };
}

/// A key that is compared so slowly that others come in meanwhile. The first two have one hash.
struct Slow(u64);

impl PartialEq for Slow {
    fn eq(&self, other: &Self) -> bool {
        if self.0.max(other.0) == 1 {
            let number = OVERTAKEN.get() + 1;
            OVERTAKEN.set(number);
            if let Some(cache) = CACHE.take().filter(|_| number < 1000) {
                cache.insert(Self(number + 10), 0).expect("room");
                CACHE.set(Some(cache));
            }
        }
        self.0 == other.0
    }
}

impl Eq for Slow {}

impl Hash for Slow {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.max(1).hash(state);
    }
}

#[test]
fn a_key_that_others_overtake_while_it_is_compared_comes_in_soon() {
    let config = CacheConfig::new(1500);
    let cache = config.build_with_hasher(Fixed::default()).expect("valid");
    cache.insert(Slow(0), 0).expect("room");
    CACHE.set(Some(cache.clone()));
    cache.insert(Slow(1), 1).expect("room");
    assert!(OVERTAKEN.get() < 20, "{} came in first", OVERTAKEN.get());
    CACHE.set(None);
}
