//! The desk against a naive model that keeps everything, over random sequences of calls.

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use super::command_error::CommandError;
use super::desk::{Desk, FlightId, Outcome, Turn};
use super::output::{Capture, CommandOutput};
use crate::supervision::process::{ProcessError, ProcessStatus, Program};
use crate::time::ManualClock;

const TTL: Duration = Duration::from_secs(30);
const MAX_ACTIVE: usize = 2;
const MAX_CACHED: usize = 2;

fn output(code: i32) -> CommandOutput {
    Capture::new(0).finish(ProcessStatus::Exited(code), Duration::ZERO)
}

fn desk() -> Desk {
    let max = NonZeroUsize::new(MAX_ACTIVE).unwrap();
    Desk::new(max, MAX_CACHED, TTL)
}

fn program(number: usize) -> Program {
    Program::new(format!("p{number}"))
}

fn timed_out() -> Outcome {
    Err(CommandError::TimedOut {
        program: "p".into(),
        limit: TTL,
    })
}

fn run(desk: &mut Desk, number: usize, now: Instant) -> FlightId {
    match desk.share(&program(number), &mut None, now) {
        Turn::Run(flight) => flight,
        other => panic!("not to be run: {other:?}"),
    }
}

// S6
#[test]
fn a_success_is_fresh_up_to_its_edge_and_a_failure_never() {
    let (mut desk, now) = (desk(), ManualClock::new().now());
    let flight = run(&mut desk, 0, now);
    desk.land(flight, Ok(output(0)), now);
    let hit = desk.share(&program(0), &mut None, now + TTL);
    assert!(matches!(hit, Turn::Answer(Ok(_))), "{hit:?}");
    let later = now + TTL + Duration::from_nanos(1);
    for outcome in [Ok(output(1)), timed_out()] {
        let flight = run(&mut desk, 0, later);
        desk.land(flight, outcome, later);
    }
    assert_eq!((desk.stats.hits, desk.stats.cached), (1, 0));
    assert_eq!((desk.stats.executed, desk.stats.failed), (3, 2));
    assert_eq!((desk.stats.timed_out, desk.stats.active), (1, 0));
}

// S6
#[test]
fn followers_take_what_says_something_about_the_command_and_else_go_on() {
    let not_found = || Err(ProcessError::NotFound("p".into()).into());
    let outcomes: [(Outcome, bool); 5] = [
        (Ok(output(0)), true),
        (Ok(output(7)), true),
        (not_found(), true),
        (timed_out(), false),
        (Err(CommandError::Stopped), false),
    ];
    for (outcome, is_shared) in outcomes {
        let (mut desk, now) = (desk(), ManualClock::new().now());
        let flight = run(&mut desk, 0, now);
        let mut following = None;
        let waits = desk.share(&program(0), &mut following, now);
        assert!(matches!(waits, Turn::Follow));
        desk.land(flight, outcome, now);
        let turn = desk.share(&program(0), &mut following, now);
        assert_eq!(matches!(turn, Turn::Answer(_)), is_shared, "{turn:?}");
        assert_eq!(matches!(turn, Turn::Run(_)), !is_shared, "{turn:?}");
        assert_eq!(following, None);
    }
}

/// A call that has not been answered.
struct Waiting {
    number: usize,
    following: Option<FlightId>,
}

/// What the model knows: all landings ever, and who flies.
#[derive(Default)]
struct Model {
    flying: Vec<(FlightId, usize)>,
    cached: Vec<(Instant, usize)>,
}

impl Model {
    fn is_cached(&self, number: usize, now: Instant) -> bool {
        let fresh = self
            .cached
            .iter()
            .filter(|(at, _)| now.duration_since(*at) <= TTL);
        let newest: Vec<_> = fresh.rev().take(MAX_CACHED).collect();
        newest.iter().any(|(_, cached)| *cached == number)
    }

    fn expects(&self, number: usize, now: Instant) -> &'static str {
        if self.is_cached(number, now) {
            return "answer";
        }
        if self.flying.iter().any(|(_, flying)| *flying == number) {
            return "follow";
        }
        if self.flying.len() >= MAX_ACTIVE {
            "full"
        } else {
            "run"
        }
    }
}

// S6
#[test]
fn over_random_calls_the_desk_does_what_the_model_does_and_keeps_its_bounds() {
    let seed = fastrand::u64(..);
    for round in 0..300 {
        let mut rng = fastrand::Rng::with_seed(seed.wrapping_add(round));
        let (mut desk, mut model) = (desk(), Model::default());
        let mut now = ManualClock::new().now();
        let mut waiting: Vec<Waiting> = Vec::new();
        for _ in 0..60 {
            now += Duration::from_secs(rng.u64(0..20));
            match rng.u32(0..4) {
                0 if !model.flying.is_empty() => {
                    let (flight, number) = model.flying.remove(rng.usize(0..model.flying.len()));
                    let outcome = [Ok(output(0)), Ok(output(1)), timed_out()];
                    let outcome = outcome[rng.usize(0..3)].clone();
                    if outcome.as_ref().is_ok_and(CommandOutput::is_success) {
                        model.cached.push((now, number));
                    }
                    desk.land(flight, outcome, now);
                }
                1 if !waiting.is_empty() => {
                    let gone = waiting.remove(rng.usize(0..waiting.len()));
                    gone.following
                        .into_iter()
                        .for_each(|flight| desk.leave(flight));
                }
                _ => {
                    let number = rng.usize(0..4);
                    let mut following = None;
                    let expected = model.expects(number, now);
                    let found = match desk.share(&program(number), &mut following, now) {
                        Turn::Answer(_) => "answer",
                        Turn::Follow => "follow",
                        Turn::Full => "full",
                        Turn::Run(flight) => {
                            model.flying.push((flight, number));
                            "run"
                        }
                    };
                    assert_eq!(found, expected, "seed {seed}, round {round}");
                    if following.is_some() {
                        waiting.push(Waiting { number, following });
                    }
                }
            }
            assert_eq!(desk.stats.active, model.flying.len());
            assert!(desk.stats.cached <= MAX_CACHED);
        }
        finish(&mut desk, &model, waiting, now);
    }
}

/// All land, all who wait leave: nothing is left behind.
fn finish(desk: &mut Desk, model: &Model, waiting: Vec<Waiting>, now: Instant) {
    for (flight, _) in &model.flying {
        desk.land(*flight, timed_out(), now);
    }
    for mut call in waiting {
        let turn = desk.share(&program(call.number), &mut call.following, now);
        if let Turn::Run(flight) = turn {
            desk.land(flight, timed_out(), now);
        }
        call.following
            .into_iter()
            .for_each(|flight| desk.leave(flight));
    }
    assert_eq!(desk.stats.active, 0);
    assert!(desk.is_empty(), "flights are left");
}
