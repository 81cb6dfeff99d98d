//! Models of eras: what was stamped before an end is neither valid nor counted after it, and what was stamped after is.

use super::runner::{Model, here};
use crate::kernel::era::{Eras, Population};
use crate::sync::atomic::{AtomicU8, Ordering};

struct Scene {
    eras: Eras,
    population: Population,
    /// What is loaded from.
    world: AtomicU8,
}

fn scene() -> Scene {
    Scene {
        eras: Eras::new(1),
        population: Population::new(),
        world: AtomicU8::new(1),
    }
}

impl Scene {
    /// Adds one, and removes it again if `stays` is false. Returns its stamp.
    fn add(&self, stays: bool) -> u64 {
        let stamp = self.eras.stamp();
        self.population.add(&self.eras, stamp);
        if !stays {
            self.population.remove(&self.eras, stamp);
        }
        stamp
    }
}

/// One adds, another ends the era.
/// Allowed: stamped before and not counted; stamped after and counted. Forbidden: the other two.
/// Broken by: Relaxed ending or stamping, by which a stamp is newer than the floor that goes with it.
#[test]
fn what_is_stamped_after_an_end_is_counted_and_what_is_stamped_before_is_not() {
    Model::new(here!(), scene).floor(21).run(
        [(1, 0), (2, 1)],
        [
            |scene| scene.add(true),
            |scene| {
                scene.eras.end();
                0
            },
        ],
        |scene, [stamp, _]| (stamp, scene.population.len(&scene.eras)),
    );
}

/// One stamps and then loads from the world, another changes the world and then ends the era of a group.
/// Allowed: the old value loaded, and not valid; the new one, valid or not. Forbidden: the old one, valid.
/// Broken by: Relaxed ending or stamping.
#[test]
fn what_was_loaded_before_an_end_is_not_valid_after_it() {
    Model::new(here!(), scene)
        .floor(21)
        .breaks(["era.end", "era.stamp"])
        .run(
            [(1, false), (2, false), (2, true)],
            [
                |scene| {
                    let stamp = scene.eras.stamp();
                    // Relaxed: the world publishes nothing.
                    (stamp, scene.world.load(Ordering::Relaxed))
                },
                |scene| {
                    // Relaxed: as above.
                    scene.world.store(2, Ordering::Relaxed);
                    assert!(scene.eras.end_group(0));
                    (0, 0)
                },
            ],
            |scene, [(stamp, loaded), _]| {
                assert!(scene.eras.is_valid(stamp, None));
                (loaded, scene.eras.is_valid(stamp, Some(0)))
            },
        );
}

/// Two add, one of them for a moment, while a third ends the era.
/// Allowed: the one that stays is counted if it was stamped after the end. Forbidden: a count below zero, or of the dead.
/// Broken by: Relaxed words or stamps.
#[test]
fn a_count_is_of_its_era_only() {
    Model::new(here!(), scene).floor(7623).preemptions(3).run(
        [(1, 1, 0), (1, 2, 0), (2, 1, 1), (2, 2, 1)],
        [
            |scene| scene.add(true),
            |scene| scene.add(false),
            |scene| {
                scene.eras.end();
                0
            },
        ],
        |scene, [stays, left, _]| (stays, left, scene.population.len(&scene.eras)),
    );
}
