//! Models of the table: what is there throughout is found, a lane is never taken for another key's, a node goes once.

use super::runner::{Model, here};
use super::watched::{Ended, Watched};
use crate::kernel::graveyard::{Graveyard, Node, Unlinked};
use crate::kernel::hazard::{Domain, DomainRef};
use crate::kernel::table::{LANES, Ledger, Place, Table, print_of};
use crate::sync::Mutex;

/// All keys of a model have the same tag and the same home: the key alone tells them apart.
const HASH: u64 = 5;

struct Scene {
    domain: DomainRef,
    table: Table<Watched>,
    ledger: Mutex<Ledger>,
    graveyard: Graveyard<Watched>,
    ended: Ended,
}

fn empty() -> Scene {
    let (table, ledger) = Table::new(1);
    Scene {
        domain: Domain::shared(),
        table,
        ledger: Mutex::new(ledger),
        graveyard: Graveyard::new(),
        ended: Ended::new(),
    }
}

/// With the key 1, whose value is 1.
fn with_one() -> Scene {
    let scene = empty();
    scene.place(1, 1);
    scene
}

/// A home group that is full of other keys.
fn with_a_full_home() -> Scene {
    let scene = empty();
    for key in 0..LANES {
        scene.place(10 + u8::try_from(key).unwrap(), 9);
    }
    scene
}

impl Scene {
    fn place(&self, key: u8, value: u8) -> Place {
        let node = Node::new(Watched::new(key, value));
        let placed = self.table.place(&mut self.ledger.lock(), HASH, node);
        placed.ok().unwrap()
    }

    /// The value of a key; 0: it is not there.
    fn get(&self, key: u8) -> u8 {
        let mut hazard = self.domain.hazard();
        let found = self.table.find(HASH, &mut hazard, |item| item.key == key);
        found.map_or(0, |found| {
            assert_eq!(found.item().key, key);
            found.item().read()
        })
    }

    /// 1: it replaced the value that it found, 0: there was none, or it was not there any more.
    fn replace(&self, key: u8, value: u8) -> u8 {
        let mut hazard = self.domain.hazard();
        let found = self.table.find(HASH, &mut hazard, |item| item.key == key);
        let Some(found) = found else { return 0 };
        let replaced = found.replace(Node::new(Watched::new(key, value)));
        self.bury(replaced.ok())
    }

    /// 1: it unlinked what it found.
    fn unlink(&self, key: u8) -> u8 {
        let mut hazard = self.domain.hazard();
        let found = self.table.find(HASH, &mut hazard, |item| item.key == key);
        self.bury(found.and_then(|found| found.unlink()))
    }

    fn bury(&self, unlinked: Option<Unlinked<Watched>>) -> u8 {
        let is_mine = u8::from(unlinked.is_some());
        if let Some(unlinked) = unlinked {
            self.graveyard.bury(unlinked);
        }
        is_mine
    }

    fn free(&self, place: Place) {
        self.table
            .free(&mut self.ledger.lock(), place, print_of(HASH));
    }

    fn dig(&self) -> u8 {
        self.ended.end(self.graveyard.dig(&self.domain))
    }
}

/// One places a key, another looks for it.
/// Allowed: found with its value, not found. Forbidden: found with an inside that is not seen. Broken by: Relaxed placing.
#[test]
fn what_is_found_is_complete() {
    Model::new(here!(), empty)
        .floor(8)
        .breaks(["table.place"])
        .run(
            [0, 7],
            [
                |scene| {
                    scene.place(1, 7);
                    0
                },
                |scene| scene.get(1),
            ],
            |scene, [_, got]| {
                assert_eq!(scene.get(1), 7);
                got
            },
        );
}

/// One replaces a value and digs, another reads it.
/// Allowed: the old one, the new one. Forbidden: none; a value that was freed. Broken by: Relaxed replacing.
#[test]
fn a_key_that_is_replaced_is_there_throughout() {
    Model::new(here!(), with_one)
        .floor(2803)
        .breaks(["table.replace", "hazard.publish", "hazard.scan"])
        .run(
            [1, 2],
            [
                |scene| {
                    assert_eq!(scene.replace(1, 2), 1);
                    scene.dig()
                },
                |scene| scene.get(1),
            ],
            |_, [_, got]| got,
        );
}

