//! Models of the shard: one living node per key, no more than its capacity, and nothing newer goes with something older.

use std::collections::VecDeque;

use super::runner::{Model, here};
use super::watched::{Ended, Watched};
use crate::kernel::era::Eras;
use crate::kernel::graveyard::Node;
use crate::kernel::hazard::{Domain, DomainRef};
use crate::kernel::shard::{Denied, Policy, Shard, View};
use crate::kernel::table::{Found, Place};
use crate::sync::atomic::{AtomicBool, Ordering};

/// Keys of a model have one hash: the key alone tells them apart.
const HASH: u64 = 5;

/// First in, first out.
struct Fifo(VecDeque<(Place, u32)>);

impl Policy<Watched> for Fifo {
    fn admitted(&mut self, place: Place, print: u32, _weight: u64) {
        self.0.push_back((place, print));
    }

    fn can_free(&mut self, _view: &mut View<'_, '_, Watched>, _weight: u64) -> bool {
        true
    }

    fn kept(&mut self, _view: &mut View<'_, '_, Watched>) -> u64 {
        0
    }

    fn choose(&mut self, view: &mut View<'_, '_, Watched>) -> Option<(Place, u32)> {
        let (place, print) = self.0.pop_front()?;
        view.at(place);
        Some((place, print))
    }

    fn spare(&mut self, place: Place, print: u32) {
        self.0.push_back((place, print));
    }

    fn expelled(&mut self, _item: &Watched) {}

    fn sweep(&mut self, is_dead: &mut dyn FnMut(Place) -> bool, freed: &mut dyn FnMut(Place, u32)) {
        self.0.retain(|(place, print)| {
            let dead = is_dead(*place);
            if dead {
                freed(*place, *print);
            }
            !dead
        });
    }
}

struct Scene {
    domain: DomainRef,
    eras: Eras,
    shard: Shard<Watched, Fifo>,
    withdrawn: AtomicBool,
    ended: Ended,
}

fn with_capacity(capacity: u64) -> Scene {
    Scene {
        domain: Domain::shared(),
        eras: Eras::new(0),
        shard: Shard::new(capacity, 1, 1, Fifo(VecDeque::new())),
        withdrawn: AtomicBool::new(false),
        ended: Ended::new(),
    }
}

fn of_two() -> Scene {
    with_capacity(2)
}

/// Capacity for two, with the key 1 inside, whose value is 1 and whose deadline is 10.
fn of_two_with_one() -> Scene {
    let scene = of_two();
    scene.put(Watched::new(1, 1).until(10));
    scene
}

/// Capacity for one, with the key 1 inside, whose value is 1.
fn of_one_with_one() -> Scene {
    let scene = with_capacity(1);
    scene.insert(1, 1);
    scene
}

impl Scene {
    fn insert(&self, key: u8, value: u8) -> u8 {
        self.put(Watched::new(key, value).stamped(self.eras.stamp()))
    }

    /// Inserts or replaces; never more than the capacity is inside. Returns how many were "freed".
    fn put(&self, item: Watched) -> u8 {
        let key = item.key;
        let mut node = Node::new(item);
        loop {
            let mut hazard = self.domain.hazard();
            let is_it = |item: &Watched| item.key == key;
            let put = match self.shard.find_or_absent(HASH, &mut hazard, is_it) {
                Ok(found) => self.replace(found, node),
                Err(absent) => {
                    let wanted = || true;
                    self.shard
                        .admit(&self.eras, HASH, node, absent, &mut hazard, wanted)
                }
            };
            assert!(self.shard.used() <= self.shard.capacity());
            node = match put {
                Ok(()) => break,
                Err(Denied::Raced(node)) => node,
                Err(Denied::NoRoom(_) | Denied::Unwanted(_)) => {
                    panic!("it was wanted and had room")
                }
            };
        }
        self.dig()
    }

