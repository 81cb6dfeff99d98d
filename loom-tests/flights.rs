//! Models of flights: one leads, all others learn what became of it, and a withdrawal is never missed.

use std::time::Instant;

use super::runner::{Model, here};
use crate::kernel::flights::{Boarded, Flights};
use crate::kernel::waiter::Waiter;
use crate::kernel::waiters::Alarm;
use crate::sync::atomic::{AtomicU8, Ordering};
use crate::sync::{Arc, Mutex};

const HASH: u64 = 5;

/// No deadline ever comes.
struct Untimed;

impl Alarm for Untimed {
    fn now(&self) -> Instant {
        unreachable!("nothing has a deadline")
    }

    fn park(&self, waiter: &Arc<Waiter>, _at: Option<Instant>) {
        waiter.park();
    }
}

struct Scene {
    flights: Flights<u8, u8>,
    /// What is loaded from.
    world: AtomicU8,
    /// What a load leaves, behind a gate.
    kept: Mutex<u8>,
}

fn scene() -> Scene {
    Scene {
        flights: Flights::new(),
        world: AtomicU8::new(1),
        kept: Mutex::new(0),
    }
}

impl Scene {
    /// Leads and lands with 7, or waits; what it came to, and whether it led.
    fn want(&self, owner: u8) -> (u8, bool) {
        match self.flights.board(HASH, owner) {
            Boarded::Leads(lead) => {
                self.flights.land(lead, 9, || 7);
                (7, true)
            }
            Boarded::Waits(landing) => (landing.wait(None, &Untimed, None).unwrap(), false),
            Boarded::Already => unreachable!("owners are different"),
        }
    }

    /// Loads from the world, and keeps it behind the gate if it is still wanted.
    fn load(&self) -> u8 {
        let Boarded::Leads(lead) = self.flights.board(HASH, 0) else {
            unreachable!("nobody else boards")
        };
        // Relaxed: the world publishes nothing.
        let loaded = self.world.load(Ordering::Relaxed);
        let mut kept = self.kept.lock();
        if self.flights.is_wanted(&lead) {
            *kept = loaded;
        }
        drop(kept);
        self.flights.land(lead, 9, || loaded);
        loaded
    }

    /// Changes the world, and removes what was kept of it.
    fn change(&self) -> u8 {
        // Relaxed: the world publishes nothing.
        self.world.store(2, Ordering::Relaxed);
        self.flights.withdraw(HASH);
        let mut kept = self.kept.lock();
        *kept = 0;
        0
    }
}

/// Two want the same at the same time.
/// Allowed: one leads and the other waits, either way; one after the other. Forbidden: a wait that does not end, an
/// outcome that is lost.
#[test]
fn of_two_one_leads_and_the_other_learns_of_it() {
    Model::new(here!(), scene).floor(91).preemptions(3).run(
        [
            ((7, true), (7, false)),
            ((7, false), (7, true)),
            ((7, true), (7, true)),
        ],
        [|scene| scene.want(1), |scene| scene.want(2)],
        |_, [one, other]| (one, other),
    );
}

/// One leads and fails, which its landing says by the outcome in place of a panicked one; another waits.
/// Forbidden: a wait that does not end.
#[test]
fn who_waits_for_a_flight_that_fails_is_told() {
    Model::new(here!(), scene).floor(84).preemptions(3).run(
        [(0, 9), (0, 7)],
        [
            |scene| {
                if let Boarded::Leads(lead) = scene.flights.board(HASH, 1) {
                    scene.flights.land(lead, 0, || 9);
                }
                0
            },
            |scene| scene.want(2).0,
        ],
        |_, [one, other]| (one, other),
    );
}

/// One loads from the world, another changes the world and withdraws.
/// Allowed: the old value loaded and not kept; the new one kept or removed. Forbidden: the old one kept.
/// Broken by: no fence on either side.
#[test]
fn what_was_loaded_before_a_withdrawal_is_not_kept() {
    Model::new(here!(), scene)
        .floor(383)
        .breaks(["flights.board", "flights.withdraw"])
        .run(
            [(1, 0), (2, 0), (2, 2)],
            [Scene::load, Scene::change],
            |scene, [loaded, _]| (loaded, *scene.kept.lock()),
        );
}
