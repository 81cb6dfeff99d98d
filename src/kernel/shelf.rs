//! A shelf: a few boxes that nobody needs at the moment, for who needs one next.
//!
//! # State
//! A few places, each of which is empty (null) or has a box.
//!
//! # Invariants
//! * I1: a box stands in one place at most, and who has it otherwise has it alone.
//!
//! # Protocol
//! * P1 `put`: swap the box into the first place that looks empty. What comes out, because another was faster, is dropped.
//! * P2 `take`: swap null into the first place that does not look empty. Null comes out, because another was faster: go on.
//!
//! Each step is one swap, whatever others do; nobody waits. A box moves as a whole, so there is no ABA.
//!
//! # Orderings
//! | site | ordering | pairs with | why |
//! |---|---|---|---|
//! | `shelf.put` | AcqRel | `shelf.take`, `shelf.put` | what was done with the box is over before it is used again, or dropped |
//! | `shelf.take` | Acquire | `shelf.put` | as above |

#![expect(
    unsafe_code,
    reason = "a place owns its box by a pointer, which moves by swaps"
)]

use std::fmt;
use std::ptr;

use crate::sync::atomic::{AtomicPtr, Ordering};
use crate::sync::ord;

/// As many as a dig of a shard usually finds, or a few more.
const PLACES: usize = 12;

/// A few boxes.
pub(crate) struct Shelf<T> {
    places: [AtomicPtr<T>; PLACES],
}

impl<T> Shelf<T> {
    /// An empty one.
    pub(crate) fn new() -> Self {
        Self {
            places: std::array::from_fn(|_| AtomicPtr::new(ptr::null_mut())),
        }
    }

    /// Puts a box away (P1); drops one where there is no place.
    pub(crate) fn put(&self, it: Box<T>) {
        // Relaxed: a guess that the swap confirms.
        let looks_empty = |place: &&AtomicPtr<T>| place.load(Ordering::Relaxed).is_null();
        if let Some(place) = self.places.iter().find(looks_empty) {
            // AcqRel: P1, pairs with `take` (P2) and with itself.
            let before = place.swap(Box::into_raw(it), ord!("shelf.put", AcqRel));
            drop(owned(before));
        }
    }

    /// A box, if there is one (P2).
    pub(crate) fn take(&self) -> Option<Box<T>> {
        self.places.iter().find_map(|place| {
            // Relaxed: a guess that the swap confirms.
            if place.load(Ordering::Relaxed).is_null() {
                return None;
            }
            // Acquire: P2, pairs with `put` (P1).
            owned(place.swap(ptr::null_mut(), ord!("shelf.take", Acquire)))
        })
    }
}

/// What a swap has taken out of a place.
fn owned<T>(it: *mut T) -> Option<Box<T>> {
    // SAFETY: I1: only `put` fills places, from a `Box`, and a swap takes what it has put to one caller.
    (!it.is_null()).then(|| unsafe { Box::from_raw(it) })
}

// SAFETY: I1: boxes move through it from thread to thread, and nobody looks into them.
unsafe impl<T: Send> Send for Shelf<T> {}
// SAFETY: I1: as above.
unsafe impl<T: Send> Sync for Shelf<T> {}

impl<T> Drop for Shelf<T> {
    fn drop(&mut self) {
        while let Some(it) = self.take() {
            drop(it);
        }
    }
}

impl<T> fmt::Debug for Shelf<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shelf").finish_non_exhaustive()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::{PLACES, Shelf};
    use crate::kernel::test_support::{Register, storm};
    use crate::sync::on_threads;

    #[test]
    fn what_has_a_place_is_taken_again_and_what_has_none_is_dropped() {
        let register = Register::new(PLACES + 3);
        let shelf = Shelf::new();
        assert!(shelf.take().is_none());
        (0..PLACES as u64 + 2).for_each(|key| shelf.put(Box::new(register.bear(key))));
        assert_eq!(register.living(), PLACES);
        let keys = std::iter::from_fn(|| shelf.take()).map(|it| it.key());
        assert_eq!(keys.sum::<u64>(), (0..PLACES as u64).sum());
        shelf.put(Box::new(register.bear(0)));
        drop(shelf);
        register.close();
    }

    #[test]
    fn of_many_that_put_and_take_each_has_a_box_alone() {
        let each = storm(50_000);
        let (shelf, reused) = (Shelf::new(), AtomicUsize::new(0));
        on_threads(4, |thread| {
            for round in 0..each {
                let mine = [thread, round];
                let taken = shelf.take();
                reused.fetch_add(usize::from(taken.is_some()), Ordering::Relaxed);
                let mut it = taken.unwrap_or_default();
                *it = mine;
                std::hint::black_box(&mut it);
                assert_eq!(*it, mine, "another has it too");
                shelf.put(it);
            }
        });
        assert!(reused.into_inner() > 0, "no box was used again");
    }
}
