//! What a cache is made from.

use std::fmt;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::Arc;
use std::time::Duration;

use super::cache::Cache;
use super::cache_error::{CacheError, CacheFault};
use super::cause::RemovalCause;
use super::lifetime::Lifetime;
use crate::telemetry::Telemetry;
use crate::time::Clock;

/// The largest capacity of a cache with a weigher.
pub const MAX_CAPACITY: u64 = 1 << 48;

/// The largest number of entries: the largest capacity of a cache without a weigher.
pub const MAX_ENTRIES: u64 = 1 << 28;

/// Groups that can be invalidated on their own, at most.
pub const MAX_GROUPS: usize = u16::MAX as usize;

/// Entries that a cache with a weigher expects, unless it is told.
const EXPECTED: usize = 4096;

type Weigher<K, V> = Arc<dyn Fn(&K, &V) -> u32 + Send + Sync>;
type TtlOf<K, V> = Arc<dyn Fn(&K, &V) -> Option<Duration> + Send + Sync>;
type GroupOf<K, V> = Arc<dyn Fn(&K, &V) -> Option<usize> + Send + Sync>;
type Listener<K, V> = Arc<dyn Fn(&K, &V, RemovalCause) + Send + Sync>;

/// What a [`Cache`] is made from: an inert value, checked as a whole when the cache is built.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use steadfast::guards::cache::CacheConfig;
///
/// let pages = CacheConfig::new(64 << 20)
///     .weigher(|url: &String, page: &Vec<u8>| (url.len() + page.len()) as u32)
///     .ttl(Duration::from_secs(300))
///     .build()?;
/// pages.insert("/".to_owned(), b"hello".to_vec())?;
/// assert_eq!(pages.weighted_size(), 6);
///
/// let faulty = CacheConfig::<u64, u64>::new(0).ttl(Duration::ZERO);
/// assert_eq!(faulty.build().unwrap_err().faults().len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct CacheConfig<K, V> {
    pub(super) capacity: u64,
    pub(super) weigher: Option<Weigher<K, V>>,
    pub(super) expected: Option<usize>,
    pub(super) ttl: Option<Duration>,
    pub(super) tti: Option<Duration>,
    pub(super) ttl_of: Option<TtlOf<K, V>>,
    pub(super) group_of: Option<GroupOf<K, V>>,
    pub(super) grace: Duration,
    pub(super) refresh_ahead: Duration,
    pub(super) groups: usize,
    pub(super) listener: Option<Listener<K, V>>,
    pub(super) statistics: bool,
    pub(super) name: Option<Arc<str>>,
    pub(super) clock: Option<Clock>,
    pub(super) telemetry: Option<Telemetry>,
}

impl<K, V> CacheConfig<K, V> {
    /// A cache for `capacity` entries, or for so much weight if there is a [`weigher`](Self::weigher).
    ///
    /// From 2,048 entries on, as many as are expected, it consists of shards, of which each key has one by its hash; the
    /// more cores, the more, and each with at least 1,024 entries. A shard has its share of the capacity, so that it may be
    /// full, and let entries go, while there is room in another.
    #[must_use]
    pub fn new(capacity: u64) -> Self {
        Self {
            capacity,
            weigher: None,
            expected: None,
            ttl: None,
            tti: None,
            ttl_of: None,
            group_of: None,
            grace: Duration::ZERO,
            refresh_ahead: Duration::ZERO,
            groups: 0,
            listener: None,
            statistics: false,
            name: None,
            clock: None,
            telemetry: None,
        }
    }

    /// What an entry counts for the capacity; at least one. It runs once per value, outside of all locks. Default: one
    /// each; set it where sizes differ, and say in the capacity what they add up to.
    ///
    /// An entry may weigh as much as a shard of the cache holds, by default a quarter of the capacity. With less than 2,048
    /// [`expected_entries`](Self::expected_entries) there is one shard, and an entry may fill it.
    #[must_use]
    pub fn weigher(mut self, weigher: impl Fn(&K, &V) -> u32 + Send + Sync + 'static) -> Self {
        self.weigher = Some(Arc::new(weigher));
        self
    }

