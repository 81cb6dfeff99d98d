//! A model of the striped counter. It has no ordering to prove: all of them are Relaxed.

use super::runner::{Model, here};
use crate::kernel::stripe::Striped;

/// Two threads add 1 and 2 on one stripe, a third sums meanwhile.
/// Allowed: any part of the adds in the sum meanwhile, all of them at the end. Forbidden: an add that is lost.
#[test]
fn no_add_is_lost_and_a_sum_is_a_part_of_what_was_added() {
    Model::new(here!(), || Striped::new(2)).floor(430).run(
        [(0, 3), (1, 3), (2, 3), (3, 3)],
        [
            |it| {
                it.add_at(0, 1);
                0
            },
            |it| {
                it.add_at(0, 2);
                0
            },
            Striped::sum,
        ],
        |it, [_, _, meanwhile]| (meanwhile, it.sum()),
    );
}

/// Each of two threads adds on a stripe of its own and sums.
/// Allowed: a sum with one's own add, with or without the other's. Forbidden: a sum without one's own add.
#[test]
fn a_thread_sees_its_own_adds_in_the_sum() {
    Model::new(here!(), || Striped::new(2)).floor(24).run(
        [(1, 2, 3), (1, 3, 3), (3, 2, 3), (3, 3, 3)],
        [
            |it| {
                it.add_at(0, 1);
                it.sum()
            },
            |it| {
                it.add_at(1, 2);
                it.sum()
            },
        ],
        |it, [one, two]| (one, two, it.sum()),
    );
}
