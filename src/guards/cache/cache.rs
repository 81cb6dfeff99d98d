//! The cache itself: its making, and looking things up.

use std::borrow::Borrow;
use std::fmt;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::Arc;

use super::cache_error::CacheError;
use super::cause::RemovalCause;
use super::chooser::Chooser;
use super::config::CacheConfig;
use super::entry::Entry;
use super::law::{Law, Worth};
use super::load::Loads;
use super::policy::S3Fifo;
use super::stats::{CacheStats, Counters, Miss};
use super::write::WAITING;
use crate::kernel::hazard::{Domain, DomainRef};
use crate::kernel::shard::Shard;
use crate::kernel::table::Found;
use crate::sync::cores;
use crate::telemetry::kinds;

/// A shard has at least so many entries, so that the policy of each sees enough of them.
const SHARD_ENTRIES: u64 = 1024;

/// Shards per core, at most.
const SHARDS_PER_CORE: u64 = 4;

/// Spreads what a weak hasher leaves together: 2^64 divided by the golden ratio, which is odd.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

pub(super) type CacheShard<K, V> = Shard<Entry<K, V>, Chooser>;

/// A cache. Cheap to clone; clones are the same cache.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use steadfast::guards::cache::{Cache, CacheConfig};
///
/// let squares = Cache::new(1000)?;
/// squares.insert(12_u64, 144_u64)?;
/// assert_eq!(squares.get(&12), Some(144));
/// assert_eq!(squares.get(&13), None);
///
/// let names = CacheConfig::new(100).ttl(Duration::from_secs(60)).build()?;
/// names.insert("ada".to_owned(), "Lovelace")?;
/// assert_eq!(names.get_with("ada", |name| name.len()), Some(8));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Cache<K, V, S = RandomState> {
    pub(super) inner: Arc<Inner<K, V, S>>,
}

/// What the handles share.
pub(super) struct Inner<K, V, S> {
    hasher: S,
    shards: Box<[CacheShard<K, V>]>,
    pub(super) law: Arc<Law>,
    pub(super) counters: Arc<Counters>,
    pub(super) domain: DomainRef,
    pub(super) loads: Loads<K, V>,
    pub(super) config: CacheConfig<K, V>,
}

/// What a look-up came to.
pub(super) enum Looked<R> {
    Hit(R),
    Missed(Miss),
}

impl<R> Looked<R> {
    /// Why it is no hit; `None` if it is one.
    #[inline]
    const fn miss(&self) -> Option<Miss> {
        match self {
            Self::Hit(_) => None,
            Self::Missed(why) => Some(*why),
        }
    }
}

impl<K: Hash + Eq, V> Cache<K, V> {
    /// A cache for so many entries, which do not expire. From 2,048 on it may let some go a little before it is full: see
    /// [`CacheConfig::new`].
    ///
    /// # Errors
    /// A capacity of zero, or one that is too large.
    pub fn new(capacity: u64) -> Result<Self, CacheError> {
        CacheConfig::new(capacity).build()
    }
}

impl<K: Hash + Eq, V, S: BuildHasher> Cache<K, V, S> {
    pub(super) fn build(config: CacheConfig<K, V>, hasher: S) -> Self {
        let law = Law::new(config.lifetime(), config.groups, config.clock.clone());
        let law = Arc::new(law);
        let counters = Arc::new(Counters::new(cores(), config.statistics));
        let entries = config.entries();
        // Who is told is told at once.
        let enough = if config.listener.is_some() || config.telemetry.is_some() {
            1
        } else {
            WAITING
        };
        let count = shards(entries as u64, cores() as u64);
        let shard = |at: u64| {
            let capacity = share(config.capacity, count, at);
            let entries = share(entries as u64, count, at);
            let entries = usize::try_from(entries).unwrap_or(usize::MAX);
            let queues = S3Fifo::new(capacity, entries);
            let chooser = Chooser::new(queues, Arc::clone(&law), Arc::clone(&counters));
            Shard::new(capacity, entries, enough, chooser)
        };
        Self {
            inner: Arc::new(Inner {
                hasher,
                shards: (0..count).map(shard).collect(),
                law,
                counters,
                domain: Domain::shared(),
                loads: Loads::new(),
                config,
            }),
        }
    }

    /// The value of a key. A value that is expensive to clone is better kept in an [`Arc`], or looked at by
    /// [`get_with`](Self::get_with).
    ///
    /// # Panics
    /// What the key's `Hash` or `Eq` panic; nothing happened then. What the value's `Clone` panics: nothing is counted then,
    /// but the entry was used, for the policy and for its idle time.
    #[inline]
    pub fn get<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
        V: Clone,
    {
        self.get_with(key, V::clone)
    }

