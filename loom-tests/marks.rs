//! Models of marks, one of which keeps another from being set.

use super::runner::{Model, here};
use crate::kernel::marks::Marks;

const PINNED: u8 = 1;
const DOOMED: u8 = 2;

/// Sets one mark; whether it came before the other.
fn pin(marks: &Marks) -> bool {
    marks.set(PINNED) & DOOMED == 0
}

/// One sets a mark, another sets a second one unless the first is set.
/// Allowed: the first and not the second; the second, and the first came too late. Forbidden: both, neither.
#[test]
fn of_two_marks_that_exclude_each_other_one_wins() {
    Model::new(here!(), || Marks::new(0)).floor(7).run(
        [(true, false), (false, true)],
        [pin, |marks| marks.set_unless(DOOMED, PINNED)],
        |_, [pinned, doomed]| (pinned, doomed),
    );
}

/// One sets a mark and clears it again, another sets a second one unless the first is set.
/// Allowed: the second is set before the first, or after it was cleared, or not. Forbidden: set beside the first.
#[test]
fn a_mark_that_was_cleared_keeps_nobody_from_anything() {
    Model::new(here!(), || Marks::new(0)).floor(19).run(
        [(false, true), (true, true), (true, false)],
        [
            |marks| {
                let in_time = pin(marks);
                let before = marks.clear(PINNED);
                assert!(!in_time || before & DOOMED == 0, "doomed while pinned");
                in_time
            },
            |marks| marks.set_unless(DOOMED, PINNED),
        ],
        |_, [pinned, doomed]| (pinned, doomed),
    );
}
