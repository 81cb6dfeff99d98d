//! Which timers there are: by the time at which they are due, by their owner, and by the key they have there. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

/// Whose timers they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct OwnerId(pub(super) usize);

/// The name of a timer among those of its owner.
pub(super) type Key = Arc<str>;

/// Names a timer for ever: no id is used again. Ordered by the arming.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TimerId {
    order: u64,
    pub(super) owner: OwnerId,
}

/// All timers of a system. One that was taken out leaves nothing behind.
#[derive(Debug)]
pub(super) struct Index<T> {
    owners: BTreeMap<OwnerId, Owned<T>>,
    /// Those that wait for a time, each once.
    queue: BTreeSet<(Instant, TimerId)>,
    next_order: u64,
    len: usize,
}

#[derive(Debug)]
struct Owned<T> {
    slots: BTreeMap<u64, Slot<T>>,
    keys: BTreeMap<Key, u64>,
}

#[derive(Debug)]
struct Slot<T> {
    timer: T,
    key: Option<Key>,
    due: Option<Instant>,
}

impl<T: Clone> Index<T> {
    pub(super) const fn new() -> Self {
        Self {
            owners: BTreeMap::new(),
            queue: BTreeSet::new(),
            next_order: 0,
            len: 0,
        }
    }

    /// The id of the owner's next timer.
    pub(super) fn draw(&mut self, owner: OwnerId) -> TimerId {
        let order = self.next_order;
        self.next_order += 1;
        TimerId { order, owner }
    }

    /// Adds a timer that is not due yet; returns the one that had its key, which is in here no more.
    pub(super) fn insert(&mut self, id: TimerId, key: Option<Key>, timer: T) -> Option<T> {
        let before = key
            .as_ref()
            .and_then(|key| self.owners.get(&id.owner)?.keys.get(key).copied());
        let replaced = before.and_then(|order| self.remove(TimerId { order, ..id }));
        let owned = self.owners.entry(id.owner).or_default();
        if let Some(key) = &key {
            owned.keys.insert(Arc::clone(key), id.order);
        }
        let due = None;
        owned.slots.insert(id.order, Slot { timer, key, due });
        self.len += 1;
        replaced
    }

    /// Sets the one time at which the timer is due; false if it is not in here.
    pub(super) fn set_due(&mut self, id: TimerId, due: Option<Instant>) -> bool {
        let slot = self
            .owners
            .get_mut(&id.owner)
            .and_then(|owned| owned.slots.get_mut(&id.order));
        let Some(slot) = slot else { return false };
        let before = std::mem::replace(&mut slot.due, due);
        if before != due {
            if let Some(before) = before {
                self.queue.remove(&(before, id));
            }
            self.queue.extend(due.map(|due| (due, id)));
        }
        true
    }

    /// The first timer that is due at `now`: by time, then by the order of the arming. It stays in here, without a time.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<T> {
        let (due, id) = *self.queue.first()?;
        if due > now {
            return None;
        }
        self.queue.pop_first();
        let slot = self.owners.get_mut(&id.owner)?.slots.get_mut(&id.order)?;
        slot.due = None;
        Some(slot.timer.clone())
    }

    pub(super) fn first_due(&self) -> Option<Instant> {
        self.queue.first().map(|(due, _)| *due)
    }

    /// Takes a timer out.
    pub(super) fn remove(&mut self, id: TimerId) -> Option<T> {
        let owned = self.owners.get_mut(&id.owner)?;
        let slot = owned.slots.remove(&id.order)?;
        if let Some(key) = &slot.key {
            owned.keys.remove(key);
        }
        if owned.slots.is_empty() {
            self.owners.remove(&id.owner);
        }
        if let Some(due) = slot.due {
            self.queue.remove(&(due, id));
        }
        self.len -= 1;
        Some(slot.timer)
    }

    /// Takes all timers of the owner out, in the order of their arming.
    pub(super) fn remove_owner(&mut self, owner: OwnerId) -> Vec<T> {
        let Some(owned) = self.owners.remove(&owner) else {
            return Vec::new();
        };
        self.len -= owned.slots.len();
        let take = |(order, slot): (u64, Slot<T>)| {
            if let Some(due) = slot.due {
                self.queue.remove(&(due, TimerId { order, owner }));
            }
            slot.timer
        };
        owned.slots.into_iter().map(take).collect()
    }

    pub(super) fn keyed(&self, owner: OwnerId, key: &str) -> Option<T> {
        let owned = self.owners.get(&owner)?;
        let slot = owned.slots.get(owned.keys.get(key)?)?;
        Some(slot.timer.clone())
    }

    /// The timers of one owner, in the order of their arming.
    pub(super) fn of(&self, owner: OwnerId) -> Vec<T> {
        let slots = self.owners.get(&owner).into_iter();
        slots
            .flat_map(|owned| owned.slots.values())
            .map(|slot| slot.timer.clone())
            .collect()
    }

    pub(super) fn len_of(&self, owner: OwnerId) -> usize {
        self.owners.get(&owner).map_or(0, |owned| owned.slots.len())
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }
}

impl<T> Default for Owned<T> {
    fn default() -> Self {
        Self {
            slots: BTreeMap::new(),
            keys: BTreeMap::new(),
        }
    }
}

#[cfg(test)]
#[path = "index_tests.rs"]
mod tests;
