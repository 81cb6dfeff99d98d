//! Models of the breaker: its own files, mounted here, over the kernel's word. Time is a number.

#![expect(
    dead_code,
    reason = "what is mounted can more than the models ask of it"
)]

#[path = "../src/guards/breaker/calls_window.rs"]
mod calls_window;
#[path = "../src/guards/breaker/count_window.rs"]
mod count_window;
#[path = "../src/guards/breaker/state.rs"]
mod state;
#[path = "../src/guards/breaker/switch.rs"]
mod switch;
#[path = "../src/guards/breaker/tally.rs"]
mod tally;
#[path = "../src/guards/breaker/threshold.rs"]
mod threshold;
#[path = "../src/guards/breaker/time_window.rs"]
mod time_window;

use self::calls_window::CallsWindow;
use self::count_window::Sample;
use self::state::{Law, Outcome, Phase};
use self::switch::{Answer, Spans, Switch};
use self::threshold::Threshold;
use self::time_window::{BUCKETS, TimeWindow};
use super::runner::{Model, here};

struct Hour;

const HOUR: u64 = 1 << 30;

impl Spans for Hour {
    fn open(&self, _: u8) -> u64 {
        HOUR
    }

    fn lease(&self) -> u64 {
        HOUR
    }
}

/// One failure opens it, one success of one probe closes it.
const LAW: Law = Law {
    failures: 1,
    probes: 1,
    successes: 1,
};

/// Open since the beginning of time.
fn open() -> Switch {
    let switch = Switch::new();
    let change = switch.settle(&LAW, 0, Outcome::Failure, false).unwrap();
    switch.due_of(change.to, 0, &Hour);
    switch
}

/// With its one probe out, of generation 2.
fn half_open() -> Switch {
    let switch = open();
    assert_eq!(ask(&switch), (1, Some(2)));
    switch
}

/// Asks when the time has come; how many changes it has made, and the generation if it passes.
fn ask(switch: &Switch) -> (u8, Option<u32>) {
    let (answer, change) = switch.admit(&LAW, HOUR, &Hour);
    let generation = match answer {
        Answer::Pass(generation) => Some(generation),
        Answer::Refuse(..) => None,
    };
    (u8::from(change.is_some()), generation)
}

/// Three threads ask an open breaker whose time has come and that has one probe.
/// Allowed: any one passes, and has made the one change. Forbidden: none, two; two that tell of the change. (property 38)
#[test]
fn of_three_calls_one_is_the_probe() {
    let (probe, refused) = ((1, Some(2)), (0, None));
    let ends = [
        [probe, refused, refused],
        [refused, probe, refused],
        [refused, refused, probe],
    ];
    Model::new(here!(), open).floor(500).preemptions(3).run(
        ends,
        [ask, ask, ask],
        |it, answers| {
            assert_eq!(it.state().phase, Phase::HalfOpen);
            answers
        },
    );
}

/// The one probe of a half-open breaker is ignored while two threads ask.
/// Allowed: it comes too late for both, or one of the two gets its place. Forbidden: both pass; a change of state.
#[test]
fn the_place_of_an_ignored_probe_goes_to_one_other() {
    fn passes(switch: &Switch) -> bool {
        ask(switch).1.is_some()
    }
    Model::new(here!(), half_open)
        .floor(100)
        .preemptions(3)
        .run(
            [[false, false], [true, false], [false, true]],
            [
                |it| it.settle(&LAW, 2, Outcome::Ignored, false).is_some(),
                passes,
                passes,
            ],
            |it, [changed, one, other]| {
                let state = it.state();
                let out = u16::from(one || other);
                assert!(!changed && (state.phase, state.count) == (Phase::HalfOpen, out));
                [one, other]
            },
        );
}

/// A call of the closed breaker succeeds, late, while the probe of the half-open one fails and a third call asks.
/// Allowed: the probe's failure opens it, before or after the third has asked. Forbidden: that the late success closes it.
#[test]
fn a_late_result_changes_nothing() {
    Model::new(here!(), half_open).floor(20).preemptions(3).run(
        [(false, true, true)],
        [
            |it| it.settle(&LAW, 0, Outcome::Success, false).is_some(),
            |it| it.settle(&LAW, 2, Outcome::Failure, false).is_some(),
            |it| ask(it).1.is_some(),
        ],
        |it, [late, probe, asked]| {
            assert!(!asked, "a second probe");
            (late, probe, it.state().phase == Phase::Open)
        },
    );
}

