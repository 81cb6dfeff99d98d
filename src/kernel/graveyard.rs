//! The graveyard: nodes that were unlinked wait here until no reader looks at them, and are dropped by who digs.
//!
//! # State
//! ```text
//!   head -> node -> node -> null      linked through the nodes themselves: burying allocates nothing
//!   count                             how many lie here, about
//! ```
//!
//! # Invariants
//! * I1: a node is buried once, by the thread that unlinked it; from then on only readers that had it before look at it.
//! * I2: a node is in one list at most: in the graveyard's, or in that of one digger, who took all of it by one swap.
//! * I3: who digs gets only nodes that no hazard shields (see `hazard`); it alone owns them.
//!
//! # Protocol
//! * P1 `bury`: count; point the node at the head; swap the head to the node, or begin again. Many are linked to each
//!   other first, and come in with one swap.
//! * P2 `dig`: swap the head to null; ask for the shields; keep what nobody shields, bury the rest again.
//!
//! There is no ABA: heads are taken away as a whole, never popped one by one.
//!
//! What waits is bounded: after a dig only shielded nodes are left, one per hazard at most, whatever a reader does. Who
//! buries digs when [`count`](Graveyard::count) says that enough wait.
//!
//! # Orderings
//! | site | ordering | pairs with | why |
//! |---|---|---|---|
//! | `graveyard.bury` | Release | `graveyard.dig`, `hazard.scan` | the digger sees the node's link, and that it was unlinked |
//! | `graveyard.dig` | Acquire | `graveyard.bury` | as above |

#![expect(
    unsafe_code,
    reason = "nodes are shared by pointers; who unlinked one owns it once no hazard shields it"
)]

use std::fmt;
use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};

use super::hazard::Domain;
use crate::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use crate::sync::ord;

/// What a table holds: an item, and behind it, where it takes no room from the item's cache line, the link that it needs
/// once it is unlinked.
#[repr(C)]
pub(crate) struct Node<T> {
    item: T,
    below: AtomicPtr<Self>,
}

impl<T> Node<T> {
    /// A node on its own.
    pub(crate) fn new(item: T) -> Box<Self> {
        Self::in_memory(Box::new_uninit(), item)
    }

    /// A node on its own, in memory that may have been one's before.
    pub(crate) fn in_memory(memory: Box<MaybeUninit<Self>>, item: T) -> Box<Self> {
        let below = AtomicPtr::new(ptr::null_mut());
        Box::write(memory, Self { item, below })
    }

    /// Drops what is inside, and leaves the memory.
    pub(crate) fn end(self: Box<Self>) -> Box<MaybeUninit<Self>> {
        // SAFETY: I1: it is the caller's alone, and an initialized value is a `MaybeUninit` too.
        let mut memory = unsafe { Box::from_raw(Box::into_raw(self).cast::<MaybeUninit<Self>>()) };
        // SAFETY: I1: as above; it is not used any more, and if this panics, the memory is freed.
        unsafe { memory.assume_init_drop() };
        memory
    }

    /// What is inside.
    #[inline]
    pub(crate) const fn item(&self) -> &T {
        &self.item
    }

    /// What is inside, taken out.
    pub(crate) fn into_item(self) -> T {
        self.item
    }
}

/// A node that its maker unlinked, and that waits to be buried.
#[must_use = "a node that is not buried is never dropped"]
pub(crate) struct Unlinked<T>(NonNull<Node<T>>);

// SAFETY: I1: whoever has it owns the node, but for readers that had it before: `T` is `Send` and `Sync`.
unsafe impl<T: Send + Sync> Send for Unlinked<T> {}

impl<T> Unlinked<T> {
    /// Of a node that the caller has just unlinked (I1).
    pub(crate) const fn new(node: NonNull<Node<T>>) -> Self {
        Self(node)
    }

    /// What is inside of it.
    pub(crate) fn item(&self) -> &T {
        // SAFETY: I1: it is not buried yet, so nobody frees it.
        unsafe { self.0.as_ref() }.item()
    }
}

/// Nodes that were dug out, linked to each other; what is not taken out is dropped.
pub(crate) struct Dug<T>(*mut Node<T>);

impl<T> Dug<T> {
    const fn none() -> Self {
        Self(ptr::null_mut())
    }

    /// Adds a node that nobody shields, from a list that is this thread's.
    fn push(&mut self, node: NonNull<Node<T>>) {
        link(node, self.0);
        self.0 = node.as_ptr();
    }

    /// What is inside of them.
    pub(crate) fn items(&self) -> impl Iterator<Item = &T> {
        let mut at = self.0;
        std::iter::from_fn(move || {
            // SAFETY: I3: they are owned here, and borrowed for as long as this looks at them.
            let node = unsafe { at.as_ref() }?;
            // Relaxed: this thread has linked them.
            at = node.below.load(Ordering::Relaxed);
            Some(node.item())
        })
    }
}

impl<T> Iterator for Dug<T> {
    type Item = Box<Node<T>>;

    fn next(&mut self) -> Option<Box<Node<T>>> {
        let node = NonNull::new(self.0)?;
        // SAFETY: I3: nobody shields it, so that it is owned here alone; it came from a `Box`.
        let node = unsafe { Box::from_raw(node.as_ptr()) };
        // Relaxed: this thread has linked them.
        self.0 = node.below.load(Ordering::Relaxed);
        Some(node)
    }
}

