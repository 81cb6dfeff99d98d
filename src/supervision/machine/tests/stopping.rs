//! The end of a supervisor that is asked to end.

use super::world::{World, abc, crash, dynamic, group, ms, policy, worker};
use crate::fault::Generation;
use crate::supervision::machine::Phase;
use crate::supervision::{ChildPolicy, ChildState, Shutdown, Strategy};
use crate::time::Backoff;

fn with(id: &str, shutdown: Shutdown) -> ChildPolicy {
    ChildPolicy {
        shutdown,
        ..worker(id)
    }
}

// OTP-40, decision 14
#[test]
fn stopping_asks_the_last_first_and_one_at_a_time() {
    let mut world = World::up(policy(), abc());
    world.stop(None).says(&["ending stopped", "ask c shutdown"]);
    world.stopped("c").stopped("b").stopped("a");
    world.says(&[
        "exited c expected keep",
        "ask b shutdown",
        "exited b expected keep",
        "ask a shutdown",
        "exited a expected keep",
        "ended stopped",
    ]);
}

// OTP-44, decision 15, decision 16
#[test]
fn a_supervisor_that_was_stopped_ends_cleanly_with_the_cause_it_was_given() {
    let mut world = World::up(policy(), abc());
    world.stop(None).stopped("c").stopped("b").stopped("a");
    assert!(world.end_reason().is_clean());
    assert_eq!(world.end_reason().to_string(), "stopped (shutdown)");
}

// OTP-9, OTP-40
#[test]
fn each_child_has_its_own_time_to_stop() {
    let children = vec![
        with("a", Shutdown::Wait),
        with("b", Shutdown::Deadline(ms(1000))),
        with("c", Shutdown::Deadline(ms(3000))),
    ];
    let mut world = World::up(policy(), children);
    world.stop(None);
    assert_eq!(world.given_until("c"), Some(ms(3000)));
    world.after(ms(500)).stopped("c");
    assert_eq!(world.given_until("b"), Some(ms(1500)));
    world.stopped("b");
    assert_eq!(world.given_until("a"), None);
    assert_eq!(world.machine.next_due(), None);
}

// OTP-9
#[test]
fn a_child_that_is_not_waited_for_is_asked_and_abandoned_at_once() {
    let children = vec![worker("a"), with("b", Shutdown::Abandon)];
    let mut world = World::up(policy(), children);
    world.stop(None);
    world.says(&[
        "ending stopped",
        "ask b shutdown",
        "abandon b stopping",
        "settled b",
        "ask a shutdown",
    ]);
}

// OTP-41
#[test]
fn a_child_that_passes_its_deadline_is_abandoned_and_the_stop_goes_on() {
    let mut world = World::up(policy(), abc());
    world.stop(None).clear();
    world.after(ms(4999)).says(&[]);
    world.after(ms(1));
    world.says(&["abandon c stopping", "settled c", "ask b shutdown"]);
    assert_eq!(world.state("c"), ChildState::Down);
    assert_eq!(world.machine.abandoned(), 1);
}

// OTP-43, decision 13
#[test]
fn a_child_has_the_earlier_of_its_own_deadline_and_its_supervisors() {
    let children = vec![
        ChildPolicy::supervisor("inner"),
        with("b", Shutdown::Deadline(ms(1000))),
        with("c", Shutdown::Deadline(ms(60_000))),
    ];
    let mut world = World::up(policy(), children);
    world.stop(Some(ms(3000)));
    assert_eq!(world.given_until("c"), Some(ms(3000)));
    world.stopped("c");
    assert_eq!(world.given_until("b"), Some(ms(1000)));
    world.stopped("b");
    assert_eq!(world.given_until("inner"), Some(ms(3000)));
}

// OTP-43
#[test]
fn a_supervisor_below_is_never_abandoned() {
    let mut world = World::up(policy(), vec![ChildPolicy::supervisor("inner")]);
    world.stop(Some(ms(1000))).clear();
    world.after(ms(60_000)).says(&[]);
    world.stopped("inner");
    world.says(&["exited inner expected keep", "ended stopped"]);
}

// OTP-45
#[test]
fn ends_of_their_own_do_not_break_the_order_of_a_stop() {
    let mut world = World::up(policy(), abc());
    world.stop(None).clear();
    world.ended("b", crash());
    world.says(&["exited b expected keep"]);
    world.ended("c", crash());
    world.says(&["exited c expected keep", "ask a shutdown"]);
    world.ended("a", crash());
    world.says(&["exited a expected keep", "ended stopped"]);
}

