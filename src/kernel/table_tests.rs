//! Tests of the table with real threads; the models are in `loom-tests/table.rs`.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize};

use super::*;
use crate::kernel::graveyard::Graveyard;
use crate::kernel::hazard::Domain;
use crate::kernel::test_support::{Mortal, Register, storm};
use crate::sync::{Mutex, give_way, on_threads};

/// All keys have the same tag and the same home: the key alone tells them apart.
const HASH: u64 = 5;

struct Scene<'r> {
    register: &'r Register,
    table: Table<Mortal<'r>>,
    ledger: Mutex<Ledger>,
    graveyard: Graveyard<Mortal<'r>>,
}

impl<'r> Scene<'r> {
    fn new(register: &'r Register) -> Self {
        let (table, ledger) = Table::new(1);
        Self {
            register,
            table,
            ledger: Mutex::new(ledger),
            graveyard: Graveyard::new(),
        }
    }

    /// Puts a key in, in a larger table if this one is full.
    fn place(&self, key: u64) -> Place {
        let mut node = Node::new(self.register.bear(key));
        let mut ledger = self.ledger.lock();
        loop {
            match self.table.place(&mut ledger, HASH, node) {
                Ok(place) => return place,
                Err(back) => node = back,
            }
            assert!(self.table.grow(&mut ledger));
        }
    }

    fn find<R>(&self, key: u64, use_it: impl FnOnce(Found<'_, Mortal<'r>>) -> R) -> Option<R> {
        let mut hazard = Domain::shared().hazard();
        let found = self
            .table
            .find(HASH, &mut hazard, |item| item.key() == key)?;
        // Now and then between the look and what follows from it: others are faster then.
        if found.item().number().is_multiple_of(4) {
            give_way();
        }
        Some(use_it(found))
    }

    /// Takes a key out; false if another was faster.
    fn unlink(&self, key: u64) -> bool {
        let unlinked = self.find(key, |found| found.unlink()).flatten();
        self.bury(unlinked)
    }

    /// Puts a new value in the place of the one that is found; false if another was faster.
    fn replace(&self, key: u64) -> bool {
        let node = Node::new(self.register.bear(key));
        let replaced = self.find(key, |found| found.replace(node).ok());
        self.bury(replaced.flatten())
    }

    fn bury(&self, unlinked: Option<Unlinked<Mortal<'r>>>) -> bool {
        let is_mine = unlinked.is_some();
        unlinked.into_iter().for_each(|it| self.graveyard.bury(it));
        drop(self.graveyard.dig(Domain::shared()));
        is_mine
    }

    /// Many keys come and go.
    fn crowd(&self) {
        let keys = 10..10 + OTHERS;
        let places: Vec<_> = keys.clone().map(|key| self.place(key)).collect();
        for (key, place) in keys.zip(places) {
            assert!(self.unlink(key), "nobody else takes it out");
            self.free(place);
        }
    }

    fn free(&self, place: Place) {
        let mut ledger = self.ledger.lock();
        self.table.free(&mut ledger, place, print_of(HASH));
    }
}

/// More of them than a group has room for.
const OTHERS: u64 = LANES as u64 + 2;

/// Others come and go in the same group, and go past it, while one key is replaced and looked for.
#[test]
fn a_key_that_is_there_throughout_is_found_whole_and_never_an_older_one() {
    let rounds = storm(200);
    let most = 20 * rounds;
    let register = Register::new(most * (OTHERS as usize + 10) + 1);
    let scene = Scene::new(&register);
    scene.place(1);
    let (newer, is_over) = (AtomicUsize::new(0), AtomicBool::new(false));
    let is_on = || !is_over.load(Ordering::Relaxed);
    on_threads(4, |thread| match thread {
        0 => {
            // Until readers have met replacements.
            let is_met = || newer.load(Ordering::Relaxed) > 10;
            let is_enough = |round: &usize| *round < rounds || !is_met();
            (0..most).take_while(is_enough).for_each(|_| scene.crowd());
            is_over.store(true, Ordering::Relaxed);
        }
        1 => {
            let times = (0..10 * most).take_while(|_| is_on());
            times.for_each(|_| assert!(scene.replace(1), "nobody else replaces it"));
        }
        _ => {
            let mut last = 0;
            while is_on() {
                let number = scene.find(1, |found| found.item().number());
                let number = number.expect("it is there throughout");
                assert!(number >= last, "an older one came back");
                newer.fetch_add(usize::from(number > last), Ordering::Relaxed);
                last = number;
            }
        }
    });
    assert!(newer.into_inner() > 10, "no reader met a replacement");
    assert_eq!(scene.ledger.lock().in_use(), 1);
    drop(scene);
    register.close();
}

