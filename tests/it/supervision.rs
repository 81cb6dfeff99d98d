//! Workers and supervisors on real threads.

use std::sync::{Arc, Barrier};
use std::time::Duration;

use steadfast::supervision::{Outcome, Standing, Waited};
use steadfast::{
    Child, ExitReason, Generation, Intensity, Restart, StopCause, Supervisor, System, SystemConfig,
};

const LONG: Duration = Duration::from_secs(10);

fn system() -> System {
    System::with(SystemConfig::new("test").quiet_panics().without_log()).expect("a system")
}

#[test]
fn a_worker_runs_until_it_is_asked_to_stop() {
    let system = system();
    let worker = system
        .spawn(Child::worker("w", |ctx| {
            assert_eq!(ctx.wait(LONG * 100), Waited::Stopped);
            Ok(())
        }))
        .expect("started");
    assert!(matches!(worker.standing(), Standing::Up));
    let report = system.stop_within(LONG);
    assert_eq!(report.count(Outcome::Stopped), 1);
    assert!(report.is_clean(), "{report}");
    assert!(matches!(
        worker.standing(),
        Standing::Ended(ExitReason::Stopped(StopCause::Shutdown))
    ));
}

#[test]
fn a_panic_is_restarted_and_its_report_names_place_and_unit() {
    let system = system();
    let watched = Arc::new(Barrier::new(2));
    let gate = Arc::clone(&watched);
    let child = Child::worker("w", move |ctx| {
        if ctx.generation() == Generation::first() {
            gate.wait();
            panic!("first run");
        }
        let _ = ctx.wait(LONG * 100);
        Ok(())
    });
    let handle = child.handle();
    system.spawn(child).expect("started");
    let monitor = handle.monitor_generation(handle.generation());
    watched.wait();
    let again = handle
        .up_after(Generation::first(), LONG)
        .expect("restarted");
    assert_eq!(again.get(), 2);
    let down = monitor.down_timeout(LONG).expect("down");
    match down.reason {
        Some(ExitReason::Panic(report)) => {
            assert_eq!(report.message(), "first run");
            assert_eq!(report.path().map(|p| p.as_str()), Some("test/w"));
            assert!(
                report
                    .location()
                    .is_some_and(|l| l.file.ends_with("supervision.rs"))
            );
        }
        other => panic!("{other:?}"),
    }
    assert!(system.stop_within(LONG).is_clean());
}

#[test]
fn an_exhausted_budget_ends_the_tree_and_names_the_supervisor() {
    let system = system();
    let tree = Supervisor::new("tree")
        .intensity(Intensity::new(2, Duration::from_secs(60)))
        .child(Child::worker("w", |_| panic!("always")).restart(Restart::Transient));
    let tree = system.supervise(tree);
    let end = system.wait_timeout(LONG).expect("the root gives up");
    match end {
        ExitReason::BudgetExhausted(report) => {
            assert_eq!(report.path.as_str(), "test");
        }
        other => panic!("{other:?}"),
    }
    drop(tree);
    println!("{}", system.stop_within(LONG));
}