    /// How many entries a cache with a weigher will about hold; more are no error, the table grows. Default: 4,096, or
    /// the capacity if that is less; without a weigher it is the capacity.
    #[must_use]
    pub const fn expected_entries(mut self, entries: usize) -> Self {
        self.expected = Some(entries);
        self
    }

    /// How long after its insertion an entry expires. Default: never; set it where values become wrong with time.
    #[must_use]
    pub const fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// How long after its last use an entry expires, to the sixteenth part; never later than by [`ttl`](Self::ttl).
    /// Default: never; set it where what is not used should make room before there is need.
    #[must_use]
    pub const fn time_to_idle(mut self, idle: Duration) -> Self {
        self.tti = Some(idle);
        self
    }

    /// The time to live of each entry by its value, for instance a short one where a `V = Option<_>` says that there is
    /// nothing; `None`: the configured one. It runs outside of all locks. A short one may change the
    /// [`clock`](Self::clock). Default: the configured one for all.
    #[must_use]
    pub fn ttl_of(
        mut self,
        ttl_of: impl Fn(&K, &V) -> Option<Duration> + Send + Sync + 'static,
    ) -> Self {
        self.ttl_of = Some(Arc::new(ttl_of));
        self
    }

    /// How long an expired entry stays for [`Cache::get_stale`]. Default: zero; set it where a value that is a little
    /// too old is better than none.
    #[must_use]
    pub const fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// How long before it expires an entry is loaded anew by whoever gets it with a loader then; all others go on with
    /// the present value meanwhile, and so does that one if the load fails. What was loaded lives as long as the
    /// configuration says. Default: zero, which is never; set it to a few times what a load takes.
    #[must_use]
    pub const fn refresh_ahead(mut self, ahead: Duration) -> Self {
        self.refresh_ahead = ahead;
        self
    }

    /// How many groups entries can be put into, to be invalidated together, by
    /// [`EntryOptions::group`](super::EntryOptions::group) or [`group_of`](Self::group_of). Default: none.
    #[must_use]
    pub const fn groups(mut self, groups: usize) -> Self {
        self.groups = groups;
        self
    }

    /// The group of each entry by its key and value, where [`EntryOptions::group`](super::EntryOptions::group) does not say
    /// it: so loaded entries have one too, and what is being loaded when its group is invalidated is not kept. It runs
    /// outside of all locks. Default: none; one that is loaded ahead of its end stays in its group.
    #[must_use]
    pub fn group_of(
        mut self,
        group_of: impl Fn(&K, &V) -> Option<usize> + Send + Sync + 'static,
    ) -> Self {
        self.group_of = Some(Arc::new(group_of));
        self
    }

    /// Who hears of each entry that left, and why: once per entry, outside of all locks, on the thread of some writer or
    /// of [`Cache::purge`]; a reader that finds an entry expired does not call it. What it panics is caught and counted.
    /// Not called for what is inside when the cache itself is dropped. Default: nobody.
    #[must_use]
    pub fn listener(
        mut self,
        listener: impl Fn(&K, &V, RemovalCause) + Send + Sync + 'static,
    ) -> Self {
        self.listener = Some(Arc::new(listener));
        self
    }

    /// Whether hits and misses are counted, which costs each look-up one addition. Default: no; what writers do is
    /// counted in any case.
    #[must_use]
    pub const fn statistics(mut self, statistics: bool) -> Self {
        self.statistics = statistics;
        self
    }

    /// Its name in events and debugging output. Default: none; give one where there are several.
    #[must_use]
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// What its times are measured by. Default: the coarse clock where the shortest configured time is at least a
    /// hundred of its steps (0.4 s on most machines), else the operating system's, which is also read from the first entry
    /// on that has a shorter time of its own. By the coarse clock an entry expires up to two steps early, and late only
    /// where a machine holds its ticks back; set [`Clock::system`] where that matters, and a manual clock in tests. If it
    /// is you who sets [`Clock::coarse`], no entry is seen whose own time to live is one step or less.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Who is told of hits, misses, evictions, refusals, failed loads, invalidations, purges and panics (`cache.…`).
    /// Default: nobody; what goes is dropped at once then, where else a few wait for each other.
    #[must_use]
    pub fn telemetry(mut self, telemetry: Telemetry) -> Self {
        self.telemetry = Some(telemetry);
        self
    }

