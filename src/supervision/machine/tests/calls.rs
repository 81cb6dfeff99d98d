//! Management calls and their answers.

use super::world::{World, abc, crash, group, ms, policy, worker, worker_that};
use crate::supervision::machine::{Effect, Request, Retune};
use crate::supervision::{
    AutoShutdown, ChildKind, ChildPolicy, ChildState, Intensity, ManageError, Restart, SpecError,
    Strategy, SupervisorPolicy,
};
use crate::time::Backoff;

fn slow(id: &str) -> ChildPolicy {
    ChildPolicy {
        backoff: Backoff::constant(ms(60_000)),
        ..worker(id)
    }
}

/// The errors of the last answer.
#[track_caller]
fn refusal(world: &World) -> Vec<SpecError> {
    match world.effects.last() {
        Some(Effect::Answer {
            answer: Err(ManageError::Invalid(errors)),
            ..
        }) => errors.clone(),
        other => panic!("not refused as invalid: {other:?}"),
    }
}

// OTP-13, OTP-49
#[test]
fn a_child_that_is_added_is_answered_when_it_is_up() {
    let mut world = World::up(policy(), abc());
    world.start_child(worker("d")).says(&["launch d 1"]);
    world.started("d").says(&["running d", "answer started"]);
    world.start_child(worker("e")).ignored("e");
    world.says(&["launch e 1", "ignored e", "answer ignored"]);
    assert_eq!(
        world.state("e"),
        ChildState::Down,
        "it keeps its specification"
    );
}

// OTP-49
#[test]
fn an_id_that_is_known_is_refused_by_what_it_does() {
    let mut world = World::up(policy(), vec![worker("a"), worker("b"), slow("c")]);
    world
        .terminate("b")
        .stopped("b")
        .ended("c", crash())
        .clear();
    world
        .start_child(worker("a"))
        .says(&["answer alreadystarted"]);
    world
        .start_child(worker("b"))
        .says(&["answer alreadypresent"]);
    world
        .start_child(worker("c"))
        .says(&["answer alreadypresent"]);
}

// OTP-49
#[test]
fn a_child_that_is_added_and_fails_is_discarded_and_costs_nothing() {
    let mut world = World::up(policy(), vec![]);
    world.start_child(worker("a")).ended("a", crash());
    world.says(&[
        "launch a 1",
        "exited a itself forget",
        "forget a",
        "answer start",
    ]);
    world.start_child(worker("a")).after(ms(5000));
    world.says(&[
        "launch a 1",
        "abandon a starting",
        "forget a",
        "answer start",
    ]);
    assert_eq!(world.machine.budget_left(world.now), 3);
    assert!(!world.knows("a"));
}

// OTP-8
#[test]
fn a_significant_child_is_refused_when_it_is_added_where_it_means_nothing() {
    let child = ChildPolicy {
        significant: true,
        ..worker("a")
    };
    let mut world = World::up(policy(), vec![]);
    world.start_child(child);
    let refused = vec![
        SpecError::SignificantPermanent("a".into()),
        SpecError::SignificantWithoutAutoShutdown("a".into()),
    ];
    assert_eq!(refusal(&world), refused);
}

// OTP-50
#[test]
fn to_terminate_keeps_the_specification_and_may_be_repeated() {
    let mut world = World::up(policy(), abc());
    world
        .terminate("b")
        .terminate("b")
        .says(&["ask b requested"]);
    world.stopped("b");
    world.says(&[
        "exited b expected keep",
        "answer terminated",
        "answer terminated",
    ]);
    world.terminate("b").says(&["answer terminated"]);
    world.terminate("x").says(&["answer notfound"]);
    assert_eq!(world.state("b"), ChildState::Down);
}

// OTP-11, OTP-50
#[test]
fn to_terminate_a_temporary_child_forgets_it() {
    let mut world = World::up(policy(), vec![worker_that("t", Restart::Temporary)]);
    world.terminate("t").stopped("t");
    world.says(&[
        "ask t requested",
        "exited t expected forget",
        "forget t",
        "answer terminated",
    ]);
}

