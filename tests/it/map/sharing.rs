//! Maps that share a supervisor with others: slots, threads, and numbers.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use steadfast::supervision::{SpawnRefusal, TaskError};
use steadfast::{Shutdown, TaskSupervisor, TaskSupervisorRef};

use super::{Pulled, assert_settled, code, hangs, plain, tasks};
use crate::support::{Gate, LONG, OpenAtEnd, SECOND, config, eventually, system, timeless};

/// How many run now, and how many ran at most.
#[derive(Clone, Default)]
struct Crowd(Arc<[AtomicUsize; 2]>);

impl Crowd {
    fn pass(&self) {
        let [now, most] = &*self.0;
        most.fetch_max(now.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
        now.fetch_sub(1, Ordering::Relaxed);
    }

    fn most(&self) -> usize {
        self.0[1].load(Ordering::Relaxed)
    }
}

/// The sum of a map that may use three lanes.
fn sum(tasks: &TaskSupervisorRef, items: u64, crowd: &Crowd) -> u64 {
    let crowd = crowd.clone();
    let map = tasks.map(0..items, move |item, _| {
        crowd.pass();
        Ok(*item)
    });
    let results = map.max_concurrency(3).buffer(4).start().expect("started");
    results.map(|result| result.expect("no failure")).sum()
}

// property 17, S4
#[test]
fn maps_that_share_a_supervisor_never_run_more_than_it_may() {
    let system = system();
    for max in [1, 2] {
        let tasks = tasks(
            &system,
            TaskSupervisor::new(format!("tasks-{max}")).max_tasks(max),
        );
        let crowd = Crowd::default();
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| assert_eq!(sum(&tasks, 200, &crowd), 199 * 100));
            }
        });
        assert!(crowd.most() <= max, "{} of {max}", crowd.most());
        eventually("the lanes are gone", || tasks.stats().slots == 0);
        assert_settled(tasks.stats());
        assert_eq!(tasks.stats().completed, 600);
    }
}

// property 17, decision 41
#[test]
fn a_lane_without_work_gives_its_slot_to_who_waits_for_one() {
    let system = system();
    let tasks = tasks(&system, TaskSupervisor::new("tasks").max_tasks(1));
    let map = tasks.map(0..20_u64, |item, _| Ok(*item)).max_concurrency(2);
    let mut total = 0;
    for item in map.start().expect("started") {
        let item = item.expect("no failure");
        // The map has the only slot, and will need it again.
        let task = tasks
            .spawn_timeout(move |_| Ok(item), LONG)
            .expect("a slot");
        total += task.join_timeout(LONG).expect("a value");
    }
    assert_eq!(total, 190);
}

// property 17, decision 41
#[test]
fn between_two_items_a_lane_lets_those_who_wait_for_its_slot_go_first() {
    let (system, gate, pulled) = (system(), Gate::new(), Pulled::default());
    let tasks = tasks(&system, TaskSupervisor::new("tasks").max_tasks(1));
    let map = tasks.map(pulled.count(0..500), hangs(&gate, |item| item == 0));
    let results = map.max_concurrency(1).buffer(500).start().expect("started");
    std::thread::scope(|scope| {
        let reader = scope.spawn(move || results.count());
        eventually("there is much to do", || pulled.get() == 500);
        let own = tasks.clone();
        let waits = scope.spawn(|| {
            let task = tasks.spawn_timeout(move |_| Ok(own.stats().completed), LONG);
            task.expect("a slot").join_timeout(LONG).expect("a value")
        });
        eventually("it waits", || tasks.stats().waiting == 1);
        gate.open();
        assert_eq!(waits.join().expect("no panic"), 1, "items before it");
        assert_eq!(reader.join().expect("no panic"), 500);
    });
}

