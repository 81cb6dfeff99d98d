//! Look-ups with a loader: of those who miss the same key at the same time one loads it.

use std::convert::Infallible;
use std::hash::{BuildHasher, Hash};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::cache::{Cache, Inner, Looked};
use super::entry::Entry;
use super::entry_options::EntryOptions;
use super::law::Worth;
use super::load_error::LoadError;
use super::write::Made;
use crate::kernel::flights::{Boarded, Flights, Landing, Lead};
use crate::kernel::shard::{Absent, Denied, Item};
use crate::kernel::stop::current_stop;
use crate::kernel::stripe::thread_number;
use crate::kernel::waiters::Wake;
use crate::telemetry::kinds;
use crate::time::Deadline;

/// How long a look-up waits for the load of another caller, unless it is told.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the flights of a cache come to; the key comes along, because a hash says only nearly which one it is.
pub(super) enum Outcome<K, V> {
    Loaded(Arc<(K, V)>),
    Failed,
    Panicked,
}

impl<K, V> Clone for Outcome<K, V> {
    fn clone(&self) -> Self {
        match self {
            Self::Loaded(loaded) => Self::Loaded(Arc::clone(loaded)),
            Self::Failed => Self::Failed,
            Self::Panicked => Self::Panicked,
        }
    }
}

pub(super) type Loads<K, V> = Flights<usize, Outcome<K, V>>;

impl<K: Hash + Eq + Clone, V: Clone, S: BuildHasher> Cache<K, V, S> {
    /// The value of a key; if there is none, what `load` returns, which is brought in.
    ///
    /// Of several threads that miss the same key at the same time one runs its loader, outside of all locks, and the
    /// others get what it returns. If the key is removed, inserted or invalidated meanwhile, they still get it, but it is
    /// not kept; nor is it if it has no room.
    ///
    /// Loads are told apart by 64 bits of the keys' hashes. Keys that share all of them, which a sound `Hash` all but
    /// excludes, load one after the other, and a loader of the one that asks for the other gets [`LoadError::Recursive`].
    ///
    /// For another patience than 5 s there are
    /// [`try_get_or_insert_with_timeout`](Self::try_get_or_insert_with_timeout) and
    /// [`try_get_or_insert_with_deadline`](Self::try_get_or_insert_with_deadline), with a `load` that returns `Ok`.
    ///
    /// # Blocking
    /// While another caller loads, 5 s at most, and until the unit that waits is asked to stop.
    ///
    /// # Errors
    /// What happened to the loader of the other caller, or to the wait for it; never [`LoadError::Failed`].
    ///
    /// # Panics
    /// What `load` panics: the others are woken with [`LoadError::PanickedElsewhere`], the next caller loads again.
    ///
    /// # Examples
    /// ```
    /// let cache = steadfast::guards::cache::Cache::new(10)?;
    /// assert_eq!(cache.get_or_insert_with(7, || 49), Ok(49));
    /// assert_eq!(cache.get_or_insert_with(7, || unreachable!()), Ok(49));
    /// # Ok::<(), steadfast::guards::cache::CacheError>(())
    /// ```
    pub fn get_or_insert_with(
        &self,
        key: K,
        load: impl FnOnce() -> V,
    ) -> Result<V, LoadError<Infallible>> {
        self.try_get_or_insert_with(key, || Ok(load()))
    }

    /// As [`get_or_insert_with`](Self::get_or_insert_with), for a loader that may fail. A failure is not kept: the next
    /// caller loads again.
    ///
    /// # Blocking
    /// As [`get_or_insert_with`](Self::get_or_insert_with).
    ///
    /// # Errors
    /// What `load` failed with, or what happened to the loader of the other caller, or to the wait for it.
    pub fn try_get_or_insert_with<E>(
        &self,
        key: K,
        load: impl FnOnce() -> Result<V, E>,
    ) -> Result<V, LoadError<E>> {
        self.try_get_or_insert_with_timeout(key, PATIENCE, load)
    }

    /// As [`try_get_or_insert_with`](Self::try_get_or_insert_with), waiting for another caller's load at most so long.
    /// It does not bound this caller's own loader.
    ///
    /// # Errors
    /// As [`try_get_or_insert_with`](Self::try_get_or_insert_with).
    pub fn try_get_or_insert_with_timeout<E>(
        &self,
        key: K,
        timeout: Duration,
        load: impl FnOnce() -> Result<V, E>,
    ) -> Result<V, LoadError<E>> {
        let inner = &*self.inner;
        let deadline = || inner.law.clock().deadline(timeout);
        inner.get_or_load(key, deadline, load)
    }

    /// As [`try_get_or_insert_with`](Self::try_get_or_insert_with), waiting for another caller's load until `deadline`.
    ///
    /// # Errors
    /// As [`try_get_or_insert_with`](Self::try_get_or_insert_with).
    pub fn try_get_or_insert_with_deadline<E>(
        &self,
        key: K,
        deadline: Deadline,
        load: impl FnOnce() -> Result<V, E>,
    ) -> Result<V, LoadError<E>> {
        self.inner.get_or_load(key, || deadline, load)
    }
}

