//! What the cache keeps of a key and its value.

use std::sync::atomic::{AtomicU8, Ordering};

use super::cause::RemovalCause;
use super::lifetime::Deadlines;
use super::policy::MOST_HITS;
use crate::kernel::expiry::Expiry;
use crate::kernel::shard::Item;

/// A key, its value, and what decides about them. Key and value never change.
pub(super) struct Entry<K, V> {
    pub(super) key: K,
    pub(super) value: V,
    pub(super) expiry: Expiry,
    /// When it expires at the latest, however often it is used.
    pub(super) hard: u64,
    stamp: u64,
    weight: u32,
    group: u16,
    hits: AtomicU8,
    marks: AtomicU8,
}

/// What an entry is made from, beside key and value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Making {
    pub(super) deadlines: Deadlines,
    pub(super) stamp: u64,
    pub(super) weight: u32,
    /// Zero: none.
    pub(super) group: u16,
    pub(super) pinned: bool,
}

const CAUSE: u8 = 0b0111;
const PINNED: u8 = 0b1000;
const REFRESHING: u8 = 0b1_0000;

impl<K, V> Entry<K, V> {
    pub(super) fn new(key: K, value: V, making: Making) -> Self {
        Self {
            key,
            value,
            expiry: Expiry::new(making.deadlines.until),
            hard: making.deadlines.hard,
            stamp: making.stamp,
            weight: making.weight,
            group: making.group,
            hits: AtomicU8::new(0),
            marks: AtomicU8::new(if making.pinned { PINNED } else { 0 }),
        }
    }

    /// The group that it can be invalidated with.
    pub(super) fn group(&self) -> Option<usize> {
        self.group.checked_sub(1).map(usize::from)
    }

    /// How often it was hit since the policy last looked, as far as that matters.
    pub(super) fn hits(&self) -> u8 {
        // Relaxed: a hint for the policy publishes nothing.
        self.hits.load(Ordering::Relaxed)
    }

    /// Counts a hit. An entry that is warm is not written to; of hits at the same time one may be lost.
    #[inline]
    pub(super) fn hit(&self) {
        let hits = self.hits();
        if hits < MOST_HITS {
            self.set_hits(hits + 1);
        }
    }

    pub(super) fn set_hits(&self, hits: u8) {
        // Relaxed: as in `hits`.
        self.hits.store(hits, Ordering::Relaxed);
    }

    /// What a replacement takes over: how warm it is, and that it is pinned.
    pub(super) fn inherit(&self, from: &Self) {
        self.set_hits(from.hits());
        if from.is_pinned() {
            self.pin(true);
        }
    }

    pub(super) fn is_pinned(&self) -> bool {
        self.has(PINNED)
    }

    pub(super) fn pin(&self, pinned: bool) {
        if pinned {
            // Relaxed: a wish that the policy looks at under its lock, or misses for a moment.
            self.marks.fetch_or(PINNED, Ordering::Relaxed);
        } else {
            // Relaxed: as above.
            self.marks.fetch_and(!PINNED, Ordering::Relaxed);
        }
    }

    /// True for the one that is to load it anew.
    pub(super) fn begin_refresh(&self) -> bool {
        // Relaxed: one wins; nothing else is published.
        !self.has(REFRESHING)
            && self.marks.fetch_or(REFRESHING, Ordering::Relaxed) & REFRESHING == 0
    }

    /// The refresh failed: another may try.
    pub(super) fn end_refresh(&self) {
        // Relaxed: as in `begin_refresh`.
        self.marks.fetch_and(!REFRESHING, Ordering::Relaxed);
    }

    /// Notes why it went; by the one who took it out.
    pub(super) fn went(&self, cause: RemovalCause) {
        // Relaxed: the graveyard publishes it.
        self.marks.fetch_or(cause.code(), Ordering::Relaxed);
    }

    /// Why it went; `None` if nobody took it out.
    pub(super) fn cause(&self) -> Option<RemovalCause> {
        // Relaxed: the graveyard has published it.
        RemovalCause::of_code(self.marks.load(Ordering::Relaxed) & CAUSE)
    }

    fn has(&self, mark: u8) -> bool {
        // Relaxed: a hint, or decided by what follows.
        self.marks.load(Ordering::Relaxed) & mark != 0
    }
}

impl<K, V> Item for Entry<K, V> {
    fn weight(&self) -> u64 {
        u64::from(self.weight)
    }

    fn stamp(&self) -> u64 {
        self.stamp
    }
}

#[cfg(test)]
mod tests {
    use super::{Deadlines, Entry, Making, RemovalCause};

    fn entry(pinned: bool) -> Entry<u64, u64> {
        let deadlines = Deadlines { hard: 1, until: 1 };
        let making = Making {
            deadlines,
            stamp: 1,
            weight: 1,
            group: 0,
            pinned,
        };
        Entry::new(1, 2, making)
    }

    #[test]
    fn an_entry_of_two_words_takes_the_room_of_seven() {
        assert!(size_of::<crate::kernel::graveyard::Node<Entry<u64, u64>>>() <= 56);
    }

    #[test]
    fn marks_do_not_disturb_each_other() {
        let it = entry(true);
        assert!(it.begin_refresh() && !it.begin_refresh());
        it.pin(false);
        it.went(RemovalCause::Expired);
        assert!(!it.is_pinned() && it.cause() == Some(RemovalCause::Expired));
        it.end_refresh();
        assert!(it.begin_refresh());
        assert_eq!(entry(false).cause(), None);
    }

    #[test]
    fn hits_are_counted_up_to_what_matters_and_inherited() {
        let (old, new) = (entry(true), entry(false));
        (0..9).for_each(|_| old.hit());
        new.inherit(&old);
        assert_eq!((new.hits(), new.is_pinned()), (3, true));
    }
}
