//! Signals of the operating system, each test in a process of its own: a signal is for all of it.
#![cfg(all(feature = "signals", target_os = "linux"))]

use std::process::Command;
use std::thread;
use std::time::Duration;

use signal_hook::consts::SIGTERM;
use signal_hook::low_level::raise;
use steadfast::{Child, System, SystemConfig};

const LONG: Duration = Duration::from_secs(60);

/// Runs the ignored test of this name in a process of its own; its exit code.
fn in_own_process(test: &str) -> Option<i32> {
    let this = std::env::current_exe().expect("the test binary");
    let child = Command::new(this)
        .args(["--exact", test, "--ignored"])
        .output();
    let output = child.expect("a process");
    println!("{}", String::from_utf8_lossy(&output.stdout));
    output.status.code()
}

#[test]
fn the_first_signal_stops_in_order() {
    assert_eq!(in_own_process("first_signal"), Some(0));
}

#[test]
fn the_second_signal_ends_the_process_with_its_code() {
    assert_eq!(in_own_process("second_signal"), Some(128 + SIGTERM));
}

#[test]
fn a_root_that_gives_up_ends_the_run_without_a_signal() {
    let system = system();
    let fails = Child::worker("fails", |_| Err("as it should".into())).give_up_after(0);
    system.spawn(fails).expect("started");
    let run = system.run_until_signal(LONG).expect("signals");
    assert_eq!(run.signal, None);
    assert!(!run.shutdown.is_clean());
}

#[test]
#[ignore = "run by its parent"]
fn first_signal() {
    let system = system();
    system
        .spawn(Child::worker("signals itself", |ctx| {
            wait_for_the_handler();
            raise(SIGTERM)?;
            let _stopped = ctx.wait(LONG);
            Ok(())
        }))
        .expect("started");
    let run = system.run_until_signal(LONG).expect("signals");
    assert_eq!(run.signal, Some(SIGTERM));
    assert!(run.shutdown.is_clean(), "{}", run.shutdown);
}

#[test]
#[ignore = "run by its parent"]
fn second_signal() {
    let system = system();
    system
        .spawn(Child::worker("does not obey", |ctx| {
            wait_for_the_handler();
            raise(SIGTERM)?;
            let _stopped = ctx.wait(LONG);
            raise(SIGTERM)?;
            loop {
                thread::park();
            }
        }))
        .expect("started");
    let run = system.run_until_signal(LONG);
    panic!("the process outlived its second signal: {run:?}");
}

fn system() -> System {
    System::with(SystemConfig::new("test").quiet_panics().without_log()).expect("a system")
}

/// Until the thread that listens is there: before that a signal would end the process.
fn wait_for_the_handler() {
    let listens = || {
        let tasks = std::fs::read_dir("/proc/self/task").expect("proc");
        tasks.flatten().any(|task| {
            let name = std::fs::read_to_string(task.path().join("comm"));
            name.is_ok_and(|name| name.trim() == "signals")
        })
    };
    while !listens() {
        thread::yield_now();
    }
}