impl<K: Hash + Eq + Clone, V: Clone, S: BuildHasher> Inner<K, V, S> {
    fn get_or_load<E>(
        &self,
        key: K,
        deadline: impl FnOnce() -> Deadline,
        load: impl FnOnce() -> Result<V, E>,
    ) -> Result<V, LoadError<E>> {
        let hash = self.hash(&key);
        let looked = self.look_up(&key, hash, |entry| {
            (entry.value.clone(), self.wants_refresh(entry))
        });
        self.tell_of(&looked);
        match looked {
            Looked::Hit((value, true)) => Ok(self.refresh(&key, hash, value, load)),
            Looked::Hit((value, false)) => Ok(value),
            Looked::Missed(_) => self.miss(key, hash, deadline, load),
        }
    }

    /// Leads a load, or waits for another's.
    fn miss<E>(
        &self,
        key: K,
        hash: u64,
        deadline: impl FnOnce() -> Deadline,
        load: impl FnOnce() -> Result<V, E>,
    ) -> Result<V, LoadError<E>> {
        let owner = thread_number();
        let mut deadline = Some(deadline);
        let mut until = None;
        loop {
            let landing = match self.loads.board(hash, owner) {
                Boarded::Leads(lead) => return self.lead(key, hash, lead, load),
                Boarded::Waits(landing) => landing,
                Boarded::Already => return Err(LoadError::Recursive),
            };
            if let Some(deadline) = deadline.take() {
                until = deadline().instant();
            }
            match self.wait(&landing, until)? {
                Outcome::Loaded(loaded) if loaded.0 == key => return Ok(loaded.1.clone()),
                Outcome::Failed => return Err(LoadError::FailedElsewhere),
                Outcome::Panicked => return Err(LoadError::PanickedElsewhere),
                // Another key with the same hash: this one's turn.
                Outcome::Loaded(_) => {}
            }
        }
    }

    fn wait<E>(
        &self,
        landing: &Landing<Outcome<K, V>>,
        until: Option<Instant>,
    ) -> Result<Outcome<K, V>, LoadError<E>> {
        let stop = current_stop();
        let waited = landing.wait(stop.as_deref(), self.law.clock(), until);
        waited.map_err(|wake| match wake {
            Wake::Stopped => LoadError::Stopped,
            Wake::TimedOut | Wake::Notified => LoadError::TimedOut,
        })
    }

    /// Runs the loader, lands the flight whatever happens, and brings the value in.
    fn lead<E>(
        &self,
        key: K,
        hash: u64,
        lead: Lead,
        load: impl FnOnce() -> Result<V, E>,
    ) -> Result<V, LoadError<E>> {
        let mut flight = Flight {
            inner: self,
            lead: Some(lead),
        };
        let absent = match self.look_again(&key, hash) {
            Ok(value) => {
                flight.land(|| loaded(&key, &value));
                return Ok(value);
            }
            Err(absent) => absent,
        };
        let stamp = self.law.eras.stamp();
        match load() {
            Ok(value) => {
                self.counters.loaded();
                let (shard, options) = (self.shard(hash), EntryOptions::new());
                let kept = self.make(shard, key.clone(), value.clone(), options, stamp);
                if let (Ok(node), Some(lead)) = (kept, &flight.lead) {
                    self.bring_in(hash, node, absent, lead);
                }
                flight.land(|| loaded(&key, &value));
                Ok(value)
            }
            Err(error) => {
                self.load_failed("failed");
                flight.land(|| Outcome::Failed);
                Err(LoadError::Failed(error))
            }
        }
    }

    /// What has come in between the miss and the boarding. If there is nothing, a proof of it.
    fn look_again(&self, key: &K, hash: u64) -> Result<V, Option<Absent>> {
        let shard = self.shard(hash);
        let mut hazard = self.domain.hazard();
        let is_it = |entry: &Entry<K, V>| entry.key == *key;
        let found = shard.find_or_absent(hash, &mut hazard, is_it);
        match self.look_into(shard, found.map_err(Some)?, |entry| entry.value.clone()) {
            Looked::Hit(value) => Ok(value),
            Looked::Missed(_) => Err(None),
        }
    }

