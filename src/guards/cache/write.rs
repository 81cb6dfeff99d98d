//! Bringing entries in and taking them out, one by one.

use std::borrow::Borrow;
use std::hash::{BuildHasher, Hash};
use std::mem::needs_drop;
use std::time::Duration;

use super::cache::{Cache, CacheShard, Inner};
use super::cause::RemovalCause;
use super::entry::{Entry, Making, Pin};
use super::entry_options::EntryOptions;
use super::insert_error::{InsertError, InsertRefusal};
use super::law::Worth;
use super::lifetime::nanoseconds;
use crate::fault::catch::{Caught, catch};
use crate::kernel::graveyard::Node;
use crate::kernel::shard::{Denied, Item};
use crate::kernel::table::Found;
use crate::telemetry::kinds;

/// A node that is not in the table.
pub(super) type Made<K, V> = Box<Node<Entry<K, V>>>;

/// So many nodes of a shard wait to be dropped before a writer sees to it, unless they are heavy: as many as common
/// allocators take back, and give out again, without a detour.
pub(super) const WAITING: usize = 6;

impl<K: Hash + Eq, V, S: BuildHasher> Cache<K, V, S> {
    /// Brings a value in, or puts it in the place of the one that the key has.
    ///
    /// # Blocking
    /// Never for long: a new key passes a lock under which no code of yours runs. A value that the key has is replaced
    /// without it, unless the new one is heavier and has no room, or the key is being loaded.
    ///
    /// # Errors
    /// The entry is too heavy, weighs nothing, or too much else is pinned. It comes back then, nothing has gone for it, and
    /// an older value of the key stays. Without a weigher and without pinned entries this does not happen.
    ///
    /// # Panics
    /// What the key's `Hash` or `Eq` or the weigher panic; the cache is as it was then.
    pub fn insert(&self, key: K, value: V) -> Result<(), InsertError<K, V>> {
        self.insert_with(key, value, EntryOptions::new())
    }

    /// As [`insert`](Self::insert), with a time to live of its own. A short one may change the
    /// [`clock`](super::CacheConfig::clock) of the cache.
    ///
    /// # Errors
    /// As [`insert`](Self::insert), and if the time is zero.
    pub fn insert_with_ttl(
        &self,
        key: K,
        value: V,
        ttl: Duration,
    ) -> Result<(), InsertError<K, V>> {
        self.insert_with(key, value, EntryOptions::new().ttl(ttl))
    }

    /// As [`insert`](Self::insert), with what [`EntryOptions`] say.
    ///
    /// # Errors
    /// As [`insert`](Self::insert), and if the options make no sense here.
    pub fn insert_with(
        &self,
        key: K,
        value: V,
        options: EntryOptions,
    ) -> Result<(), InsertError<K, V>> {
        let inner = &*self.inner;
        let hash = inner.hash(&key);
        let stamp = inner.law.eras.stamp();
        let node = inner.make(inner.shard(hash), key, value, options, stamp)?;
        inner.withdraw_load(hash);
        inner.put(hash, node)
    }

    /// Takes a key out. Whether it had a value that could still be got.
    ///
    /// # Blocking
    /// Only while this key is being loaded, and never for long: it passes the lock behind which the load would come in. It
    /// does not wait for the load.
    pub fn remove<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.remove_if(key, |_| true)
    }

    /// Takes a key out if `condition` says so of its value; never another value than the one that it was asked about.
    ///
    /// A load of this key that is under way is not cached when it ends; one that ends at this very moment may be, where
    /// `condition` keeps a stale value.
    ///
    /// # Blocking
    /// As [`remove`](Self::remove).
    ///
    /// # Panics
    /// What `condition` panics; the entry stays then.
    pub fn remove_if<Q>(&self, key: &Q, mut condition: impl FnMut(&V) -> bool) -> bool
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let inner = &*self.inner;
        let hash = inner.hash(key);
        inner.withdraw_load(hash);
        let shard = inner.shard(hash);
        let removed = loop {
            let mut hazard = inner.domain.hazard();
            let is_it = |entry: &Entry<K, V>| entry.key.borrow() == key;
            let Some(found) = shard.find(hash, &mut hazard, is_it) else {
                break false;
            };
            let (worth, now) = inner.law.worth(found.item());
            let cause = match worth {
                Worth::Nothing(cause) => cause,
                Worth::Valid | Worth::Stale if condition(&found.item().value) => {
                    RemovalCause::Removed
                }
                Worth::Valid | Worth::Stale => break false,
            };
            if inner.law.may_take(found.item(), cause, now) && inner.take_out(shard, found, cause) {
                break worth == Worth::Valid;
            }
        };
        inner.bury_all(shard);
        removed
    }

    /// Keeps an entry when there is no room, from now on; a newer value of the same key too. It ends with the entry: by
    /// removal, expiry or invalidation. False if the key is not there.
    pub fn pin<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.inner.law.expect_pins();
        self.inner.pin(key, true)
    }

    /// Lets an entry go when there is no room, as others. False if the key is not there.
    pub fn unpin<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.inner.pin(key, false)
    }
}