    /// Checks the whole value.
    ///
    /// # Errors
    /// All faults at once.
    pub fn validate(&self) -> Result<(), CacheError> {
        let ttl = self.ttl.unwrap_or(Duration::MAX);
        let is_weighed = self.weigher.is_some();
        let most = if is_weighed {
            MAX_CAPACITY
        } else {
            MAX_ENTRIES
        };
        let tests = [
            (self.capacity == 0, CacheFault::ZeroCapacity),
            (
                self.capacity > most,
                CacheFault::CapacityTooLarge {
                    capacity: self.capacity,
                    most,
                },
            ),
            (
                !(1..=MAX_ENTRIES as usize).contains(&self.expected.unwrap_or(1)),
                CacheFault::ExpectedEntries {
                    expected: self.expected.unwrap_or(1),
                },
            ),
            (ttl.is_zero(), CacheFault::ZeroTtl),
            (
                self.tti.is_some_and(|idle| idle.is_zero()),
                CacheFault::ZeroIdle,
            ),
            (
                self.refresh_ahead >= ttl && !ttl.is_zero(),
                CacheFault::RefreshBeyondTtl {
                    ahead: self.refresh_ahead,
                    ttl,
                },
            ),
            (
                self.groups > MAX_GROUPS,
                CacheFault::TooManyGroups {
                    groups: self.groups,
                },
            ),
            (self.name.as_deref() == Some(""), CacheFault::EmptyName),
        ];
        let faults = tests.into_iter().filter(|(is_fault, _)| *is_fault);
        CacheError::of(faults.map(|(_, fault)| fault).collect())
    }

    /// Builds a cache whose hashes no stranger can predict.
    ///
    /// # Errors
    /// What [`CacheConfig::validate`] finds.
    pub fn build(self) -> Result<Cache<K, V>, CacheError>
    where
        K: Hash + Eq,
    {
        self.build_with_hasher(RandomState::new())
    }

    /// Builds a cache with a hasher of your own: a faster one than the default where nobody chooses the keys to harm you.
    ///
    /// # Errors
    /// What [`CacheConfig::validate`] finds.
    pub fn build_with_hasher<S: BuildHasher>(self, hasher: S) -> Result<Cache<K, V, S>, CacheError>
    where
        K: Hash + Eq,
    {
        self.validate()?;
        Ok(Cache::build(self, hasher))
    }

    /// How many entries it will about hold.
    pub(super) fn entries(&self) -> usize {
        let capacity = usize::try_from(self.capacity).unwrap_or(usize::MAX);
        match (&self.weigher, self.expected) {
            (None, _) => capacity,
            (Some(_), Some(expected)) => expected.min(capacity),
            (Some(_), None) => EXPECTED.min(capacity),
        }
    }

    pub(super) fn lifetime(&self) -> Lifetime {
        Lifetime::new(self.ttl, self.tti, self.grace, self.refresh_ahead)
    }
}

impl<K, V> Clone for CacheConfig<K, V> {
    fn clone(&self) -> Self {
        Self {
            weigher: self.weigher.clone(),
            ttl_of: self.ttl_of.clone(),
            group_of: self.group_of.clone(),
            listener: self.listener.clone(),
            name: self.name.clone(),
            clock: self.clock.clone(),
            telemetry: self.telemetry.clone(),
            ..*self
        }
    }
}

impl<K, V> fmt::Debug for CacheConfig<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheConfig")
            .field("capacity", &self.capacity)
            .field("weighed", &self.weigher.is_some())
            .field("expected_entries", &self.expected)
            .field("ttl", &self.ttl)
            .field("time_to_idle", &self.tti)
            .field("grace", &self.grace)
            .field("refresh_ahead", &self.refresh_ahead)
            .field("groups", &self.groups)
            .field("statistics", &self.statistics)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