    /// Lets a loaded node in, if it is still wanted and nobody has brought in a newer one. A stale value gives its place up
    /// to it, so that there is one at all times.
    fn bring_in(&self, hash: u64, mut node: Made<K, V>, mut absent: Option<Absent>, lead: &Lead) {
        let shard = self.shard(hash);
        let (eras, stamp) = (&self.law.eras, node.item().stamp());
        // What was invalidated meanwhile would only cost another entry its place.
        let is_wanted = || self.loads.is_wanted(lead) && eras.is_valid(stamp, None);
        loop {
            let mut hazard = self.domain.hazard();
            let is_it = |entry: &Entry<K, V>| entry.key == node.item().key;
            let found = match absent.take() {
                Some(absent) => Err(absent),
                None => shard.find_or_absent(hash, &mut hazard, is_it),
            };
            let brought = match found {
                Err(absent) => {
                    node.item().begin(0, false);
                    shard.admit(eras, hash, node, absent, &mut hazard, is_wanted)
                }
                Ok(found) => match self.law.worth(found.item()) {
                    (Worth::Valid, _) => break,
                    // Whoever withdraws a load of a stale key looks at the entry afterwards: at this one or at the loaded.
                    (Worth::Stale, _) if !is_wanted() => break,
                    (Worth::Stale, _) => self.replace(shard, found, node, false),
                    (Worth::Nothing(cause), now) => {
                        if self.law.may_take(found.item(), cause, now) {
                            self.take_out(shard, found, cause);
                        }
                        continue;
                    }
                },
            };
            match brought {
                Err(Denied::Raced(back)) => node = back,
                Err(Denied::NoRoom(_)) => break self.counters.refused.rise(),
                Ok(()) | Err(Denied::Unwanted(_)) => break,
            }
        }
        self.bury_some(shard);
    }

    /// Loads an entry anew before it expires, if nobody does so already, while all others go on with the present value;
    /// `present` again if that fails.
    ///
    /// The hazard keeps the present entry meanwhile, and nothing else; only exactly that one is replaced in the end, so
    /// that a value which came meanwhile, or a removal, is not undone.
    fn refresh<E>(&self, key: &K, hash: u64, present: V, load: impl FnOnce() -> Result<V, E>) -> V {
        let shard = self.shard(hash);
        let mut hazard = self.domain.hazard();
        let found = shard.find(hash, &mut hazard, |entry| entry.key == *key);
        let Some(found) = found.filter(|found| found.item().begin_refresh()) else {
            return present;
        };
        let mut claim = Claim {
            inner: self,
            entry: found.item(),
            is_over: false,
        };
        let stamp = self.law.eras.stamp();
        let loaded = load();
        claim.is_over = true;
        let Ok(value) = loaded else {
            self.load_failed("refresh_failed");
            return present;
        };
        self.counters.loaded();
        let before = found.item().group();
        let options = EntryOptions {
            group: self.group_of(key, &value).or(before),
            ..EntryOptions::new()
        };
        if let Ok(node) = self.make(shard, key.clone(), value.clone(), options, stamp) {
            // Not replaced: something newer is there, or it was removed, and so it shall stay.
            let _replaced = self.replace(shard, found, node, false);
        }
        drop(claim);
        drop(hazard);
        self.bury_some(shard);
        value
    }

    fn wants_refresh(&self, entry: &Entry<K, V>) -> bool {
        let lifetime = &self.law.lifetime;
        lifetime.refreshes() && lifetime.wants_refresh(self.law.now(), entry.hard)
    }

    fn load_failed(&self, why: &'static str) {
        self.counters.load_failures.rise();
        if let Some(telemetry) = &self.config.telemetry {
            telemetry.emit(&kinds::CACHE_LOAD_FAILED, |event| {
                event.tag("name", self.label()).tag("why", why);
            });
        }
    }
}

fn loaded<K: Clone, V: Clone>(key: &K, value: &V) -> Outcome<K, V> {
    Outcome::Loaded(Arc::new((key.clone(), value.clone())))
}

/// A load that this thread leads; one that does not land otherwise was ended by a panic.
struct Flight<'a, K: Hash + Eq + Clone, V: Clone, S: BuildHasher> {
    inner: &'a Inner<K, V, S>,
    lead: Option<Lead>,
}

impl<K: Hash + Eq + Clone, V: Clone, S: BuildHasher> Flight<'_, K, V, S> {
    fn land(&mut self, outcome: impl FnOnce() -> Outcome<K, V>) {
        if let Some(lead) = self.lead.take() {
            self.inner.loads.land(lead, Outcome::Panicked, outcome);
        }
    }
}

impl<K: Hash + Eq + Clone, V: Clone, S: BuildHasher> Drop for Flight<'_, K, V, S> {
    fn drop(&mut self) {
        if self.lead.is_some() {
            self.inner.load_failed("panicked");
            self.land(|| Outcome::Panicked);
        }
    }
}

/// An entry that this thread loads anew; whatever becomes of that, another may then.
struct Claim<'a, K: Hash + Eq + Clone, V: Clone, S: BuildHasher> {
    inner: &'a Inner<K, V, S>,
    entry: &'a Entry<K, V>,
    is_over: bool,
}

impl<K: Hash + Eq + Clone, V: Clone, S: BuildHasher> Drop for Claim<'_, K, V, S> {
    fn drop(&mut self) {
        self.entry.end_refresh();
        if !self.is_over {
            self.inner.load_failed("panicked");
        }
    }
}
