//! Tasks that borrow: what their scope waits for, and what it tells.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

use steadfast::fault::Classify;
use steadfast::supervision::{JoinError, ScopeError, SpawnRefusal, TaskError};
use steadfast::{Child, Failure, Restart, System, TaskSupervisor, TaskSupervisorRef};

use super::tasks;
use crate::support::{
    FAR, Gate, Journal, LONG, OpenAtEnd, config, eventually, idle, recorded, system,
};

fn plain(system: &System) -> TaskSupervisorRef {
    tasks(system, TaskSupervisor::new("tasks"))
}

type Nothing = Result<(), Failure>;

// decision 42
#[test]
fn scoped_tasks_borrow_and_are_over_when_the_scope_is() {
    let system = system();
    let tasks = plain(&system);
    let (words, count) = (vec!["a", "b", "c"], AtomicUsize::new(0));
    let joined = tasks.scope(|scope| {
        let task = scope.spawn(|_| Ok(words.concat())).expect("spawned");
        for _ in 0..3 {
            let add = |_: &_| Ok(count.fetch_add(1, Ordering::Relaxed));
            scope.spawn(add).expect("spawned").detach();
        }
        task.join_timeout(LONG).expect("a value")
    });
    assert_eq!(joined.expect("no failures"), "abc");
    assert_eq!(count.load(Ordering::Relaxed), 3);
    let stats = tasks.stats();
    assert_eq!((stats.started, stats.completed, stats.slots), (4, 4, 0));
}

// decision 42, property 15
#[test]
fn a_scope_returns_every_failure_that_nobody_joined_with_its_payload() {
    let system = system();
    let tasks = plain(&system);
    let error = tasks
        .scope(|scope| {
            let seen = scope
                .spawn(|_| -> Nothing { Err("seen".into()) })
                .expect("spawned");
            for number in [1_u64, 2] {
                let bad = move |_: &_| -> Nothing { std::panic::panic_any(number) };
                scope.spawn(bad).expect("spawned").detach();
            }
            scope.spawn(|_| Ok(())).expect("spawned").detach();
            seen.join_timeout(LONG).expect_err("it fails");
            "the value"
        })
        .expect_err("two failures");
    let payloads: Vec<_> = error
        .failures()
        .iter()
        .map(|failure| match &failure.error {
            TaskError::Panicked(report) => report.with_payload(|number: &u64| *number),
            other => panic!("{other}"),
        })
        .collect();
    assert_eq!(payloads, [Some(1), Some(2)]);
    assert_eq!(error.failures()[0].path.as_str(), "test/tasks/task-2");
    assert!(!error.is_retryable());
    assert_eq!(error.into_inner(), Some("the value"));
    assert_eq!(tasks.stats().failed, 3);
}

// property 14
#[test]
fn without_a_supervisor_no_scope_begins() {
    let system = system();
    let tasks = TaskSupervisor::new("tasks").into_child().handle();
    let error = tasks.scope(|_| panic!("it began")).expect_err("absent");
    assert!(
        matches!(error, ScopeError::Refused(SpawnRefusal::NotRunning)),
        "{error:?}"
    );
    let tasks = plain(&system);
    assert!(system.stop_within(LONG).is_clean());
    let error = tasks.scope(|_| panic!("it began")).expect_err("ended");
    assert_eq!(error.code(), "task.not_running");
}

// decision 42
#[test]
fn a_scope_that_panics_asks_its_tasks_to_stop_and_waits_for_them() {
    let system = system();
    let tasks = plain(&system);
    let ended = AtomicUsize::new(0);
    let caught = catch_unwind(AssertUnwindSafe(|| {
        tasks.scope(|scope| {
            let waits = |ctx: &_| {
                idle(ctx)?;
                ended.fetch_add(1, Ordering::Relaxed);
                Ok(())
            };
            scope.spawn(waits).expect("spawned").detach();
            eventually("it runs", || tasks.stats().active == 1);
            std::panic::resume_unwind(Box::new("on the way"));
        })
    }));
    let payload = caught.expect_err("it goes on");
    assert_eq!(payload.downcast_ref::<&str>(), Some(&"on the way"));
    let stats = tasks.stats();
    assert_eq!((stats.active, stats.slots), (0, 0));
    assert!(ended.load(Ordering::Relaxed) <= 1);
}

