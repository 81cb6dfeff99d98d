//! A shard: a table with a bound. Who comes in is admitted under a lock, which no reader takes, and neither does who
//! replaces or removes what is there.
//!
//! # State
//! ```text
//!   table        the lanes (see `table`)
//!   used         the weight of all nodes that are in the table, or on their way in
//!   admissions   how many nodes were admitted, ever: one number for each part of the hashes
//!   waste        nodes that were unlinked (see `shard/waste`)
//!   spare        the memory of nodes that have ended (see `shelf`)
//!   gate, a lock around the ledger of the table and the policy, which decides who goes
//! ```
//!
//! # Invariants
//! * I1: `used` is never above `capacity`, and never below the weight of what is in the table: weight is reserved before a
//!   node can be seen, and given back after it was unlinked.
//! * I2: a key has one living node at most: a node is admitted only if nothing of its part of the hashes was admitted since
//!   its key was not found.
//! * I3: every lane that is not EMPTY is known to the policy once; a lane is freed only when the policy has let go of it.
//! * I4: no code of a user runs under the gate. Keys are compared outside of it.
//!
//! # Protocol
//! * P1 `find`: read `admissions` of its part; search the table. The number comes with the answer "it is not there".
//! * P2 `admit`: lock; more was admitted than in P1: give the node back, who calls searches again. Else make room (P3);
//!   count it; place it; tell the policy; raise `admissions` of its part; unlock.
//! * P3 `make_room`, under the gate: others go for who comes, as the policy chooses (see `shard/room`).
//! * P4 `replace`, `remove`: without the gate, but that a heavier replacement makes room when there is none.
//!
//! # Orderings
//! | site | ordering | pairs with | why |
//! |---|---|---|---|
//! | `shard.admitted` | Release | `shard.version` | a search after the number sees what was admitted before it |
//! | `shard.version` | Acquire | `shard.admitted` | as above |

use std::fmt;
use std::mem::MaybeUninit;

use crossbeam_utils::CachePadded;

use super::era::{Eras, Population};
use super::graveyard::{Dug, Node};
use super::hazard::{DomainRef, Hazard};
use super::shelf::Shelf;
use super::table::{Found, Ledger, Place, Table, print_of};
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Mutex, ord, recheck};

mod room;
mod waste;

use waste::{Bin, Waste};

/// Who comes in makes those search again whose hash is in the same one of so many parts.
const PARTS: usize = 16;

/// The part of a hash, by bits that say neither which shard nor where in its table.
const fn part(hash: u64) -> usize {
    (hash >> 28) as usize % PARTS
}

/// What a shard asks its items.
pub(crate) trait Item {
    /// What it counts for the capacity; the same for ever.
    fn weight(&self) -> u64;

    /// When it was made (see [`Eras`]).
    fn stamp(&self) -> u64;
}

/// Decides who goes when there is no room. Runs under the gate: it calls no code of a user.
pub(crate) trait Policy<T> {
    /// A node came to this place. `print` is what [`Table::free`] will want to know.
    fn admitted(&mut self, place: Place, print: u32, weight: u64);

    /// Whether so much weight would come free if all went that may. Nothing changes.
    fn can_free(&mut self, view: &mut View<'_, '_, T>, weight: u64) -> bool;

    /// The weight of all that must stay. Nothing changes.
    fn kept(&mut self, view: &mut View<'_, '_, T>) -> u64;

    /// The next place to empty, with which it lets go of it; `None` if it knows no place.
    fn choose(&mut self, view: &mut View<'_, '_, T>) -> Option<(Place, u32)>;

    /// The node that it chose was replaced before it could be unlinked: the place is as if it had just been used.
    fn spare(&mut self, place: Place, print: u32);

    /// The node that it chose is out.
    fn expelled(&mut self, item: &T);

    /// Lets go of all places that are dead, and tells of each.
    fn sweep(&mut self, is_dead: &mut dyn FnMut(Place) -> bool, freed: &mut dyn FnMut(Place, u32));
}

/// What a policy may look at.
pub(crate) struct View<'v, 'd, T> {
    table: &'v Table<T>,
    hazard: &'v mut Hazard<'d>,
    spared: Option<&'v T>,
}

impl<'v, T> View<'v, '_, T> {
    /// The one that room is made for in its own place: it must not go.
    pub(crate) const fn spared(&self) -> Option<&'v T> {
        self.spared
    }

    /// What stands at a place; `None` if it is dead.
    pub(crate) fn at(&mut self, place: Place) -> Option<&T> {
        self.table.at(place, self.hazard).map(|found| found.item())
    }

    /// What was last looked at, if it still stands at its place.
    pub(crate) fn again(&mut self, place: Place) -> Option<&T> {
        let found = self.table.still_at(place, self.hazard);
        found.map(|found| found.item())
    }
}

/// Why a node was not admitted; it comes back.
pub(crate) enum Denied<T> {
    /// Something was admitted since its key was not found, or weight is on its way out: search again.
    Raced(Box<Node<T>>),
    /// It has no room, even with everything else gone that may go. Nothing went.
    NoRoom(Box<Node<T>>),
    /// Who brought it does not want it in any more.
    Unwanted(Box<Node<T>>),
}

