//! Exits, strategies, budgets.

use super::world::{World, crash, policy, worker};
use crate::supervision::{Strategy, SupervisorPolicy};

fn group(strategy: Strategy) -> SupervisorPolicy {
    SupervisorPolicy {
        strategy,
        ..policy()
    }
}

fn abc() -> Vec<crate::supervision::ChildPolicy> {
    ["a", "b", "c"].map(worker).to_vec()
}

// OTP-12
#[test]
fn children_start_in_order_each_after_the_one_before_it() {
    let mut world = World::new(policy(), abc());
    world.begin();
    assert_eq!(world.diary(), ["launch a 1"]);
    world.clear().started("a");
    assert_eq!(world.diary(), ["running a", "launch b 1"]);
    world.clear().started("b").started("c");
    assert_eq!(
        world.diary(),
        ["running b", "launch c 1", "running c", "up"]
    );
}

// OTP-21
#[test]
fn one_for_one_restarts_only_the_child_that_ended() {
    let mut world = World::up(policy(), abc());
    world.ended("b", crash()).started("b");
    assert_eq!(
        world.diary(),
        ["exited b itself restart", "launch b 2", "running b"]
    );
}

// OTP-22
#[test]
fn one_for_all_stops_the_others_in_reverse_and_starts_all_in_order() {
    let mut world = World::up(group(Strategy::OneForAll), abc());
    world.ended("b", crash());
    assert_eq!(world.diary(), ["exited b itself restart", "ask c sibling"]);
    world.clear().stopped("c");
    assert_eq!(
        world.diary(),
        ["exited c expected restart", "ask a sibling"]
    );
    world.clear().stopped("a").start_all();
    assert_eq!(
        world.diary(),
        [
            "exited a expected restart",
            "launch a 2",
            "running a",
            "launch b 2",
            "running b",
            "launch c 2",
            "running c"
        ]
    );
}

// OTP-40
#[test]
fn stopping_asks_the_last_first_and_one_at_a_time() {
    let mut world = World::up(policy(), abc());
    world.stop(None);
    assert_eq!(world.diary(), ["ending stopped", "ask c shutdown"]);
    world.clear().stopped("c").stopped("b").stopped("a");
    assert_eq!(
        world.diary(),
        [
            "exited c expected keep",
            "ask b shutdown",
            "exited b expected keep",
            "ask a shutdown",
            "exited a expected keep",
            "ended stopped"
        ]
    );
}
