//! Systems: what they cost, what they refuse, and how they are set up.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use steadfast::fault::ErrorContext;
use steadfast::supervision::{DEFAULT_CALL, Outcome, Phase, SpecError};
use steadfast::{
    Child, Clock, ExitReason, Intensity, ManageError, Restart, StartError, StopCause, Supervisor,
    System, SystemConfig,
};

use crate::support::{
    Act, Gate, Journal, LONG, OpenAtEnd, Puppet, SECOND, config, idle, idler, is_first, recorded,
    system, timeless,
};

// property 62, decision 7
#[test]
fn a_configuration_that_makes_no_sense_is_refused_with_all_its_errors() {
    let config = SystemConfig::new("a/b").intensity(Intensity::new(3, Duration::ZERO));
    match System::with(config) {
        Err(StartError::Invalid(errors)) => {
            let expected = [SpecError::IdWithSlash("a/b".into()), SpecError::ZeroPeriod];
            assert_eq!(errors, expected);
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(System::new(""), Err(StartError::Invalid(_))));
}

// property 92
#[test]
fn systems_of_one_name_live_side_by_side() {
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let system = system();
                let (child, puppet) = Puppet::alone("w");
                system.spawn(child).expect("started");
                assert_eq!(puppet.crash().get(), 2);
                let report = system.stop_within(LONG);
                assert!(report.is_clean(), "{report}");
                assert_eq!(report.count(Outcome::Stopped), 1);
            });
        }
    });
}

#[test]
fn a_system_without_units_is_made_and_stopped_in_no_time() {
    const ROUNDS: u32 = 200;
    let clock = Clock::system();
    let began = clock.now();
    for _ in 0..ROUNDS {
        assert!(system().stop_within(LONG).is_clean());
    }
    let each = clock.now().saturating_duration_since(began) / ROUNDS;
    assert!(each < Duration::from_millis(20), "{each:?} each");
}

