//! Stops: legal in every state, bounded, in order, and told as they were.

use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use steadfast::supervision::{Init, Outcome, StopAware, Waited};
use steadfast::{
    Backoff, Child, ExitReason, Generation, ManageError, Shutdown, StartError, StopCause, Strategy,
    Supervisor, System,
};

use crate::support::{
    Act, FAR, Gate, Journal, LONG, OpenAtEnd, Puppet, SECOND, config, idle, idler, recorded,
    system, timeless,
};

// OTP-40, decision 14
#[test]
fn a_stop_ends_the_whole_tree_in_reverse_order() {
    let (system, journal) = (system(), Journal::new());
    let puppet = |id: &str| Puppet::new(id, &journal).0;
    let inner = Supervisor::new("inner")
        .child(puppet("b1"))
        .child(puppet("b2"));
    let tree = Supervisor::new("tree")
        .child(puppet("a"))
        .child(inner)
        .child(puppet("c"));
    system.supervise(tree).expect("started");
    assert_eq!(journal.take(4), ["+a", "+b1", "+b2", "+c"]);
    let report = system.stop_within(LONG);
    assert_eq!(journal.take(4), ["-c", "-b2", "-b1", "-a"]);
    assert!(report.is_clean(), "{report}");
    assert_eq!(report.count(Outcome::Stopped), 6);
    assert!(matches!(
        report.root,
        Some(ExitReason::Stopped(StopCause::Shutdown))
    ));
}

// decision 15
#[test]
fn a_system_without_units_stops_clean_and_at_once() {
    let report = system().stop_within(Duration::ZERO);
    assert!(report.is_clean(), "{report}");
    assert_eq!(report.counts.len(), 0);
}

// decision 15
#[test]
fn a_specification_that_is_never_given_is_no_unit() {
    let child = Supervisor::new("tree").child(idler("w")).into_child();
    let handle = child.handle();
    assert!(matches!(handle.terminate(), Err(ManageError::NotRunning)));
    drop(child);
    assert!(handle.monitor().try_down().is_some());
    assert_eq!(handle.generation(), Generation::NONE);
}

// decision 15
#[test]
fn a_stopped_system_refuses_new_units_and_stops_again_with_the_same_report() {
    let system = system();
    system.spawn(idler("w")).expect("started");
    let first = system.stop_within(LONG);
    let refused = system.spawn(idler("late"));
    assert!(
        matches!(
            &refused,
            Err(StartError::Refused(
                ManageError::NotRunning | ManageError::Stopping
            ))
        ),
        "{refused:?}"
    );
    let second = system.stop_now(Duration::ZERO);
    assert_eq!(first.to_string(), second.to_string());
    assert!(second.is_clean());
    system.request_stop(SECOND);
    assert!(system.wait().is_some_and(|reason| reason.is_clean()));
}

// decision 15
#[test]
fn two_threads_that_stop_get_the_same_complete_report() {
    for _ in 0..20 {
        let system = system();
        for id in ["a", "b", "c"] {
            system.spawn(idler(id)).expect("started");
        }
        let reports = std::thread::scope(|scope| {
            let stops = [LONG, LONG * 2].map(|time| {
                let handle = system.handle();
                scope.spawn(move || handle.stop_within(time))
            });
            stops.map(|stop| stop.join().expect("no panic"))
        });
        for report in reports {
            assert!(report.is_clean(), "{report}");
            assert_eq!(report.count(Outcome::Stopped), 3);
        }
    }
}

// decision 15
#[test]
fn a_unit_that_stops_its_system_is_stopped_itself_and_nobody_waits_for_anybody() {
    let system = system();
    let journal = Journal::new();
    let (handle, notes) = (system.handle(), journal.clone());
    let suicidal = Child::worker("w", move |_| {
        let report = handle.stop_within(LONG);
        notes.note(if report.is_complete() {
            "complete"
        } else {
            "open"
        });
        Ok(())
    });
    // The stop may come before the answer.
    let _answer = system.spawn(suicidal);
    assert_eq!(journal.take(1), ["open"]);
    let report = system.stop_within(LONG);
    assert!(report.is_clean(), "{report}");
}

// decision 15, OTP-38
#[test]
fn a_stop_ends_a_tree_that_has_not_come_up_yet() {
    let (system, journal) = (system(), Journal::new());
    let gate = Gate::new();
    let _open = OpenAtEnd(gate.clone());
    let inside = gate.clone();
    let slow = Child::worker_try_from(
        "slow",
        move |ctx| {
            inside.pass();
            assert_eq!(ctx.wait(FAR), Waited::Stopped);
            Ok(Init::Ready(()))
        },
        |(), ctx| idle(ctx),
    );
    let tree = Supervisor::new("tree")
        .child(Puppet::new("a", &journal).0)
        .child(slow)
        .child(Puppet::new("never", &journal).0);
    std::thread::scope(|scope| {
        let started = scope.spawn(|| system.supervise(tree));
        gate.wait_for(1);
        gate.open();
        let report = system.stop_within(LONG);
        assert!(report.is_complete(), "{report}");
        assert!(report.threads_left.is_empty(), "{report}");
        let started = started.join().expect("no panic");
        assert!(
            matches!(&started, Err(StartError::Refused(_))),
            "{started:?}"
        );
    });
    assert_eq!(journal.take(2), ["+a", "-a"]);
}

