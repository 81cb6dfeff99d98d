//! Budgets, backoff and escalation.

use std::time::Duration;

use steadfast::fault::{BudgetReport, Exhausted};
use steadfast::supervision::{ChildState, Standing};
use steadfast::telemetry::{RecordedEvent, Recorder};
use steadfast::{
    Backoff, Child, ExitReason, Generation, Intensity, Restart, Supervisor, SupervisorRef, System,
    SystemConfig, WorkerRef,
};

use crate::support::{
    Act, Journal, LONG, Puppet, SECOND, config, panic_of, recorded, system, timeless,
};

const MINUTE: Duration = Duration::from_secs(60);

fn always_panics(id: &str) -> Child<WorkerRef> {
    Child::worker(id, |_| panic!("always")).backoff(Backoff::none())
}

/// Runs a supervisor under a root that lets it go, and tells why it gave up.
fn gives_up(system: &System, supervisor: Supervisor) -> std::sync::Arc<BudgetReport> {
    let child = supervisor.into_child().restart(Restart::Temporary);
    let handle = child.handle();
    // The answer may be late: the tree may be gone before it was up.
    let _started = system.spawn(child);
    match handle.ended_timeout(LONG) {
        Some(ExitReason::BudgetExhausted(report)) => report,
        other => panic!("{other:?}"),
    }
}

// decision 9, OTP-31
#[test]
fn an_exhausted_budget_names_supervisor_budget_and_the_last_three_panics_with_their_places() {
    let system = system();
    let tree = Supervisor::new("tree")
        .intensity(Intensity::new(4, MINUTE))
        .child(always_panics("w"));
    let report = gives_up(&system, tree);
    assert_eq!(report.path.as_str(), "test/tree");
    let budget = Exhausted::Restarts {
        max: 4,
        period: MINUTE,
    };
    assert_eq!(report.exhausted, budget);
    assert_eq!(report.last.len(), 3);
    for ((path, reason), generation) in report.last.iter().zip(3..) {
        assert_eq!(path.as_str(), "test/tree/w");
        let panic = panic_of(reason);
        assert_eq!(panic.generation().map(Generation::get), Some(generation));
        assert!(
            panic
                .location()
                .is_some_and(|l| l.file.ends_with("budgets.rs"))
        );
    }
    let text = report.to_string();
    assert!(
        text.contains("test/tree gave up: more than 4 restarts"),
        "{text}"
    );
    assert!(text.contains("budgets.rs:"), "{text}");
}

// OTP-31, OTP-32, decision 9, S2
#[test]
fn budgets_multiply_over_the_levels_and_the_root_tells_the_whole_story() {
    let (system, recorder) = recorded(config().intensity(Intensity::new(0, MINUTE)));
    let level = |id: &str| Supervisor::new(id).intensity(Intensity::new(1, MINUTE));
    let inner = level("inner").child(always_panics("w"));
    let _late = system.supervise(level("outer").child(inner));
    let end = system.wait_timeout(LONG).expect("the root gives up");
    let ExitReason::BudgetExhausted(root) = end else {
        panic!("{end:?}");
    };
    assert_eq!(root.path.as_str(), "test");
    let (path, outer) = root.last.last().expect("a failure");
    assert_eq!(path.as_str(), "test/outer");
    let ExitReason::BudgetExhausted(outer) = outer else {
        panic!("{outer:?}");
    };
    let (path, inner) = outer.last.last().expect("a failure");
    assert_eq!(path.as_str(), "test/outer/inner");
    let ExitReason::BudgetExhausted(inner) = inner else {
        panic!("{inner:?}");
    };
    assert_eq!(panic_of(&inner.last[1].1).message(), "always");
    let report = system.stop_within(LONG);
    assert!(!report.is_clean());
    assert!(report.threads_left.is_empty());
    // Two runs of `w` under each of two runs of `inner`.
    let text = |event: &RecordedEvent| event.text("path").map(|path| path.into_owned());
    let runs = recorder
        .events()
        .iter()
        .filter(|event| event.name() == "child.exited")
        .filter(|event| text(event).as_deref() == Some("test/outer/inner/w"))
        .count();
    assert_eq!(runs, 4);
}