    /// What `look` makes of the value of a key, in place. While it runs it keeps this one entry in memory, and nothing
    /// else; it may use the cache itself.
    ///
    /// # Panics
    /// As [`get`](Self::get); and what `look` panics.
    #[inline]
    pub fn get_with<Q, R>(&self, key: &Q, look: impl FnOnce(&V) -> R) -> Option<R>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let inner = &*self.inner;
        let looked = inner.look_up(key, inner.hash(key), |entry| look(&entry.value));
        inner.tell_of(&looked);
        match looked {
            Looked::Hit(result) => Some(result),
            Looked::Missed(_) => None,
        }
    }

    /// As [`get`](Self::get), without a trace: it is no use of the entry, neither for the policy nor for its idle time,
    /// and is not counted.
    pub fn peek<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
        V: Clone,
    {
        self.inner.clone_if(key, |worth| worth == Worth::Valid)
    }

    /// Whether a key has a value now; without a trace, as [`peek`](Self::peek).
    pub fn contains_key<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let is_valid = |worth, _: &Entry<K, V>| worth == Worth::Valid;
        self.inner.peek_with(key, is_valid) == Some(true)
    }

    /// The value of a key, also if it expired up to [`grace`](CacheConfig::grace) ago: for when nothing newer can be
    /// had. Never what was invalidated. Without a trace, as [`peek`](Self::peek).
    pub fn get_stale<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
        V: Clone,
    {
        let is_known = |worth| matches!(worth, Worth::Valid | Worth::Stale);
        self.inner.clone_if(key, is_known)
    }

    /// How many entries are inside, also such as have expired and were not met yet; none right after
    /// [`invalidate_all`](Self::invalidate_all).
    #[must_use]
    pub fn len(&self) -> usize {
        let shards = self.inner.shards.iter();
        shards.map(|shard| shard.len(&self.inner.law.eras)).sum()
    }

    /// Whether nothing is inside.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What fits: entries, or weight if there is a weigher.
    #[must_use]
    pub fn capacity(&self) -> u64 {
        self.inner.config.capacity
    }

    /// What all that is inside weighs, also what has expired or was invalidated and was not met yet. Never more than the
    /// [`capacity`](Self::capacity).
    #[must_use]
    pub fn weighted_size(&self) -> u64 {
        self.inner.shards.iter().map(Shard::used).sum()
    }

    /// What happened in this cache so far.
    #[must_use]
    pub fn stats(&self) -> CacheStats {
        let shards = self.inner.shards.iter();
        self.inner
            .counters
            .read(shards.map(Shard::admissions).sum())
    }

    /// Its name, if it has one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.inner.config.name.as_deref()
    }
}

impl<K, V, S> Inner<K, V, S> {
    /// The shards.
    pub(super) fn shards(&self) -> &[CacheShard<K, V>] {
        &self.shards
    }

    /// The shard of a hash.
    #[inline]
    pub(super) fn shard(&self, hash: u64) -> &CacheShard<K, V> {
        // The bits below go into the tag, and those above into the home: see the table.
        let at = (hash >> 7) as usize & (self.shards.len() - 1);
        &self.shards[at]
    }

    /// Tells of a look-up.
    #[inline]
    pub(super) fn tell_of<R>(&self, looked: &Looked<R>) {
        if self.config.telemetry.is_some() {
            self.emit_look(looked.miss());
        }
    }

    #[cold]
    fn emit_look(&self, miss: Option<Miss>) {
        let Some(telemetry) = &self.config.telemetry else {
            return;
        };
        match miss {
            None => telemetry.emit(&kinds::CACHE_HIT, |event| {
                event.tag("name", self.label());
            }),
            Some(why) => telemetry.emit(&kinds::CACHE_MISSED, |event| {
                event.tag("name", self.label()).tag("why", why.as_str());
            }),
        }
    }

    /// How events name this cache.
    pub(super) fn label(&self) -> String {
        self.config.name.as_deref().unwrap_or_default().to_owned()
    }

    /// Why an entry that was found is no hit; one that is over is taken out.
    #[cold]
    #[inline(never)]
    fn turn_down(
        &self,
        shard: &CacheShard<K, V>,
        found: Found<'_, Entry<K, V>>,
        worth: Worth,
        now: u64,
    ) -> Miss {
        let Worth::Nothing(cause) = worth else {
            return Miss::Expired;
        };
        if self.law.may_take(found.item(), cause, now) {
            self.take_out(shard, found, cause);
        }
        if cause == RemovalCause::Expired {
            Miss::Expired
        } else {
            Miss::Invalidated
        }
    }

