//! What a supervisor tolerates, and how it gives up.

use super::world::{World, abc, crash, group, ms, policy, tolerating, worker, worker_that};
use crate::fault::{BudgetReport, Exhausted, ExitReason};
use crate::supervision::machine::{Phase, Request};
use crate::supervision::{
    AutoShutdown, ChildPolicy, ChildState, Intensity, Restart, Strategy, SupervisorPolicy,
};
use crate::time::Backoff;

#[track_caller]
fn report(world: &World) -> &BudgetReport {
    match world.end_reason() {
        ExitReason::BudgetExhausted(report) => report,
        other => panic!("not an exhausted budget: {other}"),
    }
}

// OTP-28, decision 9
#[test]
fn the_restart_beyond_the_intensity_ends_the_supervisor_even_at_the_edge_of_the_window() {
    let tireless = ChildPolicy {
        give_up_after: Some(100),
        ..worker("a")
    };
    let mut world = World::up(tolerating(3), vec![tireless]);
    world.ended("a", crash()).start_all().after(ms(2500));
    world.ended("a", crash()).start_all();
    world.ended("a", crash()).start_all().after(ms(2500));
    assert_eq!(world.machine.budget_left(world.now), 0);
    let beyond = world.now + std::time::Duration::from_nanos(1);
    assert_eq!(world.machine.budget_left(beyond), 1);
    world.ended("a", crash());
    let period = ms(5000);
    assert_eq!(
        report(&world).exhausted,
        Exhausted::Restarts { max: 3, period }
    );
}

// OTP-28
#[test]
fn one_nanosecond_beyond_the_window_a_restart_is_allowed_again() {
    let tireless = ChildPolicy {
        give_up_after: Some(100),
        ..worker("a")
    };
    let mut world = World::up(tolerating(1), vec![tireless]);
    for _ in 0..20 {
        world.ended("a", crash()).start_all();
        world.after(ms(5000) + std::time::Duration::from_nanos(1));
    }
    assert_eq!(world.phase(), Phase::Running);
}

// OTP-18, OTP-28
#[test]
fn the_restart_of_a_permanent_child_after_a_clean_end_counts_too() {
    let mut world = World::up(tolerating(2), abc());
    world.ended("a", ExitReason::Normal).start_all();
    world.ended("b", ExitReason::Normal).start_all();
    world.ended("c", ExitReason::Normal);
    assert_eq!(world.phase(), Phase::Stopping);
}

// OTP-29
#[test]
fn with_intensity_zero_the_first_restart_ends_the_supervisor() {
    let children = vec![worker("a"), worker_that("t", Restart::Transient)];
    let mut world = World::up(tolerating(0), children);
    world.ended("t", ExitReason::Normal);
    assert_eq!(world.phase(), Phase::Running, "no restart was needed");
    world.ended("a", crash());
    assert_eq!(world.phase(), Phase::Ended);
}

// OTP-31
#[test]
fn giving_up_stops_all_in_reverse_and_is_an_abnormal_end() {
    let mut world = World::up(tolerating(0), abc());
    world.ended("b", crash());
    world.says(&[
        "exited b itself escalate",
        "ending budget_exhausted",
        "ask c escalation",
    ]);
    world.stopped("c").stopped("a");
    assert!(!world.end_reason().is_clean());
    world.says(&[
        "exited c expected keep",
        "ask a escalation",
        "exited a expected keep",
        "ended budget_exhausted",
    ]);
}

// OTP-31
#[test]
fn a_transient_supervisor_that_gave_up_is_restarted_by_its_parent() {
    let inner = ChildPolicy {
        restart: Restart::Transient,
        backoff: Backoff::none(),
        ..ChildPolicy::supervisor("inner")
    };
    let mut world = World::up(policy(), vec![inner]);
    let mut below = World::up(tolerating(0), vec![worker("a")]);
    below.ended("a", crash());
    world.ended("inner", below.end_reason().clone());
    world.says(&["exited inner itself restart", "launch inner 2"]);
}

