//! Models of the shelf: a box is had by one at a time, who sees what was done with it before.

#![expect(unsafe_code, reason = "loom's cells hand out pointers")]

use loom::cell::UnsafeCell;

use super::runner::{Model, here};
use crate::kernel::shelf::Shelf;

/// A number that is written whenever somebody has it, also at its end. Two at once fail the model.
struct Used(UnsafeCell<u8>);

impl Used {
    fn once() -> Box<Self> {
        Box::new(Self(UnsafeCell::new(1)))
    }

    fn again(&self) -> u8 {
        // SAFETY: I1: whoever has it has it alone; loom fails the model if not.
        self.0.with_mut(|times| unsafe {
            *times += 1;
            *times
        })
    }
}

impl Drop for Used {
    fn drop(&mut self) {
        self.again();
    }
}

fn scene() -> Shelf<Used> {
    let shelf = Shelf::new();
    shelf.put(Used::once());
    shelf
}

/// Two take a box, use it and put it back.
/// Allowed: both have it in turn, or one finds none. Forbidden: both have it at once.
/// Broken by: Relaxed putting, Relaxed taking.
#[test]
fn a_box_is_used_by_one_after_the_other() {
    let take_and_put = |shelf: &Shelf<Used>| {
        shelf.take().map_or(0, |it| {
            let times = it.again();
            shelf.put(it);
            times
        })
    };
    Model::new(here!(), scene)
        .floor(31)
        .breaks(["shelf.put", "shelf.take"])
        .run(
            [(2, 0), (0, 2), (2, 3), (3, 2)],
            [take_and_put, take_and_put],
            |shelf, [one, other]| {
                assert!(shelf.take().is_some() && shelf.take().is_none());
                (one, other)
            },
        );
}

/// Two put boxes away, perhaps in the same place.
/// Allowed: both find one, or one drops the box of the other. Forbidden: a box that is lost, or is dropped before what was
/// done with it is seen. Broken by: Relaxed putting.
#[test]
fn who_puts_a_box_in_the_place_of_another_drops_that_one() {
    let put = |shelf: &Shelf<Used>| {
        let it = Used::once();
        it.again();
        shelf.put(it);
    };
    Model::new(here!(), scene)
        .floor(7)
        .breaks(["shelf.put"])
        .run([2, 3], [put, put], |shelf, [(), ()]| {
            std::iter::from_fn(|| shelf.take()).count()
        });
}
