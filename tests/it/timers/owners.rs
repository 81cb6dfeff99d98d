//! Whose timers they are: those of a run end with it, those of the system with its stop.

use steadfast::channel::{self, Sender};
use steadfast::timer::{Every, TimerError, Timers};
use steadfast::{Child, Failure, Generation, Restart, Shutdown, WorkerContext, WorkerRef};

use super::{next, settle};
use crate::support::{
    Gate, Journal, LONG, OpenAtEnd, SECOND, config, eventually, idle, is_first, timeless,
};

/// How a run can end.
const ENDS: [&str; 4] = ["return", "error", "panic", "stop"];

/// A worker whose first run arms three timers, and ends as it is told.
fn arming(tx: &Sender<Generation>, end: &'static str) -> Child<WorkerRef> {
    let tx = tx.clone();
    let child = Child::worker("w", move |ctx: &WorkerContext| -> Result<(), Failure> {
        if !is_first(ctx) {
            return idle(ctx);
        }
        let timers = ctx.timers();
        for key in ["a", "b", "c"] {
            let own = ctx.generation();
            timers.after(SECOND).key(key).send(&tx, own)?;
        }
        match end {
            "return" => Ok(()),
            "error" => Err("as it was told".into()),
            "panic" => panic!("as it was told"),
            _ => idle(ctx),
        }
    });
    child.restart(Restart::Temporary)
}

// property 18, S5, decision 48: the death of the owner cancels all
#[test]
fn however_a_run_ends_its_timers_are_gone_when_that_is_heard() {
    for end in ENDS {
        let (system, _recorder, manual) = timeless(config());
        let (tx, rx) = channel::bounded(8);
        let worker = system.spawn(arming(&tx, end)).expect("started");
        if end == "stop" {
            worker.terminate().expect("terminated");
        }
        assert!(worker.ended_timeout(LONG).is_some(), "{end}");
        assert_eq!(system.pending_timers(), 0, "{end}");
        manual.advance(10 * SECOND);
        settle(&system.timers());
        assert_eq!(rx.depth(), 0, "{end}");
    }
}

// decision 48: timers belong to a generation
#[test]
fn the_timers_of_a_run_never_reach_the_next_one() {
    let (system, _recorder, manual) = timeless(config());
    let (tx, rx) = channel::bounded(8);
    let arms = move |ctx: &WorkerContext| -> Result<(), Failure> {
        ctx.timers()
            .after(SECOND)
            .key("k")
            .send(&tx, ctx.generation())?;
        if is_first(ctx) {
            panic!("after the arming");
        }
        idle(ctx)
    };
    let worker = system.spawn(Child::worker("w", arms)).expect("started");
    let second = Generation::first().next();
    worker
        .up_after(Generation::first(), LONG)
        .expect("restarted");
    eventually("it has armed", || system.pending_timers() == 1);
    manual.advance(SECOND);
    assert_eq!(next(&rx), second);
    settle(&system.timers());
    assert_eq!(rx.depth(), 0);
}

/// A worker that hangs after it has armed a timer, until the gate opens; then it notes what its timers do.
fn hanging(gate: &Gate, handed: &Sender<Timers>, journal: &Journal) -> Child<WorkerRef> {
    let (gate, handed, journal) = (gate.clone(), handed.clone(), journal.clone());
    let child = Child::worker("w", move |ctx: &WorkerContext| {
        let (tx, rx) = channel::bounded(8);
        let timers = ctx.timers();
        let timer = timers.every(Every::rate(SECOND)).send(&tx)?;
        handed.send(timers.clone())?;
        gate.pass();
        let again = timers.every(Every::rate(SECOND)).send(&tx).map(drop);
        journal.note(format!("{again:?} {} {}", timer.cancel(), rx.depth()));
        Ok(())
    });
    child
        .shutdown(Shutdown::Abandon)
        .restart(Restart::Temporary)
}

