//! Starts: in order, refused as a whole, unwound in reverse, bounded in time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use steadfast::fault::{HangPhase, StartFailure};
use steadfast::supervision::{ChildState, Init, SpecError, Standing};
use steadfast::{
    AutoShutdown, Child, DynamicSupervisor, ExitReason, Failure, Generation, Intensity,
    ManageError, Restart, StartError, Strategy, Supervisor, System, WorkerContext, WorkerRef,
};

use crate::support::{
    Act, FAR, Gate, Journal, LONG, OpenAtEnd, Puppet, SECOND, config, idle, idler, panic_of,
    system, timeless,
};

fn start_failure(error: StartError) -> Arc<StartFailure> {
    match error {
        StartError::Refused(ManageError::Start(failure)) => failure,
        other => panic!("{other}"),
    }
}

/// A child whose start function does this.
fn starting(
    id: &str,
    init: impl Fn(&WorkerContext) -> Result<Init<()>, Failure> + Send + Sync + 'static,
) -> Child<WorkerRef> {
    Child::worker_try_from(id, init, |(), ctx| idle(ctx))
}

/// A tree of two levels whose deepest child starts as it is told.
fn tree(journal: &Journal, deepest: Child<WorkerRef>) -> Supervisor {
    let puppet = |id: &str| Puppet::new(id, journal).0;
    let inner = Supervisor::new("inner")
        .child(puppet("b"))
        .child(deepest)
        .child(puppet("never"));
    Supervisor::new("outer")
        .child(puppet("a"))
        .child(inner)
        .child(puppet("never"))
}

// OTP-12, OTP-14, OTP-16, decision 6
#[test]
fn a_failed_start_names_the_failing_path_and_unwinds_in_reverse() {
    let (system, journal) = (system(), Journal::new());
    let bad = starting("bad", |_| Err("no disk".into()));
    let error = system
        .supervise(tree(&journal, bad))
        .expect_err("does not start");
    let failure = start_failure(error);
    assert_eq!(failure.path.as_str(), "test/outer");
    assert_eq!(failure.origin().path.as_str(), "test/outer/inner/bad");
    assert!(matches!(&failure.origin().reason, ExitReason::Error(e) if e.to_string() == "no disk"));
    assert_eq!(journal.take(4), ["+a", "+b", "-b", "-a"]);
    // Nothing is left behind: the same names can be used at once.
    assert_eq!(system.root().count_children().specs, 0);
    let good = starting("bad", |_| Ok(Init::Ready(())));
    system.supervise(tree(&journal, good)).expect("started");
    assert_eq!(journal.take(4), ["+a", "+b", "+never", "+never"]);
    assert_eq!(
        system.root().budget_left(),
        3,
        "a first start costs nothing"
    );
}

// OTP-13, decision 6
#[test]
fn a_panic_in_a_start_is_a_failed_start_with_its_report() {
    let system = system();
    let error = system
        .spawn(starting("w", |_| panic!("in the start")))
        .expect_err("does not start");
    let failure = start_failure(error);
    assert_eq!(panic_of(&failure.reason).message(), "in the start");
    assert!(system.root().which_child("w").is_none());
}

// OTP-13, decision 6
#[test]
fn a_child_that_ignores_its_start_keeps_its_specification_unless_it_is_temporary() {
    let system = system();
    let ignores = |id: &str| starting(id, |_| Ok(Init::Ignore));
    let kept = system.spawn(ignores("kept")).expect("no error");
    assert!(matches!(
        kept.standing(),
        Standing::Ended(ExitReason::Normal)
    ));
    let state = system.root().which_child("kept").map(|info| info.state);
    assert_eq!(state, Some(ChildState::Down));
    system
        .spawn(ignores("gone").restart(Restart::Temporary))
        .expect("no error");
    assert!(system.root().which_child("gone").is_none());
}

// OTP-13, OTP-51
#[test]
fn a_child_that_ignored_its_start_can_be_restarted_by_hand() {
    let system = system();
    let wanted = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&wanted);
    let child = starting("w", move |_| {
        Ok(if asked.load(Ordering::SeqCst) {
            Init::Ready(())
        } else {
            Init::Ignore
        })
    });
    let worker = system.spawn(child).expect("no error");
    wanted.store(true, Ordering::SeqCst);
    system.root().restart_child("w").expect("restarted");
    assert!(matches!(worker.standing(), Standing::Up));
    assert_eq!(worker.generation().get(), 2);
}

// OTP-55, decision 5, decision 6, D7
#[test]
fn a_hanging_start_delays_nobody_and_is_given_up_at_its_deadline() {
    let (system, recorder, manual) = timeless(config());
    let gate = Gate::new();
    let _open = OpenAtEnd(gate.clone());
    let inside = gate.clone();
    let slow = starting("slow", move |ctx| {
        inside.pass();
        ctx.checkpoint("after the gate");
        unreachable!("a fenced run goes on");
    })
    .start_deadline(2 * SECOND);
    std::thread::scope(|scope| {
        let spawned = scope.spawn(|| system.spawn(slow));
        gate.wait_for(1);
        let state = system.root().which_child("slow").map(|info| info.state);
        assert_eq!(state, Some(ChildState::Starting));
        system.spawn(idler("quick")).expect("started beside it");
        assert!(system.snapshot().to_string().contains("slow starting"));
        manual.advance(2 * SECOND);
        let failure = start_failure(spawned.join().expect("no panic").expect_err("no start"));
        let ExitReason::Abandoned(report) = &failure.reason else {
            panic!("{failure}");
        };
        assert_eq!(report.phase, HangPhase::Starting);
        assert_eq!(report.path.as_str(), "test/slow");
    });
    assert!(system.root().which_child("slow").is_none());
    recorder.wait_for(LONG, "child.abandoned", 1);
    gate.open();
    recorder.wait_for(LONG, "child.abandoned_returned", 1);
}

