//! Handlers under their ids, and events that reach them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use super::event::EventKind;
use super::handlers::{AttachError, DetachError, Filter};
use super::kinds;
use super::recorder::Recorder;
use super::telemetry::Telemetry;
use crate::fault::catch::unwind_fenced;
use crate::fault::hook::{Identity, IdentityScope, enter_identity};
use crate::fault::thread::{ThreadPlan, start};
use crate::fault::{Generation, UnitPath};
use crate::time::{Clock, ManualClock};

static PING: EventKind = EventKind {
    name: "test.ping",
    target: "test::pings",
    level: log::Level::Info,
    measurements: &[],
    metadata: &[],
    doc: "A test emits it.",
};

const PATIENCE: Duration = Duration::from_secs(20);

/// Panics of handlers are expected here: they are not printed.
pub(super) fn quietly() -> IdentityScope {
    enter_identity(Identity {
        quiet: true,
        ..Identity::new(UnitPath::new("demo/unit"), Generation::first())
    })
}

fn counter() -> (Arc<AtomicU64>, impl Fn() + Send + Sync + 'static) {
    let count = Arc::new(AtomicU64::new(0));
    let own = Arc::clone(&count);
    // SeqCst: tests are not worth a proof.
    let hear = move || {
        own.fetch_add(1, SeqCst);
    };
    (count, hear)
}

fn value(count: &AtomicU64) -> u64 {
    // SeqCst: as above.
    count.load(SeqCst)
}

fn ids(telemetry: &Telemetry) -> Vec<String> {
    let infos = telemetry.handlers().into_iter();
    infos.map(|info| info.id).collect()
}

// property 65, S26
#[test]
fn a_handler_that_panics_is_detached_and_that_is_an_event() {
    let _quiet = quietly();
    let telemetry = Telemetry::new();
    let (count, hear) = counter();
    telemetry
        .attach("rude", Filter::All, |_| panic!("no"))
        .unwrap();
    telemetry
        .attach("kind", Filter::kind("test.ping"), move |_| hear())
        .unwrap();
    let recorder = Recorder::attach(&telemetry, Filter::prefix("telemetry"));
    telemetry.emit(&PING, |_| {});
    telemetry.emit(&PING, |_| {});
    assert_eq!(value(&count), 2, "a later handler hears it all the same");
    let events = recorder.events();
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(events[0].text("handler").unwrap(), "rude");
    assert!(events[0].text("problem").unwrap().contains("panic: no"));
    assert!(!ids(&telemetry).contains(&"rude".to_owned()));
}

// property 65
#[test]
fn a_handler_that_panics_on_many_threads_is_detached_once() {
    const THREADS: u64 = 4;
    let telemetry = Telemetry::new();
    let recorder = Recorder::attach(&telemetry, Filter::prefix("telemetry"));
    let all_inside = Arc::new(std::sync::Barrier::new(4));
    let inside = Arc::clone(&all_inside);
    let rude = move |_: &_| {
        inside.wait();
        panic!("no")
    };
    telemetry
        .attach("rude", Filter::kind("test.ping"), rude)
        .unwrap();
    let emit = |n| {
        let telemetry = telemetry.clone();
        let plan = ThreadPlan {
            name: format!("emit{n}"),
            stack_size: None,
        };
        let emit = move || {
            let _quiet = quietly();
            telemetry.emit(&PING, |_| {});
        };
        start(plan, emit).unwrap().gone().clone()
    };
    let clock = Clock::system();
    let threads: Vec<_> = (0..THREADS).map(emit).collect();
    for gone in threads {
        assert!(gone.wait(&clock, clock.deadline(PATIENCE)));
        assert!(gone.panic().is_none(), "the emitter was hurt");
    }
    assert_eq!(recorder.count("telemetry.handler_detached"), 1);
}

// property 65
#[test]
fn handlers_that_panic_at_the_news_of_a_panic_are_all_detached() {
    let _quiet = quietly();
    let telemetry = Telemetry::new();
    for n in 0..20 {
        let id = format!("rude{n}");
        telemetry.attach(id, Filter::All, |_| panic!("no")).unwrap();
    }
    telemetry.emit(&PING, |_| {});
    assert_eq!(ids(&telemetry), Vec::<String>::new());
}

// property 65
#[test]
fn a_handler_whose_drop_panics_hurts_nobody() {
    struct Rude;
    impl Drop for Rude {
        fn drop(&mut self) {
            panic!("not even this");
        }
    }
    let _quiet = quietly();
    let telemetry = Telemetry::new();
    let (detached, dropped) = (Rude, Rude);
    let hold = |rude: Rude| {
        move |_: &_| {
            std::hint::black_box(&rude);
        }
    };
    telemetry
        .attach("detached", Filter::All, hold(detached))
        .unwrap();
    telemetry
        .attach("dropped", Filter::All, hold(dropped))
        .unwrap();
    telemetry.detach("detached").unwrap();
    drop(telemetry);
}

#[test]
fn a_fenced_thread_that_ends_within_a_handler_is_not_its_fault() {
    let telemetry = Telemetry::new();
    telemetry
        .attach("checks", Filter::All, |_| unwind_fenced())
        .unwrap();
    telemetry.emit(&PING, |_| {});
    assert_eq!(ids(&telemetry), ["checks"]);
}

