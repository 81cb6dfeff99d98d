//! Stop phases: their order, their time, their hooks, and what the report says of them.

use std::time::Duration;

use steadfast::fault::Generation;
use steadfast::supervision::{Outcome, PhaseError, SpecError};
use steadfast::{
    Child, ExitReason, ManageError, StartError, StopCause, StopPhases, Strategy, Supervisor,
    System, SystemConfig, WorkerRef,
};

use crate::support::{
    Act, FAR, Gate, Journal, LONG, OpenAtEnd, Puppet, SECOND, config, idler, recorded, timeless,
};

fn phased(phases: &[(&str, Duration)]) -> SystemConfig {
    let phases = phases.iter();
    config().stop_phases(phases.fold(StopPhases::new(), |all, (name, time)| {
        all.phase(*name, *time)
    }))
}

/// Intake, then work, with more time than a test takes.
fn intake_and_work() -> SystemConfig {
    phased(&[("intake", LONG), ("work", LONG)])
}

fn started(config: SystemConfig) -> System {
    System::with(config).expect("a system")
}

/// A worker that hangs when it is asked to stop.
fn hangs(system: &System, phase: &str, gate: &Gate) -> WorkerRef {
    let (child, puppet) = Puppet::alone("hangs");
    let worker = system.spawn(child.stop_phase(phase)).expect("started");
    puppet.pull(Act::Hang(gate.clone()));
    gate.wait_for(1);
    worker
}

// decision 17
#[test]
fn phases_come_in_their_order_wherever_their_units_are_and_the_rest_comes_last() {
    let (system, journal) = (started(intake_and_work()), Journal::new());
    let puppet = |id: &str| Puppet::new(id, &journal).0;
    let tree = Supervisor::new("tree")
        .child(puppet("acceptor").stop_phase("intake"))
        .child(puppet("rest"))
        .child(puppet("worker").stop_phase("work"));
    system.supervise(tree).expect("started");
    system.spawn(puppet("last")).expect("started");
    let child = puppet("second").stop_phase("work");
    system.spawn(child).expect("started");
    journal.take(5);
    let report = system.stop_within(LONG);
    assert!(report.is_clean(), "{report}");
    let mut ends = journal.take(5);
    ends[1..3].sort();
    assert_eq!(ends, ["-acceptor", "-second", "-worker", "-last", "-rest"]);
    let names: Vec<_> = report.phases.iter().map(|end| end.phase.as_str()).collect();
    assert_eq!(names, ["intake", "work"]);
    assert_eq!(report.count(Outcome::Stopped), 6);
}

// decision 17
#[test]
fn a_supervisor_that_belongs_to_a_phase_stops_all_below_it_in_reverse() {
    let (system, journal) = (started(intake_and_work()), Journal::new());
    let puppet = |id: &str| Puppet::new(id, &journal).0;
    let tree = Supervisor::new("tree")
        .child(puppet("a"))
        .child(puppet("b"));
    let tree = tree.into_child().stop_phase("intake");
    system.spawn(tree).expect("started");
    let worker = system.spawn(puppet("worker").stop_phase("work"));
    let worker = worker.expect("started");
    journal.take(3);
    assert!(system.stop_now(LONG).is_clean());
    assert_eq!(journal.take(3), ["-b", "-a", "-worker"]);
    let end = worker.ended_timeout(LONG);
    let asked_by_the_system = ExitReason::Stopped(StopCause::Shutdown).to_string();
    assert_eq!(end.expect("ended").to_string(), asked_by_the_system);
}

// decision 17
#[test]
fn the_units_of_a_phase_are_asked_at_once() {
    let system = started(intake_and_work());
    let gate = Gate::new();
    let _open = OpenAtEnd(gate.clone());
    for id in ["a", "b"] {
        let inside = gate.clone();
        let child = Child::worker(id, move |ctx| {
            let _stopped = ctx.wait(FAR);
            inside.pass();
            Ok(())
        });
        system.spawn(child.stop_phase("intake")).expect("started");
    }
    system.request_stop(LONG);
    gate.wait_for(2);
    gate.open();
    assert!(system.stop_within(LONG).is_clean());
}

// decision 13, decision 17
#[test]
fn a_phase_that_hangs_is_late_by_name_and_the_stop_goes_on() {
    let (system, recorder, manual) = timeless(phased(&[("intake", SECOND), ("work", SECOND)]));
    let gate = Gate::new();
    let _open = OpenAtEnd(gate.clone());
    hangs(&system, "intake", &gate);
    system
        .spawn(idler("worker").stop_phase("work"))
        .expect("started");
    system.request_stop(FAR);
    recorder.wait_for(LONG, "child.stopping", 1);
    manual.advance(SECOND);
    let report = system.stop_within(FAR);
    let [intake, work] = &report.phases[..] else {
        panic!("{report}");
    };
    assert_eq!(intake.elapsed, SECOND);
    assert_eq!(intake.late[0].as_str(), "test/hangs");
    assert!(work.late.is_empty());
    assert!(!report.is_clean() && report.is_complete(), "{report}");
    assert_eq!(report.count(Outcome::Abandoned), 1);
}

// decision 13, decision 17
#[test]
fn time_that_is_short_is_shared_and_the_rest_has_the_last_tenth() {
    let (system, recorder, _manual) = timeless(phased(&[("a", SECOND), ("b", SECOND * 2)]));
    assert!(system.stop_within(SECOND).is_clean());
    let allowed = recorder.wait_until(LONG, |events| {
        let begun = events
            .iter()
            .filter(|event| event.name() == "system.phase_started");
        let allowed: Vec<_> = begun.map(|event| event.measurement("allowed")).collect();
        (allowed.len() == 2).then_some(allowed)
    });
    let tenths = |tenths: u32| Some((SECOND / 10 * tenths).into());
    assert_eq!(allowed, [tenths(3), tenths(9)]);
}

