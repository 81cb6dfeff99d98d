//! Tests of flights with real threads; the models are in `loom-tests/flights.rs`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Barrier;
use std::sync::atomic::AtomicBool;

use super::*;
use crate::kernel::test_support::storm;
use crate::kernel::waiter::Waiter;
use crate::sync::{give_way, on_threads};

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

/// What is wanted in each round: who leads puts it here before it lands.
#[derive(Default)]
struct Kept {
    value: Mutex<Option<usize>>,
    loads: AtomicUsize,
    waits: AtomicUsize,
}

impl Kept {
    fn want(&self, flights: &Flights<usize, usize>, owner: usize, round: usize) -> usize {
        match flights.board(HASH, owner) {
            Boarded::Leads(lead) => {
                let present = *self.value.lock();
                let value = present.unwrap_or_else(|| {
                    self.loads.fetch_add(1, Ordering::Relaxed);
                    give_way();
                    *self.value.lock() = Some(round);
                    round
                });
                flights.land(lead, usize::MAX, || value);
                value
            }
            Boarded::Waits(landing) => {
                self.waits.fetch_add(1, Ordering::Relaxed);
                landing.wait(None, &Untimed, None).expect("no deadline")
            }
            Boarded::Already => unreachable!("owners are different"),
        }
    }
}

#[test]
fn of_many_that_want_the_same_one_loads_it_and_all_get_it() {
    const THREADS: usize = 4;
    let rounds = storm(200);
    let most = 100 * rounds;
    let (flights, kept) = (Flights::new(), Kept::default());
    let start = Barrier::new(THREADS);
    on_threads(THREADS, |thread| {
        for round in 0..most {
            if start.wait().is_leader() {
                *kept.value.lock() = None;
            }
            start.wait();
            assert_eq!(kept.want(&flights, thread, round), round);
            start.wait();
            assert_eq!(kept.loads.load(Ordering::Relaxed), round + 1);
            // Until somebody has waited for another.
            let waits = kept.waits.load(Ordering::Relaxed);
            if start.wait().is_leader() && round == most - 1 {
                assert!(waits > 0, "nobody ever waited");
            }
            if round >= rounds && waits > 0 {
                break;
            }
        }
    });
    assert!(kept.waits.into_inner() > 0, "nobody ever waited");
}

/// Ends the other thread, also where this one panics.
struct Over<'o>(&'o AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        // Relaxed: it only ends a loop.
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What was loaded from a world that has changed since is not there once who changed it has passed the gate.
#[test]
fn what_was_loaded_before_a_withdrawal_is_not_kept() {
    let rounds = storm(500);
    let flights = Flights::<usize, ()>::new();
    let (world, kept) = (AtomicUsize::new(0), Mutex::new(None));
    let is_over = AtomicBool::new(false);
    let is_aloft = || flights.stripe(HASH).aloft.load(Ordering::Relaxed) > 0;
    let wanted = on_threads(2, |thread| {
        let mut wanted = [0, 0];
        let _over = (thread == 1).then(|| Over(&is_over));
        while thread == 0 && !is_over.load(Ordering::Relaxed) {
            let Boarded::Leads(lead) = flights.board(HASH, 0) else {
                unreachable!("nobody else boards")
            };
            let loaded = world.load(Ordering::Relaxed);
            give_way();
            let mut gate = kept.lock();
            let is_wanted = flights.is_wanted(&lead);
            wanted[usize::from(is_wanted)] += 1;
            if is_wanted {
                *gate = Some(loaded);
            }
            drop(gate);
            flights.land(lead, (), || ());
        }
        for round in (1..=rounds).take_while(|_| thread == 1) {
            // Now and then when something is under way, or has come: else the one could always miss the other.
            while round % 4 == 0 && !is_aloft() || round % 4 == 2 && kept.lock().is_none() {
                give_way();
            }
            world.store(round, Ordering::Relaxed);
            flights.withdraw(HASH);
            *kept.lock() = None;
            for _ in 0..3 {
                let present = *kept.lock();
                assert!(present.is_none_or(|it| it >= round), "the old one was kept");
                give_way();
            }
        }
        wanted
    });
    let [unwanted, wanted] = wanted[0];
    assert!(
        unwanted > 0 && wanted > 0,
        "the one always missed the other"
    );
}

#[test]
fn who_waits_is_told_also_when_the_outcome_panics() {
    let flights = Flights::new();
    let Boarded::Leads(lead) = flights.board(HASH, 0) else {
        unreachable!("it is the first")
    };
    let told = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| match flights.board(HASH, 1) {
            Boarded::Waits(landing) => landing.wait(None, &Untimed, None),
            _ => unreachable!("somebody leads"),
        });
        while flights.landing_waits() == 0 {
            give_way();
        }
        let land = || flights.land(lead, 9, || panic!("planted"));
        assert!(catch_unwind(AssertUnwindSafe(land)).is_err());
        waiting.join().unwrap()
    });
    assert_eq!(told, Ok(9));
    assert!(matches!(flights.board(HASH, 2), Boarded::Leads(_)));
}

impl<I, O> Flights<I, O> {
    /// How many wait at the landings of all flights.
    fn landing_waits(&self) -> usize {
        let waits =
            |flight: &Flight<I, O>| flight.landing.as_ref().map_or(0, |it| it.waiting.len());
        let stripes = self.stripes.iter();
        stripes
            .map(|it| it.flights.lock().flights.iter().map(waits).sum::<usize>())
            .sum()
    }
}
