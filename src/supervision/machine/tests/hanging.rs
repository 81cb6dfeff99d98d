//! Children that show no sign of life.

use super::world::{World, abc, group, ms, policy, tolerating, worker, worker_that};
use crate::fault::{Exhausted, ExitReason};
use crate::supervision::machine::Phase;
use crate::supervision::{ChildPolicy, ChildState, OnHang, Restart, Shutdown, Strategy};
use crate::time::Backoff;

fn with(id: &str, on_hang: OnHang) -> ChildPolicy {
    ChildPolicy {
        on_hang,
        ..worker(id)
    }
}

// decision 20
#[test]
fn a_hang_that_is_only_reported_changes_nothing() {
    let mut world = World::up(policy(), vec![with("a", OnHang::Report)]);
    world.hung("a").says(&[]);
    assert_eq!(world.machine.budget_left(world.now), 3);
}

// decision 20
#[test]
fn a_hung_child_is_asked_abandoned_at_its_deadline_and_replaced() {
    let mut world = World::up(policy(), vec![with("a", OnHang::StopThenAbandon)]);
    world.hung("a").hung("a").says(&["ask a replaced"]);
    assert_eq!(world.machine.budget_left(world.now), 2);
    world.after(ms(5000));
    world.says(&["abandon a stopping", "launch a 2"]);
    assert_eq!(world.machine.abandoned(), 1);
    assert_eq!(world.machine.budget_left(world.now), 2);
}

// decision 20
#[test]
fn a_hung_child_that_ends_when_asked_is_replaced_then() {
    let child = ChildPolicy {
        backoff: Backoff::constant(ms(700)),
        ..with("a", OnHang::StopThenAbandon)
    };
    let mut world = World::up(policy(), vec![child]);
    world.hung("a").clear();
    world.after(ms(500)).stopped("a");
    world.says(&["exited a expected restart"]);
    world.after(ms(199)).says(&[]);
    world.after(ms(1)).says(&["launch a 2"]);
}

// decision 20, OTP-22
#[test]
fn a_hung_child_takes_its_group_with_it() {
    let children = vec![worker("a"), with("b", OnHang::StopThenAbandon), worker("c")];
    let mut world = World::up(group(Strategy::OneForAll), children);
    world.hung("b").says(&["ask b replaced", "ask c sibling"]);
    world.stopped("c").says(&["exited c expected restart"]);
    world.after(ms(5000));
    world.says(&["abandon b stopping", "ask a sibling"]);
    world.stopped("a").start_all();
    assert_eq!(world.view("c").generation.get(), 2);
    assert_eq!(world.machine.budget_left(world.now), 2, "one restart");
}

// decision 20
#[test]
fn a_child_that_may_be_replaced_is_abandoned_at_once() {
    let mut world = World::up(policy(), vec![with("a", OnHang::Replace)]);
    world.hung("a").says(&["abandon a running", "launch a 2"]);
    assert_eq!(world.machine.budget_left(world.now), 2);
}

// decision 20
#[test]
fn a_hang_may_end_the_supervisor_or_the_process() {
    let children = vec![with("a", OnHang::Escalate), with("b", OnHang::AbortProcess)];
    let mut world = World::up(policy(), children);
    world.hung("b").says(&["abort"]);
    world.hung("a");
    world.says(&["ending budget_exhausted", "ask b escalation"]);
    world.stopped("b").stopped("a");
    let ExitReason::BudgetExhausted(report) = world.end_reason() else {
        panic!("not an exhausted budget: {}", world.end_reason());
    };
    let child = "top/a".into();
    assert_eq!(report.exhausted, Exhausted::Hang { child });
    assert_eq!(report.last[0].1.kind(), "abandoned");
}

// decision 20, OTP-29
#[test]
fn a_hang_without_budget_left_ends_the_supervisor() {
    let mut world = World::up(tolerating(0), vec![with("a", OnHang::StopThenAbandon)]);
    world.hung("a");
    world.says(&["ending budget_exhausted", "ask a escalation"]);
}

// decision 20, OTP-18
#[test]
fn a_hung_temporary_child_is_stopped_and_forgotten() {
    let child = ChildPolicy {
        on_hang: OnHang::StopThenAbandon,
        ..worker_that("a", Restart::Temporary)
    };
    let mut world = World::up(tolerating(0), vec![child]);
    world.hung("a").after(ms(5000));
    world.says(&["ask a replaced", "abandon a stopping", "forget a"]);
    assert_eq!(world.phase(), Phase::Running);
}

// decision 20, OTP-9
#[test]
fn a_hung_child_that_is_not_waited_for_is_replaced_at_once() {
    let child = ChildPolicy {
        shutdown: Shutdown::Abandon,
        ..with("a", OnHang::StopThenAbandon)
    };
    let mut world = World::up(policy(), vec![child]);
    world.hung("a");
    world.says(&["ask a replaced", "abandon a stopping", "launch a 2"]);
}

// decision 20
#[test]
fn a_hang_of_a_run_that_is_stopping_is_left_to_its_deadline() {
    let mut world = World::up(policy(), abc());
    world.terminate("a").clear();
    world.hung("a").says(&[]);
    assert_eq!(world.state("a"), ChildState::Stopping);
}
