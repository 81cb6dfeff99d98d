//! Who is started again, with whom, and in which order.

use super::world::{World, abc, crash, group, ms, policy, tolerating, worker, worker_that};
use crate::fault::{ExitReason, Generation, StopCause};
use crate::supervision::machine::{Event, Phase, Request, Target};
use crate::supervision::{ChildPolicy, ChildState, Restart, Strategy};
use crate::time::Backoff;

// OTP-17, OTP-18
#[test]
fn the_restart_type_and_the_kind_of_end_decide() {
    let ends = [
        ExitReason::Normal,
        ExitReason::Stopped(StopCause::Requested),
        crash(),
    ];
    for (restart, comes_back) in [
        (Restart::Permanent, [true, true, true]),
        (Restart::Transient, [false, false, true]),
        (Restart::Temporary, [false, false, false]),
    ] {
        for (end, comes_back) in ends.iter().zip(comes_back) {
            let mut world = World::up(policy(), vec![worker_that("a", restart)]);
            world.ended("a", end.clone());
            let starts = world.knows("a") && world.state("a") == ChildState::Starting;
            assert_eq!(starts, comes_back, "{restart:?} after {end}");
        }
    }
}

// OTP-11, OTP-19
#[test]
fn a_clean_transient_child_is_kept_and_a_temporary_one_is_forgotten() {
    let children = vec![
        worker_that("a", Restart::Transient),
        worker_that("b", Restart::Temporary),
    ];
    let mut world = World::up(policy(), children);
    world.ended("a", ExitReason::Normal);
    world.says(&["exited a itself keep"]);
    world.ended("b", crash());
    world.says(&["exited b itself forget", "forget b"]);
    assert_eq!(world.state("a"), ChildState::Down);
    assert!(!world.knows("b"));
}

// OTP-21
#[test]
fn one_for_one_restarts_only_the_child_that_ended() {
    let mut world = World::up(policy(), abc());
    world.ended("b", crash()).started("b");
    world.says(&["exited b itself restart", "launch b 2", "running b"]);
}

// OTP-22, decision 8
#[test]
fn one_for_all_stops_the_others_in_reverse_and_starts_all_in_order() {
    let mut world = World::up(group(Strategy::OneForAll), abc());
    world.ended("b", crash());
    world.says(&["exited b itself restart", "ask c sibling"]);
    world.stopped("c");
    world.says(&["exited c expected restart", "ask a sibling"]);
    world.stopped("a");
    world.says(&["exited a expected restart", "launch a 2"]);
    world.started("a").started("b").started("c");
    world.says(&[
        "running a",
        "launch b 2",
        "running b",
        "launch c 2",
        "running c",
    ]);
}

// OTP-23, decision 8, S2
#[test]
fn rest_for_one_leaves_the_children_before_the_failed_one_alone() {
    let children = ["a", "b", "c", "d"].map(worker).to_vec();
    let mut world = World::up(group(Strategy::RestForOne), children);
    world.ended("b", crash());
    world.says(&["exited b itself restart", "ask d sibling"]);
    world.stopped("d").stopped("c").start_all();
    world.says(&[
        "exited d expected restart",
        "ask c sibling",
        "exited c expected restart",
        "launch b 2",
        "running b",
        "launch c 2",
        "running c",
        "launch d 2",
        "running d",
    ]);
    assert_eq!(world.view("a").generation.get(), 1);
}

// OTP-24, OTP-26
#[test]
fn a_group_restart_costs_one_restart_whatever_its_members_say() {
    let mut world = World::up(group(Strategy::OneForAll), abc());
    world
        .ended("a", crash())
        .ended("c", crash())
        .ended("b", crash());
    world.start_all();
    assert_eq!(world.machine.budget_left(world.now), 2);
    assert_eq!(world.phase(), Phase::Running);
}

// OTP-18, OTP-22
#[test]
fn a_temporary_bystander_of_a_group_is_stopped_and_forgotten() {
    let children = vec![worker("a"), worker_that("t", Restart::Temporary)];
    let mut world = World::up(group(Strategy::OneForAll), children);
    world.ended("a", crash()).stopped("t");
    world.says(&[
        "exited a itself restart",
        "ask t sibling",
        "exited t expected forget",
        "forget t",
        "launch a 2",
    ]);
}

// OTP-25
#[test]
fn a_group_restart_brings_back_what_was_stopped_by_hand_or_ended_cleanly() {
    let children = vec![
        worker("a"),
        worker("b"),
        worker_that("t", Restart::Transient),
    ];
    let mut world = World::up(group(Strategy::OneForAll), children);
    world.terminate("b").stopped("b");
    world.ended("t", ExitReason::Normal);
    world.clear().ended("a", crash()).start_all();
    world.says(&[
        "exited a itself restart",
        "launch a 2",
        "running a",
        "launch b 2",
        "running b",
        "launch t 2",
        "running t",
    ]);
}

// OTP-30, OTP-34
#[test]
fn each_start_that_fails_during_a_restart_is_one_restart() {
    let mut world = World::up(tolerating(3), abc());
    world.ended("b", crash());
    world.ended("b", crash()).ended("b", crash());
    assert_eq!(world.machine.budget_left(world.now), 0);
    assert_eq!(world.phase(), Phase::Running);
    world.clear().ended("b", crash());
    assert_eq!(world.end_reason().kind(), "budget_exhausted");
}

