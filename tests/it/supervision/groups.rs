//! The strategies with real threads: who stops, who starts again, and in which order.

use steadfast::supervision::{ChildState, Standing};
use steadfast::{
    AutoShutdown, ExitReason, Generation, Restart, StopCause, Strategy, Supervisor, SupervisorRef,
    System,
};

use crate::support::{Act, Journal, LONG, Puppet, system};

struct Trio {
    _system: System,
    tree: SupervisorRef,
    journal: Journal,
    puppets: [Puppet; 3],
}

/// Three puppets under this strategy, all up; the journal is empty.
fn trio(strategy: Strategy) -> Trio {
    let (system, journal) = (system(), Journal::new());
    let mut tree = Supervisor::new("tree").strategy(strategy);
    let puppets = ["a", "b", "c"].map(|id| {
        let (child, puppet) = Puppet::new(id, &journal);
        tree = std::mem::replace(&mut tree, Supervisor::new("none")).child(child);
        puppet
    });
    let tree = system.supervise(tree).expect("started");
    assert_eq!(journal.take(3), ["+a", "+b", "+c"]);
    Trio {
        _system: system,
        tree,
        journal,
        puppets,
    }
}

impl Trio {
    fn generations(&self) -> [u64; 3] {
        self.puppets
            .each_ref()
            .map(|puppet| puppet.handle.generation().get())
    }

    /// Crashes the one in the middle and waits until all that follows is done.
    fn crash_the_middle(&self) {
        self.puppets[1].crash();
        let waits = |puppet: &Puppet| matches!(puppet.handle.standing(), Standing::Up);
        for puppet in &self.puppets[2..] {
            if !waits(puppet) {
                let before = puppet.handle.generation();
                assert!(puppet.handle.up_after(before, LONG).is_some() || waits(puppet));
            }
        }
    }
}

// OTP-21, decision 8
#[test]
fn one_for_one_restarts_only_the_child_that_ended() {
    let trio = trio(Strategy::OneForOne);
    trio.crash_the_middle();
    assert_eq!(trio.journal.take(2), ["-b", "+b"]);
    assert_eq!(trio.generations(), [1, 2, 1]);
}

// OTP-22, decision 8, property 13
#[test]
fn one_for_all_stops_the_others_in_reverse_and_starts_all_in_order() {
    let trio = trio(Strategy::OneForAll);
    trio.puppets[1].pull(Act::Panic);
    let journal = trio.journal.take(6);
    assert_eq!(journal, ["-b", "-c", "-a", "+a", "+b", "+c"]);
    assert_eq!(trio.generations(), [2, 2, 2]);
}

// OTP-23, decision 8, property 13, S2
#[test]
fn rest_for_one_restarts_the_failed_child_and_those_after_it() {
    let trio = trio(Strategy::RestForOne);
    trio.puppets[1].pull(Act::Panic);
    assert_eq!(trio.journal.take(4), ["-b", "-c", "+b", "+c"]);
    assert_eq!(trio.generations(), [1, 2, 2]);
}

// OTP-24
#[test]
fn the_restart_of_a_group_costs_one_restart() {
    let trio = trio(Strategy::OneForAll);
    assert_eq!(trio.tree.budget_left(), 3);
    trio.puppets[0].pull(Act::Fail);
    trio.journal.take(6);
    assert_eq!(trio.tree.budget_left(), 2);
}

// OTP-25
#[test]
fn the_restart_of_a_group_brings_back_who_was_stopped_by_hand() {
    let trio = trio(Strategy::OneForAll);
    trio.tree.terminate_child("c").expect("terminated");
    assert_eq!(trio.journal.take(1), ["-c"]);
    trio.puppets[0].pull(Act::Panic);
    assert_eq!(trio.journal.take(5), ["-a", "-b", "+a", "+b", "+c"]);
}