// decision 15, decision 17
#[test]
fn a_second_stop_shortens_the_phase_that_is_gone_through() {
    let (system, recorder, manual) = timeless(phased(&[("intake", SECOND * 50)]));
    let gate = Gate::new();
    let _open = OpenAtEnd(gate.clone());
    hangs(&system, "intake", &gate);
    system.request_stop(FAR);
    recorder.wait_for(LONG, "child.stopping", 1);
    system.request_stop(SECOND);
    manual.advance(SECOND);
    let report = system.stop_within(FAR);
    assert_eq!(report.phases[0].elapsed, SECOND);
    assert_eq!(report.phases[0].late.len(), 1);
}

// decision 17
#[test]
fn a_hook_runs_when_its_phase_begins_and_knows_its_deadline() {
    let (system, _recorder, _manual) = timeless(phased(&[("intake", SECOND), ("flush", SECOND)]));
    let journal = Journal::new();
    let (child, _puppet) = Puppet::new("acceptor", &journal);
    system.spawn(child.stop_phase("intake")).expect("started");
    let (notes, clock) = (journal.clone(), system.clock().clone());
    let hook = move |deadline: steadfast::Deadline| {
        notes.note(format!("flush {:?}", deadline.remaining(clock.now())));
    };
    system.on_phase("flush", hook).expect("a phase");
    assert!(system.stop_within(FAR).is_clean());
    assert_eq!(journal.take(3), ["+acceptor", "-acceptor", "flush 1s"]);
}

// decision 17
#[test]
fn a_hook_that_panics_is_reported_and_the_stop_goes_on() {
    let (system, recorder) = recorded(intake_and_work());
    let journal = Journal::new();
    let notes = journal.clone();
    system
        .on_phase("intake", |_| panic!("in the hook"))
        .expect("a phase");
    system
        .on_phase("intake", move |_| notes.note("the other"))
        .expect("a phase");
    let report = system.stop_within(LONG);
    journal.take(1);
    assert!(report.is_complete() && !report.is_clean(), "{report}");
    let problems = &report.phases[0].hook_problems;
    assert!(
        problems[0].starts_with("panic: in the hook"),
        "{problems:?}"
    );
    assert_eq!(problems.len(), 1);
    recorder.wait_for(LONG, "system.phase_hook_failed", 1);
}

// decision 17
#[test]
fn a_hook_that_hangs_is_not_waited_for_beyond_its_phase_and_its_thread_is_named() {
    let (system, _recorder, manual) = timeless(phased(&[("flush", SECOND)]));
    let gate = Gate::new();
    let _open = OpenAtEnd(gate.clone());
    let inside = gate.clone();
    system
        .on_phase("flush", move |_| inside.pass())
        .expect("a phase");
    system.request_stop(FAR);
    gate.wait_for(1);
    manual.advance(SECOND);
    let report = system.stop_within(FAR);
    assert!(report.is_complete() && !report.is_clean(), "{report}");
    assert_eq!(report.phases[0].hook_problems, ["was not through in time"]);
    let left = &report.threads_left[0];
    assert_eq!(
        (left.path.as_str(), &*left.thread),
        ("test/flush", "hook<flush")
    );
}

// decision 17
#[test]
fn a_hook_of_no_phase_or_of_one_that_has_begun_is_refused() {
    let system = started(phased(&[("flush", LONG)]));
    assert_eq!(system.on_phase("other", |_| ()), Err(PhaseError::Unknown));
    assert!(system.stop_within(LONG).is_clean());
    assert_eq!(system.on_phase("flush", |_| ()), Err(PhaseError::Begun));
    let plain = started(config());
    assert_eq!(plain.on_phase("flush", |_| ()), Err(PhaseError::Unknown));
}

// decision 17
#[test]
fn a_unit_whose_phase_is_over_is_not_started_again() {
    let system = started(phased(&[("intake", LONG), ("hold", LONG)]));
    let gate = Gate::new();
    let _open = OpenAtEnd(gate.clone());
    let inside = gate.clone();
    system
        .on_phase("hold", move |_| inside.pass())
        .expect("a phase");
    let (acceptor, _) = Puppet::alone("acceptor");
    let (other, puppet) = Puppet::alone("other");
    let handle = acceptor.handle();
    let tree = Supervisor::new("tree").strategy(Strategy::OneForAll);
    let tree = tree.child(acceptor.stop_phase("intake")).child(other);
    system.supervise(tree).expect("started");
    system.request_stop(LONG);
    gate.wait_for(1);
    puppet.crash();
    assert_eq!(handle.generation(), Generation::first());
    gate.open();
    assert!(system.stop_within(LONG).is_complete());
}

// decision 7, decision 17
#[test]
fn phases_that_are_wrong_or_unknown_are_refused_with_all_errors() {
    let wrong = phased(&[("a", Duration::ZERO), ("a", SECOND)]);
    let Err(StartError::Invalid(errors)) = System::with(wrong) else {
        panic!("started");
    };
    assert_eq!(errors.len(), 2, "{errors:?}");
    let system = started(intake_and_work());
    let inner = Supervisor::new("inner").child(idler("w").stop_phase("nowhere"));
    let tree = Supervisor::new("tree").child(inner);
    let tree = tree.child(idler("x").stop_phase("either"));
    let Err(StartError::Refused(ManageError::Invalid(errors))) = system.supervise(tree) else {
        panic!("started");
    };
    let unknown = |id: &str, phase: &str| SpecError::UnknownPhase {
        id: id.into(),
        phase: phase.into(),
    };
    assert_eq!(errors, [unknown("w", "nowhere"), unknown("x", "either")]);
}
