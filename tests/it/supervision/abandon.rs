//! Threads that do not answer: abandoned, fenced, named, and let go when they return.

use std::time::Duration;

use steadfast::fault::{Exhausted, HangPhase};
use steadfast::supervision::{Outcome, Standing, StopAware, Waited};
use steadfast::{
    Child, ExitReason, Generation, Intensity, ManageError, Restart, Shutdown, StopCause,
    Supervisor, SystemHandle, WorkerRef,
};

use crate::support::{
    Act, FAR, Gate, Journal, LONG, Noted, OpenAtEnd, Puppet, SECOND, config, eventually, idle,
    idler, is_first, recorded, system, timeless,
};

/// A worker that hangs until the gate opens, and then comes to a checkpoint.
fn hanging(id: &'static str, gate: &Gate, journal: &Journal) -> Child<WorkerRef> {
    let (gate, journal) = (gate.clone(), journal.clone());
    Child::worker(id, move |ctx| {
        let _noted = Noted::new(id, &journal);
        ctx.checkpoint("before the gate");
        gate.pass();
        assert!(ctx.stop_token().is_fenced());
        ctx.checkpoint("after the gate");
        journal.note("went on");
        Ok(())
    })
}

/// A worker whose first run hangs until the gate opens.
fn hanging_once(gate: &Gate) -> Child<WorkerRef> {
    let gate = gate.clone();
    Child::worker("w", move |ctx| {
        if is_first(ctx) {
            gate.pass();
        }
        idle(ctx)
    })
}

fn abandoned(reason: Option<&ExitReason>) -> HangPhase {
    match reason {
        Some(ExitReason::Abandoned(report)) => report.phase,
        other => panic!("{other:?}"),
    }
}

// OTP-41, decision 21, decision 15, decision 22
#[test]
fn a_child_that_hangs_in_a_stop_is_named_fenced_and_unwound_when_it_returns() {
    let (system, recorder, manual) = timeless(config());
    let (gate, journal) = (Gate::new(), Journal::new());
    let _open = OpenAtEnd(gate.clone());
    let worker = system
        .spawn(hanging("w", &gate, &journal))
        .expect("started");
    gate.wait_for(1);
    system.request_stop(10 * SECOND);
    recorder.wait_for(LONG, "child.stopping", 1);
    manual.advance(10 * SECOND);
    let report = system.stop_within(LONG);
    assert!(report.is_complete() && !report.is_clean(), "{report}");
    assert_eq!(report.count(Outcome::Abandoned), 1);
    let [left] = &report.threads_left[..] else {
        panic!("{report}");
    };
    assert!(left.abandoned);
    assert_eq!(left.path.as_str(), "test/w");
    let remark = &report.remarks[0];
    assert_eq!(abandoned(Some(&remark.reason)), HangPhase::Stopping);
    let text = report.to_string();
    assert!(text.contains("test/w abandoned"), "{text}");
    assert!(text.contains("of test/w is still alive"), "{text}");
    assert!(text.contains("before the gate"), "{text}");
    assert!(matches!(
        worker.standing(),
        Standing::Ended(ExitReason::Abandoned(_))
    ));
    // It wakes up much later: its next checkpoint ends it, quietly.
    gate.open();
    recorder.wait_for(LONG, "child.abandoned_returned", 1);
    assert_eq!(journal.take(2), ["+w", "-w"]);
    assert_eq!(
        recorder.count("child.ended") + recorder.count("child.exited"),
        0
    );
    eventually("no thread is left", || system.snapshot().threads.is_empty());
}

// decision 14, decision 13
#[test]
fn a_child_that_hangs_first_does_not_take_the_time_of_its_siblings() {
    let (system, recorder, manual) = timeless(config());
    let (gate, journal) = (Gate::new(), Journal::new());
    let _open = OpenAtEnd(gate.clone());
    for id in ["a", "b"] {
        system.spawn(Puppet::new(id, &journal).0).expect("started");
    }
    let hung = hanging("hung", &gate, &Journal::new()).shutdown(Shutdown::Wait);
    system.spawn(hung).expect("started");
    gate.wait_for(1);
    system.request_stop(10 * SECOND);
    recorder.wait_for(LONG, "child.stopping", 1);
    assert_eq!(journal.take(2), ["+a", "+b"]);
    manual.advance(9 * SECOND);
    // The last tenth belongs to all.
    let mut ends = journal.take(2);
    ends.sort();
    assert_eq!(ends, ["-a", "-b"]);
    recorder.wait_for(LONG, "child.ended", 2);
    assert_eq!(recorder.count("child.abandoned"), 0);
    manual.advance(SECOND);
    let report = system.stop_within(LONG);
    assert_eq!(report.count(Outcome::Stopped), 2);
    assert_eq!(report.count(Outcome::Abandoned), 1);
}