// decision 15
#[test]
fn a_stop_in_the_middle_of_a_group_restart_ends_everything() {
    let (system, journal) = (system(), Journal::new());
    let gate = Gate::new();
    let _open = OpenAtEnd(gate.clone());
    let inside = gate.clone();
    // Its stop takes until the gate opens, so the group restart cannot finish before.
    let last = Child::worker("last", move |ctx| {
        let _ = ctx.wait(FAR);
        inside.pass();
        Ok(())
    });
    let (first, puppet) = Puppet::new("first", &journal);
    let tree = Supervisor::new("tree")
        .strategy(Strategy::OneForAll)
        .child(first)
        .child(last);
    system.supervise(tree).expect("started");
    puppet.pull(Act::Panic);
    gate.wait_for(1);
    system.request_stop(LONG);
    gate.open();
    let report = system.stop_within(LONG);
    assert!(report.is_complete(), "{report}");
    assert!(report.threads_left.is_empty(), "{report}");
    assert_eq!(journal.take(2), ["+first", "-first"]);
}

// OTP-45
#[test]
fn children_that_end_by_themselves_during_the_stop_do_not_break_it() {
    let (system, journal) = (system(), Journal::new());
    let asked = Gate::new();
    let _open = OpenAtEnd(asked.clone());
    let inside = asked.clone();
    let (early, puppet) = Puppet::new("early", &journal);
    let last = Child::worker("last", move |ctx| {
        let _ = ctx.wait(FAR);
        inside.pass();
        Ok(())
    });
    system.spawn(early).expect("started");
    system.spawn(last).expect("started");
    let monitor = puppet.handle.monitor();
    system.request_stop(LONG);
    asked.wait_for(1);
    puppet.pull(Act::Panic);
    let down = monitor.down_timeout(LONG).expect("a down");
    assert!(matches!(down.reason, Some(ExitReason::Panic(_))));
    asked.open();
    let report = system.stop_within(LONG);
    assert!(report.is_complete(), "{report}");
    assert_eq!(report.count(Outcome::Panicked), 1);
    assert_eq!(report.count(Outcome::Stopped), 1);
    assert!(!report.is_clean(), "a panic is not clean");
    let text = report.to_string();
    assert!(text.contains("test/early panicked"), "{text}");
}

// OTP-44
#[test]
fn who_stops_waiting_for_a_stop_does_not_cancel_it() {
    let system = system();
    let gate = Gate::new();
    let _open = OpenAtEnd(gate.clone());
    let inside = gate.clone();
    let slow = Child::worker("slow", move |ctx| {
        let _ = ctx.wait(FAR);
        inside.pass();
        Ok(())
    });
    let slow = system
        .spawn(slow.shutdown(Shutdown::Wait))
        .expect("started");
    let answer = system
        .root()
        .terminate_child_timeout("slow", Duration::from_millis(1));
    assert!(matches!(answer, Err(ManageError::TimedOut)), "{answer:?}");
    gate.open();
    let end = slow.ended_timeout(LONG);
    assert!(
        matches!(end, Some(ExitReason::Stopped(StopCause::Requested))),
        "{end:?}"
    );
}

#[test]
fn to_drop_a_system_stops_it() {
    let system = system();
    let worker = system.spawn(idler("w")).expect("started");
    let monitor = worker.monitor();
    let handle = system.handle();
    drop(handle.clone());
    assert!(monitor.try_down().is_none(), "a handle has no power");
    drop(system);
    assert!(monitor.try_down().is_some());
    assert!(handle.wait().is_some());
}

#[test]
fn a_stop_now_tells_units_not_to_drain() {
    for (halts, halted) in [(false, "drains"), (true, "halts")] {
        let (system, journal) = (system(), Journal::new());
        let notes = journal.clone();
        let worker = Child::worker("w", move |ctx| {
            let _ = ctx.wait(FAR);
            let token = ctx.stop_token();
            assert_eq!(token.drain_until().is_some(), !token.is_halted());
            notes.note(if token.is_halted() { "halts" } else { "drains" });
            Ok(())
        });
        system.spawn(worker).expect("started");
        let report = if halts {
            system.stop_now(LONG)
        } else {
            system.stop_within(LONG)
        };
        assert!(report.is_clean(), "{report}");
        assert_eq!(journal.take(1), [halted]);
    }
}