// property 18, decision 48: the fence ends the timers of the run that was given up
#[test]
fn a_run_that_was_given_up_has_no_timers_and_arms_none() {
    let (system, recorder, manual) = timeless(config());
    let (gate, journal) = (Gate::new(), Journal::new());
    let _open = OpenAtEnd(gate.clone());
    let (handed, hand) = channel::bounded(1);
    let worker = system
        .spawn(hanging(&gate, &handed, &journal))
        .expect("started");
    let timers = next(&hand);
    assert_eq!((timers.pending(), system.pending_timers()), (1, 1));
    worker.terminate().expect("given up");
    assert_eq!((timers.pending(), system.pending_timers()), (0, 0));
    // A thread that is not the unit's is told so as well.
    let (tx, _rx) = channel::bounded(1);
    let refused = timers.after(SECOND).send(&tx, 7).expect_err("fenced");
    assert_eq!(
        (refused.cause(), refused.into_inner()),
        (TimerError::Fenced, 7)
    );
    manual.advance(10 * SECOND);
    settle(&system.timers());
    gate.open();
    assert_eq!(journal.take(1), ["Err(Fenced) false 0"]);
    recorder.wait_for(LONG, "fence.refused", 2);
}

#[test]
fn a_run_that_has_ended_arms_no_timer_any_more() {
    let (system, _recorder, _manual) = timeless(config());
    let (handed, hand) = channel::bounded(1);
    let child = Child::worker("w", move |ctx: &WorkerContext| {
        Ok(handed.send(ctx.timers())?)
    });
    let worker = system
        .spawn(child.restart(Restart::Temporary))
        .expect("started");
    assert!(worker.ended_timeout(LONG).is_some());
    let (tx, _rx) = channel::bounded(1);
    let refused = next(&hand).after(SECOND).send(&tx, ()).expect_err("ended");
    assert_eq!(refused.cause(), TimerError::Ended);
    assert_eq!(system.pending_timers(), 0);
}

#[test]
fn a_unit_that_is_asked_to_stop_keeps_its_timers_until_it_ends() {
    let (system, _recorder, manual) = timeless(config());
    let gate = Gate::new();
    let _open = OpenAtEnd(gate.clone());
    let inside = gate.clone();
    let (tx, rx) = channel::bounded(8);
    let child = Child::worker("w", move |ctx: &WorkerContext| {
        ctx.timers().every(Every::rate(SECOND)).send(&tx)?;
        let _stopped = ctx.wait(1000 * SECOND);
        inside.pass();
        Ok(())
    });
    system.spawn(child).expect("started");
    eventually("it has armed", || system.pending_timers() == 1);
    system.request_stop(100 * SECOND);
    gate.wait_for(1);
    for number in 1..=2 {
        manual.advance(SECOND);
        assert_eq!(next(&rx).number, number);
    }
    gate.open();
    assert!(system.stop_within(LONG).is_clean());
    assert_eq!((rx.depth(), system.pending_timers()), (0, 0));
}

// property 18: keys are the owner's own
#[test]
fn the_keys_of_two_owners_do_not_meet() {
    let (system, _recorder, manual) = timeless(config());
    let (tx, rx) = channel::bounded(8);
    let (handed, hand) = channel::bounded(1);
    let child = Child::worker("w", move |ctx: &WorkerContext| {
        handed.send(ctx.timers())?;
        idle(ctx)
    });
    system.spawn(child).expect("started");
    let owners = [next(&hand), system.timers()];
    for (owner, timers) in owners.iter().enumerate() {
        timers
            .after(SECOND)
            .key("k")
            .send(&tx, owner)
            .expect("armed");
    }
    assert_eq!(owners.map(|timers| timers.pending()), [1, 1]);
    manual.advance(SECOND);
    settle(&system.timers());
    assert_eq!(rx.drain().count(), 2);
}

#[test]
fn from_the_beginning_of_its_stop_the_system_has_no_timers() {
    let (system, _recorder, manual) = timeless(config());
    let gate = Gate::new();
    let _open = OpenAtEnd(gate.clone());
    let inside = gate.clone();
    let child = Child::worker("w", move |ctx: &WorkerContext| {
        let _stopped = ctx.wait(1000 * SECOND);
        inside.pass();
        Ok(())
    });
    system.spawn(child).expect("started");
    let (tx, rx) = channel::bounded(8);
    let timers = system.timers();
    let timer = timers.every(Every::rate(SECOND)).send(&tx).expect("armed");
    system.request_stop(100 * SECOND);
    assert_eq!((timer.is_pending(), timers.pending()), (false, 0));
    let refused = timers
        .every(Every::rate(SECOND))
        .send(&tx)
        .expect_err("stops");
    assert_eq!(refused, TimerError::Stopping);
    gate.wait_for(1);
    manual.advance(2 * SECOND);
    gate.open();
    assert!(system.stop_within(LONG).is_clean());
    assert_eq!(rx.depth(), 0);
    assert_eq!(timer.fire_now(), Err(TimerError::Over));
}
