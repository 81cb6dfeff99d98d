//! The watchdog, on a clock that the test moves.

use std::time::Duration;

use steadfast::fault::Exhausted;
use steadfast::supervision::{Init, Standing};
use steadfast::telemetry::{RecordedEvent, Recorder};
use steadfast::time::ManualClock;
use steadfast::{
    Child, ExitReason, Generation, OnHang, Restart, Shutdown, StopCause, Supervisor, System,
    WorkerRef,
};

use crate::support::{
    Act, FAR, Gate, LONG, OpenAtEnd, Puppet, SECOND, config, idle, idler, own_process, timeless,
};

/// Waits for the `number`-th event of a hang of `path` with this level.
#[track_caller]
fn hung(recorder: &Recorder, path: &str, level: &str, number: usize) -> RecordedEvent {
    recorder.wait_until(LONG, |events| {
        let is_it = |event: &&RecordedEvent| {
            event.name() == "child.hung"
                && event.text("path").is_some_and(|found| found == path)
                && event.text("level").is_some_and(|found| found == level)
        };
        events.iter().filter(is_it).nth(number - 1).cloned()
    })
}

struct Watched {
    /// First, so that it opens before the system waits for the puppet.
    _open: OpenAtEnd,
    system: System,
    recorder: Recorder,
    manual: ManualClock,
    puppet: Puppet,
    gate: Gate,
}

/// A puppet that warns after one second of silence, hangs after three, and is silent already.
fn silent(set: impl FnOnce(Child<WorkerRef>) -> Child<WorkerRef>) -> Watched {
    let (system, recorder, manual) = timeless(config());
    let (child, puppet) = Puppet::alone("w");
    let child = child.warn_after(SECOND).hang_after(3 * SECOND);
    system.spawn(set(child)).expect("started");
    let gate = Gate::new();
    puppet.pull(Act::Mark("reading"));
    puppet.pull(Act::Hang(gate.clone()));
    gate.wait_for(1);
    let _open = OpenAtEnd(gate.clone());
    Watched {
        _open,
        system,
        recorder,
        manual,
        puppet,
        gate,
    }
}

// decision 18, decision 19, decision 20
#[test]
fn a_silent_child_is_warned_of_then_reported_and_goes_on() {
    let watched = silent(|child| child);
    let began = watched.manual.now();
    watched.manual.advance(SECOND);
    let warned = hung(&watched.recorder, "test/w", "warn", 1);
    assert_eq!(warned.at(), began + SECOND);
    assert_eq!(warned.text("checkpoint").as_deref(), Some("reading"));
    watched.manual.advance(2 * SECOND);
    let reported = hung(&watched.recorder, "test/w", "hang", 1);
    assert_eq!(reported.at(), began + 3 * SECOND);
    assert_eq!(watched.puppet.handle.generation(), Generation::first());
    assert!(matches!(watched.puppet.handle.standing(), Standing::Up));
    // It comes back to life, and falls silent again: a new silence, a new warning.
    watched.gate.open();
    let again = Gate::new();
    watched.puppet.pull(Act::Mark("writing"));
    watched.puppet.pull(Act::Hang(again.clone()));
    again.wait_for(1);
    let _open = OpenAtEnd(again);
    watched.manual.advance(SECOND);
    let warned = hung(&watched.recorder, "test/w", "warn", 2);
    assert_eq!(warned.at(), began + 4 * SECOND);
    assert_eq!(warned.text("checkpoint").as_deref(), Some("writing"));
    assert_eq!(watched.recorder.count("child.hung"), 3);
}

// decision 18
#[test]
fn a_checkpoint_begins_the_silence_anew() {
    let watched = silent(|child| child);
    let began = watched.manual.now();
    watched.manual.advance(SECOND / 2);
    watched.gate.open();
    let again = Gate::new();
    watched.puppet.pull(Act::Mark("writing"));
    watched.puppet.pull(Act::Hang(again.clone()));
    again.wait_for(1);
    let _open = OpenAtEnd(again);
    watched.manual.advance(SECOND);
    let warned = hung(&watched.recorder, "test/w", "warn", 1);
    assert_eq!(warned.at(), began + SECOND * 3 / 2);
}

// decision 18
#[test]
fn a_wait_in_the_library_is_no_silence_however_long_it_is() {
    let watched = silent(|child| child);
    let waits = idler("waits").warn_after(SECOND).hang_after(SECOND);
    watched.system.spawn(waits).expect("started");
    watched.manual.wait_for_sleepers(2);
    watched.manual.advance(3 * SECOND);
    // The steward looks at both; what it says of the one comes in the order of the looks.
    hung(&watched.recorder, "test/w", "hang", 1);
    watched.manual.advance(100 * SECOND);
    watched.system.spawn(idler("later")).expect("started");
    let events = watched.recorder.events();
    let of_it = |event: &RecordedEvent| {
        event.name() == "child.hung" && event.text("path").is_some_and(|p| p == "test/waits")
    };
    assert!(!events.iter().any(of_it), "{events:?}");
}

