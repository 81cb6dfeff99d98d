//! Models of the rate limiter: its own files, mounted here, over the kernel's word and rules. Time is a number.

#![expect(
    dead_code,
    reason = "what is mounted can more than the models ask of it"
)]

#[path = "../src/guards/rate_limit/fixed_window.rs"]
mod fixed_window;
#[path = "../src/guards/rate_limit/gcra.rs"]
mod gcra;
#[path = "../src/guards/rate_limit/place.rs"]
mod place;
#[path = "../src/guards/rate_limit/position.rs"]
mod position;
#[path = "../src/guards/rate_limit/rule.rs"]
mod rule;
#[path = "../src/guards/rate_limit/sliding_window.rs"]
mod sliding_window;
#[path = "../src/guards/rate_limit/window_log.rs"]
mod window_log;

use std::marker::PhantomData;

use self::fixed_window::FixedWindow;
use self::gcra::Gcra;
use self::position::NotTaken;
use self::rule::Rule;
use self::sliding_window::Outcome;
use self::window_log::WindowLog;
use super::runner::{Model, here};
use crate::kernel::rules::Rules;
use crate::kernel::word::Word;

/// A limiter by rules of the kind `R` that is asked at given ticks.
struct Limiter<R> {
    rules: Rules,
    word: Word,
    kind: PhantomData<R>,
}

const PERIOD: u64 = 10;

fn limiter<R: Rule>(rule: R) -> Limiter<R> {
    let rules = Rules::new(rule.pack());
    let word = rules.word();
    let kind = PhantomData;
    Limiter { rules, word, kind }
}

fn bucket(burst: u32) -> Limiter<Gcra> {
    let interval = PERIOD;
    limiter(Gcra { interval, burst })
}

impl<R: Rule> Limiter<R> {
    fn check(&self, now: u64) -> bool {
        position::take::<R>(&self.rules, &self.word, now, 1, now).is_ok()
    }

    fn remaining(&self, now: u64) -> u32 {
        position::remaining::<R>(&self.rules, &self.word, now).unwrap()
    }

    fn replace(&self, rule: R, now: u64) {
        let settle = || position::settle::<R>(&self.rules, &self.word, now);
        self.rules.replace(rule.pack(), settle);
    }

    fn ask(&self, now: u64) -> Told {
        match position::take::<R>(&self.rules, &self.word, now, 1, now) {
            Ok(_) => Told::Passes,
            Err(NotTaken::Retired) => Told::GivenUp,
            Err(_) => Told::Refused,
        }
    }

    fn collect(&self, now: u64) -> Told {
        if position::retire::<R>(&self.rules, &self.word, now) {
            Told::GivenUp
        } else {
            Told::Refused
        }
    }
}

/// What a thread was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Told {
    Passes,
    Refused,
    GivenUp,
}

/// Three threads check a bucket of one.
/// Allowed: any one passes. Forbidden: none, two. (property 40, with L = 1 and N = 3)
#[test]
fn of_three_checks_exactly_one_passes_where_one_may() {
    let ends = [
        [true, false, false],
        [false, true, false],
        [false, false, true],
    ];
    Model::new(here!(), || bucket(1))
        .floor(370)
        .preemptions(3)
        .run(
            ends.map(|passed| (passed, 0)),
            [|it| it.check(5), |it| it.check(5), |it| it.check(5)],
            |it, passed| (passed, it.remaining(5)),
        );
}

/// Three threads check a bucket of two.
/// Allowed: any two pass. Forbidden: fewer, all. (property 40, with L = 2 and N = 3)
#[test]
fn of_three_checks_exactly_two_pass_where_two_may() {
    let ends = [
        [true, true, false],
        [true, false, true],
        [false, true, true],
    ];
    Model::new(here!(), || bucket(2))
        .floor(400)
        .preemptions(3)
        .run(
            ends.map(|passed| (passed, 0)),
            [|it| it.check(5), |it| it.check(5), |it| it.check(5)],
            |it, passed| (passed, it.remaining(5)),
        );
}

/// A window of one; one thread checks before its edge, two at it.
/// Allowed: one of the two at the edge passes; the early one passes unless it comes late. Forbidden: two at the edge, the
/// early one in the later window.
#[test]
fn at_the_edge_of_a_window_each_window_has_its_own_count() {
    let window = || {
        limiter(FixedWindow {
            period: PERIOD,
            limit: 1,
        })
    };
    let ends = [true, false].into_iter().flat_map(|early| {
        let either = [[true, false], [false, true]];
        either.map(|[one, other]| [early, one, other])
    });
    Model::new(here!(), window).floor(400).preemptions(3).run(
        ends,
        [
            |it| it.check(PERIOD - 1),
            |it| it.check(PERIOD),
            |it| it.check(PERIOD),
        ],
        |it, passed| {
            assert_eq!(it.remaining(PERIOD), 0);
            passed
        },
    );
}

/// Two threads check a bucket of one while it becomes a bucket of two, twice as fast.
/// Allowed: one or both pass; what passed is owed to the new bucket. Forbidden: a cell that is forgotten.
#[test]
fn a_bucket_that_is_replaced_keeps_its_debt() {
    let ends = [([true, false], 1), ([false, true], 1), ([true, true], 0)];
    Model::new(here!(), || bucket(1))
        .floor(1_000)
        .preemptions(3)
        .run(
            ends,
            [
                |it| it.check(5),
                |it| it.check(5),
                |it| {
                    let (interval, burst) = (PERIOD / 2, 2);
                    it.replace(Gcra { interval, burst }, 5);
                    false
                },
            ],
            |it, [one, other, _]| ([one, other], it.remaining(5)),
        );
}

fn log(limit: u32) -> WindowLog {
    WindowLog::new(PERIOD, limit)
}