// OTP-18, OTP-26
#[test]
fn a_temporary_bystander_is_gone_after_the_restart_of_its_group() {
    let (system, journal) = (system(), Journal::new());
    let (permanent, puppet) = Puppet::new("permanent", &journal);
    let (temporary, bystander) = Puppet::new("temporary", &journal);
    let tree = Supervisor::new("tree")
        .strategy(Strategy::OneForAll)
        .auto_shutdown(AutoShutdown::AnySignificant)
        .child(temporary.restart(Restart::Temporary).significant(true))
        .child(permanent);
    let tree = system.supervise(tree).expect("started");
    journal.take(2);
    puppet.crash();
    let journal = journal.take(3);
    assert_eq!(journal, ["-permanent", "-temporary", "+permanent"]);
    assert_eq!(tree.count_children().specs, 1);
    let end = bystander.handle.ended_timeout(LONG);
    assert!(
        matches!(end, Some(ExitReason::Stopped(StopCause::Sibling))),
        "{end:?}"
    );
    // Its death as a bystander was significant for nobody.
    assert!(matches!(tree.standing(), Standing::Up));
    assert_eq!(tree.generation(), Generation::first());
}

// OTP-46
#[test]
fn the_end_of_a_significant_child_ends_its_supervisor() {
    for (auto_shutdown, ends) in [
        (AutoShutdown::AnySignificant, [true, true]),
        (AutoShutdown::AllSignificant, [false, true]),
    ] {
        let (system, journal) = (system(), Journal::new());
        let (one, first) = Puppet::new("one", &journal);
        let (two, second) = Puppet::new("two", &journal);
        let tree = Supervisor::new("tree")
            .auto_shutdown(auto_shutdown)
            .child(one.restart(Restart::Transient).significant(true))
            .child(two.restart(Restart::Transient).significant(true))
            .into_child()
            .restart(Restart::Transient);
        let tree = system.spawn(tree).expect("started");
        for (puppet, ends) in [first, second].iter().zip(ends) {
            puppet.pull(Act::Return);
            assert!(puppet.handle.ended_timeout(LONG).is_some());
            if ends {
                let end = tree.ended_timeout(LONG);
                assert!(
                    matches!(end, Some(ExitReason::Stopped(StopCause::AutoShutdown))),
                    "{end:?}"
                );
            } else {
                assert!(tree.terminate_child("nobody").is_err());
                assert!(matches!(tree.standing(), Standing::Up));
            }
        }
    }
}

// OTP-47
#[test]
fn a_significant_child_that_is_restarted_or_terminated_ends_nobody() {
    let system = system();
    let (child, puppet) = Puppet::alone("w");
    let tree = Supervisor::new("tree")
        .auto_shutdown(AutoShutdown::AnySignificant)
        .child(child.restart(Restart::Transient).significant(true));
    let tree = system.supervise(tree).expect("started");
    puppet.crash();
    tree.terminate_child("w").expect("terminated");
    let state = tree.which_child("w").map(|info| info.state);
    assert_eq!(state, Some(ChildState::Down));
    assert!(matches!(tree.standing(), Standing::Up));
}

// OTP-48
#[test]
fn an_auto_shutdown_goes_up_as_the_clean_end_of_a_significant_supervisor() {
    let system = system();
    let (child, puppet) = Puppet::alone("w");
    let inner = Supervisor::new("inner")
        .auto_shutdown(AutoShutdown::AnySignificant)
        .child(child.restart(Restart::Transient).significant(true))
        .into_child()
        .restart(Restart::Transient)
        .significant(true);
    let outer = Supervisor::new("outer")
        .auto_shutdown(AutoShutdown::AnySignificant)
        .child(inner)
        .into_child()
        .restart(Restart::Transient);
    let outer = system.spawn(outer).expect("started");
    puppet.pull(Act::Return);
    let end = outer.ended_timeout(LONG);
    assert!(
        matches!(end, Some(ExitReason::Stopped(StopCause::AutoShutdown))),
        "{end:?}"
    );
    assert!(system.stop_within(LONG).is_clean());
}
