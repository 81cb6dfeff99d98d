//! Spans nest, end once, and cross threads by hand only.

use std::collections::HashMap;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use super::handlers::Filter;
use super::recorder::{RecordedEvent, Recorder};
use super::span::SpanGuard;
use super::span_context::{SpanContext, SpanId};
use super::telemetry::Telemetry;
use super::telemetry_tests::quietly;
use crate::fault::catch::catch;
use crate::fault::thread::{ThreadPlan, start};
use crate::telemetry::Measure;
use crate::time::ManualClock;

const PATIENCE: Duration = Duration::from_secs(20);

fn recorded() -> (Telemetry, Recorder) {
    let telemetry = Telemetry::new();
    let recorder = Recorder::attach(&telemetry, Filter::prefix("span"));
    (telemetry, recorder)
}

fn names(recorder: &Recorder) -> Vec<&'static str> {
    recorder.events().iter().map(|event| event.name()).collect()
}

/// Runs it on a thread of its own.
fn elsewhere<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> T {
    let (tx, rx) = sync_channel(1);
    let plan = ThreadPlan {
        name: "elsewhere".to_owned(),
        stack_size: None,
    };
    let _thread = start(plan, move || tx.send(run()).unwrap()).unwrap();
    rx.recv_timeout(PATIENCE).unwrap()
}

// S27
#[test]
fn the_first_span_makes_the_trace_and_the_others_inherit_it() {
    let telemetry = Telemetry::new();
    let root = telemetry.span("root");
    let child = telemetry.span("child");
    let grandchild = telemetry.span("grandchild");
    assert_eq!(root.parent(), None);
    assert_eq!(child.parent(), Some(root.context().span()));
    assert_eq!(grandchild.parent(), Some(child.context().span()));
    let traces = [&child, &grandchild].map(|span| span.context().trace());
    assert_eq!(traces, [root.context().trace(); 2]);
    drop((grandchild, child, root));
    let next = telemetry.span("next");
    assert_eq!(next.parent(), None);
    assert_ne!(next.context().trace(), traces[0]);
}

// S27
#[test]
fn a_trace_id_is_shown_as_32_lower_case_hex_digits() {
    for _ in 0..100 {
        let context = Telemetry::new().span("work").context();
        let text = context.trace().to_string();
        let is_hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        assert!(text.len() == 32 && text.chars().all(is_hex), "{text}");
        assert_eq!(
            u128::from_str_radix(&text, 16),
            Ok(context.trace().as_u128())
        );
        assert_eq!(context.span().to_string().len(), 16);
    }
}

#[test]
fn ids_do_not_repeat_on_threads_whose_generator_was_seeded() {
    let draw = || {
        fastrand::seed(7);
        Telemetry::new().span("work").context()
    };
    let (one, other) = (elsewhere(draw), elsewhere(draw));
    assert_ne!(one.trace(), other.trace());
    assert_ne!(one.span(), other.span());
}

// property 67, S27
#[test]
fn a_span_takes_time_even_if_its_clock_stands_still() {
    let manual = ManualClock::new();
    let telemetry = Telemetry::with_clock(manual.clock());
    let recorder = Recorder::attach(&telemetry, Filter::kind("span.stop"));
    drop(telemetry.span("none"));
    let longer = telemetry.span("longer");
    manual.advance(Duration::from_secs(3));
    drop(longer);
    let durations = recorder.events().into_iter();
    let durations: Vec<_> = durations.map(|e| e.measurement("duration")).collect();
    let [short, long] = [Duration::from_nanos(1), Duration::from_secs(3)];
    assert_eq!(durations, [short, long].map(|d| Some(Measure::Duration(d))));
}

// property 67, property 68, S27
#[test]
fn a_panic_ends_a_span_by_an_exception_and_restores_the_stack() {
    let _quiet = quietly();
    let (telemetry, recorder) = recorded();
    let outer = telemetry.span("outer");
    let caught = catch(|| {
        let _one = telemetry.span("one");
        let _two = telemetry.span("two");
        panic!("in the middle");
    });
    assert!(caught.is_err());
    assert_eq!(SpanContext::current(), Some(outer.context()));
    drop(outer);
    assert_eq!(SpanContext::current(), None);
    let ended: Vec<_> = recorder.events().into_iter().skip(3).collect();
    let ended: Vec<_> = ended
        .iter()
        .map(|e| (e.name(), e.text("name").unwrap()))
        .collect();
    let exception = |name: &'static str| ("span.exception", name.into());
    assert_eq!(
        ended,
        [
            exception("two"),
            exception("one"),
            ("span.stop", "outer".into())
        ]
    );
}