/// A search that found nothing, as of so many admissions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Absent(u64);

/// A table with a bound.
pub(crate) struct Shard<T, P> {
    /// On cache lines of its own: readers need nothing else, and nothing else is written for them.
    table: CachePadded<Table<T>>,
    capacity: u64,
    used: AtomicU64,
    admissions: [AtomicU64; PARTS],
    population: Population,
    waste: Waste<T>,
    /// The memory of nodes that have ended.
    spare: Shelf<MaybeUninit<Node<T>>>,
    gate: Mutex<Gate<T, P>>,
}

struct Gate<T, P> {
    ledger: Ledger,
    policy: P,
    /// What went for others, on its way to the graveyard.
    bin: Bin<T>,
}

impl<T: Item, P: Policy<T>> Shard<T, P> {
    /// An empty shard for `capacity` of weight, with room for `nodes` before its table has to grow. `enough` nodes that have
    /// gone, or fewer that weigh a tenth of the capacity, are to be seen to.
    pub(crate) fn new(capacity: u64, nodes: usize, enough: usize, policy: P) -> Self {
        let (table, ledger) = Table::new(nodes);
        Self {
            table: CachePadded::new(table),
            capacity,
            used: AtomicU64::new(0),
            admissions: std::array::from_fn(|_| AtomicU64::new(0)),
            population: Population::new(),
            waste: Waste::new(enough, capacity),
            spare: Shelf::new(),
            gate: Mutex::new(Gate {
                ledger,
                policy,
                bin: Bin::new(),
            }),
        }
    }

    /// What this shard may hold.
    pub(crate) const fn capacity(&self) -> u64 {
        self.capacity
    }

    /// The weight of what is inside.
    pub(crate) fn used(&self) -> u64 {
        // Relaxed: a number for people publishes nothing.
        self.used.load(Ordering::Relaxed)
    }

    /// How many nodes of the present era are inside.
    pub(crate) fn len(&self, eras: &Eras) -> usize {
        self.population.len(eras)
    }

