//! Posted events: in order, elsewhere, bounded; and the life of the drainer thread.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use parking_lot::Mutex;

use super::drainer::Drainer;
use super::event::EventKind;
use super::handlers::Filter;
use super::recorder::Recorder;
use super::telemetry::Telemetry;
use super::telemetry_tests::quietly;
use crate::fault::ErrorContext;
use crate::fault::thread::{ThreadPlan, start};
use crate::time::{Clock, Deadline};

static NUMBER: EventKind = EventKind {
    name: "test.number",
    target: "test",
    level: log::Level::Info,
    measurements: &["n"],
    metadata: &[],
    doc: "A test posts it.",
};

const PATIENCE: Duration = Duration::from_secs(20);

fn soon() -> Deadline {
    Clock::system().deadline(PATIENCE)
}

fn now() -> Deadline {
    Clock::system().deadline(Duration::ZERO)
}

fn post(telemetry: &Telemetry, n: u64) {
    telemetry.post(&NUMBER, |event| {
        event.measure("n", n);
    });
}

/// A telemetry with room for this many posted events, whose drainer does not retire by itself.
fn small(capacity: usize) -> Telemetry {
    Telemetry::with_drainer(Clock::system(), Drainer::new(capacity, Duration::MAX))
}

/// Attaches a handler that tells when it is entered and stays until it is let go.
fn attach_gate(telemetry: &Telemetry) -> (Receiver<()>, SyncSender<()>) {
    let (entered, is_inside) = sync_channel(1024);
    let (let_go, go) = sync_channel::<()>(1024);
    let go = Mutex::new(go);
    let gate = move |_: &_| {
        entered.send(()).unwrap();
        let _or_closed = go.lock().recv();
    };
    telemetry
        .attach("gate", Filter::kind("test.number"), gate)
        .unwrap();
    (is_inside, let_go)
}

// property 65
#[test]
fn posted_events_are_handled_in_order_on_another_thread() {
    let telemetry = Telemetry::new();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let own = Arc::clone(&heard);
    let hear = move |event: &super::event::Event| {
        let name = std::thread::current().name().map(str::to_owned);
        let n = event.measurement("n").map(|n| n.to_string());
        own.lock().push((name.unwrap(), n.unwrap()));
    };
    telemetry.attach("hear", Filter::All, hear).unwrap();
    (0..100).for_each(|n| post(&telemetry, n));
    assert!(telemetry.flush(soon()));
    let expected = (0..100).map(|n: u64| ("sf-telemetry".to_owned(), n.to_string()));
    assert_eq!(*heard.lock(), expected.collect::<Vec<_>>());
}

// property 65
#[test]
fn a_full_queue_drops_the_new_event_and_tells_how_many() {
    let telemetry = small(2);
    let (is_inside, let_go) = attach_gate(&telemetry);
    let recorder = Recorder::attach(&telemetry, Filter::All);
    post(&telemetry, 0);
    is_inside.recv_timeout(PATIENCE).unwrap();
    (1..=5).for_each(|n| post(&telemetry, n));
    assert_eq!(telemetry.dropped(), 3, "a slow handler holds nobody up");
    drop(let_go);
    let told = recorder.wait_until(PATIENCE, |events| {
        events.iter().find_map(|event| event.measurement("count"))
    });
    assert_eq!(told, 3u64.into());
    assert!(telemetry.flush(soon()));
    assert_eq!(recorder.count("test.number"), 3);
}

#[test]
fn a_flush_gives_up_at_its_deadline() {
    let telemetry = Telemetry::new();
    let (is_inside, let_go) = attach_gate(&telemetry);
    post(&telemetry, 0);
    is_inside.recv_timeout(PATIENCE).unwrap();
    assert!(!telemetry.flush(now()));
    drop(let_go);
    assert!(telemetry.flush(soon()));
}

#[test]
fn a_flush_is_answered_after_the_last_event_before_it() {
    let telemetry = Telemetry::new();
    let (is_inside, let_go) = attach_gate(&telemetry);
    post(&telemetry, 0);
    is_inside.recv_timeout(PATIENCE).unwrap();
    post(&telemetry, 1);
    let drainer = &telemetry.hub.drainer;
    let asked = drainer.ask().unwrap();
    let_go.send(()).unwrap();
    is_inside.recv_timeout(PATIENCE).unwrap();
    assert!(!drainer.has_answered(asked), "the second one is in hand");
    drop(let_go);
    assert!(telemetry.flush(soon()));
    assert!(drainer.has_answered(asked));
}

#[test]
fn a_flush_without_events_has_nothing_to_wait_for() {
    let telemetry = Telemetry::new();
    assert!(telemetry.flush(now()));
    assert!(telemetry.close(now()));
}