/// What a new entry was given by the one whose place it takes.
struct Heritage {
    was_pinned: bool,
    /// It is pinned on its own account.
    pinned: bool,
}

impl<K: Hash + Eq, V, S: BuildHasher> Inner<K, V, S> {
    /// What is being loaded for this key is not wanted any more; once this returns, it does not come in.
    fn withdraw_load(&self, hash: u64) {
        if self.loads.withdraw(hash) {
            self.shard(hash).pass_gate();
        }
    }

    /// Pins what a key has, or lets it go as others. False if it has nothing that could be got.
    fn pin<Q>(&self, key: &Q, pinned: bool) -> bool
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let pin = |worth, entry: &Entry<K, V>| match worth {
            Worth::Nothing(_) => Pin::Gone,
            Worth::Valid | Worth::Stale => entry.pin(pinned),
        };
        loop {
            match self.peek_with(key, pin) {
                Some(Pin::Done) => return true,
                Some(Pin::Replaced) => {}
                Some(Pin::Gone) | None => return false,
            }
        }
    }

    /// A node with all that is decided about it, or why there is none. Runs the user's functions; outside of all locks.
    pub(super) fn make(
        &self,
        shard: &CacheShard<K, V>,
        key: K,
        value: V,
        options: EntryOptions,
        stamp: u64,
    ) -> Result<Made<K, V>, InsertError<K, V>> {
        let weigher = self.config.weigher.as_ref();
        let weight = weigher.map_or(1, |weigher| weigher(&key, &value));
        let by_value = || self.config.ttl_of.as_ref().and_then(|of| of(&key, &value));
        let ttl = options.ttl.or_else(by_value);
        let group = options.group.or_else(|| self.group_of(&key, &value));
        let why = match (weight, ttl, group) {
            (0, ..) => InsertRefusal::Weightless,
            (_, Some(Duration::ZERO), _) => InsertRefusal::ZeroTtl,
            (.., Some(group)) if group >= self.law.eras.groups() => {
                InsertRefusal::NoSuchGroup { group }
            }
            _ => {
                if options.pinned {
                    self.law.expect_pins();
                }
                let making = Making {
                    deadlines: self.law.deadlines(ttl.map(nanoseconds)),
                    stamp,
                    weight,
                    group: group.map_or(0, |group| group as u16 + 1),
                    pinned: options.pinned,
                };
                return Ok(shard.node(Entry::new(key, value, making)));
            }
        };
        self.refused(why);
        Err(InsertError::new(key, value, why))
    }

    /// The group of a value as the configuration says.
    pub(super) fn group_of(&self, key: &K, value: &V) -> Option<usize> {
        let group_of = self.config.group_of.as_ref()?;
        group_of(key, value)
    }

    /// Puts a node into the place of the one of the same key, or lets it in.
    pub(super) fn put(&self, hash: u64, mut node: Made<K, V>) -> Result<(), InsertError<K, V>> {
        let shard = self.shard(hash);
        let pinned = node.item().is_pinned();
        loop {
            let mut hazard = self.domain.hazard();
            let is_it = |entry: &Entry<K, V>| entry.key == node.item().key;
            let put = match shard.find_or_absent(hash, &mut hazard, is_it) {
                Ok(found) => self.replace(shard, found, node, pinned),
                Err(absent) => {
                    node.item().begin(0, pinned);
                    shard.admit(&self.law.eras, hash, node, absent, &mut hazard, || true)
                }
            };
            drop(hazard);
            node = match put {
                Ok(()) => break,
                Err(Denied::Raced(node)) => node,
                Err(Denied::NoRoom(node) | Denied::Unwanted(node)) => {
                    return Err(self.no_room(shard, node.into_item()));
                }
            };
        }
        self.bury_some(shard);
        Ok(())
    }

    /// Puts a node, `pinned` or not on its own account, into the place of the one that was found, and passes on what that
    /// one has: how warm it is, and that it is pinned.
    pub(super) fn replace(
        &self,
        shard: &CacheShard<K, V>,
        found: Found<'_, Entry<K, V>>,
        node: Made<K, V>,
        pinned: bool,
    ) -> Result<(), Denied<Entry<K, V>>> {
        let heritage = self.pass_on(found.item(), node.item(), pinned);
        self.exchange(shard, found, node, heritage)
    }

    fn pass_on(&self, old: &Entry<K, V>, new: &Entry<K, V>, pinned: bool) -> Heritage {
        let was_pinned = old.is_pinned();
        // What is over can not be pinned any more, and has no heir.
        let inherits = was_pinned && !matches!(self.law.worth(old).0, Worth::Nothing(_));
        new.begin(old.hits(), pinned || inherits);
        Heritage { was_pinned, pinned }
    }

    /// Exchanges the entries. Was the old one pinned or unpinned since its heritage was passed on, so will be the new one.
    fn exchange(
        &self,
        shard: &CacheShard<K, V>,
        found: Found<'_, Entry<K, V>>,
        node: Made<K, V>,
        heritage: Heritage,
    ) -> Result<(), Denied<Entry<K, V>>> {
        let old = found.item();
        let mut is_pinned = heritage.was_pinned;
        let exchanged = shard.replace(&self.law.eras, &self.domain, found, node, |before| {
            is_pinned = before.went(RemovalCause::Replaced);
            self.counters.went(RemovalCause::Replaced);
        });
        if is_pinned != heritage.was_pinned && !heritage.pinned {
            self.pin(&old.key, is_pinned);
        }
        exchanged
    }

    /// Gives back what has no room.
    fn no_room(&self, shard: &CacheShard<K, V>, entry: Entry<K, V>) -> InsertError<K, V> {
        let weight = entry.weight();
        let most = shard.capacity();
        let why = if weight > most {
            InsertRefusal::TooHeavy {
                weight: u32::try_from(weight).unwrap_or(u32::MAX),
                most,
            }
        } else {
            InsertRefusal::AllPinned
        };
        self.refused(why);
        InsertError::new(entry.key, entry.value, why)
    }

    fn refused(&self, why: InsertRefusal) {
        self.counters.refused.rise();
        if let Some(telemetry) = &self.config.telemetry {
            telemetry.emit(&kinds::CACHE_REFUSED, |event| {
                event.tag("name", self.label()).tag("why", why.as_str());
            });
        }
    }
}