#[test]
fn a_unit_that_is_stopped_in_a_scope_stops_its_tasks() {
    let system = system();
    let tasks = plain(&system);
    let (own, journal) = (tasks.clone(), Journal::new());
    let notes = journal.clone();
    let worker = Child::worker("scoped", move |_| {
        let ended = own.scope(|scope| {
            let waits = |ctx: &_| {
                notes.note("begun");
                idle(ctx)
            };
            scope.spawn(waits).expect("spawned").detach();
        });
        notes.note(format!("{}", ended.is_ok()));
        Ok(())
    });
    let worker = system.spawn(worker).expect("started");
    assert_eq!(journal.take(1), ["begun"]);
    worker.terminate().expect("terminated");
    assert_eq!(journal.take(1), ["true"]);
    assert_eq!(tasks.stats().active, 0);
}

#[test]
fn a_stop_of_the_supervisor_ends_scoped_tasks_too() {
    let system = system();
    let tasks = plain(&system);
    let error = tasks
        .scope(|scope| {
            scope
                .spawn(|ctx| idle(ctx).and(Err::<(), _>("out".into())))
                .expect("spawned")
                .detach();
            eventually("it runs", || tasks.stats().active == 1);
            system.request_stop(LONG);
            let late = || scope.try_spawn(|_| Ok(())).expect_err("it stops");
            assert!(matches!(
                late(),
                SpawnRefusal::Stopping | SpawnRefusal::NotRunning
            ));
        })
        .expect_err("one was cancelled");
    assert!(
        matches!(error.failures()[0].error, TaskError::Cancelled(_)),
        "{error}"
    );
    assert!(system.stop_within(LONG).is_clean());
}

// decision 42, decision 41
#[test]
fn an_abandoned_scoped_task_is_refused_what_it_tries_and_waited_for() {
    let (system, recorder) = recorded(config());
    let plan = TaskSupervisor::new("tasks").shutdown(steadfast::Shutdown::Abandon);
    let tasks = tasks(&system, plan);
    let gate = Gate::new();
    let _open = OpenAtEnd(gate.clone());
    let late = AtomicUsize::new(0);
    let scoped = tasks.scope(|scope| {
        let hangs = scope
            .spawn(|_| {
                gate.pass();
                late.fetch_add(1, Ordering::Relaxed);
                tasks.spawn(|_| Ok(())).map(drop).expect_err("fenced");
                Ok(())
            })
            .expect("spawned");
        gate.wait_for(1);
        let end = hangs.cancel();
        assert!(
            matches!(end, Err(JoinError::Task(TaskError::Abandoned(_)))),
            "{end:?}"
        );
        assert_eq!((tasks.stats().slots, tasks.stats().abandoned), (0, 1));
        gate.open();
    });
    scoped.expect("its end was joined");
    assert_eq!(late.load(Ordering::Relaxed), 1, "the scope waited");
    recorder.wait_for(LONG, "fence.refused", 1);
    assert_eq!(tasks.stats().abandoned, 0);
}

