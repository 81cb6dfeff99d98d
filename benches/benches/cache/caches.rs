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
    fn get_or_insert(&self, key: &K, value: V) -> V;
}

pub(crate) trait Key: Hash + Eq + Clone + Send + Sync + 'static {}
impl<K: Hash + Eq + Clone + Send + Sync + 'static> Key for K {}

pub(crate) trait Hashing: BuildHasher + Clone + Default + Send + Sync + 'static {}
impl<S: BuildHasher + Clone + Default + Send + Sync + 'static> Hashing for S {}

/// The hasher of the equipped: `quick_cache` has it from the beginning.
type Fast = foldhash::fast::RandomState;

/// Far away: nothing expires while a bench runs.
const TTL: Duration = Duration::from_secs(3600);

/// Some cache, and what it is called.
pub(crate) struct Named<K> {
    pub(crate) name: &'static str,
    pub(crate) is_floor: bool,
    pub(crate) cache: Box<dyn Contender<K, u64>>,
}

fn rival<K>(name: &'static str, cache: impl Contender<K, u64> + 'static) -> Named<K> {
    Named {
        name,
        is_floor: false,
        cache: Box::new(cache),
    }
}

fn floor<K>(name: &'static str, cache: impl Contender<K, u64> + 'static) -> Named<K> {
    Named {
        is_floor: true,
        ..rival(name, cache)
    }
}

/// Ours, as it is from the beginning.
pub(crate) fn ours<K: Key>(capacity: u64) -> Cache<K, u64> {
    Cache::new(capacity).expect("a valid capacity")
}

/// Ours with what most rivals have not: a time to live and statistics; by the hasher of the rivals.
pub(crate) fn equipped<K: Key>(capacity: u64) -> Cache<K, u64, Fast> {
    let config = CacheConfig::new(capacity).ttl(TTL).statistics(true);
    config.build_with_hasher(Fast::default()).expect("valid")
}

/// All that take part, ours first.
pub(crate) const NAMES: [&str; 7] = [
    "ours",
    "quick_cache",
    "moka",
    "mini-moka",
    "TinyUFO",
    "dashmap",
    "papaya",
];

/// The one of this name, as it is from the beginning.
pub(crate) fn plain<K: Key>(name: &'static str, capacity: u64) -> Named<K> {
    let size = capacity as usize;
    match name {
        "ours" => rival(name, ours(capacity)),
        "quick_cache" => rival(name, quick_cache::sync::Cache::new(size)),
        "moka" => rival(name, moka::sync::Cache::new(capacity)),
        "mini-moka" => rival(name, mini_moka::sync::Cache::new(capacity)),
        "TinyUFO" => rival(name, TinyUfo(tinyufo::TinyUfo::new(size, size))),
        "dashmap" => floor(name, dashmap::DashMap::new()),
        _ => floor(name, papaya::HashMap::new()),
    }
}

/// All as they are from the beginning.
pub(crate) fn plain_field<K: Key>(capacity: u64) -> Vec<Named<K>> {
    NAMES.iter().map(|name| plain(name, capacity)).collect()
}

/// All by the same hasher, and with a time to live where they know one;
/// but `TinyUFO`, which knows no other hasher than its own.
pub(crate) fn equipped_field<K: Key>(capacity: u64) -> Vec<Named<K>> {
    let hasher = Fast::default;
    let moka = moka::sync::Cache::builder().max_capacity(capacity);
    let moka = moka.time_to_live(TTL).build_with_hasher(hasher());
    let mini = mini_moka::sync::Cache::builder().max_capacity(capacity);
    let mini = mini.time_to_live(TTL).build_with_hasher(hasher());
    let quick = quick_cache::sync::Cache::with(
        capacity as usize,
        capacity,
        quick_cache::UnitWeighter,
        hasher(),
        quick_cache::sync::DefaultLifecycle::default(),
    );
    vec![
        rival("ours", equipped(capacity)),
        rival("quick_cache", quick),
        rival("moka", moka),
        rival("mini-moka", mini),
        floor("dashmap", dashmap::DashMap::with_hasher(hasher())),
        floor("papaya", papaya::HashMap::with_hasher(hasher())),
    ]
}

impl<K: Key, S: Hashing> Contender<K, u64> for Cache<K, u64, S> {
    fn get(&self, key: &K) -> Option<u64> {
        Cache::get(self, key)
    }

    fn insert(&self, key: K, value: u64) {
        Cache::insert(self, key, value).expect("weight one fits");
    }

    fn get_or_insert(&self, key: &K, value: u64) -> u64 {
        self.get_or_insert_with(key.clone(), || value)
            .expect("loaded")
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

    fn get_or_insert(&self, key: &K, value: u64) -> u64 {
        let loaded = self.get_or_insert_with(key, || Ok::<_, ()>(value));
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

    fn get_or_insert(&self, key: &K, value: u64) -> u64 {
        self.get_with_by_ref(key, || value)
    }
}

impl<K: Key, S: Hashing> Contender<K, u64> for mini_moka::sync::Cache<K, u64, S> {
    fn get(&self, key: &K) -> Option<u64> {
        mini_moka::sync::Cache::get(self, key)
    }

    fn insert(&self, key: K, value: u64) {
        mini_moka::sync::Cache::insert(self, key, value);
    }

    fn get_or_insert(&self, key: &K, value: u64) -> u64 {
        Contender::get(self, key).unwrap_or_else(|| {
            Contender::insert(self, key.clone(), value);
            value
        })
    }
}

struct TinyUfo<K: Key>(tinyufo::TinyUfo<K, u64>);

impl<K: Key> Contender<K, u64> for TinyUfo<K> {
    fn get(&self, key: &K) -> Option<u64> {
        self.0.get(key)
    }

    fn insert(&self, key: K, value: u64) {
        self.0.put(key, value, 1);
    }

    fn get_or_insert(&self, key: &K, value: u64) -> u64 {
        self.0.get(key).unwrap_or_else(|| {
            self.0.put(key.clone(), value, 1);
            value
        })
    }
}

impl<K: Key, S: Hashing> Contender<K, u64> for dashmap::DashMap<K, u64, S> {
    fn get(&self, key: &K) -> Option<u64> {
        dashmap::DashMap::get(self, key).map(|value| *value)
    }

    fn insert(&self, key: K, value: u64) {
        dashmap::DashMap::insert(self, key, value);
    }

    fn get_or_insert(&self, key: &K, value: u64) -> u64 {
        *self.entry(key.clone()).or_insert(value)
    }
}

impl<K: Key, S: Hashing> Contender<K, u64> for papaya::HashMap<K, u64, S> {
    fn get(&self, key: &K) -> Option<u64> {
        self.pin().get(key).copied()
    }

    fn insert(&self, key: K, value: u64) {
        self.pin().insert(key, value);
    }

    fn get_or_insert(&self, key: &K, value: u64) -> u64 {
        *self.pin().get_or_insert(key.clone(), value)
    }
}
