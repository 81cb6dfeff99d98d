//! Eras: everything that was made before a certain moment becomes invalid at once, and is not counted any more.
//!
//! # State
//! ```text
//!   Eras:        now    the stamp that is given out      floor, floor of group g    the least stamp that is still valid
//!   Population:  bit 63 .. 32  era, the low half of a floor      bit 31 .. 0  how many of that era live
//! ```
//! Stamps are 64 bits wide and only rise: they do not wrap.
//!
//! # Invariants
//! * I1: floors and `now` change under the lock of `Eras` only, the floor first; so who has read a stamp reads no floor
//!   that an end before that stamp has not reached.
//! * I2: a floor never exceeds `now`: what is stamped after an end is valid.
//! * I3: the word of `Population` counts those that were added under its era; an older era's are forgotten as a whole.
//!
//! # Protocol
//! * P1 `end`, `end_group`: lock; `now + 1` becomes the floor, then `now`; unlock.
//! * P2 `stamp`: load `now`. P3 `is_valid`: compare with the floors.
//! * P4 `add`: load the word, then the floor; stamped below it: nothing. The word is of this era: one more. Of an older
//!   one: a new word with one. Swap, or begin again.
//! * P5 `remove`: load the word, then the floor; the word is of this era, and the stamp too: one less. Else nothing.
//! * P6 `len`: the number of the word, if it is of this era; else zero.
//!
//! The floor is read after the word, so it is never older than the era of the word.
//!
//! # Orderings
//! | site | ordering | pairs with | why |
//! |---|---|---|---|
//! | `era.end` | Release | `era.stamp` | I1 |
//! | `era.stamp` | Acquire | `era.end` | I1 |
//! | `era.write` | Release | `era.read` | the floor that is read after a word is at least that of its writer |
//! | `era.read` | Acquire | `era.write` | as above |

use std::fmt;

use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Mutex, ord};

/// The first stamp; zero is valid nowhere but before the first end.
const FIRST: u64 = 1;

/// When things were made, and which of them are still valid.
pub(crate) struct Eras {
    now: AtomicU64,
    floor: AtomicU64,
    groups: Box<[AtomicU64]>,
    ends: Mutex<u64>,
}

impl Eras {
    /// The first era, with so many groups that can be ended on their own.
    pub(crate) fn new(groups: usize) -> Self {
        Self {
            now: AtomicU64::new(FIRST),
            floor: AtomicU64::new(FIRST),
            groups: (0..groups).map(|_| AtomicU64::new(FIRST)).collect(),
            ends: Mutex::new(FIRST),
        }
    }

    /// The stamp for what begins now (P2).
    #[inline]
    pub(crate) fn stamp(&self) -> u64 {
        // Acquire: P2, pairs with the Release in `end_at` (P1).
        self.now.load(ord!("era.stamp", Acquire))
    }

    /// Whether what has this stamp, in this group or in none, is still valid (P3).
    #[inline]
    pub(crate) fn is_valid(&self, stamp: u64, group: Option<usize>) -> bool {
        // Relaxed: who comes after an end sees its floor, because an atomic is coherent; nothing else is published.
        stamp >= self.floor.load(Ordering::Relaxed)
            && group
                .and_then(|group| self.groups.get(group))
                // Relaxed: as above.
                .is_none_or(|floor| stamp >= floor.load(Ordering::Relaxed))
    }

    /// How many groups there are.
    pub(crate) fn groups(&self) -> usize {
        self.groups.len()
    }

    /// Ends everything that was stamped so far (P1).
    pub(crate) fn end(&self) {
        self.end_at(&self.floor);
    }

    /// Ends what was stamped so far in a group (P1). False if there is no such group.
    pub(crate) fn end_group(&self, group: usize) -> bool {
        let floor = self.groups.get(group);
        if let Some(floor) = floor {
            self.end_at(floor);
        }
        floor.is_some()
    }

    fn end_at(&self, floor: &AtomicU64) {
        let mut ends = self.ends.lock();
        *ends += 1;
        // Relaxed: the store below publishes it (I1).
        floor.store(*ends, Ordering::Relaxed);
        // Release: P1, pairs with the Acquire in `stamp` (P2).
        self.now.store(*ends, ord!("era.end", Release));
    }

    fn floor(&self) -> u64 {
        // Relaxed: coherent, and never older than what was acquired before (P4, P5).
        self.floor.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for Eras {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Eras")
            .field("floor", &self.floor())
            .field("groups", &self.groups.len())
            .finish_non_exhaustive()
    }
}

/// How many of the present era live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Count {
    era: u32,
    live: u32,
}

