//! How tasks end, and what their owners are told.

use std::sync::{Arc, Barrier};

use steadfast::fault::{Classify, HangPhase};
use steadfast::supervision::{JoinError, Standing, TaskError};
use steadfast::{
    Child, Failure, Shutdown, StopCause, Supervisor, TaskSupervisor, TaskSupervisorRef,
    WorkerContext,
};

use super::{held, tasks};
use crate::support::{
    FAR, Gate, Journal, LONG, Noted, OpenAtEnd, SECOND, config, eventually, idle, recorded, system,
    timeless,
};

type Nothing = Result<(), Failure>;

fn unit() -> TaskSupervisor {
    TaskSupervisor::new("tasks")
}

/// The numbers add up, and nothing is left of all that ran.
#[track_caller]
fn assert_settled(tasks: &TaskSupervisorRef, [completed, failed, timed_out, cancelled]: [u64; 4]) {
    let stats = tasks.stats();
    let ends = [
        stats.completed,
        stats.failed,
        stats.timed_out,
        stats.cancelled,
    ];
    assert_eq!(ends, [completed, failed, timed_out, cancelled], "{stats:?}");
    assert_eq!(stats.started, ends.iter().sum::<u64>(), "{stats:?}");
    assert_eq!((stats.active, stats.slots), (0, 0), "{stats:?}");
}

// T1, property 17, decision 40
#[test]
fn a_task_gives_its_value_once_and_its_slot_back() {
    let system = system();
    let tasks = tasks(&system, unit());
    let task = tasks.spawn(|_| Ok(7)).expect("spawned");
    assert_eq!(task.join_timeout(LONG).expect("a value"), 7);
    assert_settled(&tasks, [1, 0, 0, 0]);
    assert!(matches!(task.join(), Err(JoinError::Taken)));
    assert!(matches!(task.standing(), Standing::Ended(_)));
}

// property 15, T13
#[test]
fn a_task_that_panics_or_fails_harms_neither_its_caller_nor_its_siblings() {
    let system = system();
    let tasks = tasks(&system, unit());
    let gate = Gate::new();
    let other = held(&tasks, &gate);
    let panics = tasks
        .spawn(|_| -> Nothing { panic!("a bug") })
        .expect("spawned");
    let fails = tasks
        .spawn(|_| -> Nothing { Err("no".into()) })
        .expect("spawned");
    let error = panics.join_timeout(LONG).expect_err("a panic");
    assert!(!error.is_retryable());
    let JoinError::Task(TaskError::Panicked(report)) = error else {
        panic!("{error}");
    };
    assert_eq!(report.message(), "a bug");
    assert_eq!(
        report.path().map(|path| path.as_str()),
        Some("test/tasks/task-2")
    );
    let error = fails.join_timeout(LONG).expect_err("an error");
    assert_eq!(error.to_string(), "the task failed: no");
    assert!(!other.is_finished());
    gate.open();
    other.join_timeout(LONG).expect("not harmed");
    assert_settled(&tasks, [1, 2, 0, 0]);
}

// T2
#[test]
fn a_join_that_was_too_early_may_be_repeated() {
    let (system, _recorder, manual) = timeless(config());
    let tasks = tasks(&system, unit());
    let gate = Gate::new();
    let _open = OpenAtEnd(gate.clone());
    let task = held(&tasks, &gate);
    assert!(task.try_join().is_none());
    gate.wait_for(1);
    let deadline = manual.clock().deadline(SECOND);
    std::thread::scope(|scope| {
        let early = scope.spawn(|| task.join_deadline(deadline));
        manual.advance(SECOND);
        let early = early.join().expect("no panic");
        assert!(matches!(early, Err(JoinError::StillRunning)), "{early:?}");
    });
    gate.open();
    task.join_timeout(LONG).expect("later");
}

