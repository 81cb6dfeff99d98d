//! What comes of items that fail, panic, hang or are stopped.

use std::collections::HashSet;
use std::sync::Arc;

use steadfast::supervision::{ItemFailure, OnTimeout, TaskError};
use steadfast::{Shutdown, TaskSupervisor};

use super::{Pulled, assert_settled, code, hangs, plain, tasks};
use crate::support::{
    FAR, Gate, LONG, OpenAtEnd, SECOND, config, eventually, recorded, system, timeless,
};

// property 15, T13, S3
#[test]
fn a_failure_has_its_item_and_its_place_and_harms_no_other() {
    let (system, recorder) = recorded(config());
    let tasks = plain(&system);
    let map = tasks.map(0..6_u64, |item, _| match item {
        1 => Err("odd one out".into()),
        4 => panic!("at {item}"),
        _ => Ok(item * 2),
    });
    let results: Vec<_> = map.max_concurrency(2).start().expect("started").collect();
    let failures: Vec<_> = results
        .iter()
        .filter_map(|result| result.as_ref().err())
        .collect();
    let places: Vec<_> = failures
        .iter()
        .map(|failure| (failure.index(), *failure.input()))
        .collect();
    assert_eq!(places, [(1, 1), (4, 4)]);
    assert_eq!(
        failures[0].to_string(),
        "item 1: the task failed: odd one out"
    );
    let TaskError::Panicked(report) = failures[1].error() else {
        panic!("{:?}", failures[1]);
    };
    assert_eq!(report.message(), "at 4");
    assert!(report.location().is_some());
    let codes: Vec<_> = results.into_iter().map(code).collect();
    assert_eq!(
        codes,
        [
            Ok(0),
            Err("task.failed"),
            Ok(4),
            Ok(6),
            Err("task.panic"),
            Ok(10)
        ]
    );
    let stats = tasks.stats();
    assert_eq!((stats.completed, stats.failed), (4, 2));
    recorder.wait_for(LONG, "map.item_failed", 2);
}

// T9, T10, decision 41
#[test]
fn an_item_that_takes_too_long_comes_at_its_time_and_its_slot_stays_taken() {
    let (system, recorder, manual) = timeless(config());
    let tasks = plain(&system);
    let gate = Gate::new();
    let _open = OpenAtEnd(gate.clone());
    let map = tasks.map(0..4, hangs(&gate, |item| item == 1));
    let mut results = map
        .max_concurrency(2)
        .timeout(SECOND)
        .start()
        .expect("started");
    assert_eq!(results.next().map(code), Some(Ok(0)));
    gate.wait_for(1);
    manual.advance(SECOND);
    let failure = results.next().expect("there").expect_err("too long");
    assert!(matches!(failure.error(), TaskError::TimedOut { after } if *after == SECOND));
    assert_eq!((failure.index(), *failure.input()), (1, 1));
    assert_eq!(
        results.by_ref().map(code).collect::<Vec<_>>(),
        [Ok(2), Ok(3)]
    );
    assert_eq!((tasks.stats().timed_out, tasks.stats().active), (1, 0));
    eventually("the other lane has left", || tasks.stats().slots == 1);
    gate.open();
    eventually("the slot is given back", || tasks.stats().slots == 0);
    recorder.wait_for(LONG, "task.late", 1);
    assert_settled(tasks.stats());
}

// T9
#[test]
fn the_time_of_an_item_begins_with_its_start() {
    let (system, _recorder, manual) = timeless(config());
    let tasks = plain(&system);
    let (gate, next) = (Gate::new(), Gate::new());
    let (first, second) = (gate.clone(), next.clone());
    let map = tasks.map(0..2_u64, move |item, _| {
        if *item == 0 {
            first.pass()
        } else {
            second.pass()
        }
        Ok(*item)
    });
    let mut results = map
        .max_concurrency(1)
        .timeout(SECOND)
        .start()
        .expect("started");
    let almost = SECOND - std::time::Duration::from_millis(1);
    std::thread::scope(|scope| {
        let reader = scope.spawn(move || [results.next().map(code), results.next().map(code)]);
        gate.wait_for(1);
        manual.advance(almost);
        gate.open();
        next.wait_for(1);
        manual.advance(almost);
        next.open();
        assert_eq!(reader.join().expect("no panic"), [Some(Ok(0)), Some(Ok(1))]);
    });
}