    fn replace(
        &self,
        found: Found<'_, Watched>,
        node: Box<Node<Watched>>,
    ) -> Result<(), Denied<Watched>> {
        self.shard
            .replace(&self.eras, &self.domain, found, node, |_| {})
    }

    /// Takes the key out if its value is `value`; 1: it did.
    fn remove_if(&self, key: u8, value: u8) -> u8 {
        let mut hazard = self.domain.hazard();
        let found = self.shard.find(HASH, &mut hazard, |item| item.key == key);
        let found = found.filter(|found| found.item().read() == value);
        u8::from(found.is_some_and(|found| self.shard.remove(&self.eras, found, |_| {})))
    }

    /// Takes the key out if it has expired at `now`; 1: it did.
    fn expire(&self, key: u8, now: u64) -> u8 {
        let mut hazard = self.domain.hazard();
        let found = self.shard.find(HASH, &mut hazard, |item| item.key == key);
        let found = found.filter(|found| found.item().expiry.take(now));
        u8::from(found.is_some_and(|found| self.shard.remove(&self.eras, found, |_| {})))
    }

    /// The value of a key; 0: it is not there.
    fn get(&self, key: u8) -> u8 {
        let mut hazard = self.domain.hazard();
        let found = self.shard.find(HASH, &mut hazard, |item| item.key == key);
        found.map_or(0, |found| found.item().read())
    }

    fn dig(&self) -> u8 {
        self.ended.end(self.shard.dig(&self.domain))
    }

    /// What is inside at the end, which must be what the shard counts.
    fn living(&self) -> u8 {
        let mut hazard = self.domain.hazard();
        let places = self.shard.places();
        let living = places
            .filter(|place| self.shard.at(*place, &mut hazard).is_some())
            .count();
        assert_eq!(
            (self.shard.used(), self.shard.len(&self.eras)),
            (living as u64, living)
        );
        u8::try_from(living).unwrap()
    }
}

/// Two insert the same key.
/// Allowed: the value of the one or of the other. Forbidden: two nodes of one key, a value that is lost from both.
/// Broken by: no look at whether something was admitted meanwhile.
#[test]
fn a_key_that_two_insert_is_there_once() {
    Model::new(here!(), of_two)
        .floor(3039)
        .preemptions(3)
        .breaks(["shard.raced"])
        .run(
            [(2, 1), (3, 1)],
            [|scene| scene.insert(1, 2), |scene| scene.insert(1, 3)],
            |scene, _| (scene.get(1), scene.living()),
        );
}

/// Two insert different keys, where there is room for one.
/// Allowed: either is left. Forbidden: more than the capacity, also for a moment; none.
#[test]
fn two_inserters_never_exceed_the_capacity() {
    Model::new(here!(), || with_capacity(1))
        .floor(3097)
        .preemptions(3)
        .run(
            [(2, 0, 1), (0, 3, 1)],
            [|scene| scene.insert(2, 2), |scene| scene.insert(3, 3)],
            |scene, _| (scene.get(2), scene.get(3), scene.living()),
        );
}

/// One inserts a second key, for which the first must go, while another reads the first.
/// Allowed: read before it went, or not there. Forbidden: a look at what was freed.
#[test]
fn what_is_evicted_is_not_freed_under_its_reader() {
    Model::new(here!(), of_one_with_one)
        .floor(3823)
        .preemptions(3)
        .breaks(["hazard.publish", "hazard.scan", "hazard.again"])
        .run(
            [0, 1],
            [|scene| scene.insert(2, 2), |scene| scene.get(1)],
            |scene, [_, got]| {
                assert_eq!((scene.get(1), scene.get(2), scene.living()), (0, 2, 1));
                got
            },
        );
}

