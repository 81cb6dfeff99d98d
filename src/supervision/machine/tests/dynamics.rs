//! The dynamic machine.

use std::time::Duration;

use super::world::{World, crash, dynamic, ms, tolerating, worker, worker_that};
use crate::fault::{ExitReason, Generation, StopCause};
use crate::supervision::machine::{AnyMachine, CallId, Effect, Event, Phase, Request, Target};
use crate::supervision::{
    ChildPolicy, ChildState, Flavor, OnHang, Restart, Shutdown, SupervisorPolicy,
};
use crate::time::Backoff;

fn at_most(max: usize) -> SupervisorPolicy {
    SupervisorPolicy {
        flavor: Flavor::Dynamic {
            max_children: Some(max),
        },
        ..dynamic()
    }
}

fn slow(id: &str) -> ChildPolicy {
    ChildPolicy {
        backoff: Backoff::constant(ms(60_000)),
        ..worker(id)
    }
}

fn with(children: &[ChildPolicy]) -> World {
    let mut world = World::up(dynamic(), vec![]);
    for child in children {
        world.start_child(child.clone());
    }
    world.start_all().clear();
    world
}

// OTP-53, D1
#[test]
fn a_child_is_found_by_its_key_and_by_its_id_which_is_unique() {
    let mut world = with(&[worker("a"), slow("b")]);
    let key = world.view("a").key;
    assert!(world.machine.find(&Target::Key(key)).is_some());
    world
        .start_child(worker("a"))
        .says(&["answer alreadystarted"]);
    world.ended("b", crash()).clear();
    world
        .start_child(worker("b"))
        .says(&["answer alreadypresent"]);
    world
        .call(Request::Terminate(Target::Key(key)))
        .stopped("a");
    assert!(world.machine.find(&Target::Key(key)).is_none());
}

// D1
#[test]
fn children_start_and_restart_independently_of_each_other() {
    let mut world = with(&[worker("a"), worker("b")]);
    world.start_child(worker("c")).start_child(worker("d"));
    world.says(&["launch c 1", "launch d 1"]);
    world.ended("a", crash());
    world.says(&["exited a itself restart", "launch a 2"]);
}

// D2, decision 43
#[test]
fn the_bound_counts_live_and_restarting_children() {
    let mut world = World::up(at_most(2), vec![]);
    world
        .start_child(worker("a"))
        .start_child(slow("b"))
        .start_all();
    world.ended("b", crash()).clear();
    assert!(matches!(world.state("b"), ChildState::Restarting { .. }));
    world.start_child(worker("c")).says(&["answer maxchildren"]);
    world.terminate("b").clear();
    world.start_child(worker("c"));
    world.says(&["launch c 1"]);
}

// D3
#[test]
fn a_child_that_ignores_its_start_or_fails_is_not_kept() {
    let mut world = World::up(dynamic(), vec![]);
    world.start_child(worker("a")).ignored("a");
    world.says(&["launch a 1", "ignored a", "forget a", "answer ignored"]);
    world.start_child(worker("a")).ended("a", crash());
    world.says(&[
        "launch a 1",
        "exited a itself forget",
        "forget a",
        "answer start",
    ]);
    assert_eq!(world.machine.counts().specs, 0);
    assert_eq!(world.machine.budget_left(world.now), 3);
}

// OTP-39
#[test]
fn a_child_that_ignores_its_restart_is_removed() {
    let mut world = with(&[worker("a")]);
    world.ended("a", crash()).ignored("a");
    world.says(&[
        "exited a itself restart",
        "launch a 2",
        "ignored a",
        "forget a",
    ]);
}

// D4, OTP-37
#[test]
fn to_terminate_an_unknown_child_is_not_found_and_a_restarting_one_is_gone_at_once() {
    let mut world = with(&[slow("a"), worker("b")]);
    world.terminate("x").says(&["answer notfound"]);
    world.ended("a", crash()).clear();
    world
        .terminate("a")
        .says(&["forget a", "answer terminated"]);
    world.terminate("b").stopped("b");
    world.says(&[
        "ask b requested",
        "exited b expected forget",
        "forget b",
        "answer terminated",
    ]);
    assert_eq!(world.machine.next_due(), None);
}

// D5, OTP-30
#[test]
fn a_child_that_fails_to_restart_stays_and_is_tried_again_within_the_budget() {
    let mut world = with(&[worker("a")]);
    let key = world.view("a").key;
    world
        .ended("a", crash())
        .ended("a", crash())
        .ended("a", crash());
    assert_eq!(world.view("a").key, key);
    assert_eq!(world.state("a"), ChildState::Starting);
    world.ended("a", crash());
    assert_eq!(world.end_reason().kind(), "budget_exhausted");
    assert_eq!(world.phase(), Phase::Ended);
}

