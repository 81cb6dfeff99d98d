//! A model of the counts: a record that changes hands takes its number along.

use super::runner::{Model, here};
use crate::kernel::counts::Counts;
use crate::kernel::hazard::{Domain, DomainRef};

struct Scene {
    domain: DomainRef,
    counts: Counts<1>,
}

impl Scene {
    fn count(&self) {
        let hazard = self.domain.hazard();
        self.counts.add(hazard.owner(), 0);
    }
}

/// Two threads count, one of them twice; the first record has a place, the second has none.
/// Forbidden: a count that is lost. Broken by: Relaxed giving back of a record, Relaxed taking.
#[test]
fn no_count_is_lost_when_a_record_changes_hands() {
    let scene = || Scene {
        domain: Domain::shared(),
        counts: Counts::new(1),
    };
    Model::new(here!(), scene)
        .floor(940)
        .breaks(["hazard.enlist", "hazard.discharge"])
        .run(
            [3],
            [
                |scene| scene.count(),
                |scene| {
                    scene.count();
                    scene.count();
                },
            ],
            |scene, [(), ()]| scene.counts.sum(0),
        );
}
