//! Tests of the shard with real threads; the models are in `loom-tests/shard.rs`.

use std::collections::VecDeque;
use std::sync::Barrier;
use std::sync::atomic::AtomicUsize;

use fastrand::Rng;

use super::*;
use crate::kernel::hazard::Domain;
use crate::kernel::test_support::{Mortal, Register, storm};
use crate::sync::{give_way, on_threads};

/// Keys have few hashes: keys of one hash are told apart by themselves alone.
fn hash_of(key: u64) -> u64 {
    ((key % 8) << 32) | (key % 3)
}

impl Item for Mortal<'_> {
    fn weight(&self) -> u64 {
        1 + self.number() as u64 % 3
    }

    fn stamp(&self) -> u64 {
        1
    }
}

/// First in, first out.
struct Fifo {
    places: VecDeque<(Place, u32)>,
    expelled: usize,
    spared: usize,
}

impl Policy<Mortal<'_>> for Fifo {
    fn admitted(&mut self, place: Place, print: u32, _weight: u64) {
        self.places.push_back((place, print));
    }

    fn can_free(&mut self, _view: &mut View<'_, '_, Mortal<'_>>, _weight: u64) -> bool {
        true
    }

    fn kept(&mut self, _view: &mut View<'_, '_, Mortal<'_>>) -> u64 {
        0
    }

    fn choose(&mut self, view: &mut View<'_, '_, Mortal<'_>>) -> Option<(Place, u32)> {
        let (place, print) = self.places.pop_front()?;
        view.at(place).map(Mortal::key);
        Some((place, print))
    }

    fn spare(&mut self, place: Place, print: u32) {
        self.spared += 1;
        self.places.push_back((place, print));
    }

    fn expelled(&mut self, item: &Mortal<'_>) {
        item.key();
        self.expelled += 1;
    }

    fn sweep(&mut self, is_dead: &mut dyn FnMut(Place) -> bool, freed: &mut dyn FnMut(Place, u32)) {
        self.places.retain(|(place, print)| {
            let dead = is_dead(*place);
            if dead {
                freed(*place, *print);
            }
            !dead
        });
    }
}

/// Now and then between a look and what follows from it: others are faster then.
fn linger(number: usize) {
    if number.is_multiple_of(4) || number % 5 == 1 {
        give_way();
    }
}

struct Scene<'r> {
    register: &'r Register,
    domain: DomainRef,
    eras: Eras,
    shard: Shard<Mortal<'r>, Fifo>,
    raced: AtomicUsize,
    removed: AtomicUsize,
}

impl<'r> Scene<'r> {
    fn new(register: &'r Register, capacity: u64) -> Self {
        let fifo = Fifo {
            places: VecDeque::new(),
            expelled: 0,
            spared: 0,
        };
        Self {
            register,
            domain: Domain::shared(),
            eras: Eras::new(0),
            shard: Shard::new(capacity, 8, 2, fifo),
            raced: AtomicUsize::new(0),
            removed: AtomicUsize::new(0),
        }
    }

    /// Inserts or replaces; which one it was that it brought in.
    fn put(&self, key: u64) -> usize {
        let mut node = Node::new(self.register.bear(key));
        let number = node.item().number();
        loop {
            let mut hazard = self.domain.hazard();
            let is_it = |item: &Mortal<'_>| item.key() == key;
            let found = self.shard.find_or_absent(hash_of(key), &mut hazard, is_it);
            linger(number);
            let put = match found {
                Ok(found) => self
                    .shard
                    .replace(&self.eras, &self.domain, found, node, |before| {
                        assert_eq!(before.key(), key, "another key was replaced");
                    }),
                Err(absent) => {
                    let (hash, wanted) = (hash_of(key), || true);
                    self.shard
                        .admit(&self.eras, hash, node, absent, &mut hazard, wanted)
                }
            };
            assert!(self.shard.used() <= self.shard.capacity());
            node = match put {
                Ok(()) => break,
                Err(Denied::Raced(node)) => node,
                Err(Denied::NoRoom(_) | Denied::Unwanted(_)) => panic!("it had room"),
            };
            self.raced.fetch_add(1, Ordering::Relaxed);
        }
        self.dig();
        number
    }