// T2
#[test]
fn a_cancelled_task_gives_the_value_that_was_there_already() {
    let system = system();
    let tasks = tasks(&system, unit());
    let task = tasks.spawn(|_| Ok(1)).expect("spawned");
    eventually("it is over", || task.is_finished());
    assert_eq!(task.cancel().expect("its value"), 1);
    assert_settled(&tasks, [1, 0, 0, 0]);
}

// T2, decision 40
#[test]
fn a_cancelled_task_hears_of_it_and_what_it_still_returns_counts() {
    let system = system();
    let tasks = tasks(&system, unit());
    let obeys = tasks
        .spawn(|ctx| {
            let _ = ctx.wait(FAR);
            Err::<(), _>("on the way out".into())
        })
        .expect("spawned");
    let cancelled = obeys.cancel();
    let requested = StopCause::Requested;
    assert!(
        matches!(cancelled, Err(JoinError::Task(TaskError::Cancelled(cause))) if cause == requested),
        "{cancelled:?}"
    );
    let begun = Gate::new();
    begun.open();
    let begins = begun.clone();
    let returns = tasks
        .spawn(move |ctx| {
            begins.pass();
            let _ = ctx.wait(FAR);
            Ok("what it had")
        })
        .expect("spawned");
    begun.wait_for(1);
    assert_eq!(returns.cancel().expect("a value"), "what it had");
    assert_settled(&tasks, [1, 0, 0, 1]);
}

// T2, decision 41
#[test]
fn a_task_that_does_not_stop_is_abandoned_and_its_slot_is_free() {
    let (system, recorder, manual) = timeless(config());
    let tasks = tasks(&system, unit().max_tasks(1));
    let gate = Gate::new();
    let _open = OpenAtEnd(gate.clone());
    let task = held(&tasks, &gate);
    gate.wait_for(1);
    task.request_cancel();
    recorder.wait_for(LONG, "child.stopping", 1);
    assert_eq!(tasks.stats().slots, 1, "taken until it is given up");
    manual.advance(5 * SECOND);
    let error = task.join_timeout(LONG).expect_err("abandoned");
    let JoinError::Task(TaskError::Abandoned(report)) = error else {
        panic!("{error}");
    };
    assert_eq!(report.phase, HangPhase::Stopping);
    assert_settled(&tasks, [0, 0, 0, 1]);
    assert_eq!(tasks.stats().abandoned, 1);
    tasks.try_spawn(|_| Ok(())).expect("room").detach();
    gate.open();
    recorder.wait_for(LONG, "child.abandoned_returned", 1);
    recorder.wait_for(LONG, "task.late", 1);
    eventually("it came back", || tasks.stats().abandoned == 0);
}

// T9, decision 41
#[test]
fn a_task_that_times_out_is_told_of_at_once_and_keeps_its_slot_until_it_returns() {
    let (system, recorder, manual) = timeless(config());
    let tasks = tasks(&system, unit().timeout(SECOND));
    let (gate, journal) = (Gate::new(), Journal::new());
    let _open = OpenAtEnd(gate.clone());
    let (inside, notes) = (gate.clone(), journal.clone());
    let task = tasks
        .spawn(move |ctx| {
            inside.pass();
            notes.note(format!("{:?}", ctx.stop_cause()));
            Ok(Noted::new("value", &notes))
        })
        .expect("spawned");
    gate.wait_for(1);
    manual.advance(SECOND);
    let error = task.join_timeout(LONG).err();
    let timed_out = Some(JoinError::Task(TaskError::TimedOut { after: SECOND }));
    assert_eq!(format!("{error:?}"), format!("{timed_out:?}"));
    let stats = tasks.stats();
    assert_eq!((stats.timed_out, stats.active, stats.slots), (1, 0, 1));
    recorder.wait_for(LONG, "child.stopping", 1);
    gate.open();
    assert_eq!(journal.take(3), ["Some(Requested)", "+value", "-value"]);
    recorder.wait_for(LONG, "task.late", 1);
    eventually("its slot is back", || tasks.stats().slots == 0);
    assert_settled(&tasks, [0, 0, 1, 0]);
}