// T9
#[test]
fn an_item_may_take_any_time_if_it_is_told_so() {
    let (system, _recorder, manual) = timeless(config());
    let tasks = plain(&system);
    let gate = Gate::new();
    let map = tasks.map(0..1, hangs(&gate, |_| true));
    let mut results = map
        .timeout(std::time::Duration::MAX)
        .start()
        .expect("started");
    std::thread::scope(|scope| {
        let reader = scope.spawn(move || results.next().map(code));
        gate.wait_for(1);
        manual.advance(FAR);
        gate.open();
        assert_eq!(reader.join().expect("no panic"), Some(Ok(0)));
    });
}

// T9
#[test]
fn an_item_times_out_also_while_nobody_asks_for_results() {
    let (system, recorder, manual) = timeless(config());
    let tasks = plain(&system);
    let gate = Gate::new();
    let _open = OpenAtEnd(gate.clone());
    let map = tasks.map(0..3, hangs(&gate, |item| item > 0));
    let mut results = map.max_concurrency(3).start().expect("started");
    assert_eq!(results.next().map(code), Some(Ok(0)));
    gate.wait_for(2);
    manual.advance(5 * SECOND);
    recorder.wait_for(LONG, "map.item_failed", 2);
    assert_eq!(tasks.stats().timed_out, 2);
    gate.open();
}

// T9, decision 41
#[test]
fn an_item_that_hangs_is_replaced_when_its_slot_is_free_again() {
    let (system, recorder, manual) = timeless(config());
    let plan = TaskSupervisor::new("tasks").shutdown(Shutdown::Deadline(SECOND));
    let tasks = tasks(&system, plan);
    let gate = Gate::new();
    let _open = OpenAtEnd(gate.clone());
    let (hang, own) = (hangs(&gate, |item| item == 100), tasks.clone());
    let map = tasks.map(0..200, move |item, ctx| {
        hang(item, ctx)?;
        Ok(own.stats().slots)
    });
    let map = map.max_concurrency(1).timeout(SECOND);
    let results = map.start().expect("started");
    std::thread::scope(|scope| {
        let reader = scope.spawn(move || results.map(code).collect::<Vec<_>>());
        gate.wait_for(1);
        manual.advance(SECOND);
        recorder.wait_for(LONG, "child.stopping", 1);
        manual.advance(SECOND);
        let results = reader.join().expect("no panic");
        let mut expected = vec![Ok(1); 200];
        expected[100] = Err("task.timed_out");
        assert_eq!(results, expected, "never beside the one that hangs");
        assert_eq!(tasks.stats().abandoned, 1);
    });
}

// T9, decision 41
#[test]
fn what_waits_behind_an_item_that_hangs_is_done_as_soon_as_there_is_a_slot() {
    let (system, recorder, manual) = timeless(config());
    let tasks = tasks(&system, TaskSupervisor::new("tasks").max_tasks(2));
    let (gate, other) = (Gate::new(), Gate::new());
    let _open = OpenAtEnd(gate.clone());
    let inside = other.clone();
    let holder = tasks.spawn(move |_| {
        inside.pass();
        Ok(())
    });
    let map = tasks.map(0..200, hangs(&gate, |item| item == 100));
    let map = map.max_concurrency(2).timeout(SECOND);
    let results = map.start().expect("started");
    std::thread::scope(|scope| {
        let reader = scope.spawn(move || results.map(code).filter(Result::is_ok).count());
        gate.wait_for(1);
        other.open();
        let holder = holder.expect("spawned");
        holder.join_timeout(LONG).expect("a value");
        manual.advance(SECOND);
        recorder.wait_for(LONG, "map.item_failed", 1);
        assert_eq!(reader.join().expect("no panic"), 199);
        assert_eq!(tasks.stats().abandoned, 0, "nobody waited for that");
    });
}

