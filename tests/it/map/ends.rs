//! How maps end: half-way, with their caller, with their supervisor.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use steadfast::supervision::{SpawnRefusal, Waited};
use steadfast::{Child, Failure, Restart, Shutdown, TaskSupervisor, WorkerContext};

use super::{Pulled, assert_settled, code, hangs, plain, tasks};
use crate::support::{FAR, Gate, Journal, OpenAtEnd, SECOND, config, eventually, system, timeless};

/// Waits to be stopped with all items but the first.
fn waits(item: &u64, ctx: &WorkerContext) -> Result<u64, Failure> {
    if *item > 0 && ctx.wait(FAR) == Waited::Stopped {
        return Err("stopped".into());
    }
    Ok(*item)
}

// T11, decision 41
#[test]
fn a_map_that_is_dropped_half_way_has_stopped_and_joined_its_lanes() {
    let system = system();
    let tasks = plain(&system);
    let map = tasks.map(0..100, waits).max_concurrency(3);
    let mut results = map.start().expect("started");
    assert_eq!(results.next().map(code), Some(Ok(0)));
    eventually("all lanes are at work", || tasks.stats().active == 3);
    drop(results);
    let stats = tasks.stats();
    assert_settled(stats);
    assert_eq!((stats.completed, stats.cancelled, stats.slots), (1, 3, 0));
    assert_eq!(tasks.supervisor().count_children().active, 0);
}

// T11
#[test]
fn a_lane_that_does_not_stop_holds_the_drop_up_until_it_is_abandoned() {
    let (system, _recorder, manual) = timeless(config());
    let plan = TaskSupervisor::new("tasks").shutdown(Shutdown::Deadline(SECOND));
    let tasks = tasks(&system, plan);
    let gate = Gate::new();
    let _open = OpenAtEnd(gate.clone());
    let map = tasks.map(0..2, hangs(&gate, |item| item == 1));
    let mut results = map.max_concurrency(1).start().expect("started");
    assert_eq!(results.next().map(code), Some(Ok(0)));
    gate.wait_for(1);
    std::thread::scope(|scope| {
        let dropped = scope.spawn(move || drop(results));
        eventually("it was asked to stop", || {
            !tasks.supervisor().children().is_empty()
        });
        // The steward for the deadline, and the drop for a little longer.
        manual.wait_for_sleepers(2);
        manual.advance(SECOND);
        dropped.join().expect("no panic");
    });
    assert_eq!((tasks.stats().abandoned, tasks.stats().slots), (1, 0));
    assert_settled(tasks.stats());
}

// T11
#[test]
fn a_consumer_that_panics_leaves_no_lane() {
    let system = system();
    let tasks = plain(&system);
    let map = tasks.map(0..100, waits).max_concurrency(2);
    let results = map.start().expect("started");
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let mut results = results;
        assert!(results.next().is_none(), "the consumer");
    }));
    assert!(panicked.is_err());
    assert_eq!(tasks.stats().slots, 0);
    assert_settled(tasks.stats());
}

// T11
#[test]
fn a_source_that_panics_panics_at_its_caller() {
    let system = system();
    let tasks = plain(&system);
    let items = (0..100).inspect(|item| assert!(*item < 5, "the source"));
    let mut results = tasks
        .map(items, |item: &u64, _| Ok(*item))
        .start()
        .expect("started");
    let mut seen = Vec::new();
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        seen.extend(results.by_ref().map(|result| result.ok()));
    }));
    assert!(panicked.is_err());
    drop(results);
    assert!(seen.len() <= 5);
    assert_settled(tasks.stats());
}

// property 14, S3
#[test]
fn without_a_supervisor_a_map_is_refused_before_any_item_is_pulled() {
    let (system, pulled) = (system(), Pulled::default());
    let child = TaskSupervisor::new("tasks")
        .into_child()
        .restart(Restart::Temporary);
    let tasks = child.handle();
    let start = || {
        tasks
            .map(pulled.count(0..3_u64), |item, _| Ok(*item))
            .start()
    };
    assert!(matches!(start(), Err(SpawnRefusal::NotRunning)));
    system.spawn(child).expect("started");
    assert!(start().is_ok());
    tasks.terminate().expect("terminated");
    assert!(matches!(start(), Err(SpawnRefusal::NotRunning)));
    assert_eq!(pulled.get(), 0);
}