// decision 13
#[test]
fn what_hangs_deep_in_a_tree_is_abandoned_at_the_deadline_of_the_whole_stop() {
    let (system, recorder, manual) = timeless(config());
    let gate = Gate::new();
    let _open = OpenAtEnd(gate.clone());
    let hung = hanging("hung", &gate, &Journal::new()).shutdown(Shutdown::Deadline(FAR));
    let tree =
        Supervisor::new("a").child(Supervisor::new("b").child(Supervisor::new("c").child(hung)));
    system.supervise(tree).expect("started");
    gate.wait_for(1);
    system.request_stop(10 * SECOND);
    recorder.wait_for(LONG, "child.stopping", 4);
    let began = manual.now();
    manual.advance(10 * SECOND);
    let abandoned = recorder.wait_until(LONG, |events| {
        events
            .iter()
            .find(|e| e.name() == "child.abandoned")
            .cloned()
    });
    assert_eq!(abandoned.at(), began + 10 * SECOND);
    let report = system.stop_within(LONG);
    assert!(report.is_complete(), "{report}");
    assert_eq!(report.threads_left.len(), 1);
    assert_eq!(report.threads_left[0].path.as_str(), "test/a/b/c/hung");
}

#[test]
fn a_child_may_be_abandoned_at_once() {
    let system = system();
    let gate = Gate::new();
    let _open = OpenAtEnd(gate.clone());
    let child = hanging("w", &gate, &Journal::new()).shutdown(Shutdown::Abandon);
    let worker = system.spawn(child).expect("started");
    gate.wait_for(1);
    let monitor = worker.monitor();
    worker.terminate().expect("terminated");
    let down = monitor.try_down().expect("told before the answer");
    assert_eq!(abandoned(down.reason.as_ref()), HangPhase::Stopping);
    let standing = worker.standing();
    assert!(
        matches!(standing, Standing::Ended(ExitReason::Abandoned(_))),
        "{standing:?}"
    );
    let snapshot = system.snapshot();
    assert!(snapshot.threads.iter().any(|thread| thread.abandoned));
    assert_eq!(snapshot.root.expect("a root").abandoned, 1);
    assert!(system.snapshot().to_string().contains("abandoned: thread"));
}

// property 6, decision 35, property 1
#[test]
fn a_thread_that_returns_after_its_abandonment_is_heard_of_only_once() {
    let (system, recorder) = recorded(config());
    let gate = Gate::new();
    let _open = OpenAtEnd(gate.clone());
    let child = hanging_once(&gate).shutdown(Shutdown::Abandon);
    let worker = system.spawn(child).expect("started");
    gate.wait_for(1);
    let monitor = worker.monitor();
    worker.terminate().expect("terminated");
    assert!(monitor.try_down().is_some());
    system.root().restart_child("w").expect("restarted");
    let second = worker.monitor();
    gate.open();
    recorder.wait_for(LONG, "child.abandoned_returned", 1);
    assert_eq!(
        worker.watch_count(),
        1,
        "the return is no end of the new run"
    );
    assert!(monitor.try_down().is_none());
    drop(second);
    assert_eq!(worker.watch_count(), 0);
}

// decision 22
#[test]
fn more_abandoned_threads_than_the_bound_end_the_supervisor() {
    let (system, recorder) = recorded(config());
    let gate = Gate::new();
    let _open = OpenAtEnd(gate.clone());
    let child = hanging("w", &gate, &Journal::new()).shutdown(Shutdown::Abandon);
    let tree = Supervisor::new("tree").max_abandoned(1).child(child);
    let tree = tree.into_child().restart(Restart::Temporary);
    let tree = system.spawn(tree).expect("started");
    gate.wait_for(1);
    tree.terminate_child("w").expect("terminated");
    assert!(matches!(tree.standing(), Standing::Up));
    tree.restart_child("w").expect("restarted");
    gate.wait_for(2);
    let _late = tree.terminate_child("w");
    match tree.ended_timeout(LONG) {
        Some(ExitReason::BudgetExhausted(report)) => {
            assert_eq!(report.exhausted, Exhausted::AbandonedThreads { max: 1 });
        }
        other => panic!("{other:?}"),
    }
    gate.open();
    recorder.wait_for(LONG, "child.abandoned_returned", 2);
    let report = system.stop_within(LONG);
    assert!(report.threads_left.is_empty(), "{report}");
}

// decision 22
#[test]
fn threads_that_returned_do_not_count_as_abandoned_any_more() {
    let (system, recorder) = recorded(config());
    let tree = Supervisor::new("tree").max_abandoned(1);
    let tree = system.supervise(tree).expect("started");
    let abandoned = || {
        let root = system.snapshot().root.expect("a root");
        let tree = root.children[0].supervisor.as_ref();
        tree.expect("a supervisor").abandoned
    };
    for round in 1..=5 {
        let gate = Gate::new();
        let child = hanging("w", &gate, &Journal::new())
            .shutdown(Shutdown::Abandon)
            .restart(Restart::Temporary);
        let worker = tree.start_child(child).expect("started");
        gate.wait_for(1);
        worker.terminate().expect("terminated");
        assert_eq!(abandoned(), 1);
        gate.open();
        recorder.wait_for(LONG, "child.abandoned_returned", round);
        eventually("the supervisor knows", || abandoned() == 0);
    }
    assert_eq!(tree.generation(), Generation::first());
    assert!(matches!(tree.standing(), Standing::Up));
}