// OTP-34
#[test]
fn requests_are_served_between_the_attempts_of_a_restart() {
    let slow = ChildPolicy {
        backoff: Backoff::constant(ms(1000)),
        ..worker("a")
    };
    let mut world = World::up(policy(), vec![slow, worker("b")]);
    world.ended("a", crash()).clear();
    world.terminate("b").stopped("b");
    world.says(&[
        "ask b requested",
        "exited b expected keep",
        "answer terminated",
    ]);
    world.after(ms(1000));
    world.says(&["launch a 2"]);
}

// OTP-36, decision 8
#[test]
fn when_a_start_of_a_group_fails_one_for_all_begins_again_with_all() {
    let mut world = World::up(group(Strategy::OneForAll), abc());
    world.ended("a", crash()).stopped("c").stopped("b");
    world.started("a").clear();
    world.ended("b", crash());
    world.says(&["exited b itself restart", "ask a sibling"]);
    world.stopped("a").start_all();
    world.says(&[
        "exited a expected restart",
        "launch a 3",
        "running a",
        "launch b 3",
        "running b",
        "launch c 2",
        "running c",
    ]);
}

// OTP-36, decision 8
#[test]
fn when_a_start_of_a_group_fails_rest_for_one_begins_again_with_the_rest() {
    let mut world = World::up(group(Strategy::RestForOne), abc());
    world.ended("a", crash()).stopped("c").stopped("b");
    world.started("a").clear();
    world.ended("b", crash()).start_all();
    world.says(&[
        "exited b itself restart",
        "launch b 3",
        "running b",
        "launch c 2",
        "running c",
    ]);
}

// decision 10
#[test]
fn a_group_waits_for_the_largest_delay_of_its_failed_members() {
    let waits = |id, delay| ChildPolicy {
        backoff: Backoff::constant(ms(delay)),
        ..worker(id)
    };
    let children = vec![waits("a", 100), waits("b", 900)];
    let mut world = World::up(group(Strategy::RestForOne), children);
    world.ended("b", crash()).ended("a", crash()).clear();
    world.after(ms(899)).says(&[]);
    world.after(ms(1)).says(&["launch a 2"]);
    world.started("a").says(&["running a", "launch b 2"]);
}

// OTP-35, decision 10, decision 11
#[test]
fn the_first_restart_is_immediate_and_the_next_ones_wait() {
    let child = ChildPolicy {
        backoff: Backoff::exponential(ms(50)).immediate_first(true),
        ..worker("a")
    };
    let mut world = World::up(policy(), vec![child]);
    world.ended("a", crash());
    world.says(&["exited a itself restart", "launch a 2"]);
    world.ended("a", crash());
    let due = world.now + ms(50);
    let waits = ChildState::Restarting { attempt: 2, due };
    assert_eq!(world.state("a"), waits);
    assert_eq!(world.machine.next_due(), Some(due));
    world.clear().after(ms(50)).says(&["launch a 3"]);
}

// decision 10
#[test]
fn progress_and_time_in_health_end_a_streak_of_failures() {
    let child = ChildPolicy {
        give_up_after: Some(1),
        stable_after: ms(1000),
        ..worker("a")
    };
    let mut world = World::up(tolerating(50), vec![child]);
    for _ in 0..5 {
        world.progress("a").ended("a", crash()).start_all();
    }
    for _ in 0..5 {
        world.after(ms(1000)).ended("a", crash()).start_all();
    }
    assert_eq!(world.phase(), Phase::Running);
    world.ended("a", crash()).start_all();
    assert_eq!(world.phase(), Phase::Ended, "two failures in a row");
}

// decision 1
#[test]
fn late_events_of_an_earlier_run_change_nothing() {
    let mut world = World::up(policy(), abc());
    let (key, generation) = (world.view("a").key, world.view("a").generation);
    world.ended("a", crash()).start_all().clear();
    let reason = crash();
    world.step(Event::Started { key, generation });
    world.step(Event::Progress { key, generation });
    world.step(Event::Ignored { key, generation });
    world.step(Event::Ended {
        key,
        generation,
        reason,
    });
    world.says(&[]);
    assert_eq!(world.view("a").generation, generation.next());
}

// decision 1
#[test]
fn the_generations_of_a_child_go_on_under_a_new_supervisor() {
    let last = Generation::first().next();
    let mut world = World::up(policy(), vec![]);
    world.call(Request::StartChild {
        policy: worker("a"),
        last_generation: last,
    });
    world.says(&["launch a 3"]);
    let key = world.view("a").key;
    assert!(world.machine.find(&Target::Key(key)).is_some());
}

// OTP-30, OTP-18
#[test]
fn a_transient_child_whose_restart_ends_cleanly_before_it_is_up_is_tried_again() {
    let mut world = World::up(policy(), vec![worker_that("a", Restart::Transient)]);
    world.ended("a", crash()).clear();
    world.ended("a", ExitReason::Normal);
    world.says(&["exited a itself restart", "launch a 3"]);
    assert_eq!(world.machine.budget_left(world.now), 1);
}

// decision 9
#[test]
fn a_clock_that_was_read_before_the_last_step_turns_no_time_back() {
    let mut world = World::up(tolerating(3), abc());
    world.now += ms(4000);
    world.ended("a", crash()).start_all();
    world.now -= ms(4000);
    world.ended("b", crash()).start_all();
    world.now += ms(5500);
    assert_eq!(world.machine.budget_left(world.now), 1, "both were at 4 s");
}
