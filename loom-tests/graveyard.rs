//! Models of the graveyard: what is buried is dug out once, by one.

use std::ptr::NonNull;

use super::runner::{Model, here};
use super::watched::{Ended, Watched};
use crate::kernel::graveyard::{Graveyard, Node, Unlinked};
use crate::kernel::hazard::{Domain, DomainRef};

struct Scene {
    domain: DomainRef,
    graveyard: Graveyard<Watched>,
    ended: Ended,
}

fn scene() -> Scene {
    Scene {
        domain: Domain::shared(),
        graveyard: Graveyard::new(),
        ended: Ended::new(),
    }
}

impl Scene {
    fn bury(&self) -> u8 {
        let node = Box::into_raw(Node::new(Watched::new(0, 1)));
        self.graveyard
            .bury(Unlinked::new(NonNull::new(node).unwrap()));
        0
    }

    fn dig(&self) -> u8 {
        self.ended.end(self.graveyard.dig(&self.domain))
    }
}

/// One buries two, another digs.
/// Allowed: none, one, both. Forbidden: one that is lost, or dug out twice; one whose inside is not seen.
/// Broken by: Relaxed burying.
#[test]
fn what_is_buried_is_dug_out_once() {
    Model::new(here!(), scene)
        .floor(58)
        .breaks(["graveyard.bury"])
        .run(
            [0, 1, 2],
            [|scene| scene.bury() + scene.bury(), Scene::dig],
            |scene, [_, dug]| {
                assert_eq!(dug + scene.dig(), 2);
                assert_eq!(scene.graveyard.count(), 0);
                dug
            },
        );
}

/// Two bury, a third digs.
/// Allowed: none, one, both. Forbidden: one that is lost because both buried on the same head.
#[test]
fn two_that_bury_lose_nothing() {
    Model::new(here!(), scene).floor(1368).preemptions(3).run(
        [0, 1, 2],
        [Scene::bury, Scene::bury, Scene::dig],
        |scene, [_, _, dug]| {
            assert_eq!(dug + scene.dig(), 2);
            dug
        },
    );
}
