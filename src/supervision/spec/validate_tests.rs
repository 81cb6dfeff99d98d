//! Specifications that are refused, and those that are warned of.

use std::time::Duration;

use super::*;
use crate::fault::UnitPath;
use crate::supervision::{OnHang, Strategy};
use crate::time::Backoff;

fn policy() -> SupervisorPolicy {
    SupervisorPolicy::new(UnitPath::new("top"))
}

fn dynamic(max_children: Option<usize>) -> SupervisorPolicy {
    SupervisorPolicy {
        flavor: Flavor::Dynamic { max_children },
        ..policy()
    }
}

fn worker(id: &str) -> ChildPolicy {
    ChildPolicy::worker(id)
}

// OTP-1, OTP-2
#[test]
fn a_supervisor_that_says_nothing_has_the_documented_defaults() {
    let policy = policy();
    assert_eq!(policy.strategy, Strategy::OneForOne);
    assert_eq!(policy.intensity, Intensity::new(3, Duration::from_secs(5)));
    assert_eq!(policy.auto_shutdown, AutoShutdown::Never);
    assert_eq!(policy.max_abandoned, 8);
    assert_eq!(validate(&policy, &[]), []);
}

// OTP-6
#[test]
fn a_child_that_says_nothing_but_its_id_has_the_documented_defaults() {
    let worker = worker("a");
    assert_eq!(worker.restart, Restart::Permanent);
    assert_eq!(worker.kind, ChildKind::Worker);
    assert_eq!(worker.shutdown, Shutdown::Deadline(Duration::from_secs(5)));
    assert!(!worker.significant);
    assert_eq!(worker.start_deadline, Some(Duration::from_secs(5)));
    assert_eq!(worker.on_hang, OnHang::Report);
    assert_eq!(worker.backoff, Backoff::default());
    let supervisor = ChildPolicy::supervisor("a");
    assert_eq!(supervisor.kind, ChildKind::Supervisor);
    assert_eq!(supervisor.shutdown, Shutdown::Wait);
    assert_eq!(supervisor.start_deadline, None);
    assert_eq!(
        validate(&policy(), &[worker, ChildPolicy::supervisor("b")]),
        []
    );
}

// OTP-3
#[test]
fn a_period_of_zero_is_refused_and_an_intensity_of_zero_is_not() {
    let with = |restarts, period| SupervisorPolicy {
        intensity: Intensity::new(restarts, period),
        ..policy()
    };
    assert_eq!(validate(&with(0, Duration::from_secs(1)), &[]), []);
    let refused = [SpecError::ZeroPeriod];
    assert_eq!(validate(&with(3, Duration::ZERO), &[]), refused);
    let most = Intensity::MAX_RESTARTS;
    assert_eq!(validate(&with(most, Duration::MAX), &[]), []);
    let refused = [SpecError::TooManyRestarts(most + 1)];
    assert_eq!(validate(&with(most + 1, Duration::MAX), &[]), refused);
}

// OTP-4, D1
#[test]
fn a_dynamic_supervisor_has_no_auto_shutdown_no_group_and_no_list() {
    let policy = SupervisorPolicy {
        auto_shutdown: AutoShutdown::AllSignificant,
        strategy: Strategy::RestForOne,
        ..dynamic(Some(0))
    };
    let errors = [
        SpecError::DynamicAutoShutdown,
        SpecError::DynamicStrategy(Strategy::RestForOne),
        SpecError::ZeroMaxChildren,
        SpecError::DynamicChildren,
    ];
    assert_eq!(validate(&policy, &[worker("a")]), errors);
    assert_eq!(validate(&dynamic(None), &[]), []);
    assert_eq!(validate(&dynamic(Some(1)), &[]), []);
}

// OTP-7
#[test]
fn an_id_that_is_used_twice_is_named_once() {
    let children = ["a", "b", "a", "a"].map(worker);
    let errors = [SpecError::DuplicateId("a".into())];
    assert_eq!(validate(&policy(), &children), errors);
}

// OTP-8
#[test]
fn a_significant_child_is_neither_permanent_nor_without_auto_shutdown() {
    let significant = |restart| ChildPolicy {
        significant: true,
        restart,
        ..worker("a")
    };
    let any = SupervisorPolicy {
        auto_shutdown: AutoShutdown::AnySignificant,
        ..policy()
    };
    for restart in [Restart::Transient, Restart::Temporary] {
        assert_eq!(validate(&any, &[significant(restart)]), []);
        let errors = [SpecError::SignificantWithoutAutoShutdown("a".into())];
        assert_eq!(validate(&policy(), &[significant(restart)]), errors);
    }
    let errors = [SpecError::SignificantPermanent("a".into())];
    assert_eq!(validate(&any, &[significant(Restart::Permanent)]), errors);
}

// OTP-9
#[test]
fn every_kind_of_shutdown_is_allowed_to_a_worker() {
    for shutdown in [
        Shutdown::Deadline(Duration::ZERO),
        Shutdown::Deadline(Duration::MAX),
        Shutdown::Wait,
        Shutdown::Abandon,
    ] {
        let child = ChildPolicy {
            shutdown,
            ..worker("a")
        };
        assert_eq!(validate(&policy(), &[child]), []);
    }
}

// OTP-5, decision 7
#[test]
fn all_errors_are_listed_and_each_names_who_and_what() {
    let zero = Intensity::new(1, Duration::ZERO);
    let policy = SupervisorPolicy {
        intensity: zero,
        ..policy()
    };
    let bad = ChildPolicy {
        significant: true,
        start_deadline: Some(Duration::ZERO),
        budget: Some(zero),
        backoff: Backoff::constant(Duration::ZERO),
        ..worker("x/y")
    };
    let texts: Vec<String> = validate(&policy, &[worker(""), bad])
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        texts,
        [
            "the period of the intensity is zero",
            "a child has an empty id",
            "the id \"x/y\" contains a slash",
            "\"x/y\" is significant, but permanent: it is always restarted",
            "\"x/y\" is significant, but its supervisor has no auto-shutdown",
            "the start deadline of \"x/y\" is zero",
            "the period of the budget of \"x/y\" is zero",
            "\"x/y\": invalid backoff: the first delay is zero",
        ]
    );
}

// OTP-33, decision 7
#[test]
fn a_group_that_may_be_immortal_is_warned_of() {
    let group = SupervisorPolicy {
        strategy: Strategy::OneForAll,
        intensity: Intensity::new(5, Duration::from_secs(5)),
        ..policy()
    };
    let with = |id: &str, shutdown| ChildPolicy {
        shutdown,
        ..worker(id)
    };
    let children = [
        with("quick", Shutdown::Deadline(Duration::from_millis(999))),
        with("slow", Shutdown::Deadline(Duration::from_secs(1))),
        with("patient", Shutdown::Wait),
        with("hasty", Shutdown::Abandon),
        ChildPolicy::supervisor("inner"),
    ];
    let warned: Vec<_> = warnings(&group, &children)
        .into_iter()
        .map(|SpecWarning::ImmortalChild { id, shutdown, .. }| (id, shutdown))
        .collect();
    let expected = [
        ("slow".into(), Some(Duration::from_secs(1))),
        ("patient".into(), None),
    ];
    assert_eq!(warned, expected);
    let alone = SupervisorPolicy {
        strategy: Strategy::OneForOne,
        ..group
    };
    assert_eq!(warnings(&alone, &children), []);
}