// decision 14
#[test]
fn in_the_last_tenth_of_the_time_all_that_are_left_are_asked_at_once() {
    let children = vec![
        ChildPolicy::supervisor("inner"),
        worker("b"),
        with("c", Shutdown::Wait),
    ];
    let mut world = World::up(policy(), children);
    world
        .stop(Some(ms(1000)))
        .says(&["ending stopped", "ask c shutdown"]);
    world.after(ms(899)).says(&[]);
    world.after(ms(1));
    world.says(&["ask b shutdown", "ask inner shutdown"]);
    world.stopped("b").stopped("inner").clear();
    world.after(ms(100));
    world.says(&["abandon c stopping", "settled c", "ended stopped"]);
}

// decision 13, decision 15
#[test]
fn a_second_stop_brings_the_deadline_forward_and_never_back() {
    let mut world = World::up(policy(), abc());
    world.stop(Some(ms(4000))).clear();
    world.stop(Some(ms(9000))).stop(None).says(&[]);
    world.stop(Some(ms(1000)));
    assert_eq!(world.given_until("c"), Some(ms(1000)));
    world.says(&["ask c shutdown"]);
    world
        .after(ms(900))
        .says(&["ask b shutdown", "ask a shutdown"]);
    world.stopped("b").stopped("a").after(ms(100));
    assert_eq!(world.machine.abandoned(), 1);
}

// decision 15
#[test]
fn a_stop_before_the_start_ends_at_once() {
    let mut world = World::new(policy(), abc());
    world.stop(None).says(&["ending stopped", "ended stopped"]);
    world.begin().stop(None).says(&[]);
}

// decision 15
#[test]
fn a_stop_during_the_start_lets_no_further_child_start() {
    let mut world = World::new(policy(), abc());
    world.begin().started("a").clear();
    world.stop(None).says(&["ending stopped", "ask b shutdown"]);
    world.started("b").says(&[]);
    world.stopped("b").stopped("a");
    world.says(&[
        "exited b expected keep",
        "ask a shutdown",
        "exited a expected keep",
        "ended stopped",
    ]);
}

// OTP-38, decision 11, decision 15
#[test]
fn a_stop_ends_a_loop_of_restarts_at_once() {
    let child = ChildPolicy {
        backoff: Backoff::constant(ms(20_000)),
        ..worker("a")
    };
    let mut world = World::up(policy(), vec![child]);
    world.ended("a", crash()).clear();
    world.stop(None).says(&["ending stopped", "ended stopped"]);
    assert_eq!(world.machine.next_due(), None);
}

// decision 15, OTP-22
#[test]
fn a_stop_during_a_group_restart_goes_on_from_where_it_is() {
    let mut world = World::up(group(Strategy::OneForAll), abc());
    world.ended("a", crash()).clear();
    world.stop(None).says(&["ending stopped"]);
    world.stopped("c").stopped("b");
    world.says(&[
        "exited c expected keep",
        "ask b shutdown",
        "exited b expected keep",
        "ended stopped",
    ]);
}

// decision 15
#[test]
fn nothing_follows_the_end_but_refusals() {
    let mut world = World::up(policy(), vec![worker("a")]);
    world.stop(None).stopped("a").clear();
    world.begin().stop(Some(ms(5))).after(ms(9));
    world.start_child(worker("b")).terminate("a");
    world.says(&["answer stopping", "answer stopping"]);
    assert_eq!(world.phase(), Phase::Ended);
}

// OTP-41
#[test]
fn an_abandoned_thread_that_returns_is_counted_out_once() {
    let mut world = World::up(policy(), abc());
    world.terminate("b").after(ms(5000));
    assert_eq!(world.machine.abandoned(), 1);
    world.clear();
    world.returned("b", Generation::first().next());
    assert_eq!(world.machine.abandoned(), 1, "no such run was abandoned");
    world.returned("b", Generation::first());
    world.returned("b", Generation::first());
    assert_eq!(world.machine.abandoned(), 0);
    world.says(&[]);
}

// decision 13, decision 17
#[test]
fn a_child_that_is_stopped_by_a_deadline_has_the_earlier_of_it_and_its_own() {
    for policy in [policy(), dynamic()] {
        let mut world = World::new(policy, vec![]);
        world.begin().start_child(with("a", Shutdown::Wait));
        world.start_child(with("b", Shutdown::Deadline(ms(1000))));
        world.start_all().clear();
        world.stop_by("a", ms(3000)).stop_by("b", ms(3000));
        assert_eq!(world.given_until("a"), Some(ms(3000)));
        assert_eq!(world.given_until("b"), Some(ms(1000)));
        world.says(&["ask a shutdown", "ask b shutdown"]);
        world.stop_by("a", ms(2000)).stop_by("a", ms(4000));
        world.says(&["ask a shutdown"]);
        world.stopped("a").stopped("b").clear().after(ms(60_000));
        world.says(&[]);
    }
}
