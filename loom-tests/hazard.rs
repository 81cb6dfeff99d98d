//! Models of the hazards: what a reader looks at is not freed, and what nobody looks at is.

use std::ptr::NonNull;

use super::runner::{Model, here};
use super::watched::{Ended, Watched};
use crate::kernel::graveyard::{Graveyard, Node, Unlinked};
use crate::kernel::hazard::{Domain, DomainRef};
use crate::sync::atomic::{AtomicPtr, Ordering};

struct Scene {
    domain: DomainRef,
    sources: [AtomicPtr<Node<Watched>>; 2],
    graveyard: Graveyard<Watched>,
    ended: Ended,
}

/// Two sources, with the values 1 and 2.
fn scene() -> Scene {
    let source = |value| AtomicPtr::new(Box::into_raw(Node::new(Watched::new(0, value))));
    Scene {
        domain: Domain::shared(),
        sources: [source(1), source(2)],
        graveyard: Graveyard::new(),
        ended: Ended::new(),
    }
}

impl Scene {
    /// What the sources hold, each looked at with one and the same hazard; 0: nothing.
    fn read(&self, sources: &[usize]) -> u8 {
        let mut hazard = self.domain.hazard();
        let mut sum = 0;
        for source in sources {
            let node = hazard.protect(&self.sources[*source], |node| !node.is_null());
            sum += Watched::read_at(node);
        }
        sum
    }

    /// Puts `node` into a source, buries what was there.
    fn swap(&self, source: usize, node: *mut Node<Watched>) {
        let before = self.sources[source].swap(node, Ordering::Release);
        self.graveyard
            .bury(Unlinked::new(NonNull::new(before).unwrap()));
    }

    fn dig(&self) -> u8 {
        self.ended.end(self.graveyard.dig(&self.domain))
    }

    /// All that is left, dropped; how many were never "freed" before.
    fn close(&self) -> u8 {
        for source in &self.sources {
            let node = NonNull::new(source.swap(std::ptr::null_mut(), Ordering::Relaxed));
            if let Some(node) = node {
                self.graveyard.bury(Unlinked::new(node));
            }
        }
        self.dig()
    }
}

/// One looks at a node, another unlinks it and digs.
/// Allowed: seen and kept until the next dig; seen and freed after the look; not seen and freed; shielded in vain, and kept
/// until the next dig. Forbidden: freed under the look.
/// Broken by: no fence on either side, no second look, a look that ends late, or that the digger does not see ending.
#[test]
fn a_node_is_not_freed_while_it_is_looked_at() {
    Model::new(here!(), scene)
        .floor(171)
        .breaks([
            "hazard.publish",
            "hazard.scan",
            "hazard.again",
            "hazard.clear",
            "hazard.seen",
        ])
        .run(
            [(0, 0), (0, 1), (1, 0), (1, 1)],
            [
                |scene| scene.read(&[0]),
                |scene| {
                    scene.swap(0, std::ptr::null_mut());
                    scene.dig()
                },
            ],
            |scene, [read, dug]| {
                assert_eq!(dug + scene.close(), 2);
                (read, dug)
            },
        );
}

/// One looks at two nodes one after the other with one hazard; another unlinks the first and digs.
/// Forbidden: the first is freed before the look at it is over. Broken by: Relaxed moving of the shield.
#[test]
fn a_shield_that_moves_on_tells_that_the_look_is_over() {
    Model::new(here!(), scene)
        .floor(110)
        .preemptions(3)
        .breaks(["hazard.cover"])
        .run(
            [(2, 0), (2, 1), (3, 0), (3, 1)],
            [
                |scene| scene.read(&[0, 1]),
                |scene| {
                    scene.swap(0, std::ptr::null_mut());
                    scene.dig()
                },
            ],
            |scene, [read, dug]| {
                assert_eq!(dug + scene.close(), 2);
                (read, dug)
            },
        );
}

/// One looks while another puts a new node in the place of the old one and digs.
/// Allowed: the old value, the new one. Forbidden: a new node whose inside is not seen. Broken by: no fence, no second look.
#[test]
fn what_is_inside_of_a_new_node_is_seen() {
    Model::new(here!(), scene)
        .floor(267)
        .breaks(["hazard.publish", "hazard.again"])
        .run(
            [(1, 0), (1, 1), (3, 0), (3, 1)],
            [
                |scene| scene.read(&[0]),
                |scene| {
                    scene.swap(0, Box::into_raw(Node::new(Watched::new(0, 3))));
                    scene.dig()
                },
            ],
            |scene, [read, dug]| {
                assert_eq!(dug + scene.close(), 3);
                (read, dug)
            },
        );
}

/// Two threads look at the same time, each with a record of its own, while a third unlinks one node and digs.
/// Forbidden: two hazards in one record, which would free what one of them looks at.
#[test]
fn two_hazards_share_no_record() {
    let looks = [(1, 1), (1, 0), (0, 1), (0, 0)];
    let ends = looks.map(|(one, other)| [(one, other, 0), (one, other, 1)]);
    Model::new(here!(), scene)
        .floor(3047)
        .preemptions(2)
        .breaks(["hazard.publish", "hazard.scan", "hazard.clear"])
        .run(
            ends.into_iter().flatten(),
            [
                |scene| scene.read(&[0]),
                |scene| scene.read(&[0]),
                |scene| {
                    scene.swap(0, std::ptr::null_mut());
                    scene.dig()
                },
            ],
            |scene, [one, other, dug]| {
                assert_eq!(dug + scene.close(), 2);
                (one, other, dug)
            },
        );
}