// S26
#[test]
fn an_id_is_given_once_and_the_first_keeps_it() {
    let telemetry = Telemetry::new();
    let (first, hear_first) = counter();
    let (second, hear_second) = counter();
    telemetry
        .attach("own", Filter::All, move |_| hear_first())
        .unwrap();
    let refused = telemetry.attach("own", Filter::All, move |_| hear_second());
    let id = "own".to_owned();
    assert_eq!(refused, Err(AttachError::DuplicateId { id }));
    telemetry.emit(&PING, |_| {});
    assert_eq!((value(&first), value(&second)), (1, 0));
}

// S26
#[test]
fn an_id_that_is_unknown_is_not_found_and_one_that_left_is_free() {
    let telemetry = Telemetry::new();
    let missing = telemetry.detach("own");
    let id = "own".to_owned();
    assert_eq!(missing, Err(DetachError::NotFound { id }));
    telemetry.attach("own", Filter::All, |_| {}).unwrap();
    telemetry.detach("own").unwrap();
    telemetry.attach("own", Filter::All, |_| {}).unwrap();
}

// S26
#[test]
fn filters_take_whole_words() {
    let started = &kinds::CHILD_STARTED;
    for (filter, takes) in [
        (Filter::All, true),
        (Filter::kind("child.started"), true),
        (Filter::kind("child"), false),
        (Filter::prefix("child"), true),
        (Filter::prefix("child."), true),
        (Filter::prefix("child.started"), true),
        (Filter::prefix("chi"), false),
        (Filter::prefix(""), true),
        (Filter::target("steadfast::supervision"), true),
        (Filter::target("steadfast"), true),
        (Filter::target("steadfast::"), true),
        (Filter::target("stead"), false),
        (Filter::target("steadfast::supervision::child"), false),
    ] {
        assert_eq!(filter.matches(started), takes, "{filter:?}");
    }
}

// S26
#[test]
fn an_event_that_nobody_wants_is_not_even_made() {
    let telemetry = Telemetry::new();
    telemetry.emit(&PING, |_| panic!("nobody listens"));
    telemetry.post(&PING, |_| panic!("nobody listens"));
    let other = Filter::prefix("child");
    telemetry
        .attach("other", other, |_| panic!("not mine"))
        .unwrap();
    telemetry.emit(&PING, |_| panic!("nobody wants it"));
    let loud = || log::LevelFilter::Warn;
    let hear = Box::new(|_: &_| panic!("too quiet"));
    telemetry
        .attach_up_to("loud".to_owned(), Filter::All, loud, hear)
        .unwrap();
    telemetry.emit(&PING, |_| panic!("it is too quiet"));
}

// S26
#[test]
fn handlers_may_change_the_list_of_handlers() {
    let telemetry = Telemetry::new();
    let own = telemetry.clone();
    let (count, hear) = counter();
    let hear = Arc::new(hear);
    let swap = move |_: &_| {
        own.detach("first").unwrap();
        let hear = Arc::clone(&hear);
        own.attach("second", Filter::All, move |_| hear()).unwrap();
    };
    telemetry.attach("first", Filter::All, swap).unwrap();
    telemetry.emit(&PING, |_| {});
    assert_eq!(ids(&telemetry), ["second"]);
    assert_eq!(value(&count), 0, "a handler hears what comes after it");
    telemetry.emit(&PING, |_| {});
    assert_eq!(value(&count), 1);
}

#[test]
fn handlers_that_answer_each_other_come_to_an_end() {
    let telemetry = Telemetry::new();
    let own = telemetry.clone();
    let (count, hear) = counter();
    let echo = move |_: &_| {
        hear();
        own.emit(&PING, |_| {});
    };
    telemetry.attach("echo", Filter::All, echo).unwrap();
    telemetry.emit(&PING, |_| {});
    assert_eq!(value(&count), 4);
    assert_eq!(telemetry.dropped(), 1);
    telemetry.emit(&PING, |_| {});
    assert_eq!(value(&count), 8, "the depth is what it was");
    telemetry.detach("echo").unwrap();
}

#[cfg(debug_assertions)]
#[test]
#[should_panic(expected = "the kind declares")]
fn an_event_that_strays_from_its_kind_panics_where_it_is_emitted() {
    let telemetry = Telemetry::new();
    telemetry.attach("any", Filter::All, |_| {}).unwrap();
    telemetry.emit(&PING, |event| {
        event.tag("path", "demo");
    });
}

#[test]
fn events_bear_the_time_of_their_clock() {
    let manual = ManualClock::new();
    let telemetry = Telemetry::with_clock(manual.clock());
    let recorder = Recorder::attach(&telemetry, Filter::All);
    manual.advance(Duration::from_secs(3600));
    telemetry.emit(&PING, |_| {});
    assert_eq!(recorder.events()[0].at(), manual.now());
}

// S63
#[test]
fn two_telemetries_do_not_hear_each_other() {
    let (one, other) = (Telemetry::new(), Telemetry::new());
    let recorder = Recorder::attach(&one, Filter::All);
    other.emit(&PING, |_| {});
    assert_eq!(recorder.count("test.ping"), 0);
    one.clone().emit(&PING, |_| {});
    assert_eq!(recorder.count("test.ping"), 1);
}
