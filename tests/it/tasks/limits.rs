//! How many tasks run at a time, and who is next.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};

use steadfast::fault::Classify;
use steadfast::supervision::SpawnRefusal;
use steadfast::{
    Child, ManageError, Shutdown, StartError, System, Task, TaskSupervisor, TaskSupervisorRef,
};

use super::{held, tasks};
use crate::support::{
    FAR, Gate, Journal, LONG, OpenAtEnd, SECOND, config, eventually, idler, recorded, system,
    timeless,
};

fn small(system: &System, max: usize) -> TaskSupervisorRef {
    tasks(system, TaskSupervisor::new("tasks").max_tasks(max))
}

/// A supervisor for one task, with a task that goes on until the gate opens, in any case at the end.
fn full(system: &System) -> (TaskSupervisorRef, Gate, OpenAtEnd, Task<()>) {
    let (tasks, gate) = (small(system, 1), Gate::new());
    let open = OpenAtEnd(gate.clone());
    let task = held(&tasks, &gate);
    (tasks, gate, open, task)
}

// T5, property 17
#[test]
fn a_full_supervisor_refuses_or_lets_wait_until_the_deadline() {
    let (system, _recorder, manual) = timeless(config());
    let (tasks, gate, _open, task) = full(&system);
    let full = tasks.try_spawn(|_| Ok(())).expect_err("full");
    assert!(matches!(full.refusal(), SpawnRefusal::Full { max: 1 }));
    assert!(full.is_retryable());
    let deadline = manual.clock().deadline(SECOND);
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| {
            tasks
                .spawn_deadline(|_| Ok(()), deadline)
                .expect_err("full")
        });
        eventually("it waits", || tasks.stats().waiting == 1);
        manual.advance(SECOND);
        let refusal = waits.join().expect("no panic");
        assert!(matches!(refusal.refusal(), SpawnRefusal::TimedOut));
    });
    assert_eq!(tasks.stats().waiting, 0);
    gate.open();
    task.join_timeout(LONG).expect("a value");
    tasks.try_spawn(|_| Ok(())).expect("room").detach();
}

// property 17, S4
#[test]
fn callers_get_slots_in_the_order_of_their_asking() {
    const CALLERS: usize = 5;
    let system = system();
    let tasks = small(&system, 1);
    let (gate, journal) = (Gate::new(), Journal::new());
    let first = held(&tasks, &gate);
    std::thread::scope(|scope| {
        for number in 0..CALLERS {
            let (own, notes) = (tasks.clone(), journal.clone());
            scope.spawn(move || {
                let work = move |_: &_| {
                    notes.note(number.to_string());
                    Ok(())
                };
                own.spawn_timeout(work, LONG).expect("spawned").detach();
            });
            eventually("it is in the line", || tasks.stats().waiting == number + 1);
        }
        gate.open();
    });
    first.join_timeout(LONG).expect("a value");
    assert_eq!(journal.take(CALLERS), ["0", "1", "2", "3", "4"]);
}

#[test]
fn a_caller_that_gives_up_does_not_keep_the_slot_from_the_next() {
    let (system, _recorder, manual) = timeless(config());
    let (tasks, gate, _open, _first) = full(&system);
    let deadline = manual.clock().deadline(SECOND);
    std::thread::scope(|scope| {
        let gives_up = scope.spawn(|| tasks.spawn_deadline(|_| Ok(1), deadline).is_err());
        eventually("it waits", || tasks.stats().waiting == 1);
        let next = scope.spawn(|| tasks.spawn_timeout(|_| Ok(2), FAR).is_ok());
        eventually("both wait", || tasks.stats().waiting == 2);
        manual.advance(SECOND);
        assert!(gives_up.join().expect("no panic"));
        gate.open();
        assert!(next.join().expect("no panic"));
    });
}

#[test]
fn a_caller_that_waits_is_told_when_the_supervisor_stops() {
    let system = system();
    let (tasks, _gate, _open, _first) = full(&system);
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| tasks.spawn_timeout(|_| Ok(()), FAR).expect_err("stopped"));
        eventually("it waits", || tasks.stats().waiting == 1);
        system.request_stop(LONG);
        let refusal = waits.join().expect("no panic");
        assert!(matches!(refusal.refusal(), SpawnRefusal::Stopping));
    });
}

