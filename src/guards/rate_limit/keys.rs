//! A bounded set of keys, each with something that belongs to it: finding is lock-free, a new key takes a lock.
//!
//! A key is given up only when what belongs to it says so, and says so to all threads in the same step (it is *retired*);
//! a thread that had found it before asks again. Keys are looked through a few at a time, by those who add others where
//! more than half of all places are taken: there is no thread for it, and no moment at which all are looked at. Below
//! that, a key that is idle now and then keeps its place: to give it up and add it again costs a hundred looks.

use std::borrow::Borrow;
use std::hash::{BuildHasher, Hash};

use parking_lot::Mutex;

use crate::fault::catch::catch_drop;
use crate::kernel::graveyard::{Graveyard, Node};
use crate::kernel::hazard::{Domain, DomainRef};
use crate::kernel::table::{Ledger, Place, Table, print_of};

/// How many keys each new key looks at where more than half of the places are taken.
const PER_KEY: usize = 2;

/// How many keys a new key looks at where there is no place for it.
const WHERE_FULL: usize = 64;

/// How many keys a set has room for at first.
const AT_FIRST: usize = 1 << 14;

/// So many keys may wait for their last reader before somebody looks whether it is gone.
const MANY_DEAD: usize = 64;

/// A bounded set of keys.
pub(super) struct Keys<K, V, S> {
    table: Table<Entry<K, V>>,
    graveyard: Graveyard<Entry<K, V>>,
    domain: DomainRef,
    writer: Mutex<Writer>,
    hasher: S,
    most: usize,
}

struct Entry<K, V> {
    hash: u64,
    key: K,
    value: V,
}

/// What changes under the lock.
struct Writer {
    ledger: Ledger,
    /// Where the keys are, with what is left of their hash once they are gone.
    kept: Vec<(Place, u32)>,
    /// The next one to look at is before this one.
    next: usize,
    /// How many keys were given up.
    collected: u64,
    /// How often there was no place for a key.
    turned_away: u64,
}

/// How many keys there are, and what became of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Census {
    pub(super) known: usize,
    pub(super) collected: u64,
    pub(super) turned_away: u64,
}

/// There is no place for another key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

impl<K, V, S> Keys<K, V, S> {
    /// A set of at most `most` keys.
    pub(super) fn new(most: usize, hasher: S) -> Self {
        let (table, ledger) = Table::new(most.min(AT_FIRST));
        let writer = Writer {
            ledger,
            kept: Vec::new(),
            next: 0,
            collected: 0,
            turned_away: 0,
        };
        Self {
            table,
            graveyard: Graveyard::new(),
            domain: Domain::shared(),
            writer: Mutex::new(writer),
            hasher,
            most,
        }
    }

    /// How many keys there are at most.
    pub(super) const fn most(&self) -> usize {
        self.most
    }

    /// How many keys there are.
    pub(super) fn len(&self) -> usize {
        self.writer.lock().kept.len()
    }

    /// How many keys there are, and what became of others.
    pub(super) fn census(&self) -> Census {
        let writer = self.writer.lock();
        Census {
            known: writer.kept.len(),
            collected: writer.collected,
            turned_away: writer.turned_away,
        }
    }

    /// Shows what belongs to each key, none of which is given up meanwhile.
    pub(super) fn for_each(&self, mut show: impl FnMut(&V)) {
        let writer = self.writer.lock();
        let mut hazard = self.domain.hazard();
        for (place, _) in &writer.kept {
            if let Some(found) = self.table.at(*place, &mut hazard) {
                show(&found.item().value);
            }
        }
    }

    /// Gives up all keys that `retire` retires; how many.
    pub(super) fn collect(&self, retire: impl Fn(&V) -> bool) -> usize {
        let mut writer = self.writer.lock();
        let before = writer.kept.len();
        writer.next = before;
        self.look_at(&mut writer, before, &retire);
        let collected = before - writer.kept.len();
        drop(writer);
        self.drop_the_dead(0);
        collected
    }

    /// Whether there is a place for another key, if need be that of one that `retire` retires.
    pub(super) fn has_place(&self, retire: impl Fn(&V) -> bool) -> bool {
        let mut writer = self.writer.lock();
        let has_place = self.has_room(&mut writer, &retire);
        drop(writer);
        self.drop_the_dead(MANY_DEAD);
        has_place
    }

    fn has_room(&self, writer: &mut Writer, retire: &impl Fn(&V) -> bool) -> bool {
        if writer.kept.len() >= self.most {
            self.look_at(writer, WHERE_FULL, retire);
        }
        writer.kept.len() < self.most
    }

    /// Looks at the next `many` keys and gives up those that `retire` retires. Downwards, so that the key which takes the
    /// place of one that goes is new or was looked at already.
    fn look_at(&self, writer: &mut Writer, many: usize, retire: &impl Fn(&V) -> bool) {
        let mut hazard = self.domain.hazard();
        for _ in 0..many.min(writer.kept.len()) {
            if !(1..=writer.kept.len()).contains(&writer.next) {
                writer.next = writer.kept.len();
            }
            writer.next -= 1;
            let (place, print) = writer.kept[writer.next];
            let found = self.table.at(place, &mut hazard);
            let dead = found.filter(|found| retire(&found.item().value));
            if let Some(dead) = dead.and_then(|found| found.unlink()) {
                self.graveyard.bury(dead);
                self.table.free(&mut writer.ledger, place, print);
                writer.kept.swap_remove(writer.next);
                writer.collected += 1;
            }
        }
    }

