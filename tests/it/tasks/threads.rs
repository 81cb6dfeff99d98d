//! The threads of tasks: used again, and gone when they should be.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;

use steadfast::{TaskSupervisor, WorkerContext, channel};

use super::tasks;
use crate::support::{
    Gate, Journal, LONG, Noted, OpenAtEnd, SECOND, config, eventually, recorded, system, timeless,
};

/// Which thread it is.
fn thread() -> std::thread::ThreadId {
    std::thread::current().id()
}

#[test]
fn a_thread_carries_one_task_after_the_other() {
    let system = system();
    let tasks = tasks(&system, TaskSupervisor::new("tasks"));
    let threads: HashSet<_> = (0..100)
        .map(|_| {
            let task = tasks.spawn(|_| Ok(thread())).expect("spawned");
            task.join_timeout(LONG).expect("a value")
        })
        .collect();
    assert_eq!(threads.len(), 1);
    assert!(
        system.snapshot().threads.is_empty(),
        "an idle thread is nobody's"
    );
    let report = system.stop_within(LONG);
    assert!(
        report.is_clean() && report.threads_left.is_empty(),
        "{report}"
    );
}

#[test]
fn thread_locals_outlive_a_task() {
    thread_local!(static SEEN: Cell<u32> = const { Cell::new(0) });
    let system = system();
    let tasks = tasks(&system, TaskSupervisor::new("tasks"));
    for before in 0..3 {
        let task = tasks
            .spawn(|_| Ok(SEEN.replace(SEEN.get() + 1)))
            .expect("spawned");
        assert_eq!(task.join_timeout(LONG).expect("a value"), before);
    }
}

/// A value whose drop waits for the gate.
struct Hangs(Gate);

impl Drop for Hangs {
    fn drop(&mut self) {
        self.0.pass();
    }
}

// decision 41: nobody is sent to a thread that still drops what the task before has left
#[test]
fn a_thread_is_free_when_the_timers_of_its_task_are_gone() {
    let system = system();
    let tasks = tasks(&system, TaskSupervisor::new("tasks"));
    let gate = Gate::new();
    let _open = OpenAtEnd(gate.clone());
    let (hangs, (tx, _rx)) = (Hangs(gate.clone()), channel::bounded(1));
    let arms = move |ctx: &WorkerContext| {
        ctx.timers().after(LONG * 100).send(&tx, hangs)?;
        Ok(())
    };
    let first = tasks.spawn(arms).expect("spawned");
    gate.wait_for(1);
    let second = tasks.spawn(|_| Ok(())).expect("spawned");
    second.join_timeout(LONG).expect("a thread of its own");
    let threads = system.snapshot().threads;
    let is_listed = threads.iter().any(|busy| busy.path == first.path());
    assert!(is_listed, "{threads:?}");
}

// decision 41
#[test]
fn the_thread_of_an_abandoned_task_carries_no_other() {
    let (system, recorder) = recorded(config());
    let plan = TaskSupervisor::new("tasks").shutdown(steadfast::Shutdown::Abandon);
    let tasks = tasks(&system, plan);
    let gate = Gate::new();
    let _open = OpenAtEnd(gate.clone());
    let (inside, (tell, told)) = (gate.clone(), std::sync::mpsc::sync_channel(1));
    let hangs = tasks
        .spawn(move |_| {
            tell.send(thread())?;
            inside.pass();
            Ok(())
        })
        .expect("spawned");
    let hung = told.recv_timeout(LONG).expect("its thread");
    hangs.cancel().expect_err("abandoned");
    let threads = system.snapshot().threads;
    assert_eq!(threads.len(), 1, "{threads:?}");
    assert_eq!(threads[0].path.as_str(), "test/tasks/task-1");
    assert!(threads[0].abandoned && threads[0].thread.starts_with("crew-"));
    gate.open();
    recorder.wait_for(LONG, "child.abandoned_returned", 1);
    for _ in 0..10 {
        let task = tasks.spawn(|_| Ok(thread())).expect("spawned");
        assert_ne!(task.join_timeout(LONG).expect("a value"), hung);
    }
}

#[test]
fn a_thread_without_work_ends_after_ten_seconds() {
    thread_local!(static LAST: RefCell<Option<Noted>> = const { RefCell::new(None) });
    let (system, _recorder, manual) = timeless(config());
    let tasks = tasks(&system, TaskSupervisor::new("tasks"));
    let journal = Journal::new();
    let last = Noted::new("thread", &journal);
    let task = tasks
        .spawn(move |_| {
            LAST.set(Some(last));
            Ok(())
        })
        .expect("spawned");
    task.join_timeout(LONG).expect("a value");
    manual.advance(9 * SECOND);
    let task = tasks
        .spawn(|_| Ok(LAST.with_borrow(Option::is_some)))
        .expect("spawned");
    assert!(
        task.join_timeout(LONG).expect("a value"),
        "it is the same thread"
    );
    // It begins to wait at its own pace.
    eventually("it ends", || {
        manual.advance(10 * SECOND);
        journal.lines() == 2
    });
}

#[test]
fn the_hook_for_new_threads_runs_once_for_each() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};
    let calls = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&calls);
    let config = config().on_thread_start(move |_, _| {
        count.fetch_add(1, Ordering::Relaxed);
    });
    let system = steadfast::System::with(config).expect("a system");
    let tasks = tasks(&system, TaskSupervisor::new("tasks"));
    for _ in 0..5 {
        tasks
            .spawn(|_| Ok(()))
            .expect("spawned")
            .join_timeout(LONG)
            .expect("a value");
    }
    assert_eq!(calls.load(Ordering::Relaxed), 1);
}
