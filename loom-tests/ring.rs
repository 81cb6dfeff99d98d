//! Models of the lossy ring. Its cells are watched by loom: two accesses at once, or one without a happens-before, fail
//! the model; the values are counted references, so that one lost or taken twice fails it too.

use super::runner::{Model, here};
use crate::kernel::ring::Ring;
use crate::sync::Arc;

type Value = Arc<u8>;

fn push(ring: &Ring<Value>, value: u8) -> bool {
    ring.push(Arc::new(value))
}

fn pop(ring: &Ring<Value>) -> u8 {
    ring.pop().map_or(0, |value| *value)
}

/// A ring with room for two, and `values` inside.
fn filled(values: &[u8]) -> Ring<Value> {
    let ring = Ring::new(2);
    assert!(values.iter().all(|value| push(&ring, *value)));
    ring
}

/// One pushes 1 and 2, one pops twice (0: empty).
/// Allowed: a prefix of 1, 2, with an empty look before or after. Forbidden: 2 before 1, a value twice.
/// Broken by: Relaxed filling, Relaxed looking for a full slot.
#[test]
fn one_to_one_keeps_the_order() {
    let ends = [[0, 0], [0, 1], [1, 0], [1, 2]];
    Model::new(here!(), || filled(&[]))
        .floor(28)
        .breaks(["ring.push.fill", "ring.pop.turn"])
        .run(
            ends,
            [
                |ring| [u8::from(push(ring, 1)), u8::from(push(ring, 2))],
                |ring| [pop(ring), pop(ring)],
            ],
            |ring, [pushed, popped]| {
                assert_eq!(pushed, [1, 1]);
                let taken = popped.iter().filter(|value| **value > 0).count();
                assert_eq!(ring.len() + taken, 2);
                popped
            },
        );
}

/// Two push one value each, one pops twice.
/// Allowed: any order, any prefix. Forbidden: a value twice, a value that was never pushed.
#[test]
fn two_producers_share_no_slot() {
    let ends = [[0, 0], [0, 1], [0, 2], [1, 0], [2, 0], [1, 2], [2, 1]];
    Model::new(here!(), || filled(&[]))
        .floor(1200)
        .preemptions(3)
        .breaks(["ring.push.fill", "ring.pop.turn"])
        .run(
            ends,
            [
                |ring| [u8::from(push(ring, 1)), 0],
                |ring| [u8::from(push(ring, 2)), 0],
                |ring| [pop(ring), pop(ring)],
            ],
            |ring, [one, two, popped]| {
                assert_eq!((one, two), ([1, 0], [1, 0]));
                let taken = popped.iter().filter(|value| **value > 0).count();
                assert_eq!(ring.len() + taken, 2);
                popped
            },
        );
}

/// Two pop once each from a ring that holds 1 and 2.
/// Allowed: each takes another one. Forbidden: both the same, one none.
#[test]
fn two_consumers_share_no_slot() {
    Model::new(here!(), || filled(&[1, 2])).floor(25).run(
        [(1, 2, 0), (2, 1, 0)],
        [pop, pop],
        |ring, [one, two]| (one, two, ring.len()),
    );
}

/// One pushes into a full ring while another pops from it.
/// Allowed: refused and counted; accepted after the pop. Forbidden: a slot written while it is read (a race on its cell),
/// a refusal that is not counted. Broken by: Relaxed freeing, Relaxed looking for a free slot.
#[test]
fn a_slot_is_written_again_only_after_it_was_read() {
    Model::new(here!(), || filled(&[1, 2]))
        .floor(6)
        .breaks(["ring.pop.free", "ring.push.turn"])
        .run(
            [(true, 1, 0, 2), (false, 1, 1, 1)],
            [|ring| u8::from(push(ring, 3)), pop],
            |ring, [accepted, popped]| (accepted == 1, popped, ring.dropped(), ring.len()),
        );
}

/// Two producers for one free slot, and a consumer.
/// Allowed: one refused or none, by whether the pop came first. Forbidden: both refused, a sum that does not add up.
#[test]
fn two_producers_for_one_place_lose_at_most_one_value() {
    let ends = [(true, true, 1, 0), (true, false, 1, 1), (false, true, 1, 1)];
    Model::new(here!(), || filled(&[1]))
        .floor(570)
        .preemptions(3)
        .breaks(["ring.pop.free", "ring.push.turn"])
        .run(
            ends,
            [
                |ring| u8::from(push(ring, 2)),
                |ring| u8::from(push(ring, 3)),
                pop,
            ],
            |ring, [two, three, popped]| {
                assert_eq!(
                    ring.len() as u64 + u64::from(popped > 0) + ring.dropped(),
                    3
                );
                (two == 1, three == 1, popped, ring.dropped())
            },
        );
}
