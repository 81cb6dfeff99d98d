//! What a test leaves behind fails it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use steadfast::telemetry::Filter;
use steadfast::testkit::{Leftover, TestSystem};
use steadfast::{
    Child, Failure, Restart, Shutdown, Supervisor, System, SystemConfig, TaskSupervisor,
};

use crate::support::{Act, Gate, LONG, OpenAtEnd, Puppet, SECOND, idler};

fn quiet() -> TestSystem {
    TestSystem::with(SystemConfig::new("test").quiet_panics())
}

/// All that the end of the test finds, line by line.
#[track_caller]
fn found(test: TestSystem) -> Vec<String> {
    let contamination = test.finish().expect_err("something is left");
    let leftovers = contamination.leftovers().iter();
    leftovers.map(Leftover::to_string).collect()
}

fn text_of(panic: &(dyn std::any::Any + Send)) -> &str {
    panic.downcast_ref::<String>().expect("a text")
}

// S65: a clean test is clean
#[test]
fn a_test_that_leaves_nothing_is_clean() {
    let test = System::for_test();
    let (child, puppet) = Puppet::alone("w");
    let tree = Supervisor::new("tree").child(child).child(idler("idle"));
    test.supervise(tree).expect("started");
    let monitor = puppet.handle.monitor();
    let (jobs, inbox) = test.channel(4);
    jobs.send(1).expect("room");
    assert_eq!(inbox.try_recv(), Ok(Some(1)));
    test.finish().expect("clean");
    assert!(monitor.try_down().is_some());
}

// property 93, S65: a contaminated test fails; S64
#[test]
fn a_contaminated_test_fails_where_its_system_is_dropped() {
    let line = line!() + 3;
    let listening = |_: &steadfast::telemetry::Event| {};
    let failed = catch_unwind(|| {
        let test = System::for_test();
        let telemetry = test.telemetry().clone();
        telemetry
            .attach("mine", Filter::All, listening)
            .expect("free");
    });
    let failed = failed.expect_err("contaminated");
    let text = text_of(&*failed);
    let place = format!("the test system of {}:{line}:", file!());
    assert!(text.starts_with(&place), "{text}");
    assert!(
        text.contains("\n  handler \"mine\" for All: attached"),
        "{text}"
    );
}

// S65
#[test]
fn a_test_that_fails_by_itself_says_why_and_not_what_it_left() {
    let failed = catch_unwind(|| {
        let test = System::for_test();
        let telemetry = test.telemetry().clone();
        telemetry.attach("mine", Filter::All, |_| {}).expect("free");
        panic!("{}", "the reason of the test's own");
    });
    let failed = failed.expect_err("failed");
    assert_eq!(text_of(&*failed), "the reason of the test's own");
}

// property 93, S65
#[test]
fn a_thread_that_hangs_is_abandoned_and_named_although_the_clock_stands_still() {
    let (test, gate) = (System::for_test(), Gate::new());
    let _open = OpenAtEnd(gate.clone());
    let inside = gate.clone();
    let hanging = Child::worker("w", move |_| {
        inside.pass();
        Ok(())
    });
    test.supervise(Supervisor::new("tree").child(hanging))
        .expect("started");
    gate.wait_for(1);
    let thread = "thread w<tree<test of test/tree/w, run 1: abandoned, alive";
    assert_eq!(found(test), [thread]);
}

// S65
#[test]
fn a_thread_that_was_abandoned_and_let_go_in_the_end_is_no_leftover() {
    let (test, gate) = (System::for_test(), Gate::new());
    let inside = gate.clone();
    let hanging = Child::worker("w", move |_| {
        inside.pass();
        Ok(())
    });
    let worker = test.spawn(hanging.shutdown(Shutdown::Abandon));
    let worker = worker.expect("started");
    gate.wait_for(1);
    worker.terminate().expect("terminated");
    gate.open();
    test.finish().expect("clean");
}

// property 93, S65: queued messages
#[test]
fn messages_that_nobody_reads_are_found_in_the_queue_and_in_the_grave() {
    let test = System::for_test();
    let (kept, line) = (test.channel(4), line!());
    kept.0.send(1).expect("room");
    let (buried, inbox) = test.channel(4);
    buried.send(2).expect("room");
    buried.send(3).expect("room");
    drop(inbox);
    let found = found(test);
    let unread = format!(
        "1 unread messages in the channel without a name of {}:{line}",
        file!()
    );
    assert!(found[0].starts_with(&unread), "{found:?}");
    assert!(found[1].starts_with("2 unread messages"), "{found:?}");
}

