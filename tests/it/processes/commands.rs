//! One-shot commands: bounds, sharing, and no process left behind.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use steadfast::process::{
    CommandConfig, CommandError, CommandOutput, CommandRunner, CommandStats, ProcessError,
    ProcessStatus, Program,
};
use steadfast::telemetry::{Filter, Recorder};
use steadfast::time::ManualClock;
use steadfast::{Child, Restart, Telemetry, channel};

use super::{assert_gone, sh};
use crate::support::{FAR, LONG, SECOND, config, eventually, recorded};

/// A directory of its own, that is gone after the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let name = format!("steadfast-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("a directory");
        Self(path)
    }

    /// How many runs have left their mark.
    fn marks(&self) -> usize {
        std::fs::read_dir(&self.0).map_or(0, Iterator::count)
    }

    /// A script that works here.
    fn script(&self, script: &str) -> Program {
        sh(script).current_dir(&self.0)
    }

    /// The number that a script has written into `pid`, by moving it there.
    fn pid(&self) -> u32 {
        let path = self.0.join("pid");
        eventually("it has started", || path.exists());
        let text = std::fs::read_to_string(path).expect("written");
        text.trim().parse().expect("a number")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

const SAYS_PID: &str = "echo $$ > p; mv p pid;";

fn allowed() -> CommandConfig {
    CommandConfig::new().allow(["/bin/sh"]).timeout(LONG)
}

fn runner() -> CommandRunner {
    CommandRunner::new(allowed())
}

// S6
#[test]
fn only_what_is_allowed_by_the_name_it_is_given_is_run() {
    let telemetry = Telemetry::new();
    let recorder = Recorder::attach(&telemetry, Filter::All);
    let none = CommandRunner::new(CommandConfig::new().telemetry(telemetry));
    let refused = none.run(&sh("exit 0")).expect_err("not allowed");
    assert!(matches!(&refused, CommandError::NotAllowed(name) if name == "/bin/sh"));
    recorder.wait_for(LONG, "command.refused", 1);
    let by_name = runner().run(&Program::new("sh").args(["-c", "exit 0"]));
    assert!(matches!(by_name, Err(CommandError::NotAllowed(_))));
    let CommandStats {
        executed, refused, ..
    } = none.stats();
    assert_eq!((executed, refused), (0, 1));
}

// S6
#[test]
fn output_and_code_come_back_and_a_failure_is_not_cached() {
    let runner = runner();
    let command = sh("echo out; echo err >&2; exit 3");
    for _ in 0..2 {
        let output = runner.run(&command).expect("an output");
        assert_eq!(output.status, ProcessStatus::Exited(3));
        assert_eq!(
            (&*output.stdout, &*output.stderr),
            (&b"out\n"[..], &b"err\n"[..])
        );
    }
    let stats = runner.stats();
    assert_eq!((stats.executed, stats.failed, stats.hits), (2, 2, 0));
    let no_such = Program::new("/no/such/program");
    let runner = CommandRunner::new(CommandConfig::new().allow(["/no/such/program"]));
    let error = runner.run(&no_such).expect_err("not there");
    assert!(matches!(
        error,
        CommandError::Process(ProcessError::Spawn { .. })
    ));
    let stats = runner.stats();
    assert_eq!((stats.executed, stats.failed, stats.active), (1, 1, 0));
}

// S6
#[test]
fn a_success_is_cached_until_its_time_is_over() {
    let manual = ManualClock::new();
    let runner = CommandRunner::new(allowed().clock(manual.clock()));
    let scratch = Scratch::new("cached");
    let command = scratch.script("mktemp ./XXXXXX");
    let first = runner.run(&command).expect("an output");
    manual.advance(30 * SECOND);
    assert_eq!(runner.run(&command).expect("cached"), first);
    assert_eq!((scratch.marks(), runner.stats().hits), (1, 1));
    manual.advance(SECOND);
    assert_ne!(
        runner.run(&command).expect("an output").stdout,
        first.stdout
    );
    runner.run_alone(&command).expect("an output");
    assert_eq!(scratch.marks(), 3);
    assert_eq!(runner.stats().cached, 1);
    runner.clear_cache();
    assert_eq!(runner.stats().cached, 0);
}

type Called<'a> = std::thread::ScopedJoinHandle<'a, Result<CommandOutput, CommandError>>;

#[track_caller]
fn succeeds(call: Called<'_>) {
    let output = call.join().expect("no panic").expect("an output");
    assert!(output.is_success());
}

// S6
#[test]
fn ten_equal_calls_at_once_run_one_command() {
    let runner = runner();
    let scratch = Scratch::new("equal");
    // It ends when the test says so.
    let command = scratch.script("mktemp ./XXXXXX; until [ -e go ]; do sleep 0.01; done");
    std::thread::scope(|scope| {
        let calls: Vec<_> = (0..10)
            .map(|_| scope.spawn(|| runner.run(&command)))
            .collect();
        eventually("it runs", || scratch.marks() == 1);
        std::fs::write(scratch.0.join("go"), "").expect("written");
        calls.into_iter().for_each(succeeds);
    });
    let stats = runner.stats();
    assert_eq!((stats.executed, stats.active), (1, 0));
    assert_eq!(stats.shared + stats.hits, 9);
}

// S6
#[test]
fn of_twenty_different_calls_at_most_five_run_at_once_and_all_succeed() {
    let runner = CommandRunner::new(allowed().timeout(LONG * 6));
    let most = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let run = |number: usize| runner.run(&sh(&format!("sleep 0.0{number}; exit 0")));
        let calls: Vec<_> = (0..20)
            .map(|number| scope.spawn(move || run(number)))
            .collect();
        while calls.iter().any(|call| !call.is_finished()) {
            most.fetch_max(runner.stats().active, Ordering::Relaxed);
            std::thread::yield_now();
        }
        calls.into_iter().for_each(succeeds);
    });
    let stats = runner.stats();
    assert_eq!((stats.executed, stats.failed, stats.active), (20, 0, 0));
    assert!(most.into_inner() <= 5);
}

