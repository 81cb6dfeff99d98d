//! Tests of the graveyard with real threads; the models are in `loom-tests/graveyard.rs`.

use std::sync::Barrier;

use super::*;
use crate::kernel::test_support::{Mortal, Register, storm};
use crate::sync::{give_way, on_threads};

const BURIERS: usize = 3;
const DIGGERS: usize = 2;

fn buried<'r>(register: &'r Register, key: u64) -> Unlinked<Mortal<'r>> {
    let node = Box::into_raw(Node::new(register.bear(key)));
    Unlinked::new(NonNull::new(node).expect("a node"))
}

#[test]
fn what_many_bury_many_dig_out_and_each_is_dug_out_once() {
    let each = storm(5_000);
    let register = Register::new(BURIERS * each);
    let graveyard = Graveyard::new();
    let (start, buriers) = (Barrier::new(BURIERS + DIGGERS), AtomicUsize::new(BURIERS));
    // How many nodes each digger found, and how often it found nodes of more than one burier.
    let found = on_threads(BURIERS + DIGGERS, |thread| {
        start.wait();
        if thread < BURIERS {
            for number in 0..each {
                graveyard.bury(buried(&register, thread as u64));
                if number.is_multiple_of(64) {
                    give_way();
                }
            }
            buriers.fetch_sub(1, Ordering::Relaxed);
            return (0, 0);
        }
        let (mut dug, mut mixed) = (0, 0);
        while buriers.load(Ordering::Relaxed) > 0 {
            let nodes: Vec<_> = graveyard.dig(Domain::shared()).collect();
            let of = |node: &Node<Mortal<'_>>| node.item().key();
            dug += nodes.len();
            mixed += usize::from(nodes.windows(2).any(|two| of(&two[0]) != of(&two[1])));
        }
        (dug, mixed)
    });
    let (dug, mixed) = found
        .into_iter()
        .fold((0, 0), |sum, it| (sum.0 + it.0, sum.1 + it.1));
    let rest = graveyard.dig(Domain::shared()).count();
    assert_eq!((dug + rest, graveyard.count()), (BURIERS * each, 0));
    assert!(mixed > 0, "no two buried at the same time");
    register.close();
}

#[test]
fn what_lies_in_a_graveyard_goes_with_it() {
    let register = Register::new(100);
    let graveyard = Graveyard::new();
    (0..100).for_each(|key| graveyard.bury(buried(&register, key)));
    assert_eq!(register.living(), 100);
    drop(graveyard);
    register.close();
}

#[test]
fn a_destructor_that_panics_keeps_nobody_that_was_dug_out_with_it_from_its_end() {
    struct Fragile<'r>(bool, &'r AtomicUsize);
    impl Drop for Fragile<'_> {
        fn drop(&mut self) {
            self.1.fetch_add(1, Ordering::Relaxed);
            assert!(!self.0, "planned");
        }
    }
    let ended = AtomicUsize::new(0);
    let graveyard = Graveyard::new();
    for panics in [false, true, false] {
        let node = Box::into_raw(Node::new(Fragile(panics, &ended)));
        graveyard.bury(Unlinked::new(NonNull::new(node).expect("a node")));
    }
    let dug = graveyard.dig(Domain::shared());
    assert_eq!(dug.items().count(), 3);
    let dropped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(dug)));
    assert!(dropped.is_err());
    assert_eq!(ended.load(Ordering::Relaxed), 3);
}