    /// Takes a key out if its present value says so; whether it did.
    fn remove_if(&self, key: u64, condition: impl Fn(&Mortal<'_>) -> bool) -> Option<bool> {
        let mut hazard = self.domain.hazard();
        let is_it = |item: &Mortal<'_>| item.key() == key;
        let found = self.shard.find(hash_of(key), &mut hazard, is_it)?;
        if !condition(found.item()) {
            return None;
        }
        let number = found.item().number();
        linger(number);
        let is_out = self.shard.remove(&self.eras, found, |left| {
            assert_eq!(left.number(), number, "another value was taken out");
        });
        self.removed
            .fetch_add(usize::from(is_out), Ordering::Relaxed);
        drop(hazard);
        self.dig();
        Some(is_out)
    }

    fn get(&self, key: u64) -> Option<usize> {
        let mut hazard = self.domain.hazard();
        let is_it = |item: &Mortal<'_>| item.key() == key;
        let found = self.shard.find(hash_of(key), &mut hazard, is_it)?;
        assert_eq!(found.item().key(), key, "the value of another key");
        Some(found.item().number())
    }

    fn dig(&self) {
        drop(self.shard.dig(&self.domain));
    }

    /// The keys that are inside; what they weigh is what the shard counts.
    fn keys(&self) -> Vec<u64> {
        let mut hazard = self.domain.hazard();
        let (mut keys, mut weight) = (Vec::new(), 0);
        for place in self.shard.places() {
            if let Some(found) = self.shard.at(place, &mut hazard) {
                keys.push(found.item().key());
                weight += found.item().weight();
            }
        }
        assert_eq!(
            (self.shard.used(), self.shard.len(&self.eras)),
            (weight, keys.len())
        );
        keys
    }

    /// How many were expelled, and how often one that was chosen had been replaced meanwhile.
    fn choices(&self) -> (usize, usize) {
        let gate = self.shard.gate.lock();
        (gate.policy.expelled, gate.policy.spared)
    }
}

#[test]
fn no_storm_exceeds_the_capacity_mixes_up_keys_or_drops_twice() {
    const THREADS: usize = 4;
    let each = storm(1_500);
    let most = 50 * each;
    let register = Register::new(THREADS * most);
    let scene = Scene::new(&register, 24);
    let hits = on_threads(THREADS, |thread| {
        let mut rng = Rng::with_seed(thread as u64);
        let mut hits = 0;
        // Until somebody was faster than another one.
        let is_raced = || scene.raced.load(Ordering::Relaxed) > 0;
        for _ in (0..most).take_while(|round| *round < each || !is_raced()) {
            let key = rng.u64(..24);
            match rng.u32(..10) {
                0..4 => {
                    scene.put(key);
                }
                4 => {
                    scene.remove_if(key, |_| true);
                }
                _ => hits += usize::from(scene.get(key).is_some()),
            }
        }
        hits
    });
    assert!(hits.iter().all(|hits| *hits > 0));
    let keys = scene.keys();
    assert!(keys.iter().all(|key| scene.get(*key).is_some()));
    let expelled = scene.choices().0;
    let went = expelled + scene.removed.load(Ordering::Relaxed);
    assert_eq!(scene.shard.admissions() as usize, keys.len() + went);
    let raced = scene.raced.load(Ordering::Relaxed);
    assert!(expelled > 0 && raced > 0, "no contention");
    drop(scene);
    register.close();
}

#[test]
fn a_key_that_many_insert_at_once_is_there_once() {
    const THREADS: usize = 3;
    let rounds = storm(500);
    let most = 100 * rounds;
    let register = Register::new(THREADS * most);
    let scene = Scene::new(&register, 1_000);
    let (start, end) = (Barrier::new(THREADS), Barrier::new(THREADS));
    let raced = on_threads(THREADS, |thread| {
        for round in 0..most {
            start.wait();
            scene.put(5);
            end.wait();
            if thread == 0 {
                assert_eq!(scene.keys(), [5], "round {round}");
                assert_eq!(scene.remove_if(5, |_| true), Some(true));
                assert_eq!(scene.get(5), None, "there was another one");
            }
            start.wait();
            // Until two have met at the gate.
            let raced = scene.raced.load(Ordering::Relaxed);
            end.wait();
            if round >= rounds && raced > 0 {
                return raced;
            }
        }
        0
    });
    assert!(raced[0] > 0, "no two inserted at once");
    drop(scene);
    register.close();
}

/// One writes, another takes out every other value: property 28 with real threads.
#[test]
fn a_value_is_taken_out_by_who_was_asked_about_it_and_no_newer_one() {
    let rounds = storm(1_000);
    let most = 100 * rounds;
    let register = Register::new(2 * most);
    let scene = Scene::new(&register, 1_000);
    let too_late = AtomicUsize::new(0);
    let is_over = AtomicUsize::new(0);
    let is_odd = |item: &Mortal<'_>| item.number() % 2 == 1;
    on_threads(2, |thread| {
        while thread == 1 && is_over.load(Ordering::Relaxed) == 0 {
            if scene.remove_if(4, is_odd) == Some(false) {
                too_late.fetch_add(1, Ordering::Relaxed);
            }
        }
        if thread == 1 {
            return;
        }
        for round in 0..most {
            let even = scene.put(4);
            assert_eq!(
                (even % 2, scene.get(4)),
                (0, Some(even)),
                "a newer value went"
            );
            scene.put(4);
            let seen = (
                too_late.load(Ordering::Relaxed),
                scene.removed.load(Ordering::Relaxed),
            );
            if round >= rounds && seen.0 > 0 && seen.1 > 0 {
                break;
            }
        }
        is_over.store(1, Ordering::Relaxed);
    });
    let removed = scene.removed.load(Ordering::Relaxed);
    assert!(removed > 0 && too_late.into_inner() > 0, "no contention");
    drop(scene);
    register.close();
}