/// One inserts a second key, for which the first must go, while another replaces the first.
/// Allowed: the first went before it was replaced, and came back for the second; or the second stays. Forbidden: more than
/// the capacity, a new value that went in the place of the old one, so that none is left.
#[test]
fn what_is_replaced_while_it_is_chosen_is_chosen_again_or_spared() {
    Model::new(here!(), of_one_with_one)
        .floor(5128)
        .preemptions(2)
        .run(
            [(9, 0, 1), (0, 2, 1)],
            [|scene| scene.insert(2, 2), |scene| scene.insert(1, 9)],
            |scene, _| (scene.get(1), scene.get(2), scene.living()),
        );
}

/// One takes out what has expired, another inserts the same key anew: property 28.
/// Allowed: expired and then inserted; replaced and nothing to expire; replaced under the expirer, which is too late.
/// Forbidden: the new value is gone.
#[test]
fn an_expiry_never_takes_a_newer_value() {
    Model::new(here!(), of_two_with_one)
        .floor(5049)
        .preemptions(3)
        .run(
            [(1, 2), (0, 2)],
            [|scene| scene.expire(1, 20), |scene| scene.insert(1, 2)],
            |scene, [expired, _]| {
                assert_eq!(scene.living(), 1);
                (expired, scene.get(1))
            },
        );
}

/// One takes a key out if its value is 1, another inserts the value 2.
/// Allowed: taken out and then inserted; replaced before. Forbidden: the new value is gone.
#[test]
fn a_conditional_removal_never_takes_another_value() {
    Model::new(here!(), of_two_with_one)
        .floor(5049)
        .preemptions(3)
        .run(
            [(1, 2), (0, 2)],
            [|scene| scene.remove_if(1, 1), |scene| scene.insert(1, 2)],
            |scene, [removed, _]| {
                assert_eq!(scene.living(), 1);
                (removed, scene.get(1))
            },
        );
}

/// One admits what it loaded, if it is still wanted; another withdraws the wish, passes the gate, and removes the key.
/// Allowed: admitted and removed; not admitted. Forbidden: it is there at the end.
#[test]
fn what_is_withdrawn_at_the_gate_does_not_come_in_later() {
    Model::new(here!(), of_two).floor(94).preemptions(3).run(
        [(0, 0), (1, 1)],
        [
            |scene| {
                let mut hazard = scene.domain.hazard();
                let found = scene
                    .shard
                    .find_or_absent(HASH, &mut hazard, |it| it.key == 1);
                let absent = found.err().unwrap();
                // Relaxed: the gate orders it.
                let wanted = || !scene.withdrawn.load(Ordering::Relaxed);
                let node = Node::new(Watched::new(1, 1));
                let admitted =
                    scene
                        .shard
                        .admit(&scene.eras, HASH, node, absent, &mut hazard, wanted);
                u8::from(admitted.is_ok())
            },
            |scene| {
                // Relaxed: the gate orders it.
                scene.withdrawn.store(true, Ordering::Relaxed);
                scene.shard.pass_gate();
                scene.remove_if(1, 1)
            },
        ],
        |scene, [admitted, removed]| {
            assert_eq!(scene.living(), 0);
            (admitted, removed)
        },
    );
}

/// One inserts, another ends the era and inserts another key.
/// Allowed: stamped before the end, and neither valid nor counted; stamped after it, and both. Forbidden: a count of others.
#[test]
fn only_what_was_made_after_an_end_is_counted() {
    Model::new(here!(), of_two).floor(793).preemptions(2).run(
        [1, 2],
        [
            |scene| scene.insert(1, 1),
            |scene| {
                scene.eras.end();
                scene.insert(2, 2)
            },
        ],
        |scene, _| {
            let mut hazard = scene.domain.hazard();
            let one = scene.shard.find(HASH, &mut hazard, |it| it.key == 1);
            let one = one.unwrap();
            let stamp = crate::kernel::shard::Item::stamp(one.item());
            let valid = 1 + usize::from(scene.eras.is_valid(stamp, None));
            assert_eq!(scene.shard.len(&scene.eras), valid);
            valid
        },
    );
}
