//! What the cache keeps of a key and its value.

use std::sync::atomic::{AtomicU8, Ordering};

use super::cause::RemovalCause;
use super::lifetime::Deadlines;
use super::policy::MOST_HITS;
use crate::kernel::expiry::Expiry;
use crate::kernel::marks::Marks;
use crate::kernel::shard::Item;

/// A key, its value, and what decides about them. Key and value never change.
///
/// In this order, because a look-up reads all but the last field: they shall share a cache line where they can.
#[repr(C)]
pub(super) struct Entry<K, V> {
    pub(super) expiry: Expiry,
    stamp: u64,
    weight: u32,
    group: u16,
    hits: AtomicU8,
    marks: Marks,
    pub(super) key: K,
    pub(super) value: V,
    /// When it expires at the latest, however often it is used.
    pub(super) hard: u64,
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
/// It goes for others: it can not be pinned any more.
const DOOMED: u8 = 0b10_0000;

/// What a wish to pin an entry, or not to, came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pin {
    Done,
    /// It has gone, or is about to.
    Gone,
    /// A newer one of the same key is in its place.
    Replaced,
}

impl<K, V> Entry<K, V> {
    pub(super) fn new(key: K, value: V, making: Making) -> Self {
        Self {
            expiry: Expiry::new(making.deadlines.until),
            stamp: making.stamp,
            weight: making.weight,
            group: making.group,
            hits: AtomicU8::new(0),
            marks: Marks::new(if making.pinned { PINNED } else { 0 }),
            key,
            value,
            hard: making.deadlines.hard,
        }
    }

    /// The group that it can be invalidated with.
    #[inline]
    pub(super) fn group(&self) -> Option<usize> {
        self.group.checked_sub(1).map(usize::from)
    }

    /// How often it was hit since the policy last looked, as far as that matters.
    #[inline]
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

    #[inline]
    pub(super) fn set_hits(&self, hits: u8) {
        // Relaxed: as in `hits`.
        self.hits.store(hits, Ordering::Relaxed);
    }

    /// Makes it as warm as the one whose place it will take, and pins it or not; before others see it.
    pub(super) fn begin(&self, hits: u8, pinned: bool) {
        self.set_hits(hits);
        self.marks.begin(if pinned { PINNED } else { 0 });
    }

    pub(super) fn is_pinned(&self) -> bool {
        is_pinned(self.marks.get())
    }

    /// Pins it, or lets it go as others.
    pub(super) fn pin(&self, pinned: bool) -> Pin {
        let before = if pinned {
            self.marks.set(PINNED)
        } else {
            self.marks.clear(PINNED)
        };
        match RemovalCause::of_code(before & CAUSE) {
            Some(RemovalCause::Replaced) => Pin::Replaced,
            None if before & DOOMED == 0 => Pin::Done,
            _ => Pin::Gone,
        }
    }

    /// From now on it can not be pinned. False if it is pinned, or its marks change at this very moment.
    pub(super) fn doom(&self) -> bool {
        self.marks.set_unless(DOOMED, PINNED)
    }

    /// True for the one that is to load it anew.
    pub(super) fn begin_refresh(&self) -> bool {
        self.marks.get() & REFRESHING == 0 && self.marks.set(REFRESHING) & REFRESHING == 0
    }

    /// The refresh failed: another may try.
    pub(super) fn end_refresh(&self) {
        self.marks.clear(REFRESHING);
    }

    /// Notes why it went; by the one who took it out. Whether it was pinned then.
    pub(super) fn went(&self, cause: RemovalCause) -> bool {
        is_pinned(self.marks.set(cause.code()))
    }

    /// Why it went; `None` if nobody took it out.
    pub(super) fn cause(&self) -> Option<RemovalCause> {
        RemovalCause::of_code(self.marks.get() & CAUSE)
    }
}

/// Whether these marks are those of one that is pinned: what was doomed before does not count.
const fn is_pinned(marks: u8) -> bool {
    marks & (PINNED | DOOMED) == PINNED
}

impl<K, V> Item for Entry<K, V> {
    #[inline]
    fn weight(&self) -> u64 {
        u64::from(self.weight)
    }

    #[inline]
    fn stamp(&self) -> u64 {
        self.stamp
    }
}

#[cfg(test)]
mod tests {
    use super::{Deadlines, Entry, Making, Pin, RemovalCause};

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
    fn hits_are_counted_up_to_what_matters_and_passed_on() {
        let (old, new) = (entry(true), entry(false));
        (0..9).for_each(|_| old.hit());
        new.begin(old.hits(), true);
        assert_eq!((new.hits(), new.is_pinned()), (3, true));
        new.begin(0, false);
        assert_eq!((new.hits(), new.is_pinned()), (0, false));
    }

    #[test]
    fn what_is_pinned_can_not_be_doomed_and_what_is_doomed_can_not_be_pinned() {
        let it = entry(false);
        assert_eq!((it.pin(true), it.doom()), (Pin::Done, false));
        assert_eq!((it.pin(false), it.doom()), (Pin::Done, true));
        assert_eq!((it.pin(true), it.is_pinned()), (Pin::Gone, false));
        assert!(!it.went(RemovalCause::Evicted));
    }

    #[test]
    fn a_pin_that_comes_too_late_is_told_where_to_look() {
        let it = entry(false);
        assert_eq!(it.pin(true), Pin::Done);
        assert!(it.went(RemovalCause::Replaced), "pinned in time");
        assert_eq!(it.pin(true), Pin::Replaced);
        let it = entry(false);
        assert!(!it.went(RemovalCause::Removed));
        assert_eq!(it.pin(true), Pin::Gone);
    }
}
