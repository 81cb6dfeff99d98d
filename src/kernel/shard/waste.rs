//! Waste: what has gone from a shard and was not dropped yet, and when there is enough of it to see to.
//!
//! # State
//! ```text
//!   graveyard   nodes that were unlinked (see `graveyard`)
//!   burden      what the heavy ones of them weigh beyond what is light
//!   shielded    about how many of them the last dig had to leave there: they are no reason for the next
//!   bin         nodes that went for others, on their way to the graveyard: kept by the shard, under its gate
//! ```
//!
//! # Invariants
//! * I1: once nobody buries or digs, `burden` is that of the nodes in the graveyard.
//!
//! # Protocol
//! * P1 `bury`, `empty`: raise the burden, then bury. P2 `dig`: dig, then lower it by what was found.
//!
//! # Orderings
//! All are Relaxed: sums that decide when to dig publish nothing.

use super::Item;
use crate::kernel::graveyard::{Dug, Graveyard, Unlinked};
use crate::kernel::hazard::DomainRef;
use crate::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// What has gone from a shard.
pub(super) struct Waste<T> {
    graveyard: Graveyard<T>,
    burden: AtomicU64,
    shielded: AtomicUsize,
    enough: Enough,
}

/// Nodes on their way to the graveyard.
pub(super) struct Bin<T> {
    nodes: Vec<Unlinked<T>>,
    burden: u64,
}

impl<T> Bin<T> {
    pub(super) const fn new() -> Self {
        Self {
            nodes: Vec::new(),
            burden: 0,
        }
    }
}

impl<T: Item> Waste<T> {
    /// None yet. Enough are so many nodes, or a tenth of the capacity.
    pub(super) fn new(enough: usize, capacity: u64) -> Self {
        Self {
            graveyard: Graveyard::new(),
            burden: AtomicU64::new(0),
            shielded: AtomicUsize::new(0),
            enough: Enough::new(enough, capacity),
        }
    }

    /// How many nodes lie in the graveyard.
    pub(super) fn count(&self) -> usize {
        self.graveyard.count()
    }

    /// Whether there are enough of them.
    pub(super) fn is_enough(&self) -> bool {
        // Relaxed, both: see the head.
        let burden = self.burden.load(Ordering::Relaxed);
        let shielded = self.shielded.load(Ordering::Relaxed);
        // Where each is seen to at once, so is one whose last reader may have gone since.
        let known = if self.enough.nodes > 1 { shielded } else { 0 };
        self.enough.are(self.count().saturating_sub(known), burden)
    }

    /// Takes in a node that was unlinked.
    pub(super) fn bury(&self, node: Unlinked<T>) {
        self.take_on(self.enough.burden(node.item().weight()));
        self.graveyard.bury(node);
    }

    /// Puts a node into the bin, which is emptied when there are enough.
    pub(super) fn throw(&self, bin: &mut Bin<T>, node: Unlinked<T>) {
        bin.burden += self.enough.burden(node.item().weight());
        bin.nodes.push(node);
        if self.enough.are(bin.nodes.len(), bin.burden) {
            self.empty(bin);
        }
    }

    /// Takes in all that is in the bin.
    pub(super) fn empty(&self, bin: &mut Bin<T>) {
        self.take_on(std::mem::take(&mut bin.burden));
        self.graveyard.bury_all(&mut bin.nodes);
    }

    /// The nodes that nobody looks at any more.
    pub(super) fn dig(&self, domain: &DomainRef) -> Dug<T> {
        let nodes = self.graveyard.dig(domain);
        // Relaxed: see the head.
        self.shielded.store(self.count(), Ordering::Relaxed);
        // Relaxed: none where none was taken on, because the dig has seen the burden of each node.
        if self.burden.load(Ordering::Relaxed) > 0 {
            let weights = nodes.items().map(T::weight);
            let burden: u64 = weights.map(|weight| self.enough.burden(weight)).sum();
            // Relaxed: see the head.
            self.burden.fetch_sub(burden, Ordering::Relaxed);
        }
        nodes
    }

    fn take_on(&self, burden: u64) {
        if burden > 0 {
            // Relaxed: see the head.
            self.burden.fetch_add(burden, Ordering::Relaxed);
        }
    }
}

impl<T> Waste<T> {
    /// Takes in the bin of a shard that ends.
    pub(super) fn close(&self, bin: &mut Bin<T>) {
        self.graveyard.bury_all(&mut bin.nodes);
    }
}

/// How many nodes are enough, or how heavy ones.
struct Enough {
    nodes: usize,
    weight: u64,
    /// So many of this weight are not too heavy, and need not be weighed.
    light: u64,
}

impl Enough {
    fn new(nodes: usize, capacity: u64) -> Self {
        let weight = (capacity / 10).max(1);
        Self {
            nodes,
            weight,
            light: (weight / nodes as u64).max(1),
        }
    }

    /// What a node weighs beyond what is light.
    const fn burden(&self, weight: u64) -> u64 {
        weight.saturating_sub(self.light)
    }

    const fn are(&self, nodes: usize, burden: u64) -> bool {
        let weight = (nodes as u64 * self.light).saturating_add(burden);
        nodes >= self.nodes || weight >= self.weight
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::Enough;

    #[test]
    fn many_light_nodes_or_few_heavy_ones_are_enough() {
        let enough = Enough::new(32, 32_000);
        for (weight, count) in [
            (1, 32),
            (100, 32),
            (101, 32),
            (1000, 4),
            (3199, 2),
            (3200, 1),
        ] {
            let are = |nodes: usize| enough.are(nodes, enough.burden(weight) * nodes as u64);
            assert!(!are(count - 1) && are(count), "{count} of {weight}");
        }
    }

    #[test]
    fn of_few_a_tenth_is_enough_and_nobody_weighs_what_weighs_one() {
        for (capacity, count) in [(1, 1), (19, 1), (20, 2), (100, 10), (1 << 30, 32)] {
            let enough = Enough::new(32, capacity);
            assert_eq!(enough.burden(1), 0);
            assert!(!enough.are(count - 1, 0) && enough.are(count, 0));
        }
    }
}