// T2, T4, decision 40
#[test]
fn a_detached_task_runs_on_and_its_value_is_dropped_on_its_own_thread() {
    struct Named(Journal);
    impl Drop for Named {
        fn drop(&mut self) {
            let thread = std::thread::current();
            self.0.note(thread.name().unwrap_or_default());
        }
    }
    let system = system();
    let tasks = tasks(&system, unit());
    let (gate, journal) = (Gate::new(), Journal::new());
    let (inside, notes) = (gate.clone(), journal.clone());
    let task = tasks
        .spawn(move |_| {
            inside.pass();
            Ok(Named(notes))
        })
        .expect("spawned");
    task.detach();
    gate.open();
    assert_eq!(journal.take(1), ["crew-1"]);
    eventually("it is over", || tasks.stats().active == 0);
    assert_settled(&tasks, [1, 0, 0, 0]);
}

// T2
#[test]
fn a_value_whose_drop_panics_hurts_nobody() {
    struct Grenade;
    impl Drop for Grenade {
        fn drop(&mut self) {
            assert!(std::thread::panicking(), "dropped");
        }
    }
    let system = system();
    let tasks = tasks(&system, unit());
    let task = tasks.spawn(|_| Ok(Grenade)).expect("spawned");
    eventually("it is over", || task.is_finished());
    drop(task);
    tasks.spawn(|_| Ok(Grenade)).expect("spawned").detach();
    eventually("both are over", || tasks.stats().active == 0);
    assert_settled(&tasks, [2, 0, 0, 0]);
    assert!(system.stop_within(LONG).is_clean());
}

// property 14
#[test]
fn without_a_supervisor_nothing_runs_and_the_function_comes_back() {
    let system = system();
    let child = unit().into_child();
    let tasks = child.handle();
    let journal = Journal::new();
    let work = |journal: &Journal| {
        let notes = journal.clone();
        move |_: &WorkerContext| -> Nothing {
            notes.note("it ran");
            Ok(())
        }
    };
    let early = tasks.spawn(work(&journal)).expect_err("it has not begun");
    assert_eq!(
        early.refusal().to_string(),
        "the task supervisor does not run"
    );
    system.spawn(child).expect("started");
    assert!(system.stop_within(LONG).is_clean());
    let late = tasks.spawn(work(&journal)).expect_err("it has ended");
    assert_eq!(late.code(), "task.not_running");
    journal.note("nothing before");
    assert_eq!(journal.take(1), ["nothing before"]);
    assert_settled(&tasks, [0; 4]);
    assert_eq!(tasks.stats().refused, 2);
    drop(early.into_inner());
}

// decision 14, property 16
#[test]
fn a_stop_ends_all_tasks_at_once_and_the_counters_answer_meanwhile() {
    const TASKS: u64 = 8;
    let system = system();
    let tasks = tasks(&system, unit());
    let meeting = Arc::new(Barrier::new(TASKS as usize));
    let begun = Gate::new();
    begun.open();
    let spawned: Vec<_> = (0..TASKS)
        .map(|_| {
            let (meeting, begins) = (Arc::clone(&meeting), begun.clone());
            let work = move |ctx: &WorkerContext| {
                begins.pass();
                idle(ctx)?;
                // Nobody passes before all have been asked.
                meeting.wait();
                Err::<(), _>("stopped".into())
            };
            tasks.spawn(work).expect("spawned")
        })
        .collect();
    begun.wait_for(TASKS as usize);
    assert_eq!(tasks.stats().active, TASKS);
    assert_eq!(tasks.supervisor().count_children().active, TASKS as usize);
    let report = system.stop_within(LONG);
    assert!(report.is_clean(), "{report}");
    for task in spawned {
        let end = task.join();
        assert!(
            matches!(
                end,
                Err(JoinError::Task(TaskError::Cancelled(StopCause::Shutdown)))
            ),
            "{end:?}"
        );
    }
    assert_settled(&tasks, [0, 0, 0, TASKS]);
}

