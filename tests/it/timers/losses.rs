//! What is not delivered: counted, told, and dropped where the user's code may run.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use steadfast::channel;
use steadfast::timer::Every;
use steadfast::{Child, Restart, Shutdown, SystemHandle, WorkerContext};

use super::{next, settle};
use crate::support::{FAR, Gate, LONG, OpenAtEnd, SECOND, config, idle, system, timeless};

/// Tells on which thread it is dropped.
struct Told(SyncSender<String>);

impl Drop for Told {
    fn drop(&mut self) {
        let thread = std::thread::current();
        let _ = self
            .0
            .try_send(thread.name().unwrap_or_default().to_owned());
    }
}

fn told() -> (Told, Receiver<String>) {
    let (tell, hear) = sync_channel(8);
    (Told(tell), hear)
}

/// The thread on which the one value was dropped.
#[track_caller]
fn dropped_on(hear: &Receiver<String>) -> String {
    let thread = hear.recv_timeout(LONG).expect("dropped");
    assert!(hear.recv_timeout(LONG).is_err(), "dropped twice, or kept");
    thread
}

// property 66: what is lost is not lost silently
#[test]
fn a_value_that_finds_no_room_is_counted_and_told_and_not_dropped_on_the_steward() {
    let (system, recorder, manual) = timeless(config());
    let (tx, rx) = channel::bounded(1);
    let ((first, _), (second, hear)) = (told(), told());
    let timers = system.timers();
    timers.after(SECOND).send(&tx, first).expect("armed");
    let lost = timers
        .after(SECOND)
        .key("lost")
        .send(&tx, second)
        .expect("armed");
    manual.advance(SECOND);
    recorder.wait_for(LONG, "timer.refused", 1);
    let event = recorder.wait_until(LONG, |events| {
        events
            .iter()
            .find(|event| event.name() == "timer.refused")
            .cloned()
    });
    let texts = ["path", "key", "why"].map(|name| event.text(name).map(String::from));
    assert_eq!(
        texts.map(Option::unwrap_or_default),
        ["test", "lost", "full"]
    );
    assert_eq!(dropped_on(&hear), "undertaker");
    assert_eq!((lost.stats().refused, lost.is_pending()), (1, false));
    assert_eq!((rx.depth(), system.pending_timers()), (1, 0));
}

// S5: an owner found dead at the firing ends the timer
#[test]
fn a_timer_whose_channel_has_no_receiver_left_ends() {
    let (system, recorder, manual) = timeless(config());
    let (tx, rx) = channel::bounded(1);
    let timers = system.timers();
    let timer = timers.every(Every::rate(SECOND)).send(&tx).expect("armed");
    manual.advance(SECOND);
    assert_eq!(next(&rx).number, 1);
    drop(rx);
    manual.advance(SECOND);
    settle(&timers);
    assert_eq!((timer.is_pending(), timer.stats().refused), (false, 1));
    assert_eq!(system.pending_timers(), 0);
    recorder.wait_for(LONG, "timer.refused", 1);
}

#[test]
fn the_values_of_a_run_are_dropped_by_its_own_thread() {
    let (system, recorder, _manual) = timeless(config());
    let (tx, _rx) = channel::bounded(1);
    let (value, hear) = told();
    let value = std::sync::Mutex::new(Some(value));
    let child = Child::worker("w", move |ctx: &WorkerContext| {
        let value = value.lock().expect("not poisoned").take();
        ctx.timers()
            .after(SECOND)
            .send(&tx, value)
            .map(drop)
            .map_err(|error| error.cause())?;
        Ok(())
    });
    system
        .spawn(child.restart(Restart::Temporary))
        .expect("started");
    assert_eq!(dropped_on(&hear), "w<test");
    recorder.wait_for(LONG, "timer.discarded", 1);
}

#[test]
fn the_values_of_a_run_that_was_given_up_are_dropped_although_it_hangs() {
    let (system, _recorder, _manual) = timeless(config());
    let (tx, _rx) = channel::bounded(1);
    let gate = Gate::new();
    let _open = OpenAtEnd(gate.clone());
    let inside = gate.clone();
    let (handed, hand) = channel::bounded(1);
    let child = Child::worker("w", move |ctx: &WorkerContext| {
        handed.send(ctx.timers())?;
        inside.pass();
        idle(ctx)
    });
    let child = child
        .shutdown(Shutdown::Abandon)
        .restart(Restart::Temporary);
    let worker = system.spawn(child).expect("started");
    let (value, hear) = told();
    next(&hand).after(SECOND).send(&tx, value).expect("armed");
    worker.terminate().expect("given up");
    assert_eq!(dropped_on(&hear), "undertaker");
}

#[test]
fn a_destructor_that_hangs_keeps_neither_the_steward_nor_other_timers() {
    let (system, recorder, manual) = timeless(config());
    let (full, _full_rx) = channel::bounded(1);
    full.send(None).expect("room");
    let gate = Gate::new();
    let open = OpenAtEnd(gate.clone());
    let (tx, rx) = channel::bounded(8);
    let timers = system.timers();
    timers
        .after(SECOND)
        .send(&full, Some(Hangs(gate.clone())))
        .expect("armed");
    timers.every(Every::rate(SECOND)).send(&tx).expect("armed");
    manual.advance(SECOND);
    gate.wait_for(1);
    for number in 1..=3 {
        assert_eq!(next(&rx).number, number);
        manual.advance(SECOND);
    }
    recorder.wait_for(LONG, "timer.refused", 1);
    drop(open);
    assert!(system.stop_within(LONG).is_clean());
}

#[test]
fn a_destructor_that_hangs_is_in_the_report_of_the_stop() {
    let system = system();
    let gate = Gate::new();
    let _open = OpenAtEnd(gate.clone());
    let (tx, _rx) = channel::bounded(1);
    let armed = system.timers().after(FAR).send(&tx, Hangs(gate.clone()));
    armed.expect("armed");
    system.request_stop(LONG);
    assert!(system.wait_timeout(LONG).is_some());
    gate.wait_for(1);
    let report = system.stop_within(Duration::ZERO);
    let left = report.threads_left.first().expect("it hangs");
    assert_eq!((left.path.as_str(), &*left.thread), ("test", "undertaker"));
    assert!(left.abandoned && !report.is_clean());
}

#[test]
fn a_destructor_may_ask_for_the_stop_again() {
    let system = system();
    let (tx, _rx) = channel::bounded(1);
    let asks = AsksAgain(system.handle());
    let armed = system.timers().after(FAR).send(&tx, asks);
    armed.expect("armed");
    assert!(system.stop_within(LONG).is_clean());
}

/// A value whose drop asks its system to stop.
struct AsksAgain(SystemHandle);

impl Drop for AsksAgain {
    fn drop(&mut self) {
        self.0.request_stop(LONG);
    }
}

/// A value whose drop waits for the gate.
struct Hangs(Gate);

impl Drop for Hangs {
    fn drop(&mut self) {
        self.0.pass();
    }
}