// decision 21
#[test]
fn a_fenced_run_neither_waits_nor_manages() {
    let (system, recorder) = recorded(config());
    let (gate, journal) = (Gate::new(), Journal::new());
    let _open = OpenAtEnd(gate.clone());
    let (inside, notes): (_, _) = (gate.clone(), journal.clone());
    let handle: SystemHandle = system.handle();
    let child = Child::worker("w", move |ctx| {
        inside.pass();
        assert_eq!(ctx.wait(FAR), Waited::Stopped);
        let spawned = handle.root().start_child(idler("ghost"));
        assert!(matches!(spawned, Err(ManageError::Fenced)), "{spawned:?}");
        let terminated = handle.root().terminate_child("other");
        assert!(
            matches!(terminated, Err(ManageError::Fenced)),
            "{terminated:?}"
        );
        notes.note("refused");
        Ok(())
    });
    let other = system.spawn(idler("other")).expect("started");
    let worker = system
        .spawn(child.shutdown(Shutdown::Abandon))
        .expect("started");
    gate.wait_for(1);
    worker.terminate().expect("terminated");
    gate.open();
    recorder.wait_for(LONG, "child.abandoned_returned", 1);
    assert_eq!(journal.take(1), ["refused"]);
    recorder.wait_for(LONG, "fence.refused", 2);
    assert!(matches!(other.standing(), Standing::Up));
    assert!(system.root().which_child("ghost").is_none());
}

// property 5
#[test]
fn the_replacement_of_an_abandoned_child_has_its_id_and_a_new_generation() {
    let system = system();
    let gate = Gate::new();
    let _open = OpenAtEnd(gate.clone());
    let child = hanging_once(&gate).shutdown(Shutdown::Abandon);
    let worker = system.spawn(child).expect("started");
    gate.wait_for(1);
    worker.terminate().expect("terminated");
    let patient = system
        .root()
        .update_child("w", |tuning| tuning.shutdown(Shutdown::Wait));
    patient.expect("changed");
    system.root().restart_child("w").expect("restarted");
    assert_eq!(worker.generation().get(), 2);
    let report = system.stop_within(LONG);
    assert_eq!(report.threads_left.len(), 1, "{report}");
    assert_eq!(report.threads_left[0].generation, Generation::first());
}

#[test]
fn a_hook_that_hangs_is_a_thread_that_is_left() {
    let (system, recorder, manual) = timeless(config());
    let gate = Gate::new();
    let _open = OpenAtEnd(gate.clone());
    let (inside, ready) = (gate.clone(), Journal::new());
    let notes = ready.clone();
    let child = Child::worker("w", move |ctx| {
        let inside = inside.clone();
        ctx.on_stop(move || inside.pass()).keep();
        notes.note("ready");
        idle(ctx)
    });
    system.spawn(child).expect("started");
    ready.take(1);
    std::thread::scope(|scope| {
        let stopping = scope.spawn(|| system.stop_within(10 * SECOND));
        recorder.wait_for(LONG, "supervisor.ended", 1);
        gate.wait_for(1);
        // The steward is gone; only the wait for the hook is left.
        eventually("the stop waits for the hook", || {
            manual.advance(Duration::from_millis(50));
            stopping.is_finished()
        });
        let report = stopping.join().expect("no panic");
        assert_eq!(report.threads_left.len(), 1, "{report}");
        assert!(!report.is_clean());
    });
}

// OTP-33
#[test]
fn a_child_that_must_be_abandoned_at_each_restart_is_given_up_all_the_same() {
    let system = system();
    let gate = Gate::new();
    let _open = OpenAtEnd(gate.clone());
    let (first, puppet) = Puppet::alone("first");
    let hung = hanging("hung", &gate, &Journal::new()).shutdown(Shutdown::Abandon);
    let tree = Supervisor::new("tree")
        .strategy(steadfast::Strategy::OneForAll)
        .intensity(Intensity::new(2, FAR))
        .child(first)
        .child(hung)
        .into_child()
        .restart(Restart::Temporary);
    let tree = system.spawn(tree).expect("started");
    for round in 1..=2 {
        gate.wait_for(round);
        puppet.crash();
    }
    gate.wait_for(3);
    puppet.pull(Act::Panic);
    let end = tree.ended_timeout(LONG);
    assert!(
        matches!(end, Some(ExitReason::BudgetExhausted(_))),
        "{end:?}"
    );
    assert!(matches!(
        system.stop_within(LONG).root,
        Some(ExitReason::Stopped(StopCause::Shutdown))
    ));
}