impl<T> Drop for Dug<T> {
    fn drop(&mut self) {
        /// Drops the rest also if one of them panics.
        struct Rest<'d, T>(&'d mut Dug<T>);
        impl<T> Drop for Rest<'_, T> {
            fn drop(&mut self) {
                self.0.for_each(drop);
            }
        }
        let rest = Rest(self);
        rest.0.for_each(drop);
    }
}

/// Nodes that were unlinked.
pub(crate) struct Graveyard<T> {
    head: AtomicPtr<Node<T>>,
    count: AtomicUsize,
}

// SAFETY: I1, I2, I3: nodes move through it from thread to thread; readers share them, so `T` is `Send` and `Sync`.
unsafe impl<T: Send + Sync> Send for Graveyard<T> {}
// SAFETY: I1, I2, I3: as above.
unsafe impl<T: Send + Sync> Sync for Graveyard<T> {}

impl<T> Graveyard<T> {
    /// An empty one.
    pub(crate) fn new() -> Self {
        Self {
            head: AtomicPtr::new(ptr::null_mut()),
            count: AtomicUsize::new(0),
        }
    }

    /// About how many nodes lie here.
    #[inline]
    pub(crate) fn count(&self) -> usize {
        // Relaxed: a number that decides when to dig publishes nothing.
        self.count.load(Ordering::Relaxed)
    }

    /// Takes in a node that was unlinked (P1). Frees and allocates nothing.
    pub(crate) fn bury(&self, node: Unlinked<T>) {
        self.bury_chain(node.0, node.0, 1);
    }

    /// Takes in many at once, as [`bury`](Self::bury) does, and empties the list.
    pub(crate) fn bury_all(&self, nodes: &mut Vec<Unlinked<T>>) {
        let count = nodes.len();
        let mut chain = nodes.drain(..).map(|node| node.0);
        let Some(last) = chain.next() else {
            return;
        };
        let first = chain.fold(last, |below, node| {
            link(node, below.as_ptr());
            node
        });
        self.bury_chain(first, last, count);
    }

    /// Takes in `count` nodes that are linked to each other.
    fn bury_chain(&self, first: NonNull<Node<T>>, last: NonNull<Node<T>>, count: usize) {
        // Relaxed: as in `count`.
        self.count.fetch_add(count, Ordering::Relaxed);
        // Relaxed: a guess that the exchange confirms.
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            link(last, head);
            // Release: P1, pairs with the fence in `dig` (P2); Relaxed: only a new guess.
            let (won, lost) = (ord!("graveyard.bury", Release), Ordering::Relaxed);
            match self
                .head
                .compare_exchange_weak(head, first.as_ptr(), won, lost)
            {
                Ok(_) => return,
                Err(newer) => head = newer,
            }
        }
    }

    /// Takes out what no reader looks at (P2). The caller drops it, outside of its locks.
    pub(crate) fn dig(&self, domain: &Domain) -> Dug<T> {
        // Acquire: P2, pairs with the Release in `bury` (P1).
        let order = ord!(
            "graveyard.dig",
            Acquire,
            unproved = "the fence in `shielded` acquires the same; it stands here too because the ThreadSanitizer knows no fences"
        );
        let mut at = self.head.swap(ptr::null_mut(), order);
        if at.is_null() {
            return Dug::none();
        }
        let shields = domain.shielded();
        let (mut found, mut kept) = (Dug::none(), Vec::new());
        let mut count = 0;
        while let Some(node) = NonNull::new(at) {
            // SAFETY: I2: the list is this thread's, and its nodes are freed by nobody else.
            let below = unsafe { &(*node.as_ptr()).below };
            // Relaxed: the swap has seen it.
            at = below.load(Ordering::Relaxed);
            if shields.binary_search(&node.addr().get()).is_ok() {
                kept.push(Unlinked(node));
            } else {
                found.push(node);
            }
            count += 1;
        }
        // Relaxed: as in `count`.
        self.count.fetch_sub(count, Ordering::Relaxed);
        self.bury_all(&mut kept);
        found
    }
}

/// Points a node that was unlinked at the one below it.
fn link<T>(node: NonNull<Node<T>>, below: *mut Node<T>) {
    // SAFETY: I1: it was unlinked by this thread and is not freed before it is buried.
    let link = unsafe { &(*node.as_ptr()).below };
    // Relaxed: the exchange that buries it publishes it.
    link.store(below, Ordering::Relaxed);
}

impl<T> Drop for Graveyard<T> {
    fn drop(&mut self) {
        // Relaxed: `&mut self`, nobody else is here.
        let mut at = self.head.load(Ordering::Relaxed);
        while let Some(node) = NonNull::new(at) {
            // SAFETY: I1, I2: a reader borrows what the graveyard is a part of, so none is left; each node came from a `Box`.
            let node = unsafe { Box::from_raw(node.as_ptr()) };
            // Relaxed: as above.
            at = node.below.load(Ordering::Relaxed);
        }
    }
}

impl<T> fmt::Debug for Graveyard<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Graveyard")
            .field("count", &self.count())
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, not(loom)))]
#[path = "graveyard_tests.rs"]
mod tests;