#[test]
fn a_span_that_is_opened_and_closed_during_a_panic_is_no_exception() {
    struct CleansUp(Telemetry);
    impl Drop for CleansUp {
        fn drop(&mut self) {
            drop(self.0.span("cleaning"));
        }
    }
    let _quiet = quietly();
    let (telemetry, recorder) = recorded();
    let caught = catch(|| {
        let _cleans = CleansUp(telemetry.clone());
        panic!("dirty");
    });
    assert!(caught.is_err());
    assert_eq!(names(&recorder), ["span.start", "span.stop"]);
}

/// Every start has one end with its ids, and nothing ends that did not start.
fn assert_each_start_ends_once(events: &[RecordedEvent]) {
    let mut open: HashMap<SpanId, u32> = HashMap::new();
    for event in events {
        let span = event.span().unwrap().span();
        match event.name() {
            "span.start" => assert_eq!(open.insert(span, 0), None),
            "span.stop" | "span.exception" => *open.get_mut(&span).unwrap() += 1,
            other => panic!("{other}"),
        }
    }
    assert!(open.values().all(|ends| *ends == 1), "{open:?}");
}

// property 67, property 68
#[test]
fn guards_dropped_in_any_order_take_away_only_their_own_span() {
    let (telemetry, recorder) = recorded();
    let mut rng = fastrand::Rng::with_seed(27);
    for _ in 0..300 {
        let mut open: Vec<SpanGuard> = Vec::new();
        for _ in 0..rng.usize(1..40) {
            if rng.bool() {
                let around = open.last().map(|top| top.context().span());
                open.push(telemetry.span("work"));
                assert_eq!(open.last().unwrap().parent(), around);
            } else if !open.is_empty() {
                let any = rng.usize(..open.len());
                drop(open.remove(any));
            }
            let top = open.last().map(SpanGuard::context);
            assert_eq!(SpanContext::current(), top);
        }
        drop(open);
        assert_eq!(SpanContext::current(), None);
    }
    assert_each_start_ends_once(&recorder.events());
}

// property 68, S27
#[test]
fn a_parent_crosses_threads_only_by_hand() {
    let telemetry = Telemetry::new();
    let outer = telemetry.span("outer");
    let context = outer.context();
    let (own, other) = (telemetry.clone(), telemetry.clone());
    let alone = elsewhere(move || own.span("alone").parent());
    assert_eq!(alone, None);
    let (handed, after) = elsewhere(move || {
        let attached = context.attach();
        let part = other.span("part");
        let handed = (part.parent(), part.context().trace());
        drop((part, attached));
        (handed, SpanContext::current())
    });
    assert_eq!(handed, (Some(context.span()), context.trace()));
    assert_eq!(after, None, "what was attached is taken away again");
}

// S27
#[test]
fn what_happens_in_a_span_bears_its_ids() {
    let (telemetry, recorder) = recorded();
    let other = telemetry.span("other").context();
    recorder.clear();
    let mut span = telemetry.span("load");
    let context = span.context();
    let inner = telemetry.span("inner");
    span.event("opened")
        .link(other)
        .attribute("file", "a b")
        .fail("empty");
    drop(inner);
    drop(span);
    let events = recorder.events();
    let own = events.iter().filter(|event| event.span() == Some(context));
    let own: Vec<_> = own.map(|event| format!("{event:?}")).collect();
    let ids = format!("trace={} span={}", context.trace(), context.span());
    assert_eq!(own[0], format!("span.start name=load {ids}"));
    assert_eq!(own[1], format!("span.event name=load event=opened {ids}"));
    assert_eq!(own[2], format!("span.link name=load linked={other} {ids}"));
    assert!(own[3].starts_with("span.stop name=load status=empty duration="));
    assert!(
        own[3].ends_with(&format!(" file=\"a b\" {ids}")),
        "{}",
        own[3]
    );
    assert_eq!(own.len(), 4);
}

// property 68
#[test]
fn guards_that_are_forgotten_do_not_grow_the_stack_for_ever() {
    elsewhere(|| {
        let telemetry = Telemetry::new();
        for _ in 0..3000 {
            std::mem::forget(telemetry.span("forgotten"));
        }
        let before = SpanContext::current();
        let deep = telemetry.span("deep");
        assert_eq!(deep.parent(), before.map(SpanContext::span));
        assert_eq!(SpanContext::current(), before, "the stack is full");
        drop(deep);
        assert_eq!(SpanContext::current(), before);
    });
}
