//! OS processes, kept and run: what the operating system sees of them is read from `/proc`.

mod commands;
mod kept;
mod output;
mod ready;
mod stops;

use std::fs;
use std::path::Path;

use steadfast::process::{Process, ProcessExit, ProcessRef, Program, Ready};
use steadfast::telemetry::{Measure, RecordedEvent, Recorder};
use steadfast::{Child, ExitReason, System};

use crate::support::{LONG, config, eventually, recorded};

/// A script as the program of a test.
fn sh(script: &str) -> Program {
    Program::new("/bin/sh").args(["-c", script])
}

/// A script that says `ready` when it is.
fn ready_sh(script: &str) -> Process {
    Process::new(sh(script)).ready(Ready::output(|line| line == "ready"))
}

/// A process that does nothing until a signal ends it.
fn sleeper() -> Program {
    Program::new("sleep").arg("1000")
}

/// Its own process group, so that a test can look for all of its members.
fn group_members(group: u32) -> Vec<u32> {
    let all = fs::read_dir("/proc").expect("linux");
    let pids = all.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter(|pid| stat(*pid).is_some_and(|(_, of)| of == group))
        .collect()
}

/// The state and the process group of a process.
fn stat(pid: u32) -> Option<(char, u32)> {
    let line = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = line.rsplit_once(") ")?;
    let mut fields = fields.split(' ');
    let state = fields.next()?.chars().next()?;
    Some((state, fields.nth(1)?.parse().ok()?))
}

/// Whether nothing is left of the process, not even a zombie, nor of its group.
fn is_gone(pid: u32) -> bool {
    !Path::new(&format!("/proc/{pid}")).exists() && group_members(pid).is_empty()
}

/// A killed descendant is reaped by its new parent, which may take a while.
#[track_caller]
fn assert_gone(pid: u32) {
    assert!(
        !Path::new(&format!("/proc/{pid}")).exists(),
        "{pid} is left"
    );
    eventually("its group is gone", || is_gone(pid));
}

/// The processes that were started, in order.
fn pids(recorder: &Recorder) -> Vec<u32> {
    let started = |event: &&RecordedEvent| event.name() == "process.spawned";
    let events = recorder.events();
    events.iter().filter(started).map(pid_of).collect()
}

fn pid_of(event: &RecordedEvent) -> u32 {
    match event.measurement("pid") {
        Some(Measure::U64(pid)) => u32::try_from(pid).expect("a pid"),
        other => panic!("no pid: {other:?}"),
    }
}

/// The only process of a test's system, once there is one.
fn only_pid(recorder: &Recorder) -> u32 {
    recorder.wait_for(LONG, "process.spawned", 1);
    pids(recorder)[0]
}

fn spawned(child: Child<ProcessRef>) -> (System, Recorder, ProcessRef) {
    let (system, recorder) = recorded(config());
    let process = system.spawn(child).expect("started");
    (system, recorder, process)
}

#[track_caller]
fn exit_of(reason: &ExitReason) -> ProcessExit {
    match reason {
        ExitReason::Error(failure) => failure.downcast_ref::<ProcessExit>().cloned(),
        _ => None,
    }
    .unwrap_or_else(|| panic!("no exit: {reason}"))
}