// OTP-31
#[test]
fn the_report_names_the_supervisor_and_the_last_three_failures() {
    let mut world = World::up(tolerating(3), abc());
    for id in ["a", "b", "c", "a"] {
        world.ended(id, crash()).start_all();
    }
    let report = report(&world);
    assert_eq!(report.path.as_str(), "top");
    let paths: Vec<_> = report.last.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["top/b", "top/c", "top/a"]);
    assert!(
        report
            .last
            .iter()
            .all(|(_, reason)| reason.kind() == "error")
    );
}

// OTP-32
#[test]
fn the_budgets_of_nested_supervisors_multiply() {
    let inner = ChildPolicy {
        backoff: Backoff::none(),
        ..ChildPolicy::supervisor("inner")
    };
    let mut top = World::up(tolerating(3), vec![inner]);
    let mut crashes = 0;
    while top.phase() == Phase::Running {
        let mut below = World::up(tolerating(2), vec![worker("a")]);
        while below.phase() == Phase::Running {
            below.ended("a", crash()).start_all();
            crashes += 1;
        }
        top.ended("inner", below.end_reason().clone()).start_all();
    }
    assert_eq!(crashes, (3 + 1) * (2 + 1));
}

// OTP-33, decision 10
#[test]
fn a_child_that_fails_more_slowly_than_the_window_is_given_up_all_the_same() {
    let slow = ChildPolicy {
        backoff: Backoff::constant(ms(9000)),
        ..worker("a")
    };
    let mut world = World::up(tolerating(3), vec![slow]);
    for _ in 0..3 {
        world.ended("a", crash()).after(ms(9000)).start_all();
    }
    world.ended("a", crash());
    let exhausted = Exhausted::Consecutive {
        child: "top/a".into(),
        failures: 4,
    };
    assert_eq!(report(&world).exhausted, exhausted);
}

// decision 9
#[test]
fn a_child_may_have_a_budget_of_its_own_and_both_must_allow() {
    let child = ChildPolicy {
        budget: Some(Intensity::new(1, ms(1000))),
        ..worker("a")
    };
    let mut world = World::up(tolerating(50), vec![child, worker("b")]);
    world
        .ended("b", crash())
        .start_all()
        .ended("b", crash())
        .start_all();
    world.ended("a", crash()).start_all();
    assert_eq!(world.phase(), Phase::Running);
    world.ended("a", crash());
    let exhausted = Exhausted::ChildRestarts {
        child: "top/a".into(),
        max: 1,
        period: ms(1000),
    };
    assert_eq!(report(&world).exhausted, exhausted);
}

// decision 22
#[test]
fn more_abandoned_threads_than_the_bound_end_the_supervisor() {
    let policy = SupervisorPolicy {
        max_abandoned: 1,
        ..policy()
    };
    let mut world = World::up(policy, abc());
    world.terminate("a").after(ms(5000));
    assert_eq!(world.phase(), Phase::Running);
    world.terminate("b").after(ms(5000));
    assert_eq!(world.phase(), Phase::Stopping);
    assert_eq!(
        report(&world).exhausted,
        Exhausted::AbandonedThreads { max: 1 }
    );
}

// decision 22
#[test]
fn abandoned_threads_that_returned_do_not_count() {
    let policy = SupervisorPolicy {
        max_abandoned: 1,
        ..policy()
    };
    let mut world = World::up(policy, abc());
    for id in ["a", "b", "c"] {
        let generation = world.view(id).generation;
        world.terminate(id).after(ms(5000)).returned(id, generation);
    }
    assert_eq!(world.phase(), Phase::Running);
}

// OTP-30, OTP-22
#[test]
fn a_group_that_fails_to_start_again_and_again_is_given_up() {
    let mut world = World::up(group(Strategy::OneForAll), abc());
    world.ended("a", crash()).stopped("c").stopped("b");
    for _ in 0..2 {
        world.ended("a", crash());
        assert_eq!(world.phase(), Phase::Running);
    }
    world.ended("a", crash());
    assert_eq!(world.phase(), Phase::Ended);
}

fn significant(id: &str, restart: Restart) -> ChildPolicy {
    ChildPolicy {
        significant: true,
        ..worker_that(id, restart)
    }
}