    /// The node with this hash that `is_it` accepts: for who only looks.
    #[inline]
    pub(crate) fn find<'h>(
        &'h self,
        hash: u64,
        hazard: &'h mut Hazard<'_>,
        is_it: impl FnMut(&T) -> bool,
    ) -> Option<Found<'h, T>> {
        self.table.find(hash, hazard, is_it)
    }

    /// As [`find`](Self::find), for who admits what is not there (P1).
    pub(crate) fn find_or_absent<'h>(
        &'h self,
        hash: u64,
        hazard: &'h mut Hazard<'_>,
        is_it: impl FnMut(&T) -> bool,
    ) -> Result<Found<'h, T>, Absent> {
        // Acquire: P1, pairs with the Release in `admit` (P2).
        let admissions = self.admissions[part(hash)].load(ord!("shard.version", Acquire));
        let found = self.table.find(hash, hazard, is_it);
        found.ok_or(Absent(admissions))
    }

    /// The places of the table, for who walks through all of it.
    pub(crate) fn places(&self) -> impl Iterator<Item = Place> {
        self.table.places()
    }

    /// The node at a place.
    pub(crate) fn at<'h>(
        &'h self,
        place: Place,
        hazard: &'h mut Hazard<'_>,
    ) -> Option<Found<'h, T>> {
        self.table.at(place, hazard)
    }

    /// Lets a node in whose key is absent (P2), if `is_wanted` says under the gate that it still should.
    pub(crate) fn admit(
        &self,
        eras: &Eras,
        hash: u64,
        node: Box<Node<T>>,
        absent: Absent,
        hazard: &mut Hazard<'_>,
        is_wanted: impl FnOnce() -> bool,
    ) -> Result<(), Denied<T>> {
        let (weight, stamp) = (node.item().weight(), node.item().stamp());
        let admissions = &self.admissions[part(hash)];
        // Relaxed: a guess, which spares the lock to who comes too late.
        if admissions.load(Ordering::Relaxed) != absent.0 {
            return Err(Denied::Raced(node));
        }
        let mut gate = self.gate.lock();
        // Relaxed: written under the gate only.
        let admitted = admissions.load(Ordering::Relaxed);
        if recheck!("shard.raced", admitted != absent.0) {
            return Err(Denied::Raced(node));
        }
        if !is_wanted() {
            return Err(Denied::Unwanted(node));
        }
        let gone = match self.make_room(&mut gate, weight, None, eras, hazard) {
            Ok(gone) => gone,
            Err(full) => return Err(full.denied(node)),
        };
        // One comes for one that went: then nobody has to count.
        match gone {
            Some(gone) if self.population.is_even(eras, gone, stamp) => {}
            Some(gone) => {
                self.population.add(eras, stamp);
                self.population.remove(eras, gone);
            }
            None => self.population.add(eras, stamp),
        }
        match self.place(&mut gate, hash, node, eras, hazard) {
            Ok(place) => {
                gate.policy.admitted(place, print_of(hash), weight);
                // Release: P2, pairs with the Acquire in `find_or_absent` (P1).
                admissions.store(admitted + 1, ord!("shard.admitted", Release));
                Ok(())
            }
            Err(node) => {
                self.population.remove(eras, stamp);
                self.give_back(weight);
                Err(Denied::NoRoom(node))
            }
        }
    }

    /// Puts a node of the same key in the place of one that was found (P4). `left` hears of the one that went. Gives the
    /// node back if the other is not there any more, or if there is no room for a heavier one.
    pub(crate) fn replace(
        &self,
        eras: &Eras,
        domain: &DomainRef,
        found: Found<'_, T>,
        node: Box<Node<T>>,
        left: impl FnOnce(&T),
    ) -> Result<(), Denied<T>> {
        let (before, stamp) = (found.item().weight(), node.item().stamp());
        let after = node.item().weight();
        if after > self.capacity {
            return Err(Denied::NoRoom(node));
        }
        let more = after.saturating_sub(before);
        if !self.reserve(more) {
            let mut hazard = domain.hazard();
            let (spared, mut gate) = (Some(found.item()), self.gate.lock());
            match self.make_room(&mut gate, more, spared, eras, &mut hazard) {
                Err(full) => return Err(full.denied(node)),
                Ok(None) => {}
                Ok(Some(gone)) => self.population.remove(eras, gone),
            }
        }
        let is_even = self.population.is_even(eras, found.item().stamp(), stamp);
        if !is_even {
            self.population.add(eras, stamp);
        }
        match found.replace(node) {
            Ok(unlinked) => {
                left(unlinked.item());
                if !is_even {
                    self.population.remove(eras, unlinked.item().stamp());
                }
                self.give_back(before.saturating_sub(after));
                self.waste.bury(unlinked);
                Ok(())
            }
            Err(node) => {
                if !is_even {
                    self.population.remove(eras, stamp);
                }
                self.give_back(more);
                Err(Denied::Raced(node))
            }
        }
    }

    /// Takes exactly this node out (P4). False if it is not there any more. `left` hears of it.
    pub(crate) fn remove(&self, eras: &Eras, found: Found<'_, T>, left: impl FnOnce(&T)) -> bool {
        let unlinked = found.unlink();
        let is_out = unlinked.is_some();
        if let Some(unlinked) = unlinked {
            let item = unlinked.item();
            left(item);
            self.population.remove(eras, item.stamp());
            self.give_back(item.weight());
            self.waste.bury(unlinked);
        }
        is_out
    }

    /// How many nodes were admitted, ever.
    pub(crate) fn admissions(&self) -> u64 {
        // Relaxed: a number for people publishes nothing.
        let parts = self.admissions.iter();
        parts.map(|part| part.load(Ordering::Relaxed)).sum()
    }

    /// Buries what went for others and was not buried yet, unless somebody is inside of the gate.
    #[cfg(not(all(test, loom)))]
    pub(crate) fn empty_bin(&self) {
        if let Some(mut gate) = self.gate.try_lock() {
            self.waste.empty(&mut gate.bin);
        }
    }

    /// Waits until nobody is inside of the gate: whatever was about to be admitted has been, or was denied.
    pub(crate) fn pass_gate(&self) {
        drop(self.gate.lock());
    }

    /// Keeps the gate shut until the guard is dropped.
    #[cfg(all(test, not(loom)))]
    pub(crate) fn hold_gate(&self) -> impl Drop + '_ {
        struct Held<G>(G);
        impl<G> Drop for Held<G> {
            fn drop(&mut self) {}
        }
        Held(self.gate.lock())
    }

    /// How many nodes wait to be dropped.
    pub(crate) fn buried(&self) -> usize {
        self.waste.count()
    }

    /// Whether so many wait, or such heavy ones, that a writer should see to it.
    pub(crate) fn wants_digging(&self) -> bool {
        self.waste.is_enough()
    }

    /// A node on its own.
    pub(crate) fn node(&self, item: T) -> Box<Node<T>> {
        let memory = self.spare.take().unwrap_or_else(Box::new_uninit);
        Node::in_memory(memory, item)
    }

    /// Drops a node and keeps its memory for the next one; the caller holds no locks.
    pub(crate) fn end(&self, node: Box<Node<T>>) {
        self.spare.put(node.end());
    }

    /// The nodes that nobody looks at any more; the caller ends them, outside of its locks.
    pub(crate) fn dig(&self, domain: &DomainRef) -> Dug<T> {
        self.waste.dig(domain)
    }
}

impl<T, P> Drop for Shard<T, P> {
    fn drop(&mut self) {
        self.waste.close(&mut self.gate.lock().bin);
    }
}

impl<T, P> fmt::Debug for Shard<T, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shard")
            .field("capacity", &self.capacity)
            // Relaxed: a picture for people publishes nothing.
            .field("used", &self.used.load(Ordering::Relaxed))
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, not(loom)))]
#[path = "shard_tests.rs"]
mod tests;