// property 93, S65
#[test]
fn messages_that_a_unit_leaves_at_its_stop_are_found() {
    let test = System::for_test();
    let (jobs, inbox) = steadfast::channel::bounded(4);
    let gate = Gate::new();
    let inside = gate.clone();
    let leaving = Child::worker("w", move |ctx| {
        inside.pass();
        let _first = inbox.recv(ctx)?;
        assert!(inbox.recv(ctx)?.is_none(), "it was told to end at once");
        Ok(())
    });
    test.spawn(leaving).expect("started");
    gate.wait_for(1);
    (1..=3).for_each(|job| jobs.send(job).expect("room"));
    std::thread::scope(|scope| {
        let stopping = scope.spawn(|| test.stop_now(LONG));
        test.recorder().wait_for(LONG, "child.stopping", 1);
        gate.open();
        drop(stopping.join());
    });
    assert_eq!(found(test), ["3 messages that test/w, run 1, left"]);
}

fn failed_by(end: impl FnOnce(&TestSystem, &Puppet)) -> Result<(), String> {
    let test = quiet();
    let (child, puppet) = Puppet::alone("w");
    let child = child.restart(Restart::Temporary);
    test.spawn(child).expect("started");
    end(&test, &puppet);
    test.finish().map_err(|found| found.to_string())
}

fn crash(test: &TestSystem, puppet: &Puppet) {
    puppet.pull(Act::Panic);
    test.recorder().wait_for(LONG, "child.exited", 1);
}

// decision 52: a panic of which nobody heard comes up on the test's own thread
#[test]
fn a_panic_of_which_nobody_heard_is_found() {
    let failed = failed_by(crash).expect_err("unheard");
    let panic = "test/w, run 1, and nobody heard: panic: as it was told at tests";
    assert!(failed.contains(panic), "{failed}");
}

// decision 52
#[test]
fn a_panic_of_which_a_monitor_heard_is_no_leftover() {
    let heard = failed_by(|test, puppet| {
        let monitor = puppet.handle.monitor();
        crash(test, puppet);
        assert!(monitor.try_down().is_some());
    });
    assert_eq!(heard, Ok(()));
}

// decision 52
#[test]
fn failures_that_the_test_expects_do_not_fail_it() {
    let expected = failed_by(|test, puppet| {
        test.expect_failures();
        crash(test, puppet);
    });
    assert_eq!(expected, Ok(()));
}

// decision 52: an assertion in a worker, which is restarted until its budget is used up
#[test]
fn a_root_that_gave_up_is_found() {
    let test = quiet();
    let failing = Child::worker("w", |ctx| {
        ctx.progress();
        assert_eq!(1, 2, "in a worker");
        Ok(())
    });
    test.spawn(failing).expect("started");
    test.eventually(|| test.snapshot().root.is_none());
    let found = found(test);
    assert!(
        found[0].starts_with("test, run 1, and nobody heard:"),
        "{found:?}"
    );
    assert!(found[0].contains("in a worker"), "{found:?}");
}

// property 93, S65: what ends with the system is no leftover: its timers, its tasks, and a task's panic that its owner
// has heard of
#[test]
fn timers_and_tasks_that_end_with_the_system_are_no_leftovers() {
    let test = quiet();
    let tasks = test.spawn(TaskSupervisor::new("tasks")).expect("started");
    let failed = tasks.spawn(|_| -> Result<(), Failure> { panic!("its owner hears") });
    assert!(failed.expect("spawned").join().is_err());
    let (ticks, _ticked) = test.channel::<()>(1);
    let timer = test.timers().after(SECOND).send(&ticks, ());
    assert_eq!(test.pending_timers(), 1);
    test.finish().expect("clean");
    drop(timer);
}

// decision 52
#[test]
fn a_panic_of_a_task_that_nobody_waits_for_is_found() {
    let test = quiet();
    let tasks = test.spawn(TaskSupervisor::new("tasks")).expect("started");
    let gate = Gate::new();
    let inside = gate.clone();
    let lost = tasks.spawn(move |_| -> Result<(), Failure> {
        inside.pass();
        panic!("nobody hears")
    });
    lost.expect("spawned").detach();
    gate.open();
    test.recorder().wait_for(LONG, "child.exited", 1);
    let found = found(test);
    assert!(
        found[0].contains("nobody heard: panic: nobody hears"),
        "{found:?}"
    );
}

// S65: a custom check, and one that crashes is reported, not fatal
#[test]
fn checks_of_the_tests_own_are_made_at_its_end() {
    let test = quiet();
    test.check_at_end("fine", || Ok::<_, &str>(()));
    test.check_at_end("table", || Err("2 rows are left"));
    test.check_at_end("rude", || -> Result<(), &str> { panic!("in the check") });
    let found = catch_unwind(AssertUnwindSafe(|| found(test))).expect("not fatal");
    assert_eq!(found.len(), 2);
    assert_eq!(found[0], "check table: 2 rows are left");
    assert!(
        found[1].starts_with("check rude: panic: in the check"),
        "{found:?}"
    );
}