// OTP-37, decision 11
#[test]
fn a_child_that_waits_for_its_restart_can_be_terminated_but_not_restarted_or_deleted() {
    let mut world = World::up(policy(), vec![slow("a")]);
    world.ended("a", crash()).clear();
    world.restart("a").delete("a");
    world.says(&["answer restarting", "answer restarting"]);
    world
        .terminate("a")
        .says(&["settled a", "answer terminated"]);
    world.after(ms(120_000)).says(&[]);
    assert_eq!(world.state("a"), ChildState::Down);
}

// OTP-37
#[test]
fn to_terminate_a_failed_member_lets_the_rest_of_its_group_start() {
    let children = vec![slow("a"), worker("b"), worker("c")];
    let mut world = World::up(group(Strategy::OneForAll), children);
    world.ended("a", crash()).stopped("c").stopped("b").clear();
    world.terminate("a").start_all();
    world.says(&[
        "settled a",
        "answer terminated",
        "launch b 2",
        "running b",
        "launch c 2",
        "running c",
    ]);
}

// OTP-51
#[test]
fn only_a_child_that_is_down_and_kept_can_be_restarted() {
    let children = vec![
        worker("a"),
        worker("b"),
        worker_that("t", Restart::Temporary),
    ];
    let mut world = World::up(policy(), children);
    world.restart("a").restart("x").restart("t");
    world.says(&["answer running", "answer notfound", "answer running"]);
    world.terminate("b").restart("b");
    world.says(&["ask b requested", "answer running"]);
    world.stopped("b").clear();
    world.restart("b").started("b");
    world.says(&["launch b 2", "running b", "answer started"]);
}

// OTP-51
#[test]
fn a_temporary_child_that_is_down_cannot_be_restarted() {
    let mut world = World::up(policy(), vec![worker("a")]);
    world.terminate("a").stopped("a").clear();
    world.call(Request::Update(worker_that("a", Restart::Temporary)));
    world.restart("a");
    world.says(&["answer updated", "answer temporary"]);
}

// OTP-51
#[test]
fn a_restart_by_hand_that_fails_leaves_the_child_down_and_costs_nothing() {
    let mut world = World::up(policy(), abc());
    world.terminate("a").stopped("a").clear();
    world.restart("a").ended("a", crash());
    world.says(&["launch a 2", "exited a itself keep", "answer start"]);
    assert_eq!(world.machine.budget_left(world.now), 3);
    assert_eq!(world.state("a"), ChildState::Down);
}

// OTP-52
#[test]
fn only_a_child_that_is_down_can_be_deleted() {
    let mut world = World::up(policy(), vec![worker("a"), slow("b")]);
    world.ended("b", crash()).clear();
    world.delete("a").delete("b").delete("x");
    world.says(&["answer running", "answer restarting", "answer notfound"]);
    world.terminate("a").stopped("a").clear();
    world.delete("a").says(&["forget a", "answer deleted"]);
    assert!(!world.knows("a"));
}

// OTP-10, OTP-53
#[test]
fn children_are_listed_with_their_effective_specification_and_state() {
    let mut world = World::up(policy(), vec![worker("a"), slow("b")]);
    world.terminate("a").stopped("a").ended("b", crash());
    world.start_child(ChildPolicy::supervisor("c"));
    let list: Vec<_> = world
        .machine
        .children()
        .map(|view| (view.policy.clone(), view.state))
        .collect();
    let due = world.now + ms(60_000);
    let expected = [
        (worker("a"), ChildState::Down),
        (slow("b"), ChildState::Restarting { attempt: 1, due }),
        (ChildPolicy::supervisor("c"), ChildState::Starting),
    ];
    assert_eq!(list, expected);
}

// OTP-54
#[test]
fn children_are_counted_by_kind_and_by_whether_they_run() {
    let children = vec![worker("a"), slow("b"), ChildPolicy::supervisor("c")];
    let mut world = World::up(policy(), children);
    world.ended("b", crash());
    let counts = world.machine.counts();
    assert_eq!((counts.specs, counts.active), (3, 2));
    assert_eq!((counts.supervisors, counts.workers), (1, 2));
}