// decision 50
#[test]
fn a_snapshot_shows_the_whole_tree_and_asks_nobody() {
    let system = system();
    let (child, puppet) = Puppet::alone("w");
    let inner = Supervisor::new("inner").child(child).child(idler("idle"));
    let tree = Supervisor::new("tree").child(inner).child(idler("beside"));
    let tree = system.supervise(tree).expect("started");
    puppet.crash();
    puppet.pull(Act::Mark("reading"));
    tree.terminate_child("beside").expect("terminated");
    let gate = crate::support::Gate::new();
    let _open = crate::support::OpenAtEnd(gate.clone());
    puppet.pull(Act::Hang(gate.clone()));
    gate.wait_for(1);
    let snapshot = system.snapshot();
    let root = snapshot.root.as_ref().expect("a root");
    assert_eq!((root.path.as_str(), root.phase), ("test", Phase::Running));
    let tree = root.children[0].supervisor.as_ref().expect("a supervisor");
    assert_eq!((tree.counts.specs, tree.counts.active), (2, 1));
    let inner = tree.children[0].supervisor.as_ref().expect("a supervisor");
    assert_eq!(
        (inner.path.as_str(), inner.budget_left),
        ("test/tree/inner", 2)
    );
    let [w, _] = &inner.children[..] else {
        panic!("{snapshot}");
    };
    assert_eq!((w.info.restarts, w.info.generation.get()), (1, 2));
    assert!(matches!(w.activity, Some((Some("reading"), _))));
    let text = snapshot.to_string();
    for part in [
        "test [1 of 1 up, 3 restarts left]",
        "test/tree [1 of 2 up, 3 restarts left]",
        "test/tree/inner [2 of 2 up, 2 restarts left]",
        "w up, run 2, 1 restarts, reading for",
        "beside down, run 1",
    ] {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
    gate.open();
    drop(system.stop_within(LONG));
    assert!(system.snapshot().root.is_none());
    assert!(system.snapshot().to_string().contains("has ended"));
}

#[test]
fn each_thread_of_a_unit_begins_with_the_hook_of_the_system() {
    let numbers = Arc::new(Mutex::new(BTreeSet::new()));
    let seen = Arc::clone(&numbers);
    let config = config().on_thread_start(move |unit, number| {
        let whose = unit.id().to_owned();
        seen.lock().expect("no panic").insert((number, whose));
    });
    let system = System::with(config).expect("a system");
    let (child, puppet) = Puppet::alone("w");
    system.spawn(child).expect("started");
    let journal = Journal::new();
    let notes = journal.clone();
    let child = Child::worker("last", move |ctx| {
        notes.note("up");
        idle(ctx)
    });
    puppet.crash();
    system.spawn(child).expect("started");
    journal.take(1);
    drop(system.stop_within(LONG));
    let numbers = numbers.lock().expect("no panic");
    let of = |unit: &str| numbers.iter().filter(|(_, whose)| whose == unit).count();
    assert_eq!((of("w"), of("last")), (2, 1), "{numbers:?}");
}

#[test]
fn a_panic_of_the_thread_hook_is_the_panic_of_the_unit() {
    let first = AtomicU64::new(0);
    let config = config().on_thread_start(move |_, _| {
        assert!(first.fetch_add(1, Ordering::SeqCst) > 0, "in the hook");
    });
    let system = System::with(config).expect("a system");
    let child = idler("w");
    let handle = child.handle();
    system.spawn(child).expect("started");
    let again = handle.up_after(steadfast::Generation::first(), LONG);
    assert!(again.is_some());
}

#[test]
fn a_worker_has_the_stack_that_it_was_promised() {
    /// Uses so many bytes of stack, and then some.
    fn deep(bytes: usize) -> usize {
        let block = std::hint::black_box([1_u8; 4096]);
        match bytes.checked_sub(block.len()) {
            None => 1,
            Some(rest) => deep(rest) + usize::from(block[bytes % block.len()]),
        }
    }
    let system = system();
    let child = Child::worker("deep", |_| match deep(24 << 20) {
        0 => Err("no stack".into()),
        _ => Ok(()),
    });
    let child = child.stack_size(64 << 20).restart(Restart::Temporary);
    let worker = system.spawn(child).expect("started");
    assert!(matches!(
        worker.ended_timeout(LONG),
        Some(ExitReason::Normal)
    ));
    let refused = idler("huge").stack_size(usize::MAX / 4);
    let refused = system.spawn(refused);
    assert!(
        refused.is_err(),
        "a thread that cannot be started is a failed start"
    );
}

#[cfg(target_os = "linux")]
#[test]
fn threads_are_named_after_their_units_the_distinguishing_part_first() {
    let system = system();
    let journal = Journal::new();
    let notes = journal.clone();
    let child = Child::worker("parser-12", move |ctx| {
        let name = std::fs::read_to_string("/proc/thread-self/comm")?;
        notes.note(name.trim_end());
        idle(ctx)
    });
    let tree = Supervisor::new("pool").child(child);
    system.supervise(tree).expect("started");
    assert_eq!(journal.take(1), ["parser-12<pool"]);
}

// property 47
#[test]
fn a_worker_begins_with_the_error_context_of_who_started_it() {
    let system = system();
    let journal = Journal::new();
    let notes = journal.clone();
    let child = Child::worker("w", move |_| {
        notes.note(ErrorContext::capture().to_string());
        Ok(())
    });
    let _import = ErrorContext::enter("import");
    system
        .spawn(child.restart(Restart::Temporary))
        .expect("started");
    assert_eq!(journal.take(1), ["import"]);
}

// decision 51
#[test]
fn a_wait_of_a_worker_is_measured_by_the_clock_of_its_system() {
    let (system, recorder, manual) = timeless(config());
    let child = Child::worker("w", |ctx| {
        let waited = ctx.wait(60 * SECOND);
        assert_eq!(waited, steadfast::supervision::Waited::Elapsed);
        Ok(())
    });
    system
        .spawn(child.restart(Restart::Temporary))
        .expect("started");
    manual.wait_for_sleepers(1);
    let began = manual.now();
    manual.advance(60 * SECOND);
    let ended = recorder.wait_until(LONG, |events| {
        events.iter().find(|e| e.name() == "child.ended").cloned()
    });
    assert_eq!(ended.at(), began + 60 * SECOND);
}

// decision 51
#[test]
fn a_spawn_waits_for_its_answer_by_the_clock_of_the_system() {
    let (system, _recorder, manual) = timeless(config());
    let gate = Gate::new();
    let _open = OpenAtEnd(gate.clone());
    let hangs = Child::worker_from("w", move || gate.pass(), |_, ctx| idle(ctx));
    // So that nobody but the caller looks at the clock.
    let hangs = hangs.start_deadline(Duration::MAX);
    std::thread::scope(|scope| {
        let spawned = scope.spawn(|| system.spawn(hangs));
        manual.wait_for_sleepers(1);
        manual.advance(DEFAULT_CALL);
        let refused = spawned.join().expect("no panic").map(drop);
        assert!(
            matches!(refused, Err(StartError::Refused(ManageError::TimedOut))),
            "{refused:?}"
        );
    });
}

#[test]
fn the_end_of_the_root_is_told_to_who_waits_for_it() {
    let (system, _recorder) = recorded(config().intensity(Intensity::new(0, SECOND)));
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| system.wait());
        let child = Child::worker("w", |ctx| {
            if is_first(ctx) {
                return Err("over".into());
            }
            idle(ctx)
        });
        let _answer = system.spawn(child);
        let end = waiting.join().expect("no panic");
        assert!(
            matches!(end, Some(ExitReason::BudgetExhausted(_))),
            "{end:?}"
        );
    });
    assert!(system.wait_timeout(Duration::ZERO).is_some());
    let error = system.stop_within(LONG).into_result().expect_err("unclean");
    assert!(error.to_string().contains("test gave up"), "{error}");
    assert!(!matches!(
        error.report().root,
        Some(ExitReason::Stopped(StopCause::Shutdown))
    ));
}