// property 20, decision 10
#[test]
fn too_many_abandoned_tasks_restart_their_supervisor_which_serves_again() {
    let (system, recorder) = recorded(config());
    let plan = unit().max_abandoned(1).shutdown(Shutdown::Abandon);
    let child = plan.into_child();
    let tasks = child.handle();
    let tree = Supervisor::new("tree").child(child);
    system.supervise(tree).expect("started");
    let gate = Gate::new();
    let _open = OpenAtEnd(gate.clone());
    let before = tasks.generation();
    for number in 1..=2 {
        let task = held(&tasks, &gate);
        gate.wait_for(number);
        let end = task.cancel();
        assert!(
            matches!(end, Err(JoinError::Task(TaskError::Abandoned(_)))),
            "{end:?}"
        );
    }
    tasks.up_after(before, LONG).expect("restarted");
    assert_eq!(
        tasks
            .spawn(|_| Ok(3))
            .expect("spawned")
            .join()
            .expect("a value"),
        3
    );
    assert_settled(&tasks, [1, 0, 0, 2]);
    assert_eq!(tasks.stats().abandoned, 2);
    gate.open();
    recorder.wait_for(LONG, "child.abandoned_returned", 2);
    eventually("both came back", || tasks.stats().abandoned == 0);
}

// T6, property 47
#[test]
fn a_task_begins_with_the_error_context_of_who_spawned_it() {
    use steadfast::fault::ErrorContext;
    let system = system();
    let tasks = tasks(&system, unit().max_tasks(1));
    let context = || Ok(ErrorContext::capture().to_string());
    {
        let _operation = ErrorContext::enter("import");
        let task = tasks.spawn(move |_| context()).expect("spawned");
        assert_eq!(task.join_timeout(LONG).expect("a value"), "import");
    }
    let task = tasks.spawn(move |_| context()).expect("spawned");
    assert_eq!(
        task.join_timeout(LONG).expect("a value"),
        "",
        "the thread is the same"
    );
}

// T2
#[test]
fn a_task_that_is_cancelled_before_its_thread_began_does_not_run() {
    let gate = Gate::new();
    let _open = OpenAtEnd(gate.clone());
    let at_start = gate.clone();
    let config = config().on_thread_start(move |_, _| at_start.pass());
    let (system, recorder) = recorded(config);
    let tasks = tasks(&system, unit());
    let journal = Journal::new();
    let captured = Noted::new("captured", &journal);
    let notes = journal.clone();
    let work = move |_: &WorkerContext| -> Nothing {
        notes.note("it ran");
        drop(captured);
        Ok(())
    };
    let task = tasks.spawn(work).expect("spawned");
    gate.wait_for(1);
    task.request_cancel();
    recorder.wait_for(LONG, "child.stopping", 1);
    gate.open();
    let end = task.join_timeout(LONG);
    let cancelled = matches!(end, Err(JoinError::Task(TaskError::Cancelled(_))));
    assert!(cancelled, "{end:?}");
    assert_eq!(journal.take(2), ["+captured", "-captured"]);
}

#[test]
fn a_unit_that_is_stopped_while_it_joins_is_told_so() {
    let system = system();
    let tasks = tasks(&system, unit());
    let gate = Gate::new();
    let _open = OpenAtEnd(gate.clone());
    let task = Arc::new(held(&tasks, &gate));
    let journal = Journal::new();
    let (joined, notes) = (Arc::clone(&task), journal.clone());
    let joiner = Child::worker("joiner", move |_| {
        notes.note("joins");
        let end = joined.join_timeout(FAR);
        assert!(matches!(end, Err(JoinError::CallerStopped)), "{end:?}");
        notes.note("told");
        Ok(())
    });
    let joiner = system.spawn(joiner).expect("started");
    journal.take(1);
    joiner.terminate().expect("terminated");
    assert_eq!(journal.take(1), ["told"]);
    gate.open();
    task.join_timeout(LONG).expect("it goes on");
}