// D6, OTP-42, decision 14
#[test]
fn a_stop_asks_all_children_at_once_each_with_its_own_time() {
    let quick = ChildPolicy {
        shutdown: Shutdown::Deadline(ms(1000)),
        ..worker("b")
    };
    let mut world = with(&[worker("a"), quick, slow("c")]);
    world.ended("c", crash()).clear().stop(Some(ms(3000)));
    assert_eq!(world.given_until("a"), Some(ms(3000)));
    assert_eq!(world.given_until("b"), Some(ms(1000)));
    world.says(&[
        "ending stopped",
        "ask a shutdown",
        "ask b shutdown",
        "forget c",
    ]);
    world
        .after(ms(1000))
        .says(&["abandon b stopping", "forget b"]);
    world.stopped("a");
    world.says(&["exited a expected forget", "forget a", "ended stopped"]);
}

// D7, OTP-55
#[test]
fn a_child_that_starts_slowly_blocks_nobody_else() {
    let mut world = with(&[worker("a")]);
    world.start_child(worker("slow")).clear();
    world
        .terminate("a")
        .stopped("a")
        .start_child(worker("b"))
        .started("b");
    assert_eq!(
        world.diary().last().map(String::as_str),
        Some("answer started")
    );
    assert_eq!(world.state("slow"), ChildState::Starting);
}

// OTP-11, OTP-18
#[test]
fn who_ends_for_good_is_forgotten() {
    let temporary = worker_that("a", Restart::Temporary);
    let transient = worker_that("b", Restart::Transient);
    let mut world = with(&[temporary, transient]);
    world.ended("a", crash()).ended("b", ExitReason::Normal);
    world.says(&[
        "exited a itself forget",
        "forget a",
        "exited b itself forget",
        "forget b",
    ]);
}

// OTP-51, OTP-52
#[test]
fn no_dynamic_child_is_down_and_kept() {
    let mut world = with(&[worker("a"), slow("b")]);
    world.ended("b", crash()).clear();
    world.restart("a").restart("b").restart("x");
    world.says(&["answer running", "answer restarting", "answer notfound"]);
    world.delete("a").delete("b").delete("x");
    world.says(&["answer running", "answer restarting", "answer notfound"]);
}

// decision 20
#[test]
fn a_hung_dynamic_child_is_replaced_as_a_static_one() {
    let child = ChildPolicy {
        on_hang: OnHang::StopThenAbandon,
        ..worker("a")
    };
    let mut world = with(&[child]);
    world.hung("a").says(&["ask a replaced"]);
    world
        .after(ms(5000))
        .says(&["abandon a stopping", "launch a 2"]);
}

// OTP-28, OTP-31
#[test]
fn the_budget_of_a_dynamic_supervisor_is_shared_by_its_children() {
    let policy = SupervisorPolicy {
        flavor: Flavor::Dynamic { max_children: None },
        ..tolerating(1)
    };
    let mut world = World::up(policy, vec![]);
    world
        .start_child(worker("a"))
        .start_child(worker("b"))
        .start_all();
    world.ended("a", crash()).start_all().clear();
    world.ended("b", crash());
    world.says(&[
        "exited b itself escalate",
        "ending budget_exhausted",
        "ask a escalation",
        "forget b",
    ]);
}

/// Starts so many children and stops them, and says how many effects that took.
fn churn(count: u64) -> usize {
    let now = super::origin();
    let (mut machine, _) = AnyMachine::new(dynamic(), vec![]);
    let mut out = Vec::new();
    let mut effects = 0;
    let mut runs = Vec::new();
    machine.step(Event::Begin, now, &mut out);
    for number in 0..count {
        let policy = worker(&number.to_string());
        let key = machine.next_key();
        let request = Request::StartChild {
            policy,
            last_generation: Generation::NONE,
        };
        let call = CallId(number);
        machine.step(Event::Call { call, request }, now, &mut out);
        let generation = Generation::first();
        machine.step(Event::Started { key, generation }, now, &mut out);
        runs.push((key, generation));
        assert_eq!(machine.counts().active, runs.len());
    }
    let cause = StopCause::Shutdown;
    let deadline = Some(now + Duration::from_secs(1));
    machine.step(Event::Stop { cause, deadline }, now, &mut out);
    effects += std::mem::take(&mut out).len();
    for (key, generation) in runs {
        let reason = ExitReason::Stopped(cause);
        let event = Event::Ended {
            key,
            generation,
            reason,
        };
        machine.step(event, now, &mut out);
    }
    assert!(matches!(out.last(), Some(Effect::Ended { .. })));
    assert_eq!(machine.next_due(), None);
    effects + out.len()
}

// OTP-56, D6, decision 43
#[test]
fn a_hundred_thousand_children_start_stop_and_are_counted_without_a_scan() {
    // Effects grow with the children and nothing else; the time is a bench's subject. A scan per
    // event would take minutes here.
    let fixed = 3;
    assert_eq!(churn(1_000), fixed + 6 * 1_000);
    assert_eq!(churn(100_000), fixed + 6 * 100_000);
}