// T12
#[test]
fn a_map_that_gets_no_slot_in_time_gives_its_items_back() {
    let (system, _recorder, manual) = timeless(config());
    let tasks = tasks(&system, TaskSupervisor::new("tasks").max_tasks(1));
    let gate = Gate::new();
    let _open = OpenAtEnd(gate.clone());
    let inside = gate.clone();
    let holder = tasks.spawn(move |_| {
        inside.pass();
        Ok(())
    });
    let _holder = holder.expect("spawned");
    let map = tasks
        .map(0..9_u64, |item, _| Ok(*item))
        .max_concurrency(2)
        .buffer(1);
    let results = map.start().expect("started");
    std::thread::scope(|scope| {
        let reader = scope.spawn(move || results.collect::<Vec<_>>());
        eventually("it waits", || tasks.stats().waiting == 1);
        manual.advance(5 * SECOND);
        let results = reader.join().expect("no panic");
        assert_eq!(results.len(), 2, "all that was pulled");
        for result in results {
            let failure = result.expect_err("no slot");
            assert!(matches!(
                failure.error(),
                TaskError::NotBegun(SpawnRefusal::TimedOut)
            ));
        }
    });
    assert_eq!(tasks.stats().started, 1, "the holder alone");
}

#[test]
fn the_items_of_a_map_share_a_few_threads() {
    let system = system();
    let tasks = plain(&system);
    let thread = |_: &u64, _: &_| Ok(std::thread::current().id());
    let mut threads = HashSet::new();
    for _ in 0..20 {
        let results = tasks.map(0..200, thread).max_concurrency(2).start();
        threads.extend(results.expect("started").map(Result::unwrap));
    }
    assert!(
        threads.len() <= 2,
        "{} threads for 4000 items",
        threads.len()
    );
}

// property 16
#[test]
fn numbers_are_told_while_an_item_takes_long() {
    let (system, gate) = (system(), Gate::new());
    let tasks = plain(&system);
    let map = tasks.map(0..3, hangs(&gate, |item| item == 1));
    let mut results = map.max_concurrency(1).start().expect("started");
    assert_eq!(results.next().map(code), Some(Ok(0)));
    gate.wait_for(1);
    let stats = tasks.stats();
    assert_eq!((stats.started, stats.completed, stats.active), (2, 1, 1));
    assert_eq!(tasks.supervisor().count_children().active, 1);
    gate.open();
    assert_eq!(results.count(), 2);
}

/// What the storm does with an item, by its number.
fn stormy(item: &u64, ctx: &steadfast::WorkerContext) -> Result<u64, steadfast::Failure> {
    match item % 11 {
        0 => panic!("every eleventh"),
        1 => Err("and the one after".into()),
        2 if item % 77 == 2 => {
            let _stopped = ctx.wait(LONG);
            Ok(*item)
        }
        _ => Ok(*item),
    }
}

/// Reads a map to its end or half-way; returns how many results it saw.
fn read(tasks: &TaskSupervisorRef, seed: u64) -> u64 {
    let mut random = fastrand::Rng::with_seed(seed);
    let map = tasks.map(0..random.u64(..300), stormy);
    let map = map
        .max_concurrency(random.usize(1..5))
        .buffer(random.usize(..9))
        .timeout(Duration::from_millis(3));
    let map = if random.bool() { map.unordered() } else { map };
    let results = map.start().expect("started");
    results
        .take(random.usize(..400))
        .fold(0, |seen, _| seen + 1)
}

// property 17, T11, S4
#[test]
fn in_a_storm_of_maps_the_numbers_add_up() {
    let rounds = std::env::var("STEADFAST_STORM").map_or(4, |text| text.parse().expect("a number"));
    let system = system();
    let plan = TaskSupervisor::new("tasks")
        .max_tasks(4)
        .shutdown(Shutdown::Deadline(LONG));
    let tasks = tasks(&system, plan);
    for round in 0..rounds {
        std::thread::scope(|scope| {
            for reader in 0..3 {
                let tasks = tasks.clone();
                scope.spawn(move || read(&tasks, round * 3 + reader));
            }
        });
    }
    eventually("all slots are given back", || tasks.stats().slots == 0);
    let stats = tasks.stats();
    assert_settled(stats);
    assert!(stats.completed > 0 && stats.failed > 0, "{stats:?}");
    assert!(system.stop_within(LONG).is_clean());
}
