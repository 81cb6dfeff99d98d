//! All operations at once, with values whose inside the ThreadSanitizer watches.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use fastrand::Rng;

use super::{Cache, CacheConfig, EntryOptions};
use crate::kernel::test_support::{Mortal, Register, storm};
use crate::sync::on_threads;
use crate::time::ManualClock;

const CAPACITY: u64 = 16;
const KEYS: u64 = 32;
const TTL: Duration = Duration::from_nanos(50);

struct Scene<'r> {
    cache: Cache<u64, Mortal<'r>>,
    manual: ManualClock,
    register: &'r Register,
    found: AtomicUsize,
}

impl Scene<'_> {
    fn key_of(&self, key: u64, value: &Mortal<'_>) {
        assert_eq!(value.key(), key, "the value of another key");
        self.found.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether entries have left for every cause, and look-ups have come to everything.
    fn has_happened(&self) -> bool {
        let stats = self.cache.stats();
        let came = [stats.hits, stats.updates, stats.evictions, stats.loads];
        let went = [stats.expirations, stats.invalidations, stats.removals];
        let missed = [stats.misses_expired, stats.misses_invalidated];
        came.iter().chain(&went).chain(&missed).all(|it| *it > 0)
    }

    fn write(&self, rng: &mut Rng) {
        let key = rng.u64(..KEYS);
        let value = || self.register.bear(key);
        match rng.u32(..40) {
            0..10 => self.cache.insert(key, value()).unwrap(),
            10..20 => {
                let options = EntryOptions::new().ttl(TTL * rng.u32(1..4));
                let options = options.group(key as usize % 2);
                self.cache.insert_with(key, value(), options).unwrap();
            }
            20..24 => {
                self.cache.remove(&key);
            }
            24..28 => {
                self.cache.remove_if(&key, |value| value.number() % 2 == 0);
            }
            28 if rng.u32(..4) == 0 => self.cache.invalidate_all(),
            29 => {
                self.cache.invalidate_group(key as usize % 2);
            }
            30 => {
                self.cache.purge();
            }
            31 => {
                self.cache.retain(|key, value| {
                    self.key_of(*key, value);
                    key % 3 > 0
                });
            }
            _ => self.manual.advance(Duration::from_nanos(rng.u64(..20))),
        }
        assert!(self.cache.weighted_size() <= CAPACITY && self.cache.len() as u64 <= CAPACITY);
    }

    fn load(&self, rng: &mut Rng) {
        let key = rng.u64(..KEYS);
        let loaded = self
            .cache
            .get_or_insert_with(key, || self.register.bear(key));
        self.key_of(key, &loaded.unwrap());
    }

    fn read(&self, rng: &mut Rng) {
        let key = rng.u64(..KEYS);
        self.cache.get_with(&key, |value| self.key_of(key, value));
        if rng.u32(..20) == 0 {
            self.cache.for_each(|key, value| self.key_of(*key, value));
        }
        if let Some(value) = self.cache.get_stale(&key) {
            self.key_of(key, &value);
        }
    }
}

// property 28, property 29
#[test]
fn a_storm_of_all_operations_shows_no_value_that_has_ended_and_ends_each_once() {
    const EACH: usize = 4;
    let rounds = storm(3_000);
    // Each operation makes four values at most.
    let most = 10 * rounds;
    let register = Register::new(4 * EACH * most);
    let manual = ManualClock::new();
    let config = CacheConfig::new(CAPACITY).clock(manual.clock()).groups(2);
    let config = config.ttl(8 * TTL).grace(TTL / 8).time_to_idle(3 * TTL);
    let cache = config.refresh_ahead(TTL).statistics(true).build().unwrap();
    let scene = Scene {
        cache,
        manual,
        register: &register,
        found: AtomicUsize::new(0),
    };
    on_threads(EACH, |thread| {
        let mut rng = Rng::with_seed(thread as u64);
        // Until everything has happened.
        let is_on = |round: &usize| *round < rounds || !scene.has_happened();
        for _ in (0..most).take_while(is_on) {
            match thread {
                0 | 1 => scene.write(&mut rng),
                2 => scene.load(&mut rng),
                _ => scene.read(&mut rng),
            }
        }
    });
    let stats = scene.cache.stats();
    let gone = stats.evictions + stats.expirations + stats.invalidations + stats.removals;
    assert_eq!(stats.inserts - gone, scene.cache.weighted_size());
    assert!(scene.has_happened(), "{stats:?}");
    drop(scene);
    register.close();
}