// decision 13, OTP-43
#[test]
fn absolute_deadlines_flow_down_and_the_earlier_one_holds() {
    let (system, journal) = (system(), Journal::new());
    let says = |id: &'static str| {
        let notes = journal.clone();
        Child::worker(id, move |ctx| {
            let _ = ctx.wait(FAR);
            let until = ctx.stop_token().drain_until();
            let left = until.map(|until| until.saturating_duration_since(ctx.clock().now()));
            let word = match left {
                None => "without end",
                Some(left) if left > 30 * SECOND => "the system's",
                Some(_) => "its own",
            };
            notes.note(format!("{id}: {word}"));
            Ok(())
        })
    };
    let inner = Supervisor::new("inner")
        .child(says("patient").shutdown(Shutdown::Wait))
        .child(says("hasty").shutdown(Shutdown::Deadline(20 * SECOND)));
    let tree = Supervisor::new("tree").child(inner);
    let tree = system.supervise(tree).expect("started");
    // A supervisor that was given no time gives none.
    tree.terminate_child("inner").expect("terminated");
    assert_eq!(journal.take(2), ["hasty: its own", "patient: without end"]);
    tree.restart_child("inner").expect("restarted");
    let report = system.stop_within(60 * SECOND);
    assert!(report.is_clean(), "{report}");
    assert_eq!(journal.take(2), ["hasty: its own", "patient: the system's"]);
}

#[test]
fn a_stop_hook_wakes_a_blocked_accept() {
    let (system, recorder) = recorded(config());
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let journal = Journal::new();
    let notes = journal.clone();
    let server = Child::worker("server", move |ctx| {
        let _hook = ctx.on_stop(move || drop(TcpStream::connect(address)));
        while !ctx.is_stopping() {
            let _client = listener.accept()?;
            notes.note("served");
        }
        Ok(())
    });
    system.spawn(server).expect("started");
    drop(TcpStream::connect(address).expect("a connection"));
    assert_eq!(journal.take(1), ["served"]);
    let report = system.stop_within(LONG);
    assert!(report.is_clean(), "{report}");
    assert_eq!(recorder.count("child.hook_failed"), 0);
}

#[test]
fn a_panic_of_a_stop_hook_is_an_event_and_the_other_hooks_run() {
    let (system, recorder) = recorded(config());
    let journal = Journal::new();
    let notes = journal.clone();
    let worker = Child::worker("w", move |ctx| {
        ctx.on_stop(|| panic!("in the hook")).keep();
        let second = notes.clone();
        ctx.on_stop(move || second.note("second")).keep();
        notes.note("ready");
        idle(ctx)
    });
    system.spawn(worker).expect("started");
    assert_eq!(journal.take(1), ["ready"]);
    let report = system.stop_within(LONG);
    assert!(report.threads_left.is_empty(), "{report}");
    assert_eq!(journal.take(1), ["second"]);
    let problem = recorder.wait_until(LONG, |events| {
        let failed = events.iter().find(|e| e.name() == "child.hook_failed")?;
        failed.text("problem").map(|problem| problem.into_owned())
    });
    assert!(problem.contains("in the hook"), "{problem}");
}

#[test]
fn a_hook_is_withdrawn_by_its_guard_and_runs_at_once_after_the_stop() {
    let (system, journal) = (system(), Journal::new());
    let notes = journal.clone();
    let worker = Child::worker("w", move |ctx| {
        let hook = |text: &'static str| {
            let notes = notes.clone();
            move || notes.note(text)
        };
        drop(ctx.on_stop(hook("withdrawn")));
        notes.note("ready");
        let _ = ctx.wait(FAR);
        drop(ctx.on_stop(hook("late")));
        Ok(())
    });
    system.spawn(worker).expect("started");
    assert_eq!(journal.take(1), ["ready"]);
    assert!(system.stop_within(LONG).is_clean());
    assert_eq!(journal.take(1), ["late"]);
}

/// Stops a system one of whose children waits for its restart.
fn stop_during_restart_wait(system: &System, puppet: &Puppet) {
    let monitor = puppet.handle.monitor();
    puppet.pull(Act::Panic);
    assert!(monitor.down_timeout(LONG).is_some());
    let report = system.stop_within(LONG);
    assert!(report.is_complete(), "{report}");
    assert!(report.threads_left.is_empty(), "{report}");
    assert_eq!(puppet.handle.generation(), Generation::first());
}

// decision 15, decision 11
#[test]
fn a_stop_during_the_wait_for_a_restart_is_immediate() {
    let (system, _recorder, _manual) = timeless(config());
    let (child, puppet) = Puppet::alone("w");
    system
        .spawn(child.backoff(Backoff::constant(FAR)))
        .expect("started");
    stop_during_restart_wait(&system, &puppet);
}