    /// Takes out what has been found to be nothing; true if this caller did.
    pub(super) fn take_out(
        &self,
        shard: &CacheShard<K, V>,
        found: Found<'_, Entry<K, V>>,
        cause: RemovalCause,
    ) -> bool {
        let is_out = shard.remove(&self.law.eras, found, |entry| {
            entry.went(cause);
        });
        if is_out {
            self.counters.went(cause);
        }
        is_out
    }
}

impl<K: Eq, V, S: BuildHasher> Inner<K, V, S> {
    /// The hash of a key.
    #[inline]
    pub(super) fn hash<Q>(&self, key: &Q) -> u64
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let product = u128::from(self.hasher.hash_one(key)) * u128::from(SPREAD);
        (product >> 64) as u64 ^ product as u64
    }

    /// Uses the entry of a key, and counts what came of it: an entry that is over is taken out, exactly that one.
    #[inline]
    pub(super) fn look_up<Q, R>(
        &self,
        key: &Q,
        hash: u64,
        look: impl FnOnce(&Entry<K, V>) -> R,
    ) -> Looked<R>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let shard = self.shard(hash);
        let mut hazard = self.domain.hazard();
        let owner = hazard.owner();
        let is_it = |entry: &Entry<K, V>| entry.key.borrow() == key;
        let looked = match shard.find(hash, &mut hazard, is_it) {
            Some(found) => self.look_into(shard, found, look),
            None => Looked::Missed(Miss::Absent),
        };
        self.counters.looked(owner, looked.miss());
        looked
    }

    /// Uses an entry that was found.
    #[inline]
    pub(super) fn look_into<R>(
        &self,
        shard: &CacheShard<K, V>,
        found: Found<'_, Entry<K, V>>,
        look: impl FnOnce(&Entry<K, V>) -> R,
    ) -> Looked<R> {
        let entry = found.item();
        let (worth, now) = self.law.worth(entry);
        if worth == Worth::Valid && (now == 0 || self.law.touch(entry, now)) {
            entry.hit();
            return Looked::Hit(look(entry));
        }
        Looked::Missed(self.turn_down(shard, found, worth, now))
    }

    /// The value of a key if it is worth enough; without a trace.
    fn clone_if<Q>(&self, key: &Q, is_enough: impl FnOnce(Worth) -> bool) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
        V: Clone,
    {
        let clone_if = |worth, entry: &Entry<K, V>| is_enough(worth).then(|| entry.value.clone());
        self.peek_with(key, clone_if).flatten()
    }

    /// Looks at the entry of a key, whatever it is worth, and leaves no trace.
    pub(super) fn peek_with<Q, R>(
        &self,
        key: &Q,
        look: impl FnOnce(Worth, &Entry<K, V>) -> R,
    ) -> Option<R>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let hash = self.hash(key);
        let mut hazard = self.domain.hazard();
        let is_it = |entry: &Entry<K, V>| entry.key.borrow() == key;
        let found = self.shard(hash).find(hash, &mut hazard, is_it)?;
        let entry = found.item();
        Some(look(self.law.worth(entry).0, entry))
    }
}

/// How many shards: a power of two, some per core, each with enough entries.
fn shards(entries: u64, cores: u64) -> u64 {
    let most = (entries / SHARD_ENTRIES).clamp(1, SHARDS_PER_CORE * cores);
    1 << most.ilog2()
}

/// What of a whole is the part `at` of `parts`; all of them make the whole.
const fn share(whole: u64, parts: u64, at: u64) -> u64 {
    let extra = at < whole % parts;
    whole / parts + extra as u64
}

impl<K, V, S> Clone for Cache<K, V, S> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
        }
    }
}

impl<K, V, S> fmt::Debug for Cache<K, V, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let used: u64 = self.inner.shards.iter().map(Shard::used).sum();
        f.debug_struct("Cache")
            .field("name", &self.inner.config.name)
            .field("weighted_size", &used)
            .field("capacity", &self.inner.config.capacity)
            .field("shards", &self.inner.shards.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::{shards, share};

    #[test]
    fn small_caches_have_one_shard_and_large_ones_some_per_core() {
        let counts = [1, 16, 1023, 2047, 2048, 10_000, 1 << 20].map(|it| shards(it, 2));
        assert_eq!(counts, [1, 1, 1, 1, 2, 8, 8]);
        assert_eq!(shards(1 << 20, 3), 8);
    }

    #[test]
    fn the_shares_of_the_shards_make_the_whole() {
        for whole in [1, 7, 8, 1000, 1 << 40] {
            let sum: u64 = (0..8).map(|at| share(whole, 8, at)).sum();
            assert_eq!(sum, whole);
        }
    }
}