// S3, property 15, T13
#[test]
fn a_scoped_map_gives_results_in_order_with_each_failure_in_its_place() {
    let (system, recorder) = recorded(config());
    let tasks = plain(&system);
    let items: Vec<u32> = (0..100).collect();
    let results = tasks
        .scope(|scope| {
            scope.map(&items, |item, _| match item % 10 {
                3 => Err("three".into()),
                7 => panic!("seven"),
                _ => Ok(item * 2),
            })
        })
        .expect("no failures of lanes")
        .expect("a slot");
    assert_eq!(results.len(), items.len());
    for (item, result) in items.iter().zip(&results) {
        match item % 10 {
            3 => assert!(matches!(result, Err(TaskError::Failed(_))), "{result:?}"),
            7 => assert!(matches!(result, Err(TaskError::Panicked(_))), "{result:?}"),
            _ => assert_eq!(result.as_ref().ok(), Some(&(item * 2))),
        }
    }
    let stats = tasks.stats();
    let numbers = (stats.started, stats.completed, stats.failed, stats.slots);
    assert_eq!(numbers, (100, 80, 20, 0));
    recorder.wait_for(LONG, "map.item_failed", 20);
}

#[test]
fn a_scoped_map_uses_few_threads_and_as_many_as_there_is_room_for() {
    let system = system();
    let tasks = tasks(&system, TaskSupervisor::new("tasks").max_tasks(2));
    let items = [(); 50];
    let threads = std::sync::Mutex::new(std::collections::HashSet::new());
    let map = |lanes| {
        let note = |_: &(), _: &_| {
            threads
                .lock()
                .expect("whole")
                .insert(std::thread::current().id());
            Ok(())
        };
        tasks.scope(|scope| {
            scope
                .map_at_most(lanes, &items, note)
                .map(|done| done.len())
        })
    };
    assert_eq!(map(8).expect("no failures").expect("a slot"), 50);
    assert!(threads.lock().expect("whole").len() <= 2);
    let none = map(0).expect("no failures").expect_err("no thread");
    assert_eq!(none.code(), "task.invalid");
    let nothing: [u8; 0] = [];
    let empty = tasks.scope(|scope| scope.map(&nothing, |_, _| Ok(())));
    assert!(
        empty
            .expect("no failures")
            .expect("no slot is needed")
            .is_empty()
    );
}

// property 17
#[test]
fn a_scoped_map_lets_those_who_wait_for_its_slot_go_first() {
    let system = system();
    let tasks = tasks(&system, TaskSupervisor::new("tasks").max_tasks(1));
    let journal = Journal::new();
    let items = [0, 1, 2];
    tasks
        .scope(|scope| {
            let (own, notes) = (&tasks, &journal);
            scope.map_at_most(1, &items, |item, _| {
                if *item == 0 {
                    let notes = notes.clone();
                    let waits = own.clone();
                    let spawns = Child::worker("other", move |_| {
                        let notes = notes.clone();
                        let work = move |_: &_| {
                            notes.note("the other");
                            Ok(())
                        };
                        waits.spawn_timeout(work, FAR)?.detach();
                        Ok(())
                    });
                    system.spawn(spawns.restart(Restart::Temporary))?;
                    eventually("it waits", || own.stats().waiting == 1);
                }
                notes.note(item.to_string());
                Ok(())
            })
        })
        .expect("no failures")
        .expect("a slot");
    assert_eq!(journal.take(4), ["0", "the other", "1", "2"]);
}

// S3
#[test]
fn items_of_a_scoped_map_that_is_stopped_are_cancelled_in_their_places() {
    let system = system();
    let tasks = tasks(&system, TaskSupervisor::new("tasks").max_tasks(1));
    let items = [0, 1, 2];
    let results = tasks
        .scope(|scope| {
            scope.map_at_most(1, &items, |item, ctx| {
                if *item == 1 {
                    system.request_stop(LONG);
                    idle(ctx)?;
                }
                Ok(*item)
            })
        })
        .expect("no failures of tasks")
        .expect("a slot");
    assert!(matches!(results[..2], [Ok(0), Ok(1)]), "{results:?}");
    assert!(
        matches!(results[2], Err(TaskError::Cancelled(_))),
        "{results:?}"
    );
    let stats = tasks.stats();
    assert_eq!((stats.started, stats.completed, stats.active), (2, 2, 0));
}
