//! A process as a child: its ends, its restarts, its handle.

use steadfast::process::{ProcessError, ProcessStatus, Program, ProgramFault, Signal};
use steadfast::supervision::{ManageError, SpecError};
use steadfast::{
    Backoff, Child, ExitReason, Generation, Restart, StartError, Strategy, Supervisor,
};

use super::{assert_gone, exit_of, pids, sh, sleeper, spawned};
use crate::support::{LONG, config, idler, recorded, system};

// decision 53
#[test]
fn a_process_that_is_killed_from_outside_is_started_again_as_another_one() {
    let (system, recorder, process) = spawned(Child::process("p", sleeper()));
    let first = process.pid().expect("it runs");
    let down = process.monitor();
    process.signal(Signal::Kill).expect("sent");
    let down = down.down_timeout(LONG).expect("heard of");
    let exit = exit_of(&down.reason.expect("a reason"));
    assert_eq!(exit.status, ProcessStatus::Signaled(9));
    process
        .up_after(Generation::first(), LONG)
        .expect("up again");
    let second = process.pid().expect("it runs again");
    assert_ne!(first, second);
    assert_gone(first);
    assert_eq!(pids(&recorder), [first, second]);
    assert!(system.stop_within(LONG).is_clean());
    assert_gone(second);
}

// decision 53
#[test]
fn the_code_of_an_end_decides_whether_it_was_a_failure() {
    let end_of = |script: &str| {
        let child = Child::process("p", sh(script)).restart(Restart::Temporary);
        let (_system, _, process) = spawned(child);
        process.ended_timeout(LONG).expect("ended")
    };
    assert!(matches!(end_of("exit 0"), ExitReason::Normal));
    let exit = exit_of(&end_of("echo one; echo two >&2; exit 3"));
    assert_eq!(
        (exit.status, exit.was_ready),
        (ProcessStatus::Exited(3), true)
    );
    let mut tail: Vec<_> = exit.tail.iter().map(|line| &*line.text).collect();
    tail.sort_unstable();
    assert_eq!(tail, ["one", "two"]);
    assert!(
        exit.to_string().starts_with("/bin/sh exited with code 3"),
        "{exit}"
    );
}

// decision 53
#[test]
fn the_end_of_a_process_restarts_its_group_as_that_of_any_child_does() {
    let system = system();
    let process = Child::process("p", sleeper()).backoff(Backoff::none());
    let (process, beside) = (process, idler("w"));
    let (handle, worker) = (process.handle(), beside.handle());
    let tree = Supervisor::new("tree").strategy(Strategy::OneForAll);
    system
        .supervise(tree.child(process).child(beside))
        .expect("started");
    handle.signal(Signal::Term).expect("sent");
    worker
        .up_after(Generation::first(), LONG)
        .expect("restarted with it");
    assert_eq!(handle.generation().get(), 2);
}

// decision 53
#[test]
fn what_is_wrong_with_a_process_is_listed_before_anything_starts() {
    let (system, recorder) = recorded(config());
    let broken = Child::process("p", Program::new("").env("A=B", ""));
    let error = system.spawn(broken).expect_err("invalid");
    let StartError::Refused(ManageError::Invalid(errors)) = error else {
        panic!("not invalid: {error}");
    };
    let [SpecError::Process { error, .. }] = &*errors else {
        panic!("not about the process: {errors:?}");
    };
    let name = ProgramFault::VariableName("A=B".into());
    assert_eq!(error.faults(), [ProgramFault::EmptyExecutable, name]);
    assert_eq!(recorder.count("child.started"), 0);
}

// decision 53
#[test]
fn a_program_that_is_not_there_fails_its_start_with_its_name() {
    let system = system();
    for name in ["no-such-program-anywhere", "/no/such/program"] {
        let child = Child::process("p", Program::new(name)).restart(Restart::Temporary);
        let error = system.spawn(child).expect_err("no start");
        assert!(error.to_string().contains(name), "{error}");
    }
}

// decision 53
#[test]
fn arguments_arrive_as_they_were_given_and_the_environment_is_empty() {
    let script = r#"printf '[%s]' "$@"; echo; env | grep -v -e '^PWD=' -e '^_=' -e '^SHLVL='"#;
    let program = sh(script).args(["sh", "a b; $(id)", "*", "", "'\""]);
    let child = Child::process("p", program.env("ONLY", "me")).restart(Restart::Temporary);
    let (_system, _, process) = spawned(child);
    assert!(process.ended_timeout(LONG).is_some());
    let lines: Vec<_> = process.tail().into_iter().map(|line| line.text).collect();
    assert_eq!(lines, [r#"[a b; $(id)][*][]['"]"#, "ONLY=me"]);
}

// decision 53
#[test]
fn a_handle_of_a_process_that_does_not_run_says_so() {
    let child = Child::process("p", sleeper());
    let process = child.handle();
    assert_eq!(process.pid(), None);
    let refused = process.signal(Signal::Hup).expect_err("no process");
    assert!(matches!(refused, ProcessError::NotRunning));
    assert!(process.tail().is_empty());
    let (_system, _, process) = spawned(child);
    process.terminate().expect("terminated");
    assert_eq!(process.pid(), None);
}
