//! When a kept process counts as started, and what becomes of one that never does.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use steadfast::process::{Process, ProcessError, Ready};
use steadfast::supervision::Standing;
use steadfast::{Child, ExitReason, Restart};

use super::{assert_gone, exit_of, only_pid, ready_sh, sh, sleeper};
use crate::support::{FAR, LONG, SECOND, config, eventually, recorded, timeless};

// decision 53
#[test]
fn a_process_is_up_once_it_says_so_and_not_before() {
    let (system, recorder) = recorded(config());
    let script = "echo starting; read -r _; echo ready; exec sleep 1000";
    let process = ready_sh(script).stdin(10);
    let child = Child::process("p", process).restart(Restart::Temporary);
    let handle = child.handle();
    std::thread::scope(|scope| {
        let starting = scope.spawn(|| system.spawn(child));
        recorder.wait_for(LONG, "process.spawned", 1);
        assert!(matches!(handle.standing(), Standing::Starting));
        assert_eq!(recorder.count("child.started"), 0);
        eventually("written", || handle.try_write(b"go\n").is_ok());
        starting.join().expect("no panic").expect("started");
    });
    assert!(matches!(handle.standing(), Standing::Up));
}

// decision 53
#[test]
fn a_probe_is_asked_again_until_it_holds() {
    let (system, _, manual) = timeless(config());
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let probe = Ready::probe(SECOND, move || count.fetch_add(1, Ordering::Relaxed) == 2);
    let child = Child::process("p", Process::new(sleeper()).ready(probe));
    let child = child.start_deadline(FAR);
    std::thread::scope(|scope| {
        let starting = scope.spawn(|| system.spawn(child));
        eventually("it was asked three times", || {
            manual.advance(SECOND);
            asked.load(Ordering::Relaxed) == 3
        });
        starting.join().expect("no panic").expect("started");
    });
    assert_eq!(asked.load(Ordering::Relaxed), 3);
}

// decision 53, property 19
#[test]
fn a_process_that_never_gets_ready_is_killed_before_its_start_is_given_up() {
    for ready in [Ready::output(|_| false), Ready::probe(SECOND * 3, || false)] {
        let (system, recorder, manual) = timeless(config());
        let process = Process::new(sh("trap '' TERM; echo x; sleep 1000")).ready(ready);
        let child = Child::process("p", process).start_deadline(SECOND * 10);
        let child = child.restart(Restart::Temporary);
        let answer = std::thread::scope(|scope| {
            let starting = scope.spawn(|| system.spawn(child));
            recorder.wait_for(LONG, "process.spawned", 1);
            // To just before the deadline: the rest is left for the end.
            manual.advance(SECOND * 98 / 10);
            starting.join().expect("no panic")
        });
        let error = answer.expect_err("never ready").to_string();
        assert!(
            error.contains("/bin/sh did not become ready in time"),
            "{error}"
        );
        assert_gone(only_pid(&recorder));
        assert_eq!(recorder.count("child.abandoned"), 0);
        assert_eq!(recorder.count("process.killed"), 1);
    }
}

// decision 53
#[test]
fn a_process_that_ends_before_it_is_ready_has_failed_its_start_whatever_its_code() {
    for script in ["exit 0", "exit 4"] {
        let (system, _) = recorded(config());
        let child = Child::process("p", ready_sh(script)).restart(Restart::Temporary);
        let handle = child.handle();
        system.spawn(child).expect_err("it ended");
        let Standing::Ended(ExitReason::Error(failure)) = handle.standing() else {
            panic!("{:?}", handle.standing());
        };
        let exit = exit_of(&ExitReason::Error(failure));
        assert!(!exit.was_ready, "{exit}");
    }
}

// decision 53, property 19
#[test]
fn a_predicate_that_panics_ends_the_process_with_its_run() {
    let probe = Ready::probe(SECOND, || panic!("in the probe"));
    let output = Ready::output(|_| panic!("in the predicate"));
    for ready in [probe, output] {
        let (system, recorder) = recorded(config());
        let process = Process::new(sh("trap '' TERM; echo x; sleep 1000")).ready(ready);
        let child = Child::process("p", process).restart(Restart::Temporary);
        let error = system.spawn(child).expect_err("it panicked");
        assert!(error.to_string().contains("panic: in the pr"), "{error}");
        assert_gone(only_pid(&recorder));
    }
}

// decision 53, property 19
#[test]
fn a_stop_while_a_process_is_getting_ready_ends_it_in_order() {
    let (system, recorder) = recorded(config());
    let process = Process::new(sleeper()).ready(Ready::output(|_| true));
    std::thread::scope(|scope| {
        let starting = scope.spawn(|| system.spawn(Child::process("p", process)));
        recorder.wait_for(LONG, "process.spawned", 1);
        let report = system.stop_within(LONG);
        assert!(report.is_clean(), "{report}");
        let _answer = starting.join().expect("no panic");
    });
    assert_gone(only_pid(&recorder));
    assert_eq!(recorder.count("process.killed"), 0);
}

#[test]
fn an_error_of_a_process_says_what_kind_it_is() {
    use steadfast::fault::{Category, Classify};
    let error = ProcessError::NotReady("p".into());
    assert_eq!(error.category(), Category::Deadline);
    assert_eq!(
        (error.code(), error.is_retryable()),
        ("process.not_ready", false)
    );
}