fn ending_with(auto_shutdown: AutoShutdown) -> World {
    let policy = SupervisorPolicy {
        auto_shutdown,
        ..policy()
    };
    let children = vec![
        worker("a"),
        significant("b", Restart::Transient),
        significant("c", Restart::Temporary),
    ];
    World::up(policy, children)
}

// OTP-46
#[test]
fn any_significant_child_that_ends_for_good_ends_the_supervisor_cleanly() {
    let mut world = ending_with(AutoShutdown::AnySignificant);
    world.ended("b", ExitReason::Normal);
    world.says(&[
        "exited b itself keep",
        "ending stopped",
        "ask c auto_shutdown",
    ]);
    let mut world = ending_with(AutoShutdown::AnySignificant);
    world.ended("c", crash());
    assert!(world.end_reason().is_clean());
    world.says(&[
        "exited c itself forget",
        "forget c",
        "ending stopped",
        "ask b auto_shutdown",
    ]);
}

// OTP-46
#[test]
fn the_last_of_all_significant_children_ends_the_supervisor() {
    let mut world = ending_with(AutoShutdown::AllSignificant);
    world.ended("c", crash());
    assert_eq!(world.phase(), Phase::Running);
    world.ended("b", ExitReason::Normal);
    assert_eq!(world.end_reason().to_string(), "stopped (auto_shutdown)");
}

// OTP-47
#[test]
fn a_termination_by_hand_or_an_abnormal_end_is_no_reason_for_auto_shutdown() {
    let mut world = ending_with(AutoShutdown::AnySignificant);
    world.ended("b", crash()).started("b");
    world
        .terminate("b")
        .stopped("b")
        .terminate("c")
        .ended("c", crash());
    assert_eq!(world.phase(), Phase::Running);
    world.restart("b");
    assert_eq!(world.state("b"), ChildState::Starting);
}

// OTP-26, OTP-47
#[test]
fn a_bystander_of_a_group_restart_is_no_reason_for_auto_shutdown() {
    let policy = SupervisorPolicy {
        auto_shutdown: AutoShutdown::AnySignificant,
        ..group(Strategy::OneForAll)
    };
    let children = vec![
        worker("a"),
        significant("b", Restart::Transient),
        significant("c", Restart::Temporary),
    ];
    let mut world = World::up(policy, children);
    world
        .ended("a", crash())
        .stopped("c")
        .ended("b", ExitReason::Normal);
    world.start_all();
    assert_eq!(world.phase(), Phase::Running);
    assert_eq!(world.state("b"), ChildState::Up);
}

// OTP-48
#[test]
fn the_auto_shutdown_of_a_significant_supervisor_is_its_clean_end() {
    let inner = ChildPolicy {
        restart: Restart::Transient,
        significant: true,
        ..ChildPolicy::supervisor("inner")
    };
    let outer = SupervisorPolicy {
        auto_shutdown: AutoShutdown::AllSignificant,
        ..policy()
    };
    let mut top = World::up(outer, vec![inner]);
    let mut below = ending_with(AutoShutdown::AnySignificant);
    below
        .ended("b", ExitReason::Normal)
        .stopped("c")
        .stopped("a");
    assert_eq!(below.phase(), Phase::Ended);
    top.ended("inner", below.end_reason().clone());
    assert_eq!(top.end_reason().to_string(), "stopped (auto_shutdown)");
    assert_eq!(top.phase(), Phase::Ended);
}

// OTP-46, OTP-47
#[test]
fn a_significant_child_that_restarts_is_not_the_one_that_ended() {
    let mut world = ending_with(AutoShutdown::AllSignificant);
    let waits = ChildPolicy {
        backoff: Backoff::constant(ms(1000)),
        ..significant("b", Restart::Transient)
    };
    world.call(Request::Update(waits));
    world.ended("b", crash()).ended("c", crash());
    assert_eq!(world.phase(), Phase::Running, "b comes back");
    world
        .after(ms(1000))
        .started("b")
        .ended("b", ExitReason::Normal);
    assert_eq!(world.end_reason().to_string(), "stopped (auto_shutdown)");
}
