//! Stops of kept processes: asked, waited for, killed, reaped; whatever the process or the thread of its run does.

use steadfast::process::{Process, Ready, Signal, StopBy};
use steadfast::supervision::Outcome;
use steadfast::{Child, Restart, Shutdown};

use super::{assert_gone, group_members, is_gone, only_pid, pids, ready_sh, sh, sleeper, spawned};
use crate::support::{FAR, Gate, LONG, OpenAtEnd, SECOND, config, eventually, recorded, timeless};

const DEAF: &str = "trap '' TERM; echo ready; while :; do sleep 1000; done";

// decision 53, decision 13
#[test]
fn a_process_that_obeys_the_signal_is_stopped_cleanly() {
    let script = "trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 1000 & wait; done";
    let child = Child::process("p", ready_sh(script)).shutdown(Shutdown::Deadline(FAR));
    let (system, recorder, process) = spawned(child);
    let pid = process.pid().expect("it runs");
    let report = system.stop_within(FAR);
    assert!(report.is_clean(), "{report}");
    assert_eq!(report.remarks.len(), 0, "{report}");
    assert_eq!(recorder.count("process.killed"), 0);
    let last = process.tail().pop().expect("a line");
    assert_eq!(last.text, "bye");
    assert_gone(pid);
}

// decision 53, decision 13, property 19
#[test]
fn a_process_that_ignores_the_signal_is_killed_at_the_deadline_and_not_before() {
    let (system, recorder, manual) = timeless(config());
    let child = Child::process("p", ready_sh(DEAF)).shutdown(Shutdown::Deadline(10 * SECOND));
    let process = system.spawn(child).expect("started");
    let pid = process.pid().expect("it runs");
    system.request_stop(FAR);
    recorder.wait_for(LONG, "child.stopping", 1);
    // The steward and the run wait for the same stop.
    manual.wait_for_sleepers(2);
    manual.advance(9 * SECOND);
    assert_eq!(process.pid(), Some(pid), "killed too early");
    manual.advance(SECOND * 9 / 10);
    let killed = recorder.wait_until(LONG, |events| {
        let killed = events.iter().find(|event| event.name() == "process.killed");
        killed.and_then(|event| Some(event.text("why")?.into_owned()))
    });
    assert_eq!(killed, "deadline");
    let report = system.stop_within(FAR);
    let end = report.remarks.first().expect("a remark");
    assert_eq!(end.outcome, Outcome::Stopped);
    let error = end.error.as_ref().expect("an error").to_string();
    assert!(error.contains("signal 9"), "{error}");
    assert_gone(pid);
}

// decision 53
#[test]
fn a_stop_may_be_another_signal_or_the_end_of_the_input() {
    let by_signal =
        "trap '' TERM; trap 'exit 0' INT; echo ready; while :; do sleep 1000 & wait; done";
    let by_signal = ready_sh(by_signal).stop_by(StopBy::Signal(Signal::Int));
    let by_input = "trap '' TERM; echo ready; while read -r line; do echo \"$line\"; done";
    let by_input = ready_sh(by_input).stdin(100).stop_by(StopBy::ClosingStdin);
    for process in [by_signal, by_input] {
        let child = Child::process("p", process).shutdown(Shutdown::Wait);
        let (system, recorder, _) = spawned(child);
        let report = system.stop_within(FAR);
        assert!(report.is_clean() && report.remarks.is_empty(), "{report}");
        assert_eq!(recorder.count("process.killed"), 0);
        assert_gone(only_pid(&recorder));
    }
}

// decision 53, property 19
#[test]
fn what_a_process_leaves_behind_in_its_group_goes_with_it() {
    let child = Child::process("p", sh("sleep 1000 & sleep 1000 & exit 0"));
    let (_system, recorder, process) = spawned(child.restart(Restart::Temporary));
    assert!(process.ended_timeout(LONG).is_some());
    assert_gone(only_pid(&recorder));
}

// decision 53
#[test]
fn a_descendant_that_left_the_group_and_keeps_the_pipes_holds_nobody() {
    // The descendant says its number, then keeps both pipes open.
    let script = "setsid sh -c 'echo $$; exec sleep 1000' & read -r _ || exit 0";
    let child = Child::process("p", Process::new(sh(script)).stdin(10));
    let (_system, _, process) = spawned(child.restart(Restart::Temporary));
    let mut lines = process.tail();
    eventually("the descendant is there", || {
        lines = process.tail();
        !lines.is_empty()
    });
    process.close_stdin();
    assert!(process.ended_timeout(LONG).is_some(), "it holds the run");
    let left: u32 = lines[0].text.parse().expect("a number");
    assert_eq!(group_members(left), [left], "nobody has killed it");
    let killed = std::process::Command::new("kill")
        .arg(left.to_string())
        .status();
    assert!(killed.expect("a kill").success());
}

// decision 53, decision 15, property 19
#[test]
fn a_run_that_is_given_up_while_its_thread_hangs_takes_its_process_with_it() {
    let (system, recorder, manual) = timeless(config());
    let gate = Gate::new();
    let _open = OpenAtEnd(gate.clone());
    let inside = gate.clone();
    let probe = Ready::probe(SECOND, move || {
        inside.pass();
        true
    });
    let child = Child::process(
        "p",
        Process::new(sh("trap '' TERM; sleep 1000")).ready(probe),
    );
    let child = child.restart(Restart::Temporary).start_deadline(SECOND);
    let turn = || {
        gate.wait_for(1);
        manual.wait_for_sleepers(1);
        manual.advance(SECOND);
    };
    let answer = std::thread::scope(|scope| {
        scope.spawn(turn);
        system.spawn(child)
    });
    answer.expect_err("the probe hangs");
    recorder.wait_for(LONG, "child.abandoned", 1);
    let pid = only_pid(&recorder);
    // Reaped by its own thread, though the run's hangs.
    eventually("it is reaped", || is_gone(pid));
    recorder.wait_for(LONG, "process.killed", 1);
    gate.open();
    recorder.wait_for(LONG, "child.abandoned_returned", 1);
}

// decision 53, property 19
#[test]
fn a_stop_that_waits_for_nothing_leaves_no_process() {
    let child = Child::process("p", ready_sh(DEAF)).shutdown(Shutdown::Abandon);
    let (system, recorder, process) = spawned(child);
    let pid = only_pid(&recorder);
    process.terminate().expect("terminated");
    eventually("it is reaped", || is_gone(pid));
    drop(system);
}

// decision 53, property 19
#[test]
fn the_stop_of_a_system_leaves_no_process_however_it_is_stopped() {
    for now in [false, true] {
        let (system, recorder) = recorded(config());
        for number in 0..4 {
            let deaf = number % 2 == 0;
            let process = if deaf {
                ready_sh(DEAF)
            } else {
                sleeper().into()
            };
            let child = Child::process(format!("p{number}"), process);
            let child = child.shutdown(Shutdown::Deadline(SECOND / 2));
            system.spawn(child).expect("started");
        }
        let report = if now {
            system.stop_now(LONG)
        } else {
            system.stop_within(LONG)
        };
        assert!(report.is_complete(), "{report}");
        let started = pids(&recorder);
        assert_eq!(started.len(), 4);
        let all = || started.iter().all(|pid| is_gone(*pid));
        eventually("all are reaped", all);
    }
}
