//! What a cache counts.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use super::cause::RemovalCause;
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

/// Hits and misses, which every look-up counts.
#[derive(Debug)]
struct Lookups {
    hits: Striped,
    absent: Striped,
    expired: Striped,
    invalidated: Striped,
}

/// The counters behind [`CacheStats`].
#[derive(Debug)]
pub(super) struct Counters {
    lookups: Option<Lookups>,
    /// In stripes, as `evictions`: writers that are busy with different keys would meet here, and nowhere else.
    updates: Striped,
    pub(super) refused: Counter,
    evictions: Striped,
    expirations: Counter,
    invalidations: Counter,
    removals: Counter,
    pub(super) loads: Counter,
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
    /// Counters over so many stripes; of hits and misses only if that is wanted.
    pub(super) fn new(stripes: usize, with_lookups: bool) -> Self {
        let striped = || Striped::new(stripes);
        Self {
            lookups: with_lookups.then(|| Lookups {
                hits: striped(),
                absent: striped(),
                expired: striped(),
                invalidated: striped(),
            }),
            updates: striped(),
            refused: Counter::default(),
            evictions: striped(),
            expirations: Counter::default(),
            invalidations: Counter::default(),
            removals: Counter::default(),
            loads: Counter::default(),
            load_failures: Counter::default(),
            panics: Counter::default(),
        }
    }

    #[inline]
    pub(super) fn hit(&self) {
        if let Some(lookups) = &self.lookups {
            lookups.hits.add(1);
        }
    }

    #[inline]
    pub(super) fn missed(&self, why: Miss) {
        if let Some(lookups) = &self.lookups {
            match why {
                Miss::Absent => lookups.absent.add(1),
                Miss::Expired => lookups.expired.add(1),
                Miss::Invalidated => lookups.invalidated.add(1),
            }
        }
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
        let lookups = self.lookups.as_ref();
        let sum = |of: fn(&Lookups) -> &Striped| lookups.map_or(0, |it| of(it).sum());
        CacheStats {
            hits: sum(|it| &it.hits),
            misses_absent: sum(|it| &it.absent),
            misses_expired: sum(|it| &it.expired),
            misses_invalidated: sum(|it| &it.invalidated),
            inserts,
            updates: self.updates.sum(),
            refused: self.refused.get(),
            evictions: self.evictions.sum(),
            expirations: self.expirations.get(),
            invalidations: self.invalidations.get(),
            removals: self.removals.get(),
            loads: self.loads.get(),
            load_failures: self.load_failures.get(),
            panics: self.panics.get(),
        }
    }
}