// S6
#[test]
fn a_call_that_waits_for_no_slot_is_refused_and_one_that_does_gets_its_turn() {
    let one = NonZeroUsize::MIN;
    let runner = CommandRunner::new(allowed().max_concurrent(one));
    let scratch = Scratch::new("slot");
    let holds = scratch.script("echo $$ > p; mv p pid; until [ -e go ]; do sleep 0.01; done");
    std::thread::scope(|scope| {
        let holding = scope.spawn(|| runner.run(&holds));
        scratch.pid();
        let refused = runner.run_unless_busy(&sh("exit 0"));
        assert!(matches!(refused, Err(CommandError::Busy { max }) if max == one));
        let too_late = runner.run_timeout(&sh("exit 0"), Duration::from_millis(1));
        assert!(matches!(too_late, Err(CommandError::Busy { .. })));
        let waits = scope.spawn(|| runner.run(&sh("exit 0")));
        std::fs::write(scratch.0.join("go"), "").expect("written");
        assert!(holding.join().expect("no panic").is_ok());
        assert!(waits.join().expect("no panic").is_ok());
    });
    let stats = runner.stats();
    assert_eq!((stats.refused, stats.active), (2, 0));
}

// property 19, S6
#[test]
fn after_a_timeout_nothing_of_the_command_is_left() {
    let manual = ManualClock::new();
    let telemetry = Telemetry::new();
    let recorder = Recorder::attach(&telemetry, Filter::All);
    let config = allowed().timeout(10 * SECOND).grace(SECOND);
    let runner = CommandRunner::new(config.clock(manual.clock()).telemetry(telemetry));
    for script in ["sleep 1000", "trap '' TERM; sleep 1000 & wait; sleep 1000"] {
        let scratch = Scratch::new("timeout");
        let command = scratch.script(&format!("{SAYS_PID} {script}"));
        let (error, pid) = std::thread::scope(|scope| {
            let call = scope.spawn(|| runner.run(&command));
            let pid = scratch.pid();
            manual.wait_for_sleepers(1);
            manual.advance(10 * SECOND);
            eventually("it is ended", || {
                manual.advance(SECOND);
                call.is_finished()
            });
            (call.join().expect("no panic").expect_err("too slow"), pid)
        });
        assert!(matches!(error, CommandError::TimedOut { .. }), "{error}");
        assert_gone(pid);
    }
    let stats = runner.stats();
    assert_eq!((stats.timed_out, stats.failed, stats.active), (2, 2, 0));
    recorder.wait_for(LONG, "command.failed", 2);
}

// property 19, S6
#[test]
fn a_stop_of_the_calling_unit_ends_the_command() {
    let (system, _) = recorded(config());
    let runner = CommandRunner::new(allowed().timeout(FAR));
    let scratch = Scratch::new("stop");
    let command = scratch.script(&format!("{SAYS_PID} exec sleep 1000"));
    let (answers, answer) = channel::bounded(1);
    let own = runner.clone();
    let worker = Child::worker("w", move |_| {
        let error = own.run(&command).expect_err("stopped");
        Ok(answers.try_send(error)?)
    });
    system
        .spawn(worker.restart(Restart::Temporary))
        .expect("started");
    let pid = scratch.pid();
    let report = system.stop_within(LONG);
    assert!(
        report.is_clean() && report.threads_left.is_empty(),
        "{report}"
    );
    assert_gone(pid);
    let error = answer.try_recv().expect("open").expect("answered");
    assert!(matches!(error, CommandError::Stopped), "{error}");
    assert_eq!(runner.stats().active, 0);
}

// S6
#[test]
fn a_flood_is_capped_and_does_not_hold_the_command() {
    let runner = CommandRunner::new(allowed().max_output(1000));
    let output = runner.run(&sh("yes | head -c 1000000; yes | head -c 300 >&2"));
    let output = output.expect("an output");
    assert!(output.is_success() && output.is_truncated);
    assert_eq!((output.stdout.len(), output.stderr.len()), (1000, 300));
}

// S6
#[test]
fn a_command_reads_its_input_and_nothing_else() {
    let runner = runner();
    let all = "x".repeat(300_000);
    let output = runner.run(&sh("wc -c").input(all)).expect("an output");
    assert_eq!(output.text().trim(), "300000");
    let output = runner
        .run(&sh("cat; env | grep SECRET"))
        .expect("an output");
    assert_eq!(output.stdout.len(), 0);
    // Far more than a pipe holds, for one who reads none of it.
    let unread = runner.run(&sh("exit 0").input("x".repeat(300_000)));
    assert!(unread.expect("an output").is_success());
}

// S6
#[test]
fn invalid_programs_are_refused_with_all_their_faults() {
    let invalid = sh("exit 0").env("A=B", "").arg("a\0b");
    let error = runner().run(&invalid).expect_err("invalid");
    let CommandError::Process(ProcessError::Invalid(error)) = error else {
        panic!("not about the program: {error}");
    };
    assert_eq!(error.faults().len(), 2);
}
