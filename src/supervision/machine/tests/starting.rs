//! The start of a supervisor and of its children.

use super::world::{World, abc, crash, group, ms, policy, worker, worker_that};
use crate::fault::ExitReason;
use crate::supervision::machine::Phase;
use crate::supervision::{ChildPolicy, ChildState, Restart, Strategy};

// OTP-12
#[test]
fn children_start_in_order_each_after_the_one_before_it() {
    let mut world = World::new(policy(), abc());
    world.begin().says(&["launch a 1"]);
    world.started("a").says(&["running a", "launch b 1"]);
    world.started("b").started("c");
    world.says(&["running b", "launch c 1", "running c", "up"]);
    assert_eq!(world.phase(), Phase::Running);
}

// OTP-12
#[test]
fn a_supervisor_without_children_is_up_at_once_and_only_once() {
    let mut world = World::new(policy(), vec![]);
    world.begin().begin().says(&["up"]);
}

// OTP-13
#[test]
fn a_child_that_ignores_its_start_keeps_its_specification_unless_temporary() {
    let children = vec![
        worker("a"),
        worker_that("b", Restart::Temporary),
        worker("c"),
    ];
    let mut world = World::new(policy(), children);
    world.begin().ignored("a").ignored("b").started("c");
    world.says(&[
        "launch a 1",
        "ignored a",
        "launch b 1",
        "ignored b",
        "forget b",
        "launch c 1",
        "running c",
        "up",
    ]);
    assert_eq!(world.state("a"), ChildState::Down);
}

// OTP-15
#[test]
fn a_supervisor_that_ignores_its_start_leaves_no_run_behind() {
    let child = ChildPolicy::supervisor("inner");
    let mut world = World::new(policy(), vec![child]);
    world.begin().ignored("inner");
    world.says(&["launch inner 1", "ignored inner", "up"]);
    assert_eq!(world.machine.counts().active, 0);
    assert_eq!(world.machine.next_due(), None);
}

// OTP-14, decision 6
#[test]
fn a_failed_start_stops_the_started_ones_in_reverse_and_names_the_path() {
    let mut world = World::new(policy(), abc());
    world.begin().started("a").started("b").clear();
    world.ended("c", crash());
    world.says(&[
        "exited c itself escalate",
        "ending start_failed",
        "ask b start_failed",
    ]);
    world.stopped("b").stopped("a");
    let ExitReason::StartFailed(failure) = world.end_reason() else {
        panic!("not a failed start: {}", world.end_reason());
    };
    assert_eq!(failure.path.as_str(), "top/c");
    assert_eq!(world.phase(), Phase::Ended);
}

// OTP-14
#[test]
fn every_kind_of_end_before_it_is_up_fails_the_start() {
    for restart in [Restart::Permanent, Restart::Transient, Restart::Temporary] {
        let mut world = World::new(policy(), vec![worker_that("a", restart)]);
        world.begin().ended("a", ExitReason::Normal);
        assert_eq!(world.end_reason().kind(), "start_failed");
        assert_eq!(world.phase(), Phase::Ended);
    }
}

// decision 5, decision 6, OTP-14
#[test]
fn a_start_that_passes_its_deadline_is_abandoned_and_has_failed() {
    let mut world = World::new(policy(), vec![worker("a")]);
    world.begin().clear();
    assert_eq!(world.machine.next_due(), Some(world.now + ms(5000)));
    world.after(ms(4999)).says(&[]);
    world.after(ms(1));
    world.says(&[
        "abandon a starting",
        "settled a",
        "ending start_failed",
        "ended start_failed",
    ]);
    assert_eq!(world.machine.abandoned(), 1);
}

// decision 5
#[test]
fn a_start_without_a_deadline_is_waited_for() {
    let child = ChildPolicy {
        start_deadline: None,
        ..worker("a")
    };
    let mut world = World::new(policy(), vec![child]);
    world.begin().after(ms(3_600_000)).started("a");
    world.says(&["launch a 1", "running a", "up"]);
}

// decision 6
#[test]
fn a_supervisor_whose_start_takes_too_long_is_asked_to_end_and_never_abandoned() {
    let child = ChildPolicy {
        start_deadline: Some(ms(1000)),
        ..ChildPolicy::supervisor("inner")
    };
    let mut world = World::new(policy(), vec![child]);
    world.begin().clear().after(ms(1000));
    assert_eq!(world.given_until("inner"), Some(ms(1000)));
    world.says(&["ask inner start_failed"]);
    world.after(ms(60_000)).says(&[]);
    world.stopped("inner");
    world.says(&[
        "exited inner itself escalate",
        "ending start_failed",
        "ended start_failed",
    ]);
}

// OTP-55, decision 5
#[test]
fn requests_and_queries_are_answered_while_a_child_starts_slowly() {
    let mut world = World::new(policy(), abc());
    world.begin().started("a").clear();
    assert_eq!(world.state("b"), ChildState::Starting);
    world.terminate("a").stopped("a");
    world.says(&[
        "ask a requested",
        "exited a expected keep",
        "answer terminated",
    ]);
    world.delete("b").says(&["answer running"]);
    world.stop(None).says(&["ending stopped", "ask b shutdown"]);
}

// OTP-12, OTP-18
#[test]
fn a_child_that_fails_while_later_ones_start_is_restarted_in_its_place() {
    let mut world = World::new(policy(), abc());
    world.begin().started("a").clear();
    world.ended("a", crash()).started("b");
    world.says(&["exited a itself restart", "launch a 2", "running b"]);
    world.started("a").started("c");
    world.says(&["running a", "launch c 1", "running c", "up"]);
}

// OTP-22, OTP-36
#[test]
fn a_group_that_restarts_during_the_start_goes_on_with_the_start() {
    let mut world = World::new(group(Strategy::OneForAll), abc());
    world.begin().started("a").clear();
    world.ended("a", crash()).stopped("b").start_all();
    world.says(&[
        "exited a itself restart",
        "ask b sibling",
        "exited b expected restart",
        "launch a 2",
        "running a",
        "launch b 2",
        "running b",
        "launch c 1",
        "running c",
        "up",
    ]);
}
