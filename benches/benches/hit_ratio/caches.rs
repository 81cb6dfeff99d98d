//! Ours and the rivals, in one shape.

use steadfast::Cache;

/// What a trace is run against.
pub(crate) trait Contender {
    fn get(&mut self, key: u64) -> bool;
    fn insert(&mut self, key: u64);
}

type Make = fn(u64) -> Box<dyn Contender>;

/// By name, ours first.
pub(crate) const CACHES: &[(&str, Make)] = &[
    ("steadfast", |capacity| {
        Box::new(Cache::<u64, ()>::new(capacity).expect("a valid capacity"))
    }),
    ("quick_cache", |capacity| {
        Box::new(quick_cache::sync::Cache::<u64, ()>::new(capacity as usize))
    }),
    ("moka", |capacity| {
        Box::new(moka::sync::Cache::<u64, ()>::new(capacity))
    }),
    ("mini-moka", |capacity| {
        Box::new(mini_moka::sync::Cache::<u64, ()>::new(capacity))
    }),
    ("TinyUFO", |capacity| {
        Box::new(TinyUfo(tinyufo::TinyUfo::new(
            capacity as usize,
            capacity as usize,
        )))
    }),
];

struct TinyUfo(tinyufo::TinyUfo<u64, ()>);

impl Contender for Cache<u64, ()> {
    fn get(&mut self, key: u64) -> bool {
        Cache::get(self, &key).is_some()
    }

    fn insert(&mut self, key: u64) {
        Cache::insert(self, key, ()).expect("weight one fits");
    }
}

impl Contender for quick_cache::sync::Cache<u64, ()> {
    fn get(&mut self, key: u64) -> bool {
        quick_cache::sync::Cache::get(self, &key).is_some()
    }

    fn insert(&mut self, key: u64) {
        quick_cache::sync::Cache::insert(self, key, ());
    }
}

impl Contender for moka::sync::Cache<u64, ()> {
    fn get(&mut self, key: u64) -> bool {
        moka::sync::Cache::get(self, &key).is_some()
    }

    fn insert(&mut self, key: u64) {
        moka::sync::Cache::insert(self, key, ());
        self.run_pending_tasks();
    }
}

impl Contender for mini_moka::sync::Cache<u64, ()> {
    fn get(&mut self, key: u64) -> bool {
        mini_moka::sync::Cache::get(self, &key).is_some()
    }

    fn insert(&mut self, key: u64) {
        mini_moka::sync::Cache::insert(self, key, ());
        mini_moka::sync::ConcurrentCacheExt::sync(self);
    }
}

impl Contender for TinyUfo {
    fn get(&mut self, key: u64) -> bool {
        self.0.get(&key).is_some()
    }

    fn insert(&mut self, key: u64) {
        self.0.put(key, (), 1);
    }
}

/// In parts of a hundred.
pub(crate) fn hit_ratio(cache: &mut dyn Contender, keys: &[u64]) -> f64 {
    let mut hits = 0_u64;
    for key in keys {
        if cache.get(*key) {
            hits += 1;
        } else {
            cache.insert(*key);
        }
    }
    100.0 * hits as f64 / keys.len().max(1) as f64
}
