//! How workers end, and what becomes of each end.

use std::fmt;
use std::panic::panic_any;
use std::sync::{Arc, Barrier};

use steadfast::supervision::{ChildState, Outcome, Standing};
use steadfast::{
    Child, Down, ExitReason, Failure, Generation, Restart, StopCause, System, SystemConfig,
};

use crate::support::{Act, FAR, LONG, Puppet, idler, is_first, own_process, panic_of, system};

/// Spawns a child that ends in its first run, and gives back the news of that.
fn first_end(
    system: &System,
    end: impl Fn() -> Result<(), Failure> + Send + Sync + 'static,
) -> Down {
    let watched = Arc::new(Barrier::new(2));
    let gate = Arc::clone(&watched);
    let child = Child::worker("w", move |ctx| {
        if is_first(ctx) {
            gate.wait();
            return end();
        }
        let _ = ctx.wait(FAR);
        Ok(())
    });
    let worker = system.spawn(child).expect("started");
    let monitor = worker.monitor_generation(Generation::first());
    watched.wait();
    monitor.down_timeout(LONG).expect("a down")
}

#[test]
fn a_worker_runs_until_it_is_asked_to_stop() {
    let system = system();
    let worker = system.spawn(idler("w")).expect("started");
    assert!(matches!(worker.standing(), Standing::Up));
    let report = system.stop_within(LONG);
    assert_eq!(report.count(Outcome::Stopped), 1);
    assert!(report.is_clean(), "{report}");
    assert!(matches!(
        worker.standing(),
        Standing::Ended(ExitReason::Stopped(StopCause::Shutdown))
    ));
}

// property 20, decision 3
#[test]
fn a_panic_is_restarted_and_its_report_names_place_and_unit() {
    let system = system();
    let down = first_end(&system, || panic!("first run"));
    let report = Arc::clone(panic_of(&down.reason.expect("a reason")));
    assert_eq!(report.message(), "first run");
    assert_eq!(report.path().map(|p| p.as_str()), Some("test/w"));
    assert_eq!(report.generation(), Some(Generation::first()));
    assert!(
        report
            .location()
            .is_some_and(|l| l.file.ends_with("ends.rs") && l.line > 0)
    );
    let worker: steadfast::WorkerRef = system.root().child("w").expect("a worker");
    let again = worker.up_after(Generation::first(), LONG);
    assert_eq!(again.map(Generation::get), Some(2));
    assert!(system.stop_within(LONG).is_clean());
}

// decision 3
#[test]
fn a_panic_with_a_value_keeps_the_value() {
    #[derive(Debug, PartialEq)]
    struct Payload(u32);
    let system = system();
    let down = first_end(&system, || panic_any(Payload(42)));
    let reason = down.reason.expect("a reason");
    let seen = panic_of(&reason).with_payload(|Payload(number)| *number);
    assert_eq!(seen, Some(42));
}

// decision 2
#[test]
fn an_error_is_an_abnormal_end_that_keeps_its_type() {
    #[derive(Debug, PartialEq)]
    struct Broken(u8);
    impl fmt::Display for Broken {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "broken {}", self.0)
        }
    }
    impl std::error::Error for Broken {}
    let system = system();
    let down = first_end(&system, || Err(Broken(7).into()));
    match down.reason {
        Some(ExitReason::Error(failure)) => {
            assert_eq!(failure.downcast_ref::<Broken>(), Some(&Broken(7)));
        }
        other => panic!("{other:?}"),
    }
    let worker: steadfast::WorkerRef = system.root().child("w").expect("a worker");
    assert!(worker.up_after(Generation::first(), LONG).is_some());
}

// decision 4
#[test]
fn a_state_whose_drop_panics_is_a_panic_of_its_run() {
    struct Thorny(bool);
    impl Drop for Thorny {
        fn drop(&mut self) {
            assert!(!self.0, "thorny");
        }
    }
    let system = system();
    let watched = Arc::new(Barrier::new(2));
    let gate = Arc::clone(&watched);
    let child = Child::worker_from(
        "w",
        || Thorny(false),
        move |state, ctx| {
            if is_first(ctx) {
                gate.wait();
                state.0 = true;
                return Ok(());
            }
            let _ = ctx.wait(FAR);
            Ok(())
        },
    );
    let worker = system.spawn(child).expect("started");
    let monitor = worker.monitor_generation(Generation::first());
    watched.wait();
    let down = monitor.down_timeout(LONG).expect("a down");
    assert_eq!(
        panic_of(&down.reason.expect("a reason")).message(),
        "thorny"
    );
    assert!(worker.up_after(Generation::first(), LONG).is_some());
}

