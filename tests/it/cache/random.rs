//! Long random sequences of operations beside a reference map, and storms of threads.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fastrand::Rng;
use steadfast::Cache;
use steadfast::guards::cache::{CacheConfig, EntryOptions};
use steadfast::time::ManualClock;

const CAPACITY: u64 = 32;
const KEYS: u64 = 64;
const TTL: u64 = 100;

/// How many operations a storm has: thousands in a usual run, more by the environment.
fn storm() -> u64 {
    let asked = std::env::var("STEADFAST_STORM").ok();
    asked.and_then(|it| it.parse().ok()).unwrap_or(40_000)
}

/// What the reference knows of a key: its value, and when it expires. An eviction is what it does not know.
struct Reference {
    entries: HashMap<u64, (u64, u64, bool)>,
    now: u64,
}

impl Reference {
    fn expected(&self, key: u64) -> Option<u64> {
        let (value, until, _) = self.entries.get(&key)?;
        (*until > self.now).then_some(*value)
    }

    /// A value that is returned must be the last one, and in time; one that is missing must have been evicted.
    fn check(&mut self, key: u64, got: Option<u64>, absences: &mut u64) {
        match (self.expected(key), got) {
            (Some(expected), Some(got)) => assert_eq!(expected, got),
            (None, Some(got)) => panic!("{key} returned {got}, which is over"),
            (Some(_), None) => {
                *absences += 1;
                self.entries.remove(&key);
            }
            (None, None) => {}
        }
    }
}

// property 26, property 28, property 29
#[test]
fn no_random_sequence_returns_what_is_over_or_loses_what_was_not_evicted() {
    let mut random = Rng::with_seed(11);
    let manual = ManualClock::new();
    let config = CacheConfig::new(CAPACITY).ttl(Duration::from_nanos(TTL));
    let config = config.clock(manual.clock()).groups(4);
    let cache = config.statistics(true).build().expect("valid");
    let mut reference = Reference {
        entries: HashMap::new(),
        now: 0,
    };
    let mut absences = 0;
    for number in 0..storm() {
        let key = random.u64(..KEYS).min(random.u64(..KEYS));
        match random.u32(..100) {
            0..50 => reference.check(key, cache.get(&key), &mut absences),
            50..80 => {
                let ttl = random.u64(1..2 * TTL);
                let options = EntryOptions::new().ttl(Duration::from_nanos(ttl));
                let options = options.group(key as usize % 4);
                cache.insert_with(key, number, options).expect("room");
                let until = reference.now + ttl;
                reference.entries.insert(key, (number, until, false));
            }
            80..85 => {
                let expected = reference.expected(key);
                let removed = cache.remove(&key);
                assert!(expected.is_some() || !removed);
                absences += u64::from(expected.is_some() && !removed);
                reference.entries.remove(&key);
            }
            85..88 => {
                let removed = cache.remove_if(&key, |value| value % 2 == 0);
                if removed {
                    assert!(reference.expected(key).is_some_and(|value| value % 2 == 0));
                    reference.entries.remove(&key);
                }
            }
            88 => {
                cache.invalidate_group(key as usize % 4);
                reference.entries.retain(|other, _| other % 4 != key % 4);
            }
            89 if number % 8 == 0 => {
                cache.invalidate_all();
                reference.entries.clear();
                assert_eq!(cache.len(), 0);
            }
            90 => {
                cache.purge();
            }
            _ => {
                let step = random.u64(..TTL / 10);
                manual.advance(Duration::from_nanos(step));
                reference.now += step;
            }
        }
        assert!(cache.weighted_size() <= CAPACITY && cache.len() as u64 <= CAPACITY);
    }
    let stats = cache.stats();
    assert!(
        absences <= stats.evictions,
        "{absences} lost, {} evicted",
        stats.evictions
    );
    let gone = stats.evictions + stats.expirations + stats.invalidations + stats.removals;
    assert_eq!(stats.inserts - gone, cache.weighted_size());
    assert!(stats.hits > 0 && stats.misses_expired > 0 && stats.misses_invalidated > 0);
}

/// A value that says which key it belongs to.
fn of(key: u64, number: u64) -> u64 {
    key << 32 | number
}

// property 28, property 29
#[test]
fn a_storm_of_threads_never_mixes_up_values_or_goes_back() {
    let each = storm() / 4;
    let config = CacheConfig::new(CAPACITY).statistics(true);
    let cache = config.build().expect("valid");
    // The last number that is known to be inside for a key that only one thread writes.
    let last: Vec<_> = (0..KEYS).map(|_| AtomicU64::new(0)).collect();
    std::thread::scope(|scope| {
        for writer in 0..2_u64 {
            let (cache, last) = (&cache, &last);
            scope.spawn(move || write(cache, last, writer, each));
        }
        for reader in 0..2_u64 {
            let (cache, last) = (&cache, &last);
            scope.spawn(move || read(cache, last, reader, each));
        }
    });
    let stats = cache.stats();
    let gone = stats.evictions + stats.removals;
    assert_eq!(stats.inserts - gone, cache.len() as u64);
    assert!(stats.updates > 0 && stats.evictions > 0 && stats.hits > 0);
}

fn write(cache: &Cache<u64, u64>, last: &[AtomicU64], writer: u64, each: u64) {
    let mut random = Rng::with_seed(writer);
    for number in 1..each {
        let key = random.u64(..KEYS / 2) * 2 + writer;
        cache.insert(key, of(key, number)).expect("room");
        last[key as usize].store(number, Ordering::SeqCst);
        let own = cache.get(&key);
        assert!(
            own.is_none_or(|value| value == of(key, number)),
            "a lost update"
        );
        if number % 5 == 0 {
            cache.remove_if(&key, |value| *value == of(key, number));
            assert_eq!(cache.get(&key), None);
        }
        assert!(cache.weighted_size() <= CAPACITY);
    }
}

fn read(cache: &Cache<u64, u64>, last: &[AtomicU64], reader: u64, each: u64) {
    let mut random = Rng::with_seed(100 + reader);
    for _ in 1..each {
        let key = random.u64(..KEYS);
        let before = last[key as usize].load(Ordering::SeqCst);
        if let Some(value) = cache.get(&key) {
            assert_eq!(value >> 32, key, "the value of another key");
            assert!(
                value & 0xFFFF_FFFF >= before,
                "a value that had been replaced"
            );
        }
    }
}