// decision 15
#[test]
fn calls_that_wait_are_answered_when_the_supervisor_ends() {
    let mut world = World::up(policy(), abc());
    world.terminate("b").start_child(worker("d")).clear();
    world.stop(None);
    world.says(&["ending stopped", "answer stopping", "ask d shutdown"]);
    world.restart("a").says(&["answer stopping"]);
    world.stopped("d").stopped("c").stopped("b").clear();
    assert_eq!(world.state("b"), ChildState::Down);
}

// OTP-49, OTP-22
#[test]
fn a_child_that_is_added_into_a_group_restart_waits_for_its_turn() {
    let mut world = World::up(group(Strategy::OneForAll), abc());
    world.ended("a", crash()).clear();
    world.start_child(worker("d")).says(&[]);
    world.stopped("c").stopped("b").start_all();
    assert_eq!(
        world.diary().last().map(String::as_str),
        Some("answer started")
    );
    assert_eq!(world.state("d"), ChildState::Up);
}

// OTP-50, OTP-49
#[test]
fn to_terminate_a_child_that_is_being_added_answers_both_calls() {
    let mut world = World::up(policy(), vec![]);
    world.start_child(worker("a")).terminate("a").stopped("a");
    world.says(&[
        "launch a 1",
        "ask a requested",
        "exited a expected forget",
        "forget a",
        "answer terminated",
        "answer start",
    ]);
}

// OTP-10, decision 7
#[test]
fn a_policy_can_be_changed_live_but_not_its_kind() {
    let mut world = World::up(policy(), vec![worker("a")]);
    world.call(Request::Update(worker_that("a", Restart::Temporary)));
    world.call(Request::Update(worker("x")));
    world.says(&["answer updated", "answer notfound"]);
    world
        .ended("a", crash())
        .says(&["exited a itself forget", "forget a"]);

    let mut world = World::up(policy(), vec![worker("a")]);
    let other = ChildPolicy {
        kind: ChildKind::Supervisor,
        start_deadline: Some(ms(0)),
        ..worker("a")
    };
    world.call(Request::Update(other));
    let refused = vec![
        SpecError::ZeroStartDeadline("a".into()),
        SpecError::KindChanged("a".into()),
    ];
    assert_eq!(refusal(&world), refused);
    assert_eq!(world.view("a").policy, &worker("a"));
}

// OTP-21, OTP-22, decision 7
#[test]
fn the_numbers_of_a_supervisor_can_be_changed_live() {
    let mut world = World::up(policy(), abc());
    world.call(Request::Retune(Retune {
        strategy: Some(Strategy::OneForAll),
        intensity: Some(Intensity::new(7, ms(1000))),
        max_abandoned: Some(2),
        ..Retune::default()
    }));
    world.says(&["answer updated"]);
    assert_eq!(world.machine.budget_left(world.now), 7);
    world.ended("a", crash());
    world.says(&["exited a itself restart", "ask c sibling"]);
    let max_children = Some(Some(0));
    let intensity = Some(Intensity::new(1, ms(0)));
    world.call(Request::Retune(Retune {
        max_children,
        intensity,
        ..Retune::default()
    }));
    let refused = vec![SpecError::ZeroPeriod, SpecError::StaticMaxChildren];
    assert_eq!(refusal(&world), refused);
}

// OTP-8
#[test]
fn auto_shutdown_cannot_be_taken_from_a_significant_child() {
    let policy = SupervisorPolicy {
        auto_shutdown: AutoShutdown::AnySignificant,
        ..policy()
    };
    let child = ChildPolicy {
        significant: true,
        ..worker_that("a", Restart::Transient)
    };
    let mut world = World::up(policy, vec![child]);
    let auto_shutdown = Some(AutoShutdown::Never);
    world.call(Request::Retune(Retune {
        auto_shutdown,
        ..Retune::default()
    }));
    let refused = vec![SpecError::SignificantWithoutAutoShutdown("a".into())];
    assert_eq!(refusal(&world), refused);
}