/// What becomes of a child of this restart type after each kind of end.
fn fates(restart: Restart) -> [bool; 3] {
    [Act::Return, Act::Fail, Act::Panic].map(|act| {
        let system = system();
        let (child, puppet) = Puppet::alone("w");
        system.spawn(child.restart(restart)).expect("started");
        let monitor = puppet.handle.monitor();
        puppet.pull(act);
        let down = monitor.down_timeout(LONG).expect("a down");
        assert_eq!(down.generation, Generation::first());
        let restarts = !matches!(puppet.handle.standing(), Standing::Ended(_));
        if restarts {
            let again = puppet.handle.up_after(Generation::first(), LONG);
            assert_eq!(again.map(Generation::get), Some(2));
        }
        assert!(system.stop_within(LONG).is_clean());
        restarts
    })
}

// OTP-17, OTP-18
#[test]
fn each_restart_type_restarts_after_the_ends_that_it_names() {
    assert_eq!(fates(Restart::Permanent), [true, true, true]);
    assert_eq!(fates(Restart::Transient), [false, true, true]);
    assert_eq!(fates(Restart::Temporary), [false, false, false]);
}

// OTP-19, OTP-11
#[test]
fn a_transient_child_that_ended_keeps_its_specification_and_a_temporary_one_loses_it() {
    let system = system();
    for (id, restart, kept) in [
        ("transient", Restart::Transient, true),
        ("temporary", Restart::Temporary, false),
    ] {
        let (child, puppet) = Puppet::alone(id);
        system.spawn(child.restart(restart)).expect("started");
        puppet.pull(Act::Return);
        let end = puppet.handle.ended_timeout(LONG);
        assert!(matches!(end, Some(ExitReason::Normal)), "{end:?}");
        // The answer comes after the whole end was carried out.
        assert!(system.root().terminate_child("nobody").is_err());
        let state = system.root().which_child(id).map(|info| info.state);
        assert_eq!(state, kept.then_some(ChildState::Down));
    }
}

// decision 16
#[test]
fn an_error_on_the_way_out_of_a_stop_is_part_of_the_stop() {
    let system = system();
    let child = Child::worker("w", |ctx| {
        let _ = ctx.wait(FAR);
        Err("could not flush".into())
    });
    let worker = system.spawn(child).expect("started");
    let report = system.stop_within(LONG);
    assert!(matches!(
        worker.standing(),
        Standing::Ended(ExitReason::Stopped(StopCause::Shutdown))
    ));
    assert!(report.is_clean());
    let remark = report.remarks.first().expect("a remark");
    let error = remark.error.as_ref().expect("an error");
    assert_eq!(error.to_string(), "could not flush");
}

// decision 16
#[test]
fn a_worker_is_told_why_it_is_stopped() {
    let system = system();
    let child = Child::worker("w", |ctx| {
        let _ = ctx.wait(FAR);
        assert_eq!(ctx.stop_cause(), Some(StopCause::Requested));
        Ok(())
    });
    let worker = system.spawn(child).expect("started");
    worker.terminate().expect("terminated");
    assert!(matches!(
        worker.standing(),
        Standing::Ended(ExitReason::Stopped(StopCause::Requested))
    ));
}

const PRINTS: &str = "STEADFAST_TEST_PRINTS";

// decision 3
#[test]
fn a_quiet_system_keeps_its_panics_from_the_hook_that_prints_them() {
    if let Some(how) = std::env::var_os(PRINTS) {
        let config = SystemConfig::new("test").without_log();
        let config = if how == "quiet" {
            config.quiet_panics()
        } else {
            config
        };
        let system = System::with(config).expect("a system");
        let (child, puppet) = Puppet::alone("w");
        system.spawn(child).expect("started");
        puppet.crash();
        return;
    }
    let name = "supervision::ends::a_quiet_system_keeps_its_panics_from_the_hook_that_prints_them";
    for (how, prints) in [("quiet", false), ("loud", true)] {
        let output = own_process(name, PRINTS, how);
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{text}");
        assert_eq!(text.contains("as it was told"), prints, "{how}: {text}");
    }
}