impl<K, V, S> Inner<K, V, S> {
    /// Drops what waits in a shard, if enough waits; with a listener or telemetry, at once.
    pub(super) fn bury_some(&self, shard: &CacheShard<K, V>) {
        if shard.wants_digging() {
            self.bury_all(shard);
        }
    }

    /// Drops what waits in a shard and that nobody looks at; outside of all locks.
    pub(super) fn bury_all(&self, shard: &CacheShard<K, V>) {
        if shard.buried() == 0 {
            return;
        }
        let mut nodes = shard.dig(&self.domain);
        let is_watched = self.config.listener.is_some() || self.config.telemetry.is_some();
        if !is_watched && !needs_drop::<Entry<K, V>>() {
            return nodes.for_each(|node| shard.end(node));
        }
        // A node over which the listener panicked is dropped after the unwinding, never by it: its own panic would abort.
        let mut node = None;
        let mut drop_all = || {
            loop {
                node.take().into_iter().for_each(|node| shard.end(node));
                node = nodes.next();
                match &node {
                    Some(node) => self.see_off(node.item()),
                    None => break,
                }
            }
        };
        while let Err(caught) = catch(&mut drop_all) {
            self.panicked(&caught);
        }
    }

    fn see_off(&self, entry: &Entry<K, V>) {
        if entry.cause() == Some(RemovalCause::Evicted) {
            self.tell_of_eviction();
        }
        if let (Some(listener), Some(cause)) = (&self.config.listener, entry.cause()) {
            listener(&entry.key, &entry.value, cause);
        }
    }

    fn tell_of_eviction(&self) {
        if let Some(telemetry) = &self.config.telemetry {
            telemetry.emit(&kinds::CACHE_EVICTED, |event| {
                event.tag("name", self.label());
            });
        }
    }

    fn panicked(&self, caught: &Caught) {
        self.counters.panics.rise();
        let Caught::Panic(report) = caught else {
            return;
        };
        if let Some(telemetry) = &self.config.telemetry {
            telemetry.emit(&kinds::CACHE_PANICKED, |event| {
                let problem = report.to_string();
                event.tag("name", self.label()).tag("problem", problem);
            });
        }
    }
}

impl<K, V, S> Drop for Inner<K, V, S> {
    /// Drops all entries under the catch: a destructor that panics keeps no other from running.
    fn drop(&mut self) {
        for shard in self.shards() {
            let mut hazard = self.domain.hazard();
            for place in shard.places() {
                if let Some(found) = shard.at(place, &mut hazard) {
                    shard.remove(&self.law.eras, found, |_| {});
                }
            }
            drop(hazard);
            shard.empty_bin();
            self.bury_all(shard);
        }
    }
}

#[cfg(test)]
#[path = "write_tests.rs"]
mod tests;