#[test]
fn of_many_that_take_a_node_out_or_replace_it_each_node_goes_once() {
    const THREADS: usize = 3;
    let rounds = storm(300);
    let most = 100 * rounds;
    let register = Register::new(most * (THREADS + 1));
    let scene = Scene::new(&register);
    let (place, placed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let (start, end) = (Barrier::new(THREADS), Barrier::new(THREADS));
    let is_over = AtomicBool::new(false);
    let counts = on_threads(THREADS, |thread| {
        let (mut unlinked, mut late) = (0, 0);
        for round in 0..most {
            if thread == 0 {
                let at = scene.place(2).number() as usize;
                place.store(at, Ordering::Relaxed);
                placed.fetch_add(1, Ordering::Relaxed);
            }
            start.wait();
            // Thread 0 replaces, the others take out; whoever comes first.
            let won = if thread == 0 {
                scene.replace(2)
            } else {
                let won = scene.unlink(2);
                unlinked += usize::from(won);
                won
            };
            late += usize::from(!won);
            end.wait();
            if thread == 0 {
                let left = scene.find(2, |found| found.unlink()).flatten();
                assert!(left.is_none() || won, "it was taken out, and is there");
                unlinked += usize::from(left.is_some());
                scene.bury(left);
                let at = place.load(Ordering::Relaxed) as u32;
                scene.free(Place::numbered(at));
                // Until somebody was too late, and somebody was not.
                is_over.store(
                    round >= rounds && late > 0 && late <= round,
                    Ordering::Relaxed,
                );
            }
            start.wait();
            if is_over.load(Ordering::Relaxed) {
                break;
            }
        }
        (unlinked, late)
    });
    let unlinked: usize = counts.iter().map(|it| it.0).sum();
    assert_eq!(
        unlinked,
        placed.into_inner(),
        "each goes once, replaced or not"
    );
    assert!(counts[0].1 > 0, "the replacement always won");
    drop(scene);
    register.close();
}

/// Keys come and go, and some stay long: those that once missed their home stand away from it ever after.
#[test]
fn a_search_for_what_is_not_there_stays_short_whatever_has_come_and_gone() {
    const NODES: usize = 1_000;
    let mut random = fastrand::Rng::with_seed(1);
    let (table, mut ledger) = Table::new(NODES);
    let graveyard = Graveyard::new();
    let place = |ledger: &mut Ledger, random: &mut fastrand::Rng| {
        let hash = random.u64(..);
        let place = table.place(ledger, hash, Node::new(()));
        (place.ok().expect("there is room"), print_of(hash))
    };
    let mut inside: Vec<_> = (0..NODES)
        .map(|_| place(&mut ledger, &mut random))
        .collect();
    for _ in 0..100 * NODES {
        // Who goes is mostly one of the last tenth.
        let among = if random.u32(..20) == 0 {
            NODES
        } else {
            NODES / 10
        };
        let (at, print) = inside.swap_remove(random.usize(NODES - among..NODES));
        let mut hazard = Domain::shared().hazard();
        let found = table.at(at, &mut hazard).expect("it is there");
        graveyard.bury(found.unlink().expect("nobody else takes it out"));
        drop(hazard);
        table.free(&mut ledger, at, print);
        drop(graveyard.dig(Domain::shared()));
        inside.push(place(&mut ledger, &mut random));
    }
    let groups = &table.first.groups;
    let way = |home: usize| {
        let passed = |at: &usize| groups[at % groups.len()].written() >> OVERFLOW_SHIFT > 0;
        1 + (home..).take_while(passed).count()
    };
    let ways: usize = (0..groups.len()).map(way).sum();
    let mean = ways as f64 / groups.len() as f64;
    assert!(mean < 2.0, "{mean} groups");
}