fn takes(log: &WindowLog, now: u64) -> bool {
    matches!(log.take(now, 1, now), Outcome::Taken(_))
}

/// Three threads ask a sliding window of two.
/// Allowed: any two pass. Forbidden: fewer, all.
#[test]
fn a_sliding_window_lets_exactly_its_limit_through() {
    let ends = [
        [true, true, false],
        [true, false, true],
        [false, true, true],
    ];
    Model::new(here!(), || log(2))
        .floor(900)
        .preemptions(3)
        .run(
            ends,
            [|it| takes(it, 5), |it| takes(it, 5), |it| takes(it, 5)],
            |it, passed| {
                assert_eq!(it.remaining(5), Some(0));
                passed
            },
        );
}

/// A sliding window of one whose cell is taken for the next period and given back, while two threads ask.
/// Allowed: with the cell given back before, one passes; else none. Forbidden: two pass; the word beside the log refuses
/// although the cell is back.
#[test]
fn a_cell_that_is_given_back_opens_the_window_again() {
    Model::new(here!(), || log(1))
        .floor(900)
        .preemptions(3)
        .run(
            [
                [true, false, true],
                [false, true, true],
                [false, false, true],
            ],
            [
                |it| takes(it, 5),
                |it| takes(it, 5),
                |it| match it.take(5, 1, 5) {
                    Outcome::Taken(grant) => it.give_back(grant),
                    Outcome::TooLate(_) | Outcome::Impossible | Outcome::Retired => true,
                },
            ],
            |it, passed| {
                let has_passed = passed[0] || passed[1];
                assert_eq!(takes(it, 5), !has_passed);
                passed
            },
        );
}

/// A key that is as good as new is given up while two threads check it; who finds it given up takes no cell of it.
/// Allowed: given up before either has taken a cell, and then both are told; else it is not given up. Forbidden: a cell of
/// a key that is given up. (property 43)
#[test]
fn a_key_is_given_up_only_while_nothing_is_taken_of_it() {
    let ends = [
        ([Told::GivenUp, Told::GivenUp], Told::GivenUp),
        ([Told::Passes, Told::Refused], Told::Refused),
        ([Told::Refused, Told::Passes], Told::Refused),
    ];
    Model::new(here!(), || bucket(1))
        .floor(370)
        .preemptions(3)
        .run(
            ends,
            [|it| it.ask(5), |it| it.ask(5), |it| it.collect(5)],
            |_, [one, other, collector]| ([one, other], collector),
        );
}

/// A key of whose one cell a turn is taken for later and given back, while another thread checks it and a third gives it
/// up where it is as good as new.
/// Allowed: given up before the reservation or after it, or not at all; the check passes before the reservation or after
/// it. Forbidden: given up while a turn or a cell is taken, a cell of a key that is given up.
/// (property 43)
#[test]
fn a_key_with_a_reservation_is_not_given_up() {
    fn reserve_and_cancel(it: &Limiter<Gcra>) -> Told {
        match position::take::<Gcra>(&it.rules, &it.word, 5, 1, u64::MAX - 1) {
            Ok(place) => {
                let is_collected = it.collect(5) == Told::GivenUp;
                assert!(!is_collected, "given up with a debt");
                let is_back = position::give_back::<Gcra>(&it.rules, &it.word, 5, place);
                assert!(is_back, "nobody can come behind");
                Told::Passes
            }
            Err(NotTaken::Retired) => Told::GivenUp,
            Err(_) => Told::Refused,
        }
    }
    let ends = [
        [Told::Passes, Told::Passes, Told::Refused],
        [Told::Passes, Told::Refused, Told::Refused],
        [Told::Passes, Told::Refused, Told::GivenUp],
        [Told::Passes, Told::GivenUp, Told::GivenUp],
        [Told::GivenUp, Told::GivenUp, Told::GivenUp],
    ];
    Model::new(here!(), || bucket(1))
        .floor(370)
        .preemptions(3)
        .run(
            ends,
            [reserve_and_cancel, |it| it.ask(5), |it| it.collect(5)],
            |_, told| told,
        );
}

/// As above for the log of a sliding window.
#[test]
fn a_log_is_given_up_only_while_nothing_is_taken_of_it() {
    fn ask(it: &WindowLog) -> Told {
        match it.take(5, 1, 5) {
            Outcome::Taken(_) => Told::Passes,
            Outcome::Retired => Told::GivenUp,
            _ => Told::Refused,
        }
    }
    let ends = [
        ([Told::GivenUp, Told::GivenUp], Told::GivenUp),
        ([Told::Passes, Told::Refused], Told::Refused),
        ([Told::Refused, Told::Passes], Told::Refused),
    ];
    Model::new(here!(), || log(1))
        .floor(300)
        .preemptions(3)
        .run(
            ends,
            [ask, ask, |it| {
                if it.retire(5) {
                    Told::GivenUp
                } else {
                    Told::Refused
                }
            }],
            |_, [one, other, collector]| ([one, other], collector),
        );
}

/// Two threads ask a sliding window of one while its limit becomes two.
/// Allowed: one passes or both do; what passed counts under the new limit. Forbidden: a cell that is forgotten.
#[test]
fn a_log_that_is_replaced_keeps_its_cells() {
    let ends = [([true, false], 1), ([false, true], 1), ([true, true], 0)];
    Model::new(here!(), || log(1))
        .floor(300)
        .preemptions(3)
        .run(
            ends,
            [
                |it| takes(it, 5),
                |it| takes(it, 5),
                |it| {
                    it.replace(PERIOD, 2);
                    false
                },
            ],
            |it, [one, other, _]| ([one, other], it.remaining(5).unwrap()),
        );
}