// property 14, S3
#[test]
fn a_supervisor_that_ends_before_the_first_item_gives_the_items_back() {
    let system = system();
    let child = TaskSupervisor::new("tasks")
        .into_child()
        .restart(Restart::Temporary);
    let tasks = system.spawn(child).expect("started");
    let map = tasks.map(0..3_u64, |item, _| Ok(*item)).max_concurrency(1);
    let results = map.start().expect("started");
    tasks.terminate().expect("terminated");
    let results: Vec<_> = results.map(code).collect();
    assert!(
        !results.is_empty()
            && results
                .iter()
                .all(|result| *result == Err("task.not_running"))
    );
}

// property 14, T11
#[test]
fn a_map_whose_supervisor_stops_yields_every_item_that_it_has_pulled() {
    let (system, pulled) = (system(), Pulled::default());
    let child = TaskSupervisor::new("tasks")
        .into_child()
        .restart(Restart::Temporary);
    let tasks = system.spawn(child).expect("started");
    let map = tasks
        .map(pulled.count(0..), waits)
        .max_concurrency(2)
        .buffer(4);
    let mut results = map.start().expect("started");
    assert_eq!(results.next().map(code), Some(Ok(0)));
    eventually("both lanes are at work", || tasks.stats().active == 2);
    std::thread::scope(|scope| {
        let reader = scope.spawn(move || results.map(code).collect::<Vec<_>>());
        tasks.terminate().expect("terminated");
        let rest = reader.join().expect("no panic");
        assert_eq!(rest.len() + 1, pulled.get(), "each once");
        assert_eq!(rest[..2], [Err("task.cancelled"); 2], "what was in work");
        assert!(rest.iter().all(Result::is_err), "{rest:?}");
    });
    assert_settled(tasks.stats());
}

// property 14, T11
#[test]
fn what_was_pulled_while_the_supervisor_stopped_comes_out_as_well() {
    let (system, pulled) = (system(), Pulled::default());
    let child = TaskSupervisor::new("tasks")
        .into_child()
        .restart(Restart::Temporary);
    let tasks = system.spawn(child).expect("started");
    let own = tasks.clone();
    let source = pulled.count((0..100_u64).inspect(move |item| {
        if *item == 10 {
            own.terminate().expect("terminated");
        }
    }));
    let map = tasks.map(source, waits).max_concurrency(2).buffer(20);
    let results: Vec<_> = map.start().expect("started").map(code).collect();
    assert_eq!(results.len(), pulled.get(), "each once");
    assert!(results[1..].iter().all(Result::is_err));
}

// T11, decision 41
#[test]
fn a_map_ends_with_the_unit_that_reads_it() {
    let system = system();
    let tasks = plain(&system);
    let (own, journal) = (tasks.clone(), Journal::new());
    let notes = journal.clone();
    let reader = Child::worker("reader", move |_| {
        let map = own.map(0.., waits).max_concurrency(2).buffer(2);
        let codes: Vec<_> = map.start()?.map(code).collect();
        let cancelled = codes.iter().filter(|code| **code == Err("task.cancelled"));
        notes.note(format!("{} of {}", cancelled.count(), codes.len()));
        Ok(())
    });
    let reader = system.spawn(reader).expect("started");
    eventually("both lanes are at work", || tasks.stats().active == 2);
    reader.terminate().expect("terminated");
    let line = journal.take(1).remove(0);
    let (cancelled, all) = line.split_once(" of ").expect("two numbers");
    let (cancelled, all): (u64, u64) = (cancelled.parse().expect("one"), all.parse().expect("two"));
    assert_eq!(cancelled + 1, all, "all but the first");
    assert_eq!(tasks.stats().slots, 0);
    assert_settled(tasks.stats());
}

// T11
#[test]
fn nothing_of_a_map_is_left_when_it_is_dropped() {
    let system = system();
    let tasks = plain(&system);
    let token = Arc::new(());
    let (items, made) = (Arc::clone(&token), Arc::clone(&token));
    let source = (0..500_u64).map(move |number| (number, Arc::clone(&items)));
    let map = tasks.map(source, move |(number, _), _| match number % 7 {
        0 => Err("every seventh".into()),
        _ => Ok(Arc::clone(&made)),
    });
    let mut results = map.max_concurrency(2).buffer(50).start().expect("started");
    let taken: Vec<_> = results.by_ref().take(100).collect();
    drop(results);
    drop(taken);
    eventually("all is dropped", || Arc::strong_count(&token) == 1);
}