// T10, decision 41
#[test]
fn a_map_that_ends_at_a_timeout_asks_the_others_to_stop() {
    let (system, recorder, manual) = timeless(config());
    let tasks = plain(&system);
    let pulled = Pulled::default();
    let map = tasks.map(pulled.count(0..10_u64), |item: &u64, ctx| {
        let _waited = ctx.wait(FAR);
        if *item == 0 {
            Ok(())
        } else {
            Err("stopped".into())
        }
    });
    let map = map
        .max_concurrency(2)
        .buffer(2)
        .timeout(SECOND)
        .on_timeout(OnTimeout::Stop);
    let results = map.start().expect("started");
    std::thread::scope(|scope| {
        let reader = scope.spawn(move || results.map(code).collect::<Vec<_>>());
        eventually("both lanes are at work", || {
            tasks.stats().active == 2 && pulled.get() == 4
        });
        manual.advance(SECOND);
        let results = reader.join().expect("no panic");
        assert_eq!(results.len(), 4, "all that was pulled");
        assert!(results.contains(&Err("task.timed_out")));
        assert!(
            results[2..]
                .iter()
                .all(|result| *result == Err("task.cancelled"))
        );
    });
    recorder.wait_for(LONG, "map.ended", 1);
    eventually("the lanes are gone", || tasks.stats().slots == 0);
    assert_settled(tasks.stats());
}

// T10, T11
#[test]
fn what_the_source_made_while_the_map_ended_comes_out_as_well() {
    let (system, recorder, manual) = timeless(config());
    let tasks = plain(&system);
    let source = (0..9_u64).inspect(|item| {
        if *item == 3 {
            eventually("both lanes are at work", || tasks.stats().active == 2);
            manual.advance(SECOND);
            recorder.wait_for(LONG, "map.ended", 1);
            eventually("the lanes have left", || tasks.stats().slots == 0);
        }
    });
    let map = tasks.map(source, |_, ctx| {
        let _stopped = ctx.wait(FAR);
        Ok(())
    });
    let map = map.max_concurrency(2).timeout(SECOND);
    let results = map.on_timeout(OnTimeout::Stop).start().expect("started");
    let codes: Vec<_> = results.map(code).collect();
    let (late, never) = (Err("task.timed_out"), Err("task.cancelled"));
    assert_eq!(codes, [late, late, never, never], "all that was pulled");
}

// property 15
#[test]
fn a_lane_outlives_the_panics_of_its_items() {
    let system = system();
    let tasks = plain(&system);
    let map = tasks.map(0..1000_u64, |item, _| match item % 3 {
        0 => panic!("every third"),
        _ => Ok(std::thread::current().id()),
    });
    let results: Vec<_> = map.max_concurrency(2).start().expect("started").collect();
    let threads: HashSet<_> = results.iter().flatten().collect();
    assert!(threads.len() <= 2, "{threads:?}");
    assert_eq!(results.iter().filter(|result| result.is_err()).count(), 334);
}

/// Every other one panics when it is dropped.
struct Touchy(u64);

impl Drop for Touchy {
    fn drop(&mut self) {
        assert!(self.0.is_multiple_of(2), "dropped");
    }
}

// property 15
#[test]
fn an_input_whose_drop_panics_harms_nobody() {
    let system = system();
    let tasks = plain(&system);
    let items = (0..1000).map(Touchy);
    let results = tasks
        .map(items, |item, _| Ok(item.0))
        .max_concurrency(1)
        .start();
    let results: Vec<_> = results
        .expect("started")
        .map(|result| result.ok())
        .collect();
    assert_eq!(results, (0..1000).map(Some).collect::<Vec<_>>());
    assert_settled(tasks.stats());
}

#[test]
fn a_failure_gives_its_item_back() {
    let system = system();
    let tasks = plain(&system);
    let map = tasks.map([String::from("once")], |_, _| Err::<(), _>("no".into()));
    let failure: ItemFailure<String> = map
        .start()
        .expect("started")
        .next()
        .expect("there")
        .expect_err("failed");
    let input = Arc::try_unwrap(failure.into_inner()).expect("nobody else has it");
    assert_eq!(input, "once");
}
