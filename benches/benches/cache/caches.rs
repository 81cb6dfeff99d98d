//! Ours, the rivals, and the floors without eviction, in one shape.

use std::hash::{BuildHasher, Hash};
use std::time::Duration;

use steadfast::Cache;
use steadfast::guards::cache::CacheConfig;

/// What a cache of the bench can do. `V` is small and cheap to clone.
pub(crate) trait Contender<K, V>: Sync {
    fn get(&self, key: &K) -> Option<V>;
    fn insert(&self, key: K, value: V);

    /// As whoever loads what is missing would write it with this cache.
    fn get_or_insert(&self, key: K, value: V) -> V;
}

pub(crate) trait Key: Hash + Eq + Clone + Send + Sync + 'static {}
impl<K: Hash + Eq + Clone + Send + Sync + 'static> Key for K {}

pub(crate) trait Hashing: BuildHasher + Clone + Default + Send + Sync + 'static {}
impl<S: BuildHasher + Clone + Default + Send + Sync + 'static> Hashing for S {}

/// Ours with what the rivals have not: a time to live and statistics, by their hasher.
pub(crate) fn equipped<K: Key>(capacity: u64) -> Cache<K, u64, foldhash::fast::RandomState> {
    let config = CacheConfig::new(capacity).ttl(Duration::from_secs(3600));
    let config = config.statistics(true);
    let hasher = foldhash::fast::RandomState::default();
    config.open_with_hasher(hasher).expect("valid")
}

impl<K: Key, S: Hashing> Contender<K, u64> for Cache<K, u64, S> {
    fn get(&self, key: &K) -> Option<u64> {
        Cache::get(self, key)
    }

    fn insert(&self, key: K, value: u64) {
        Cache::insert(self, key, value).expect("weight one fits");
    }

    fn get_or_insert(&self, key: K, value: u64) -> u64 {
        self.get_or_insert_with(key, || value).expect("loaded")
    }
}

impl<K: Key, S: Hashing> Contender<K, u64>
    for quick_cache::sync::Cache<K, u64, quick_cache::UnitWeighter, S>
{
    fn get(&self, key: &K) -> Option<u64> {
        quick_cache::sync::Cache::get(self, key)
    }

    fn insert(&self, key: K, value: u64) {
        quick_cache::sync::Cache::insert(self, key, value);
    }

    fn get_or_insert(&self, key: K, value: u64) -> u64 {
        let loaded = self.get_or_insert_with(&key, || Ok::<_, ()>(value));
        loaded.expect("loaded")
    }
}

impl<K: Key, S: Hashing> Contender<K, u64> for moka::sync::Cache<K, u64, S> {
    fn get(&self, key: &K) -> Option<u64> {
        moka::sync::Cache::get(self, key)
    }

    fn insert(&self, key: K, value: u64) {
        moka::sync::Cache::insert(self, key, value);
    }

    fn get_or_insert(&self, key: K, value: u64) -> u64 {
        self.get_with(key, || value)
    }
}

impl<K: Key> Contender<K, u64> for mini_moka::sync::Cache<K, u64> {
    fn get(&self, key: &K) -> Option<u64> {
        mini_moka::sync::Cache::get(self, key)
    }

    fn insert(&self, key: K, value: u64) {
        mini_moka::sync::Cache::insert(self, key, value);
    }

    fn get_or_insert(&self, key: K, value: u64) -> u64 {
        Contender::get(self, &key).unwrap_or_else(|| {
            Contender::insert(self, key, value);
            value
        })
    }
}

pub(crate) struct TinyUfo<K: Key>(pub(crate) tinyufo::TinyUfo<K, u64>);

impl<K: Key> Contender<K, u64> for TinyUfo<K> {
    fn get(&self, key: &K) -> Option<u64> {
        self.0.get(key)
    }

    fn insert(&self, key: K, value: u64) {
        self.0.put(key, value, 1);
    }

    fn get_or_insert(&self, key: K, value: u64) -> u64 {
        self.0.get(&key).unwrap_or_else(|| {
            self.0.put(key, value, 1);
            value
        })
    }
}

impl<K: Key> Contender<K, u64> for dashmap::DashMap<K, u64> {
    fn get(&self, key: &K) -> Option<u64> {
        dashmap::DashMap::get(self, key).map(|value| *value)
    }

    fn insert(&self, key: K, value: u64) {
        dashmap::DashMap::insert(self, key, value);
    }

    fn get_or_insert(&self, key: K, value: u64) -> u64 {
        *self.entry(key).or_insert(value)
    }
}

impl<K: Key> Contender<K, u64> for papaya::HashMap<K, u64> {
    fn get(&self, key: &K) -> Option<u64> {
        self.pin().get(key).copied()
    }

    fn insert(&self, key: K, value: u64) {
        self.pin().insert(key, value);
    }

    fn get_or_insert(&self, key: K, value: u64) -> u64 {
        *self.pin().get_or_insert(key, value)
    }
}