    /// Drops the keys that were given up and that nobody looks at any more, if more than `many` wait for it. A key whose
    /// drop panics hurts nobody.
    fn drop_the_dead(&self, many: usize) {
        if self.graveyard.count() > many {
            for dead in self.graveyard.dig(self.domain) {
                let _caught = catch_drop(dead);
            }
        }
    }
}

impl<K, V, S> Drop for Keys<K, V, S> {
    /// Drops all keys under the catch: one whose drop panics keeps no other from its own.
    fn drop(&mut self) {
        let mut hazard = self.domain.hazard();
        for (place, _) in std::mem::take(&mut self.writer.get_mut().kept) {
            let found = self.table.at(place, &mut hazard);
            if let Some(dead) = found.and_then(|found| found.unlink()) {
                self.graveyard.bury(dead);
            }
        }
        // What it protects would not be dug up.
        drop(hazard);
        self.drop_the_dead(0);
    }
}

impl<K, V, S: BuildHasher> Keys<K, V, S> {
    /// Asks what belongs to `key`; `None` if there is no such key, or if `ask` finds it retired.
    #[inline]
    pub(super) fn find<Q, R>(&self, key: &Q, ask: impl FnMut(&V) -> Option<R>) -> Option<R>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.ask(key, self.hasher.hash_one(key), ask)
    }

    /// As [`find`](Self::find), where a key that is missing is added with what `make` makes. `ask` is asked again, about
    /// what is in its place, where it finds a key retired. All three may run under the lock.
    ///
    /// # Errors
    /// [`Full`].
    #[inline]
    pub(super) fn find_or_add<Q, R>(
        &self,
        key: &Q,
        mut ask: impl FnMut(&V) -> Option<R>,
        make: impl Fn() -> V,
        retire: impl Fn(&V) -> bool,
    ) -> Result<R, Full>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        let hash = self.hasher.hash_one(key);
        match self.ask(key, hash, &mut ask) {
            Some(answer) => Ok(answer),
            None => self.add_and_ask(key, hash, ask, make, retire),
        }
    }

    /// Adds a key, unless another thread has, and asks what belongs to it before the lock is given back: nothing is
    /// retired meanwhile, and how the key compares with itself does not matter. Out of line, so that a key that is known
    /// is asked with little code.
    #[cold]
    fn add_and_ask<Q, R>(
        &self,
        key: &Q,
        hash: u64,
        mut ask: impl FnMut(&V) -> Option<R>,
        make: impl Fn() -> V,
        retire: impl Fn(&V) -> bool,
    ) -> Result<R, Full>
    where
        K: Borrow<Q>,
        Q: Eq + ToOwned<Owned = K> + ?Sized,
    {
        // Before the lock, and dropped behind it where there is no place: it is the user's code that clones and drops.
        let own = key.to_owned();
        let mut left_over = None;
        let mut writer = self.writer.lock();
        let mut answer = self.ask(key, hash, &mut ask);
        if answer.is_none() && self.make_room(&mut writer, &retire) {
            let (key, value) = (own, make());
            let node = Node::new(Entry { hash, key, value });
            match self.place(&mut writer, hash, node) {
                Ok(place) => answer = self.ask_at(place, ask),
                Err(back) => left_over = Some(back),
            }
        }
        writer.turned_away += u64::from(answer.is_none());
        drop(writer);
        drop(left_over);
        self.drop_the_dead(MANY_DEAD);
        answer.ok_or(Full)
    }

    fn ask_at<R>(&self, place: Place, ask: impl FnOnce(&V) -> Option<R>) -> Option<R> {
        let mut hazard = self.domain.hazard();
        let found = self.table.at(place, &mut hazard)?;
        ask(&found.item().value)
    }

    #[inline]
    fn ask<Q, R>(&self, key: &Q, hash: u64, mut ask: impl FnMut(&V) -> Option<R>) -> Option<R>
    where
        K: Borrow<Q>,
        Q: Eq + ?Sized,
    {
        let mut hazard = self.domain.hazard();
        let is_it = |entry: &Entry<K, V>| entry.hash == hash && entry.key.borrow() == key;
        let found = self.table.find(hash, &mut hazard, is_it)?;
        ask(&found.item().value)
    }

    /// Looks for keys that are idle. Whether there is a place for another then.
    fn make_room(&self, writer: &mut Writer, retire: &impl Fn(&V) -> bool) -> bool {
        if writer.kept.len() > self.most / 2 {
            self.look_at(writer, PER_KEY, retire);
        }
        self.has_room(writer, retire)
    }

    /// Gives the node back if there is no place for it.
    fn place(
        &self,
        writer: &mut Writer,
        hash: u64,
        node: Box<Node<Entry<K, V>>>,
    ) -> Result<Place, Box<Node<Entry<K, V>>>> {
        let mut node = node;
        loop {
            match self.table.place(&mut writer.ledger, hash, node) {
                Ok(place) => {
                    writer.kept.push((place, print_of(hash)));
                    return Ok(place);
                }
                Err(back) if self.table.grow(&mut writer.ledger) => node = back,
                Err(back) => return Err(back),
            }
        }
    }
}

#[cfg(test)]
#[path = "keys_tests.rs"]
mod tests;