#[test]
fn a_unit_that_is_stopped_while_it_waits_for_a_slot_is_told_so() {
    let system = system();
    let (tasks, _gate, _open, _first) = full(&system);
    let (own, journal) = (tasks.clone(), Journal::new());
    let notes = journal.clone();
    let caller = Child::worker("caller", move |_| {
        let refused = own.spawn_timeout(|_| Ok(()), FAR).expect_err("stopped");
        assert!(matches!(refused.refusal(), SpawnRefusal::CallerStopped));
        notes.note("told");
        Ok(())
    });
    let caller = system.spawn(caller).expect("started");
    eventually("it waits", || tasks.stats().waiting == 1);
    caller.terminate().expect("terminated");
    assert_eq!(journal.take(1), ["told"]);
}

// S4
#[test]
fn a_supervisor_is_resized_while_it_runs() {
    let system = system();
    let (tasks, gate, _open, _first) = full(&system);
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| held(&tasks, &gate));
        eventually("it waits", || tasks.stats().waiting == 1);
        tasks.resize(2).expect("valid");
        let _second = waits.join().expect("no panic");
    });
    tasks.resize(1).expect("valid");
    assert_eq!((tasks.stats().slots, tasks.stats().max_tasks), (2, 1));
    gate.open();
    eventually("both are over", || tasks.stats().slots == 0);
    tasks.try_spawn(|_| Ok(())).expect("room").detach();
    assert!(tasks.resize(0).is_err());
}

// decision 41: an abandoned unit acts no more
#[test]
fn an_abandoned_task_resizes_nothing() {
    let (system, recorder) = recorded(config());
    let tasks = small(&system, 2).with(|task| task.shutdown(Shutdown::Abandon));
    let (gate, journal) = (Gate::new(), Journal::new());
    let _open = OpenAtEnd(gate.clone());
    let (inside, notes, own) = (gate.clone(), journal.clone(), tasks.clone());
    let hangs = tasks
        .spawn(move |_| {
            inside.pass();
            notes.note(format!("{:?}", own.resize(7)));
            Ok(())
        })
        .expect("spawned");
    gate.wait_for(1);
    hangs.cancel().expect_err("abandoned");
    gate.open();
    assert_eq!(journal.take(1), ["Err(Fenced)"]);
    recorder.wait_for(LONG, "fence.refused", 1);
    assert_eq!(tasks.stats().max_tasks, 2);
}

#[test]
fn a_task_whose_id_a_child_has_is_refused_by_name_and_the_next_one_is_not() {
    let system = system();
    let tasks = small(&system, 1);
    let child = idler("task-1");
    tasks.supervisor().start_child(child).expect("started");
    let refused = tasks.spawn(|_| Ok(7)).expect_err("taken");
    let SpawnRefusal::IdTaken(id) = refused.refusal() else {
        panic!("{refused}");
    };
    assert_eq!(id.as_str(), "task-1");
    assert!(refused.is_retryable());
    let task = tasks.spawn(refused.into_inner()).expect("another number");
    assert_eq!(task.join_timeout(LONG).expect("a value"), 7);
}

// property 17, S4
#[test]
fn no_more_tasks_run_than_may_whoever_spawns_them() {
    const MAX: usize = 3;
    let system = system();
    let tasks = small(&system, MAX);
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let meeting = Arc::new(Barrier::new(MAX));
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                for _ in 0..50 {
                    let (now, most) = (Arc::clone(&now), Arc::clone(&most));
                    let meeting = Arc::clone(&meeting);
                    let work = move |_: &_| {
                        most.fetch_max(now.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
                        // Nobody passes before so many run.
                        meeting.wait();
                        now.fetch_sub(1, Ordering::Relaxed);
                        Ok(())
                    };
                    tasks.spawn_timeout(work, LONG).expect("spawned").detach();
                }
            });
        }
    });
    eventually("all are over", || tasks.stats().active == 0);
    assert_eq!(most.load(Ordering::Relaxed), MAX);
    let stats = tasks.stats();
    assert_eq!((stats.started, stats.completed, stats.slots), (300, 300, 0));
}

// property 62
#[test]
fn what_is_wrong_with_a_task_supervisor_is_listed_as_a_whole() {
    let system = system();
    let plan = TaskSupervisor::new("tasks")
        .max_tasks(0)
        .timeout(std::time::Duration::ZERO);
    let refused = system.spawn(plan).expect_err("invalid");
    let StartError::Refused(ManageError::Invalid(errors)) = refused else {
        panic!("{refused}");
    };
    assert_eq!(errors.len(), 2, "{errors:?}");
    let tasks = small(&system, 1);
    let bad = tasks.with(|task| task.name("a/b").timeout(std::time::Duration::ZERO));
    let refused = bad.spawn(|_| Ok(())).expect_err("invalid");
    let SpawnRefusal::Invalid(errors) = refused.refusal() else {
        panic!("{refused}");
    };
    assert_eq!(errors.len(), 2, "{errors:?}");
    assert_eq!(tasks.stats().slots, 0);
}