impl Count {
    const fn pack(self) -> u64 {
        (self.era as u64) << 32 | self.live as u64
    }

    const fn unpack(bits: u64) -> Self {
        Self {
            era: (bits >> 32) as u32,
            live: bits as u32,
        }
    }
}

const _: () = assert!(
    Count::unpack(
        Count {
            era: u32::MAX,
            live: 7
        }
        .pack()
    )
    .live
        == 7
);

/// Counts what lives in the present era.
pub(crate) struct Population {
    word: AtomicU64,
}

impl Population {
    /// Nobody lives yet.
    pub(crate) fn new() -> Self {
        let none = Count {
            era: FIRST as u32,
            live: 0,
        };
        Self {
            word: AtomicU64::new(none.pack()),
        }
    }

    /// Counts one with this stamp (P4). Call it before others can see it.
    pub(crate) fn add(&self, eras: &Eras, stamp: u64) {
        self.update(|count| {
            let floor = eras.floor();
            let era = floor as u32;
            let live = if count.era == era { count.live + 1 } else { 1 };
            (stamp >= floor).then_some(Count { era, live })
        });
    }

    /// Counts one with this stamp no more (P5). Call it after others can not see it any more.
    pub(crate) fn remove(&self, eras: &Eras, stamp: u64) {
        self.update(|count| {
            let floor = eras.floor();
            let live = count.live.saturating_sub(1);
            let counted = stamp >= floor && count.era == floor as u32;
            counted.then_some(Count { live, ..count })
        });
    }

    /// Whether to add one with the stamp `new` and to remove one with the stamp `old` comes to nothing.
    pub(crate) fn is_even(&self, eras: &Eras, old: u64, new: u64) -> bool {
        let count = self.load();
        let floor = eras.floor();
        old.min(new) >= floor && count.era == floor as u32
    }

    /// How many live (P6).
    pub(crate) fn len(&self, eras: &Eras) -> usize {
        let count = self.load();
        if count.era == eras.floor() as u32 {
            count.live as usize
        } else {
            0
        }
    }

    fn update(&self, change: impl Fn(Count) -> Option<Count>) {
        let mut count = self.load();
        while let Some(changed) = change(count) {
            // Release: P4, P5, pairs with the Acquire in `load`; Relaxed: the value is loaded again.
            let (won, lost) = (ord!("era.write", Release), Ordering::Relaxed);
            let swapped = self
                .word
                .compare_exchange_weak(count.pack(), changed.pack(), won, lost);
            if swapped.is_ok() {
                return;
            }
            count = self.load();
        }
    }

    fn load(&self) -> Count {
        // Acquire: P4, P5, P6, pairs with the Release in `update`.
        Count::unpack(self.word.load(ord!("era.read", Acquire)))
    }
}

impl fmt::Debug for Population {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Relaxed: a picture for people publishes nothing.
        let count = Count::unpack(self.word.load(Ordering::Relaxed));
        f.debug_struct("Population")
            .field("live", &count.live)
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::{Count, Eras, Population};

    #[test]
    fn what_is_stamped_before_an_end_is_invalid_after_it() {
        let eras = Eras::new(2);
        let before = eras.stamp();
        assert!(eras.is_valid(before, None) && eras.is_valid(before, Some(1)));
        assert!(eras.end_group(1) && !eras.end_group(2));
        assert!(eras.is_valid(before, None) && eras.is_valid(before, Some(0)));
        assert!(!eras.is_valid(before, Some(1)));
        eras.end();
        assert!(!eras.is_valid(before, None));
        assert!(eras.is_valid(eras.stamp(), Some(1)));
        assert_eq!(eras.groups(), 2);
    }

    #[test]
    fn an_end_empties_the_population_and_the_removal_of_the_old_does_not_count() {
        let (eras, population) = (Eras::new(0), Population::new());
        let old = eras.stamp();
        population.add(&eras, old);
        population.add(&eras, old);
        population.remove(&eras, old);
        assert_eq!(population.len(&eras), 1);
        eras.end();
        assert_eq!(population.len(&eras), 0);
        population.remove(&eras, old);
        population.add(&eras, old);
        assert_eq!(population.len(&eras), 0, "stale from birth");
        population.add(&eras, eras.stamp());
        population.remove(&eras, old);
        assert_eq!(population.len(&eras), 1);
    }

    #[test]
    fn a_count_survives_its_packing() {
        for (era, live) in [(0, 0), (1, u32::MAX), (u32::MAX, 1), (0x1234_5678, 9)] {
            let count = Count { era, live };
            assert_eq!(Count::unpack(count.pack()), count);
        }
    }
}
