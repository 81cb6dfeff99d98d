//! What a cache counts.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_utils::CachePadded;

use super::cause::RemovalCause;
use crate::kernel::counts::Counts;
use crate::kernel::hazard::Owner;
use crate::kernel::stripe::Striped;

/// What happened in a cache since it was made. Each number is exact; two of them may be of different moments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheStats {
    /// Look-ups that returned a value. Zero without [`CacheConfig::statistics`](super::CacheConfig::statistics).
    pub hits: u64,
    /// Look-ups of keys that were not there. Zero without statistics.
    pub misses_absent: u64,
    /// Look-ups of keys whose time was over. Zero without statistics.
    pub misses_expired: u64,
    /// Look-ups of keys that had been invalidated, with all or with their group. Zero without statistics.
    pub misses_invalidated: u64,
    /// New keys that came in.
    pub inserts: u64,
    /// Values that took the place of one of the same key.
    pub updates: u64,
    /// Entries that were not let in: too heavy, or everything else is pinned.
    pub refused: u64,
    /// Entries that went because there was no room.
    pub evictions: u64,
    /// Entries that went because their time was over.
    pub expirations: u64,
    /// Entries that went because they had been invalidated.
    pub invalidations: u64,
    /// Entries that were removed by key, by condition or by `retain`.
    pub removals: u64,
    /// Loaders that returned a value.
    pub loads: u64,
    /// Loaders that failed or panicked.
    pub load_failures: u64,
    /// Panics of listeners and of destructors of keys and values.
    pub panics: u64,
}

impl CacheStats {
    /// All look-ups that returned nothing.
    #[must_use]
    pub const fn misses(&self) -> u64 {
        self.misses_absent + self.misses_expired + self.misses_invalidated
    }

    /// Of all look-ups so many, in parts of one, returned a value; one if there was none.
    #[must_use]
    pub fn hit_ratio(&self) -> f64 {
        let asked = self.hits + self.misses();
        if asked == 0 {
            1.0
        } else {
            self.hits as f64 / asked as f64
        }
    }
}

impl fmt::Display for CacheStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (hits, misses, percent) = (self.hits, self.misses(), 100.0 * self.hit_ratio());
        write!(f, "{hits} hits, {misses} misses ({percent:.1} % hits); ")?;
        let Self {
            loads,
            load_failures,
            inserts,
            updates,
            refused,
            evictions,
            expirations,
            ..
        } = self;
        write!(f, "{loads} loads, and {load_failures} that failed; ")?;
        write!(
            f,
            "{inserts} inserts, {updates} updates, {refused} refused, "
        )?;
        write!(f, "{evictions} evictions, {expirations} expirations")
    }
}

/// Why a look-up returned nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Miss {
    Absent,
    Expired,
    Invalidated,
}

impl Miss {
    /// Its name in events.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Expired => "expired",
            Self::Invalidated => "invalidated",
        }
    }
}

/// What a look-up came to, as the numbers that are counted.
const HITS: usize = 0;
const ABSENT: usize = 1;
const EXPIRED: usize = 2;
const INVALIDATED: usize = 3;

/// Hits and misses, which every look-up counts.
type Lookups = Counts<4>;

/// Threads that look at the same time have places of their own, as long as there are not more of them per core.
const PLACES_PER_CORE: usize = 4;
const MOST_PLACES: usize = 256;

/// The counters behind [`CacheStats`].
#[derive(Debug)]
pub(super) struct Counters {
    /// On a cache line of its own: every look-up reads it, and nothing near it is written.
    lookups: CachePadded<Option<Lookups>>,
    /// In stripes, as `evictions` and `loads`: writers that are busy with different keys would meet here, and nowhere else.
    updates: Striped,
    pub(super) refused: Counter,
    evictions: Striped,
    expirations: Counter,
    invalidations: Counter,
    removals: Counter,
    loads: Striped,
    pub(super) load_failures: Counter,
    pub(super) panics: Counter,
}

/// A number that rises.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn rise(&self) {
        // Relaxed: a statistic publishes nothing.
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        // Relaxed: as above.
        self.0.load(Ordering::Relaxed)
    }
}

impl Counters {
    /// Counters for so many cores; of hits and misses only if that is wanted.
    pub(super) fn new(cores: usize, with_lookups: bool) -> Self {
        let striped = || Striped::new(cores);
        let places = cores.saturating_mul(PLACES_PER_CORE).min(MOST_PLACES);
        let lookups = with_lookups.then(|| Counts::new(places));
        Self {
            lookups: CachePadded::new(lookups),
            updates: striped(),
            refused: Counter::default(),
            evictions: striped(),
            expirations: Counter::default(),
            invalidations: Counter::default(),
            removals: Counter::default(),
            loads: striped(),
            load_failures: Counter::default(),
            panics: Counter::default(),
        }
    }

    /// Counts what a look-up came to, by who holds the hazard that it was made with.
    #[inline]
    pub(super) fn looked(&self, owner: Owner, miss: Option<Miss>) {
        if let Some(lookups) = &*self.lookups {
            let number = match miss {
                None => HITS,
                Some(Miss::Absent) => ABSENT,
                Some(Miss::Expired) => EXPIRED,
                Some(Miss::Invalidated) => INVALIDATED,
            };
            lookups.add(owner, number);
        }
    }

    /// A loader returned a value.
    pub(super) fn loaded(&self) {
        self.loads.add(1);
    }

    /// An entry went.
    pub(super) fn went(&self, cause: RemovalCause) {
        match cause {
            RemovalCause::Replaced => self.updates.add(1),
            RemovalCause::Removed => self.removals.rise(),
            RemovalCause::Evicted => self.evictions.add(1),
            RemovalCause::Expired => self.expirations.rise(),
            RemovalCause::Invalidated => self.invalidations.rise(),
        }
    }

    /// The numbers; how many came in is known to the shards.
    pub(super) fn read(&self, inserts: u64) -> CacheStats {
        let lookups = (*self.lookups).as_ref();
        let sum = |number| lookups.map_or(0, |it| it.sum(number));
        CacheStats {
            hits: sum(HITS),
            misses_absent: sum(ABSENT),
            misses_expired: sum(EXPIRED),
            misses_invalidated: sum(INVALIDATED),
            inserts,
            updates: self.updates.sum(),
            refused: self.refused.get(),
            evictions: self.evictions.sum(),
            expirations: self.expirations.get(),
            invalidations: self.invalidations.get(),
            removals: self.removals.get(),
            loads: self.loads.sum(),
            load_failures: self.load_failures.get(),
            panics: self.panics.get(),
        }
    }
}
