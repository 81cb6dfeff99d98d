//! What the models put into nodes, and an idealised reclaimer: it frees nothing, but writes into what it would free, so
//! that a look at it which is not over fails the model, by loom, and one that comes later, by itself.

#![expect(
    unsafe_code,
    reason = "the looks of a model are what loom checks: here they are not known to be right"
)]

use std::ptr::NonNull;
use std::sync::Mutex;

use loom::cell::UnsafeCell;

use crate::kernel::expiry::Expiry;
use crate::kernel::graveyard::{Dug, Node};
use crate::kernel::shard::Item;

/// What stands in a node that was "freed".
const FREED: u8 = u8::MAX;

/// An item whose looks are watched.
pub(super) struct Watched {
    pub(super) key: u8,
    pub(super) expiry: Expiry,
    value: UnsafeCell<u8>,
    stamp: u64,
}

// SAFETY: I1: its cell is watched by loom, which fails the model where two threads meet in it.
unsafe impl Sync for Watched {}

impl Watched {
    /// Looks at the value of a node; 0 if there is none.
    pub(super) fn read_at(node: *mut Node<Self>) -> u8 {
        // SAFETY: I1: the idealised reclaimer frees nothing before the end of the model.
        NonNull::new(node).map_or(0, |node| unsafe { node.as_ref() }.item().read())
    }

    pub(super) fn new(key: u8, value: u8) -> Self {
        Self {
            key,
            expiry: Expiry::new(Expiry::NEVER),
            value: UnsafeCell::new(value),
            stamp: 1,
        }
    }

    pub(super) fn until(self, at: u64) -> Self {
        Self {
            expiry: Expiry::new(at),
            ..self
        }
    }

    pub(super) fn stamped(self, stamp: u64) -> Self {
        Self { stamp, ..self }
    }

    /// Looks at the value.
    pub(super) fn read(&self) -> u8 {
        let value = self.value.with(|value| {
            // SAFETY: I1: loom fails the model if a write is not before or after this look.
            unsafe { *value }
        });
        assert_ne!(value, FREED, "a look at what was freed");
        value
    }

    fn end(&self) {
        self.value.with_mut(|value| {
            // SAFETY: I1: as in `read`.
            unsafe { *value = FREED }
        });
    }
}

impl Item for Watched {
    fn weight(&self) -> u64 {
        1
    }

    fn stamp(&self) -> u64 {
        self.stamp
    }
}

/// The idealised reclaimer.
pub(super) struct Ended(Mutex<Vec<Box<Node<Watched>>>>);

impl Ended {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// "Frees" the nodes; returns how many.
    pub(super) fn end(&self, nodes: Dug<Watched>) -> u8 {
        nodes.items().for_each(Watched::end);
        let count = nodes.items().count();
        self.0.lock().unwrap().extend(nodes);
        u8::try_from(count).unwrap()
    }
}