/// A failure trips a closed breaker while somebody resets it.
/// Allowed: tripped and then closed again; reset first, so that the failure is one of a generation that is over.
/// Forbidden: open after the reset.
#[test]
fn a_reset_beside_a_trip_leaves_it_closed() {
    Model::new(here!(), Switch::new).floor(6).run(
        [(true, 2), (false, 1)],
        [
            |it| it.settle(&LAW, 0, Outcome::Failure, false).is_some(),
            |it| it.force(Phase::Closed).is_some(),
        ],
        |it, [tripped, reset]| {
            assert!(reset && it.state().phase == Phase::Closed);
            (tripped, it.state().generation)
        },
    );
}

/// A thread that has opened the breaker and was stopped before it could say until when, beside one that asks.
/// Allowed: refused until an hour after either of the two. Forbidden: a probe; two different times.
#[test]
fn a_time_that_is_missing_is_put_there_by_who_needs_it() {
    Model::new(here!(), Switch::new).floor(10).run(
        [(None, 1), (Some(1), 1), (Some(2), 2)],
        [
            |it| {
                let change = it.settle(&LAW, 0, Outcome::Failure, false).unwrap();
                it.due_of(change.to, 0, &Hour).map(|due| due / HOUR)
            },
            |it| match it.admit(&LAW, HOUR - 64, &Hour).0 {
                Answer::Pass(_) => None,
                Answer::Refuse(_, due) => due.map(|due| (due + 64) / HOUR),
            },
        ],
        |it, [_, seen]| {
            let due = it.due_of(it.state(), 0, &Hour).unwrap();
            (seen, (due + 64) / HOUR)
        },
    );
}

/// Two threads count in the same bucket of a window while a third counts in it one turn later.
/// Allowed: the late one begins anew after those that came before it; who comes after it is dropped. Forbidden: that the
/// late one is lost, or that a count of the old turn is a part of the new one.
#[test]
fn a_bucket_moves_on_without_losing_the_call_that_moves_it() {
    const FAILED: Sample = Sample {
        failed: true,
        slow: false,
    };
    Model::new(here!(), || TimeWindow::new(BUCKETS))
        .floor(100)
        .preemptions(3)
        .run(
            [(1, 1)],
            [
                |it| it.record(0, 3, FAILED, || true),
                |it| it.record(0, 3, FAILED, || true),
                |it| it.record(0, 3 + BUCKETS, FAILED, || true),
            ],
            |it, _| {
                let sums = it.sums(0, 3 + BUCKETS);
                (sums.calls, sums.failed)
            },
        );
}

/// Three threads count in the same bucket.
/// Allowed: all are counted. Forbidden: one that is lost.
#[test]
fn a_bucket_keeps_the_sums() {
    fn count(window: &TimeWindow, failed: bool) {
        let slow = !failed;
        window.record(0, 3, Sample { failed, slow }, || true);
    }
    Model::new(here!(), || TimeWindow::new(BUCKETS))
        .floor(100)
        .preemptions(3)
        .run(
            [(3, 2, 1)],
            [
                |it| count(it, true),
                |it| count(it, true),
                |it| count(it, false),
            ],
            |it, _| {
                let sums = it.sums(0, 3);
                (sums.calls, sums.failed, sums.slow)
            },
        );
}

/// A window of one call, which a failure and a good call come to, while a third thread brings a good one if that would
/// change anything.
/// Allowed: the failure was the last, and the word says so; a good call was. Forbidden: a word that says of a window with a
/// failure that it is full of good calls, or the other way round, once nobody is busy with it.
#[test]
fn the_word_beside_the_calls_says_what_is_in_them() {
    const NEVER: Threshold = Threshold {
        min_calls: 0,
        failed: Threshold::NOT_AT_ALL,
        slow: Threshold::NOT_AT_ALL,
    };
    fn record(window: &CallsWindow, failed: bool) {
        let slow = false;
        window.record(0, Sample { failed, slow }, &NEVER, || true);
    }
    Model::new(here!(), || CallsWindow::new(1))
        .floor(100)
        .preemptions(3)
        .run(
            [(0, true), (1, false)],
            [
                |it| record(it, true),
                |it| record(it, false),
                |it| {
                    if !it.is_clean(0) {
                        record(it, false);
                    }
                },
            ],
            |it, _| (it.sums(0).failed, it.is_clean(0)),
        );
}