// OTP-29
#[test]
fn with_intensity_zero_the_first_failure_ends_the_supervisor() {
    let system = system();
    let tree = Supervisor::new("tree")
        .intensity(Intensity::new(0, MINUTE))
        .child(always_panics("w"));
    let report = gives_up(&system, tree);
    assert_eq!(report.last.len(), 1);
}

// decision 9
#[test]
fn a_budget_of_its_own_bounds_one_child_where_the_supervisor_has_more() {
    let system = system();
    let greedy = always_panics("greedy")
        .budget(Intensity::new(1, MINUTE))
        .give_up_after(100);
    let tree = Supervisor::new("tree")
        .intensity(Intensity::new(100, MINUTE))
        .child(greedy);
    let report = gives_up(&system, tree);
    let Exhausted::ChildRestarts { child, max: 1, .. } = &report.exhausted else {
        panic!("{report}");
    };
    assert_eq!(child.as_str(), "test/tree/greedy");
}

// decision 10
#[test]
fn failures_in_a_row_without_progress_are_bounded() {
    let system = system();
    let tree = Supervisor::new("tree")
        .intensity(Intensity::new(100, MINUTE))
        .child(always_panics("w").give_up_after(2));
    let report = gives_up(&system, tree);
    let Exhausted::Consecutive { child, failures } = &report.exhausted else {
        panic!("{report}");
    };
    assert_eq!((child.as_str(), *failures), ("test/tree/w", 3));
}

// decision 10
#[test]
fn progress_ends_a_row_of_failures() {
    let system = system();
    let (child, puppet) = Puppet::alone("w");
    let tree = Supervisor::new("tree")
        .intensity(Intensity::new(100, MINUTE))
        .child(child.give_up_after(2).backoff(Backoff::none()));
    let tree = system.supervise(tree).expect("started");
    for _ in 0..5 {
        puppet.crash();
        puppet.crash();
        puppet.pull(Act::Progress);
    }
    assert!(matches!(tree.standing(), Standing::Up));
    assert_eq!(puppet.handle.generation().get(), 11);
}

/// A supervisor with one puppet on a clock that stands still.
fn on_strings(
    intensity: Intensity,
    backoff: Backoff,
) -> (
    System,
    Recorder,
    steadfast::time::ManualClock,
    SupervisorRef,
    Puppet,
) {
    let (system, recorder, manual) = timeless(config());
    let (child, puppet) = Puppet::new("w", &Journal::new());
    let tree = Supervisor::new("tree")
        .intensity(intensity)
        .child(child.backoff(backoff).give_up_after(100));
    let tree = system.supervise(tree).expect("started");
    (system, recorder, manual, tree, puppet)
}

/// Crashes the puppet, and waits until it is up again.
fn crash(recorder: &Recorder, puppet: &Puppet) {
    let before = recorder.count("child.started");
    puppet.pull(Act::Panic);
    recorder.wait_for(LONG, "child.started", before + 1);
}

// property 11, OTP-2, OTP-28
#[test]
fn three_restarts_in_five_seconds_are_borne_and_the_fourth_is_not() {
    for (pause, borne) in [
        (Duration::from_secs(5), false),
        (Duration::from_secs(5) + Duration::from_nanos(1), true),
    ] {
        let (_system, recorder, manual, _tree, puppet) =
            on_strings(Intensity::default(), Backoff::none());
        for _ in 0..3 {
            crash(&recorder, &puppet);
        }
        manual.advance(pause);
        if borne {
            crash(&recorder, &puppet);
            assert_eq!(recorder.count("supervisor.budget_exhausted"), 0);
        } else {
            puppet.pull(Act::Panic);
            recorder.wait_for(LONG, "supervisor.budget_exhausted", 1);
        }
    }
}

