//! The descriptors, threads and children of a process that runs and keeps others: as many after a hundred runs as before.
//!
//! A binary of its own with one test, because those of tests beside it would be counted as well.
#![cfg(target_os = "linux")]

use std::time::Duration;

use steadfast::process::{CommandConfig, CommandRunner, Process, Program, Ready};
use steadfast::{Child, Clock, Restart, Shutdown, System, SystemConfig};

const LONG: Duration = Duration::from_secs(30);

fn count(folder: &str) -> usize {
    std::fs::read_dir(folder).map_or(0, Iterator::count)
}

/// The children of this process, zombies among them, of whichever thread.
fn children() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").expect("linux");
    let of = |task: std::io::Result<std::fs::DirEntry>| {
        let children = std::fs::read_to_string(task.ok()?.path().join("children")).ok()?;
        Some(children.split_whitespace().count())
    };
    tasks.filter_map(of).sum()
}

fn descriptors() -> usize {
    count("/proc/self/fd")
}

fn threads() -> usize {
    count("/proc/self/task")
}

#[track_caller]
fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let clock = Clock::system();
    let until = clock.deadline(LONG);
    while !holds() {
        assert!(!until.is_past(clock.now()), "not within {LONG:?}: {what}");
        std::thread::yield_now();
    }
}

fn sh(script: &str) -> Program {
    Program::new("/bin/sh").args(["-c", script])
}

fn run_commands() {
    let runner = CommandRunner::new(CommandConfig::new().allow(["/bin/sh"]));
    for number in 0..40 {
        let script = [
            "exit 0",
            "exit 1",
            "yes | head -n 1000",
            "sleep 1000 & exit 0",
        ][number % 4];
        runner.run_alone(&sh(script)).expect("an output");
    }
    let config = CommandConfig::new()
        .allow(["/bin/sh"])
        .grace(Duration::from_millis(1));
    let runner = CommandRunner::new(config);
    for _ in 0..10 {
        let deaf = sh("trap '' TERM; sleep 1000");
        let late = runner.run_timeout(&deaf, Duration::from_millis(5));
        late.expect_err("too slow");
    }
    assert_eq!(runner.stats().active, 0);
}

fn keep_processes() {
    for number in 0..50 {
        let config = SystemConfig::new("test").quiet_panics().without_log();
        let system = System::with(config).expect("a system");
        let ready = Ready::output(|line| line == "ready");
        let process = match number % 5 {
            0 => Process::new(sh("echo ready; exec sleep 1000")).ready(ready),
            1 => Process::new(sh("trap '' TERM; echo ready; sleep 1000")).ready(ready),
            2 => Process::new(sh("exec sleep 1000")).ready(Ready::output(|_| true)),
            3 => Process::new(sh("exit 1")),
            _ => Process::new(Program::new("/no/such/program")),
        };
        let child = Child::process("p", process.stdin(10)).restart(Restart::Temporary);
        let child = child.start_deadline(Duration::from_millis(50));
        let _started = system.spawn(child.shutdown(Shutdown::Deadline(Duration::from_millis(50))));
        let report = system.stop_within(LONG);
        assert!(report.is_complete(), "{report}");
    }
}

// property 19, decision 53, S6
#[test]
fn a_hundred_runs_leave_no_descriptor_no_thread_and_no_child() {
    let (descriptors_before, threads_before) = (descriptors(), threads());
    run_commands();
    keep_processes();
    eventually("all children are reaped", || children() == 0);
    eventually("all threads are gone", || threads() == threads_before);
    eventually("all descriptors are closed", || {
        descriptors() == descriptors_before
    });
}
