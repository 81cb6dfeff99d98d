//! Models of a deadline that one thread moves while another finds it past.

use super::runner::{Model, here};
use crate::kernel::expiry::Expiry;

/// One extends the deadline 10 to 30, another takes it at 20.
/// Allowed: extended and not taken; taken and not extended. Forbidden: both, neither.
#[test]
fn a_deadline_is_extended_or_taken_never_both() {
    Model::new(here!(), || Expiry::new(10)).floor(11).run(
        [(true, false), (false, true)],
        [|expiry| expiry.extend(10, 30), |expiry| expiry.take(20)],
        |_, [extended, taken]| (extended, taken),
    );
}

/// Two take a deadline that is past.
/// Allowed: both say that it is taken, or one lost the exchange to the other. Forbidden: neither.
#[test]
fn a_deadline_that_is_past_is_taken_for_good() {
    Model::new(here!(), || Expiry::new(10)).floor(7).run(
        [(true, true), (true, false), (false, true)],
        [|expiry| expiry.take(20), |expiry| expiry.take(20)],
        |expiry, [one, other]| {
            assert!(expiry.take(0));
            (one, other)
        },
    );
}