#[test]
fn a_flush_ends_even_if_each_event_brings_forth_another() {
    let telemetry = Telemetry::new();
    let own = telemetry.clone();
    let echo = move |_: &_| post(&own, 1);
    telemetry.attach("echo", Filter::All, echo).unwrap();
    post(&telemetry, 0);
    assert!(telemetry.flush(soon()));
    assert!(telemetry.close(soon()));
    telemetry.detach("echo").unwrap();
}

#[test]
fn a_handler_that_waits_for_its_own_drainer_is_told_no() {
    let telemetry = Telemetry::new();
    let own = telemetry.clone();
    let (tx, answers) = sync_channel(2);
    let ask = move |_: &_| {
        tx.send(own.flush(Deadline::NEVER)).unwrap();
        tx.send(own.close(Deadline::NEVER)).unwrap();
    };
    telemetry.attach("ask", Filter::All, ask).unwrap();
    post(&telemetry, 0);
    assert!(!answers.recv_timeout(PATIENCE).unwrap());
    assert!(!answers.recv_timeout(PATIENCE).unwrap());
    telemetry.detach("ask").unwrap();
}

#[test]
fn a_close_handles_what_was_posted_and_refuses_the_rest() {
    let telemetry = Telemetry::new();
    let (is_inside, let_go) = attach_gate(&telemetry);
    let recorder = Recorder::attach(&telemetry, Filter::All);
    (0..3).for_each(|n| post(&telemetry, n));
    is_inside.recv_timeout(PATIENCE).unwrap();
    assert!(!telemetry.close(now()), "the drainer is still at work");
    post(&telemetry, 3);
    drop(let_go);
    let gone = telemetry.hub.drainer.gone().unwrap();
    assert!(telemetry.close(soon()));
    assert!(gone.is_gone());
    assert_eq!(recorder.count("test.number"), 3);
    assert_eq!(telemetry.dropped(), 1);
}

#[test]
fn emitting_goes_on_after_the_close() {
    let telemetry = Telemetry::new();
    let recorder = Recorder::attach(&telemetry, Filter::All);
    assert!(telemetry.close(soon()));
    telemetry.emit(&NUMBER, |event| {
        event.measure("n", 1u64);
    });
    assert_eq!(recorder.count("test.number"), 1);
}

#[test]
fn the_drainer_ends_with_the_last_handle_after_its_work() {
    let telemetry = small(4);
    let (is_inside, let_go) = attach_gate(&telemetry);
    (0..3).for_each(|n| post(&telemetry, n));
    is_inside.recv_timeout(PATIENCE).unwrap();
    let gone = telemetry.hub.drainer.gone().unwrap();
    drop(telemetry);
    drop(let_go);
    assert!(gone.wait(&Clock::system(), soon()));
    assert_eq!(is_inside.iter().count(), 2, "the other two were handled");
}

#[test]
fn no_event_is_left_behind_by_a_drainer_that_retires() {
    const POSTS: u64 = 20_000;
    let drainer = Drainer::new(1 << 17, Duration::ZERO);
    let telemetry = Telemetry::with_drainer(Clock::system(), drainer);
    let recorder = Recorder::attach(&telemetry, Filter::All);
    let poster = |n: u64| {
        let telemetry = telemetry.clone();
        let plan = ThreadPlan {
            name: format!("post{n}"),
            stack_size: None,
        };
        let body = move || (0..POSTS).for_each(|n| post(&telemetry, n));
        start(plan, body).unwrap().gone().clone()
    };
    let posters = [poster(1), poster(2)];
    for gone in posters {
        assert!(gone.wait(&Clock::system(), soon()));
    }
    recorder.wait_for(PATIENCE, "test.number", 2 * POSTS);
    assert!(telemetry.close(soon()));
    assert_eq!(recorder.count("test.number"), 2 * POSTS);
}

// property 65
#[test]
fn a_panicking_handler_does_not_end_the_drainer() {
    let telemetry = Telemetry::new();
    let recorder = Recorder::attach(&telemetry, Filter::All);
    let rude = |_: &_| {
        let _quiet = quietly();
        panic!("no")
    };
    telemetry
        .attach("rude", Filter::kind("test.number"), rude)
        .unwrap();
    post(&telemetry, 1);
    post(&telemetry, 2);
    assert!(telemetry.flush(soon()));
    assert_eq!(recorder.count("test.number"), 2);
    assert_eq!(recorder.count("telemetry.handler_detached"), 1);
}

#[test]
fn the_drainer_works_without_the_context_of_who_posts_first() {
    let telemetry = Telemetry::new();
    let (tx, contexts) = sync_channel(1);
    let look = move |_: &_| tx.send(ErrorContext::capture().to_string()).unwrap();
    telemetry.attach("look", Filter::All, look).unwrap();
    let _load = ErrorContext::enter("load");
    post(&telemetry, 0);
    assert_eq!(contexts.recv_timeout(PATIENCE).unwrap(), "");
    assert_eq!(ErrorContext::capture().to_string(), "load");
}