// decision 19
#[test]
fn the_silence_of_a_start_does_not_count() {
    let (system, recorder, manual) = timeless(config());
    let (gate, busy) = (Gate::new(), Gate::new());
    let _open = (OpenAtEnd(gate.clone()), OpenAtEnd(busy.clone()));
    let (inside, inside_busy) = (gate.clone(), busy.clone());
    let child = Child::worker_try_from(
        "w",
        move |_| {
            inside.pass();
            Ok(Init::Ready(()))
        },
        move |(), ctx| {
            inside_busy.pass();
            idle(ctx)
        },
    );
    let child = child
        .start_deadline(Duration::MAX)
        .warn_after(SECOND)
        .hang_after(3 * SECOND);
    std::thread::scope(|scope| {
        let spawned = scope.spawn(|| system.root().start_child_timeout(child, FAR));
        gate.wait_for(1);
        manual.advance(10 * SECOND);
        gate.open();
        spawned.join().expect("no panic").expect("started");
    });
    busy.wait_for(1);
    let up = manual.now();
    manual.advance(SECOND);
    assert_eq!(hung(&recorder, "test/w", "warn", 1).at(), up + SECOND);
    manual.advance(2 * SECOND);
    assert_eq!(hung(&recorder, "test/w", "hang", 1).at(), up + 3 * SECOND);
    assert_eq!(recorder.count("child.hung"), 2);
}

// decision 20, decision 21
#[test]
fn a_hung_child_is_asked_to_stop_then_abandoned_then_started_again() {
    let watched = silent(|child| {
        child
            .on_hang(OnHang::StopThenAbandon)
            .shutdown(Shutdown::Deadline(2 * SECOND))
    });
    let monitor = watched.puppet.handle.monitor();
    watched.manual.advance(3 * SECOND);
    watched.recorder.wait_for(LONG, "child.stopping", 1);
    assert_eq!(watched.recorder.count("child.abandoned"), 0);
    watched.manual.advance(2 * SECOND);
    watched.recorder.wait_for(LONG, "child.started", 2);
    let down = monitor.try_down().expect("told");
    assert!(
        matches!(down.reason, Some(ExitReason::Abandoned(_))),
        "{down:?}"
    );
    assert_eq!(watched.puppet.handle.generation().get(), 2);
    assert_eq!(
        watched.system.root().budget_left(),
        2,
        "a hang costs as a failure"
    );
    watched.gate.open();
    watched
        .recorder
        .wait_for(LONG, "child.abandoned_returned", 1);
}

// decision 20
#[test]
fn a_hung_child_that_obeys_the_stop_is_started_again_without_being_abandoned() {
    let watched = silent(|child| child.on_hang(OnHang::StopThenAbandon));
    let monitor = watched.puppet.handle.monitor();
    watched.manual.advance(3 * SECOND);
    watched.recorder.wait_for(LONG, "child.stopping", 1);
    watched.gate.open();
    watched.recorder.wait_for(LONG, "child.started", 2);
    let down = monitor.try_down().expect("told");
    assert!(
        matches!(down.reason, Some(ExitReason::Stopped(StopCause::Replaced))),
        "{down:?}"
    );
    assert_eq!(watched.recorder.count("child.abandoned"), 0);
}

// decision 20
#[test]
fn a_child_that_may_be_replaced_is_replaced_while_the_old_thread_still_runs() {
    let watched = silent(|child| child.on_hang(OnHang::Replace));
    watched.manual.advance(3 * SECOND);
    watched.recorder.wait_for(LONG, "child.started", 2);
    assert_eq!(watched.puppet.handle.generation().get(), 2);
    let threads = watched.system.snapshot().threads;
    assert_eq!(threads.iter().filter(|thread| thread.abandoned).count(), 1);
    watched.gate.open();
    watched
        .recorder
        .wait_for(LONG, "child.abandoned_returned", 1);
    let report = watched.system.stop_within(LONG);
    assert!(report.is_clean(), "{report}");
}

// decision 20
#[test]
fn a_hang_may_end_the_supervisor() {
    let (system, recorder, manual) = timeless(config());
    let (child, puppet) = Puppet::alone("w");
    let child = child.hang_after(SECOND).on_hang(OnHang::Escalate);
    let tree = Supervisor::new("tree").child(child).into_child();
    let tree = system
        .spawn(tree.restart(Restart::Temporary))
        .expect("started");
    let gate = Gate::new();
    let _open = OpenAtEnd(gate.clone());
    puppet.pull(Act::Hang(gate.clone()));
    gate.wait_for(1);
    manual.advance(SECOND);
    recorder.wait_for(LONG, "supervisor.budget_exhausted", 1);
    gate.open();
    recorder.wait_for(LONG, "supervisor.ended", 1);
    let end = tree.ended_timeout(LONG);
    let Some(ExitReason::BudgetExhausted(report)) = end else {
        panic!("{end:?}");
    };
    assert!(
        matches!(&report.exhausted, Exhausted::Hang { child } if child.as_str() == "test/tree/w")
    );
    assert!(matches!(&report.last[0].1, ExitReason::Abandoned(_)));
}

const ABORTS: &str = "STEADFAST_TEST_ABORTS";

// decision 20
#[test]
fn a_hang_may_abort_the_process() {
    if std::env::var_os(ABORTS).is_some() {
        let watched = silent(|child| child.on_hang(OnHang::AbortProcess));
        watched.manual.advance(3 * SECOND);
        let _never = watched.puppet.handle.monitor().down_timeout(FAR);
        return;
    }
    let name = "supervision::watchdog::a_hang_may_abort_the_process";
    let output = own_process(name, ABORTS, "1");
    assert!(!output.status.success());
    #[cfg(unix)]
    {
        use std::os::unix::process::ExitStatusExt;
        assert_eq!(output.status.signal(), Some(6), "SIGABRT");
    }
}