// OTP-35, decision 10, decision 51
#[test]
fn the_pause_before_a_restart_is_the_one_that_was_announced() {
    let backoff = Backoff::exponential(SECOND).immediate_first(true);
    let (_system, recorder, manual, tree, puppet) = on_strings(Intensity::new(10, MINUTE), backoff);
    crash(&recorder, &puppet);
    puppet.pull(Act::Panic);
    let announced = recorder.wait_until(LONG, |events| {
        let mut restarting = events.iter().filter(|e| e.name() == "child.restarting");
        restarting.nth(1).cloned()
    });
    assert_eq!(
        announced.measurement("attempt").map(|m| m.as_f64()),
        Some(2.0)
    );
    let Some(ChildState::Restarting { attempt: 2, due }) =
        tree.which_child("w").map(|info| info.state)
    else {
        panic!("{:?}", tree.which_child("w"));
    };
    assert_eq!(due, announced.at() + SECOND);
    manual.advance(SECOND - Duration::from_nanos(1));
    assert!(matches!(puppet.handle.standing(), Standing::Restarting));
    manual.advance(Duration::from_nanos(1));
    let started = recorder.wait_until(LONG, |events| {
        let mut started = events.iter().filter(|e| {
            e.name() == "child.started" && e.text("path").is_some_and(|path| path == "test/tree/w")
        });
        started.nth(2).cloned()
    });
    assert_eq!(started.at(), due);
}

// decision 11, OTP-37, OTP-38
#[test]
fn a_child_that_waits_for_its_restart_is_refused_deleted_and_terminated_at_once() {
    use steadfast::ManageError;
    let (system, recorder, _manual, tree, puppet) =
        on_strings(Intensity::new(10, MINUTE), Backoff::constant(MINUTE));
    puppet.pull(Act::Panic);
    recorder.wait_for(LONG, "child.restarting", 1);
    assert!(matches!(
        tree.delete_child("w"),
        Err(ManageError::Restarting)
    ));
    assert!(matches!(
        tree.restart_child("w"),
        Err(ManageError::Restarting)
    ));
    let (again, _) = Puppet::alone("w");
    assert!(matches!(
        tree.start_child(again),
        Err(ManageError::AlreadyPresent)
    ));
    tree.terminate_child("w").expect("terminated");
    let state = tree.which_child("w").map(|info| info.state);
    assert_eq!(state, Some(ChildState::Down));
    assert!(matches!(puppet.handle.standing(), Standing::Ended(_)));
    // And a stop does not wait for one either.
    tree.restart_child("w").expect("restarted");
    puppet.pull(Act::Panic);
    recorder.wait_for(LONG, "child.restarting", 2);
    let report = system.stop_within(LONG);
    assert!(report.is_complete());
    assert!(matches!(puppet.handle.standing(), Standing::Ended(_)));
}

// property 21
#[test]
fn who_keeps_calling_during_a_restart_is_told_so_and_succeeds_afterwards() {
    use steadfast::ManageError;
    let (_system, recorder, manual, tree, puppet) =
        on_strings(Intensity::new(10, MINUTE), Backoff::constant(MINUTE));
    puppet.pull(Act::Panic);
    recorder.wait_for(LONG, "child.restarting", 1);
    for _ in 0..100 {
        assert!(matches!(
            tree.delete_child("w"),
            Err(ManageError::Restarting)
        ));
    }
    manual.advance(MINUTE);
    recorder.wait_for(LONG, "child.started", 3);
    for _ in 0..100 {
        assert!(matches!(tree.delete_child("w"), Err(ManageError::Running)));
    }
}

// OTP-30, OTP-34, D5
#[test]
fn a_failed_start_of_a_restart_is_tried_again_and_costs_budget() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use steadfast::supervision::Init;
    let (system, recorder) = recorded(SystemConfig::new("test").quiet_panics().without_log());
    let starts = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&starts);
    let child = Child::worker_try_from(
        "w",
        move |_| match counted.fetch_add(1, Ordering::Relaxed) {
            0 | 3 => Ok(Init::Ready(())),
            attempt => Err(format!("attempt {attempt}").into()),
        },
        |(), ctx| match ctx.generation().get() {
            1 => Err("first".into()),
            _ => crate::support::idle(ctx),
        },
    );
    let tree = Supervisor::new("tree")
        .intensity(Intensity::new(5, MINUTE))
        .child(child.backoff(Backoff::none()));
    let tree = system.supervise(tree).expect("started");
    let started = |event: &&RecordedEvent| {
        event.name() == "child.started" && event.text("generation").is_some_and(|g| g == "4")
    };
    recorder.wait_until(LONG, |events| events.iter().find(started).cloned());
    assert_eq!(recorder.count("child.start_failed"), 2);
    assert_eq!(tree.budget_left(), 2);
}
