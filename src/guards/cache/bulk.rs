//! What concerns many entries at once.

use std::fmt;
use std::hash::{BuildHasher, Hash};

use super::cache::{Cache, CacheShard, Inner};
use super::cause::RemovalCause;
use super::entry::Entry;
use super::law::Worth;
use crate::kernel::table::Place;
use crate::telemetry::kinds;

impl<K: Hash + Eq, V, S: BuildHasher> Cache<K, V, S> {
    /// Makes all that is inside invalid at once, and also what is being loaded or inserted meanwhile: no look-up that
    /// begins later returns it. It takes the same time however much that is; what it concerns goes when it is met, when
    /// there is no room, or by [`purge`](Self::purge).
    pub fn invalidate_all(&self) {
        self.inner.law.eras.end();
        self.inner.tell_of_invalidation("all");
    }

    /// As [`invalidate_all`](Self::invalidate_all), for the entries of one group. False if there is no such group. The
    /// entries count for [`len`](Self::len) until they go.
    pub fn invalidate_group(&self, group: usize) -> bool {
        let is_there = self.inner.law.eras.end_group(group);
        if is_there {
            self.inner.tell_of_invalidation("group");
        }
        is_there
    }

    /// Takes out all that has expired, or was invalidated, and drops all that waits for it. Returns how many entries it
    /// took out. Nobody has to call it; who wants memory back on time calls it now and then. Takes time for each entry
    /// that the cache can hold.
    pub fn purge(&self) -> usize {
        let purged = self.inner.take_out_all(|worth, _| match worth {
            Worth::Nothing(cause) => Some(cause),
            Worth::Valid | Worth::Stale => None,
        });
        self.inner.tell_of_purge(purged);
        purged
    }

    /// Keeps the entries that `keep` wants, and takes the others out; a value that comes in meanwhile may not be asked
    /// about, and is kept. Returns how many it took out.
    ///
    /// # Panics
    /// What `keep` panics; what it was not asked about stays.
    pub fn retain(&self, mut keep: impl FnMut(&K, &V) -> bool) -> usize {
        self.inner.take_out_all(|worth, entry| match worth {
            Worth::Nothing(cause) => Some(cause),
            _ if keep(&entry.key, &entry.value) => None,
            _ => Some(RemovalCause::Removed),
        })
    }

    /// Shows each valid entry to `look`, in no order. Weakly consistent: what is there throughout is shown once, unless it
    /// was evicted and came back; what comes or goes meanwhile may be shown or not. Without a trace, as
    /// [`peek`](Self::peek).
    ///
    /// # Panics
    /// What `look` panics.
    pub fn for_each(&self, mut look: impl FnMut(&K, &V)) {
        let inner = &*self.inner;
        for shard in inner.shards() {
            for place in shard.places() {
                inner.look_at(shard, place, |entry| look(&entry.key, &entry.value));
            }
        }
    }

    /// Clones of the valid entries, as [`for_each`](Self::for_each) shows them.
    pub fn iter(&self) -> Iter<'_, K, V, S>
    where
        K: Clone,
        V: Clone,
    {
        Iter {
            cache: self,
            shard: 0,
            places: self.inner.places(0),
        }
    }
}

impl<K, V, S> Inner<K, V, S> {
    /// What `look` makes of a place, if something valid stands there.
    fn look_at<R>(
        &self,
        shard: &CacheShard<K, V>,
        place: Place,
        look: impl FnOnce(&Entry<K, V>) -> R,
    ) -> Option<R> {
        let mut hazard = self.domain.hazard();
        let entry = shard.at(place, &mut hazard)?.item();
        (self.law.worth(entry).0 == Worth::Valid).then(|| look(entry))
    }

    /// Takes out each entry for which `verdict` has a cause.
    fn take_out_all(
        &self,
        mut verdict: impl FnMut(Worth, &Entry<K, V>) -> Option<RemovalCause>,
    ) -> usize {
        let mut taken = 0;
        for shard in self.shards() {
            for place in shard.places() {
                let mut hazard = self.domain.hazard();
                let Some(found) = shard.at(place, &mut hazard) else {
                    continue;
                };
                let (worth, now) = self.law.worth(found.item());
                if let Some(cause) = verdict(worth, found.item())
                    && self.law.may_take(found.item(), cause, now)
                {
                    taken += usize::from(self.take_out(shard, found, cause));
                }
                drop(hazard);
                self.bury_some(shard);
            }
            shard.empty_bin();
            self.bury_all(shard);
        }
        taken
    }

    fn places(&self, shard: usize) -> Vec<Place> {
        let shard = self.shards().get(shard);
        shard.map_or_else(Vec::new, |shard| shard.places().collect())
    }

    fn tell_of_invalidation(&self, scope: &'static str) {
        if let Some(telemetry) = &self.config.telemetry {
            telemetry.emit(&kinds::CACHE_INVALIDATED, |event| {
                event.tag("name", self.label()).tag("scope", scope);
            });
        }
    }

    fn tell_of_purge(&self, count: usize) {
        if let Some(telemetry) = &self.config.telemetry {
            telemetry.emit(&kinds::CACHE_PURGED, |event| {
                event
                    .measure("count", count as u64)
                    .tag("name", self.label());
            });
        }
    }
}

/// Clones of the valid entries of a cache.
pub struct Iter<'c, K, V, S> {
    cache: &'c Cache<K, V, S>,
    shard: usize,
    places: Vec<Place>,
}

impl<K: Clone, V: Clone, S> Iterator for Iter<'_, K, V, S> {
    type Item = (K, V);

    fn next(&mut self) -> Option<(K, V)> {
        let inner = &*self.cache.inner;
        loop {
            let shard = inner.shards().get(self.shard)?;
            let Some(place) = self.places.pop() else {
                self.shard += 1;
                self.places = inner.places(self.shard);
                continue;
            };
            let pair = |entry: &Entry<K, V>| (entry.key.clone(), entry.value.clone());
            if let Some(pair) = inner.look_at(shard, place, pair) {
                return Some(pair);
            }
        }
    }
}

impl<K, V, S> fmt::Debug for Iter<'_, K, V, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Iter")
            .field("shard", &self.shard)
            .finish_non_exhaustive()
    }
}