#[test]
fn a_start_may_take_as_long_as_it_is_allowed_to() {
    let (system, _recorder, manual) = timeless(config());
    let gate = Gate::new();
    let _open = OpenAtEnd(gate.clone());
    let inside = gate.clone();
    let child = starting("patient", move |_| {
        inside.pass();
        Ok(Init::Ready(()))
    })
    .start_deadline(Duration::MAX);
    std::thread::scope(|scope| {
        let spawned = scope.spawn(|| system.root().start_child_timeout(child, FAR));
        gate.wait_for(1);
        manual.advance(FAR / 2);
        gate.open();
        assert!(spawned.join().expect("no panic").is_ok());
    });
}

// property 62, decision 7, OTP-3, OTP-5, OTP-7, OTP-8
#[test]
fn an_invalid_specification_is_refused_with_all_its_errors() {
    let system = system();
    let inner = Supervisor::new("inner")
        .child(idler("twin"))
        .child(idler("twin"))
        .child(idler(""));
    let tree = Supervisor::new("tree")
        .intensity(Intensity::new(3, Duration::ZERO))
        .child(inner)
        .child(idler("a/b"))
        .child(idler("s").significant(true))
        .child(idler("hasty").start_deadline(Duration::ZERO));
    let by_hand = tree.validate().expect_err("invalid");
    let error = system.supervise(tree).expect_err("invalid");
    let text = error.to_string();
    let StartError::Refused(ManageError::Invalid(errors)) = error else {
        panic!("{text}");
    };
    for expected in [
        SpecError::ZeroPeriod,
        SpecError::IdWithSlash("a/b".into()),
        SpecError::SignificantPermanent("s".into()),
        SpecError::SignificantWithoutAutoShutdown("s".into()),
        SpecError::ZeroStartDeadline("hasty".into()),
        SpecError::DuplicateId("twin".into()),
        SpecError::EmptyId,
    ] {
        assert!(errors.contains(&expected), "no {expected:?} in {errors:?}");
        assert!(by_hand.contains(&expected));
        assert!(text.contains(&expected.to_string()), "{text}");
    }
    assert_eq!(errors.len(), 7);
    assert_eq!(system.root().count_children().specs, 0);
}

// OTP-8, OTP-4
#[test]
fn what_is_added_or_changed_later_is_validated_as_well() {
    let system = system();
    let significant = idler("s").restart(Restart::Transient).significant(true);
    let refused = system.root().start_child(significant);
    assert!(
        matches!(&refused, Err(ManageError::Invalid(errors))
            if errors == &[SpecError::SignificantWithoutAutoShutdown("s".into())]),
        "{refused:?}"
    );
    let pool = system
        .supervise(DynamicSupervisor::new("pool"))
        .expect("started");
    let tuning =
        steadfast::supervision::SupervisorTuning::new().auto_shutdown(AutoShutdown::AnySignificant);
    let refused = pool.retune(tuning);
    assert!(
        matches!(&refused, Err(ManageError::Invalid(errors))
            if errors == &[SpecError::DynamicAutoShutdown]),
        "{refused:?}"
    );
}

// OTP-36
#[test]
fn a_start_that_fails_in_a_group_restart_starts_the_group_over() {
    let whole = ["-a", "-c", "-b", "+a", "+b", "-b", "-a", "+a", "+b", "+c"];
    let rest = ["-a", "-c", "-b", "+a", "+b", "+c"];
    for (strategy, expected) in [
        // All that had come up again goes down once more.
        (Strategy::OneForAll, &whole[..]),
        // What comes before the one that failed stays up.
        (Strategy::RestForOne, &rest[..]),
    ] {
        let (system, journal) = (system(), Journal::new());
        let [(a, first), (b, _), (c, _)] = ["a", "b", "c"].map(|id| Puppet::new(id, &journal));
        let fails = Arc::new(AtomicBool::new(false));
        let failing = Arc::clone(&fails);
        let picky = starting("picky", move |_| {
            if failing.swap(false, Ordering::SeqCst) {
                return Err("once".into());
            }
            Ok(Init::Ready(()))
        });
        let tree = Supervisor::new("tree").strategy(strategy).child(a).child(b);
        system
            .supervise(tree.child(picky).child(c))
            .expect("started");
        journal.take(3);
        fails.store(true, Ordering::SeqCst);
        first.pull(Act::Panic);
        assert_eq!(journal.take(expected.len()), expected);
    }
}

// property 8
#[test]
fn the_id_of_an_ended_child_is_free_and_an_old_handle_is_not_taken_for_the_new_child() {
    let system = system();
    let spawn = |system: &System| system.spawn(idler("w").restart(Restart::Temporary));
    let old = spawn(&system).expect("started");
    let taken = spawn(&system);
    assert!(
        matches!(
            &taken,
            Err(StartError::Refused(ManageError::AlreadyStarted))
        ),
        "{taken:?}"
    );
    old.terminate().expect("terminated");
    let new = spawn(&system).expect("the id is free");
    assert!(matches!(old.standing(), Standing::Ended(_)));
    assert!(old.monitor().try_down().is_some());
    assert!(old.up_after(Generation::NONE, Duration::ZERO).is_none());
    assert!(matches!(new.standing(), Standing::Up));
    assert!(old.terminate().is_err(), "the old handle stops nobody");
    assert!(matches!(new.standing(), Standing::Up));
}