/// Two replace the same value.
/// Allowed: one after the other, in either order; one of them too late. Forbidden: both from the same value.
#[test]
fn two_that_replace_do_not_replace_the_same_node() {
    Model::new(here!(), with_one).floor(1566).run(
        [(1, 0, 2), (0, 1, 3), (1, 1, 2), (1, 1, 3)],
        [|scene| scene.replace(1, 2), |scene| scene.replace(1, 3)],
        |scene, [one, other]| {
            assert_eq!(scene.dig(), one + other);
            (one, other, scene.get(1))
        },
    );
}

/// One unlinks a node, another replaces it.
/// Allowed: replaced and then unlinked, replaced and the unlinking too late, unlinked and the replacing too late or in vain.
/// Forbidden: a new value that goes with the old one.
#[test]
fn unlinking_an_old_node_leaves_a_newer_one() {
    Model::new(here!(), with_one).floor(1440).run(
        [(1, 0, 0), (0, 1, 2), (1, 1, 0)],
        [|scene| scene.unlink(1), |scene| scene.replace(1, 2)],
        |scene, [unlinked, replaced]| {
            assert_eq!(scene.dig(), unlinked + replaced);
            (unlinked, replaced, scene.get(1))
        },
    );
}

/// One empties a lane and puts another key into it, another reads the first key and then the second.
/// Allowed: each found or not, by when it looked. Forbidden: the value of one for the other, a look at what was freed.
#[test]
fn a_lane_that_is_used_again_is_not_taken_for_its_last_key() {
    Model::new(here!(), with_one)
        .floor(32533)
        .preemptions(3)
        .breaks(["hazard.publish", "hazard.scan", "hazard.again"])
        .run(
            [(1, 0), (0, 0), (0, 8), (1, 8)],
            [
                |scene| {
                    let place = scene.table.places().next().unwrap();
                    assert_eq!(scene.unlink(1), 1);
                    scene.free(place);
                    assert_eq!(scene.place(2, 8), place);
                    (scene.dig(), 0)
                },
                |scene| (scene.get(1), scene.get(2)),
            ],
            |scene, [_, got]| {
                assert_eq!((scene.get(1), scene.get(2)), (0, 8));
                got
            },
        );
}

/// A key went past its full home group. One takes another key out of that group, another looks for it.
/// Forbidden: not found.
#[test]
fn a_key_that_went_past_a_full_group_is_found_throughout() {
    fn with_one_past() -> Scene {
        let scene = with_a_full_home();
        scene.place(1, 1);
        scene.place(2, 2);
        scene
    }
    Model::new(here!(), with_one_past)
        .floor(3078)
        .preemptions(3)
        .run(
            [1],
            [
                |scene| {
                    let past = scene.table.places().nth(LANES + 1).unwrap();
                    assert_eq!(scene.unlink(2), 1);
                    scene.free(past);
                    let home = scene.table.places().next().unwrap();
                    assert_eq!(scene.unlink(10), 1);
                    scene.free(home);
                    0
                },
                |scene| scene.get(1),
            ],
            |_, [_, got]| got,
        );
}

/// One adds a segment and puts a key into it, another looks for the key.
/// Forbidden: a segment that is not complete. Broken by: Relaxed adding, Relaxed searching.
#[test]
fn a_table_that_grows_is_searched_as_a_whole() {
    Model::new(here!(), || {
        let scene = empty();
        (0..12).for_each(|key| {
            scene.place(10 + key, 9);
        });
        scene
    })
    .floor(17)
    .preemptions(2)
    .run(
        [0, 7],
        [
            |scene| {
                assert!(scene.table.grow(&mut scene.ledger.lock()));
                scene.place(1, 7);
                0
            },
            |scene| scene.get(1),
        ],
        |scene, [_, got]| {
            assert_eq!(scene.get(1), 7);
            got
        },
    );
}
