//! Monitors: exactly one `Down`, and nothing left behind on either side.

use std::time::Duration;

use steadfast::supervision::Standing;
use steadfast::{Down, ExitReason, Generation, Monitor, Restart, StopCause, Supervisor};

use crate::support::{Act, LONG, Puppet, idler, panic_of, system};

#[track_caller]
fn down(monitor: &Monitor) -> Down {
    monitor.down_timeout(LONG).expect("a down")
}

// property 3, decision 35, S1
#[test]
fn a_hundred_monitors_hear_of_one_end_once_each() {
    let system = system();
    let (child, puppet) = Puppet::alone("w");
    system.spawn(child).expect("started");
    let monitors: Vec<_> = (0..100).map(|_| puppet.handle.monitor()).collect();
    assert_eq!(puppet.handle.watch_count(), 100);
    puppet.pull(Act::Panic);
    for monitor in &monitors {
        let down = down(monitor);
        assert_eq!(down.path.as_str(), "test/w");
        assert_eq!(down.generation, Generation::first());
        assert_eq!(
            panic_of(&down.reason.expect("a reason")).message(),
            "as it was told"
        );
    }
    puppet.handle.up_after(Generation::first(), LONG);
    puppet.crash();
    assert!(monitors.iter().all(|monitor| monitor.try_down().is_none()));
    assert_eq!(puppet.handle.watch_count(), 0);
}

// property 3
#[test]
fn a_unit_is_not_up_any_more_when_its_end_is_heard_of() {
    let system = system();
    let (child, puppet) = Puppet::alone("w");
    system
        .spawn(child.restart(Restart::Temporary))
        .expect("started");
    let monitor = puppet.handle.monitor();
    puppet.pull(Act::Return);
    assert!(matches!(down(&monitor).reason, Some(ExitReason::Normal)));
    let standing = puppet.handle.standing();
    assert!(matches!(standing, Standing::Ended(_)), "{standing:?}");
}

// property 1, decision 35
#[test]
fn a_unit_that_does_not_run_and_will_not_answers_at_once() {
    let system = system();
    let child = idler("w");
    let handle = child.handle();
    let unborn = handle.monitor().try_down().expect("at once");
    assert!(unborn.reason.is_none());
    assert_eq!(unborn.generation, Generation::NONE);
    system.spawn(child).expect("started");
    let unknown = handle.monitor_generation(Generation::first().next());
    assert!(unknown.try_down().expect("at once").reason.is_none());
    system.root().terminate_child("w").expect("terminated");
    let dead = handle.monitor();
    assert!(dead.try_down().expect("at once").reason.is_none());
    assert!(dead.try_down().is_none(), "a second down");
    assert_eq!(handle.watch_count(), 0);
    assert!(matches!(handle.standing(), Standing::Ended(_)));
}

// property 2, property 6, S1
#[test]
fn whatever_goes_first_no_monitor_is_left() {
    let system = system();
    let (child, puppet) = Puppet::alone("w");
    system.spawn(child).expect("started");
    // The monitor goes first.
    let first = puppet.handle.monitor();
    let second = puppet.handle.monitor();
    drop(first);
    assert_eq!(puppet.handle.watch_count(), 1);
    // Then the unit, and then the monitor, told or not.
    puppet.crash();
    assert_eq!(puppet.handle.watch_count(), 0);
    drop(second);
    assert_eq!(puppet.handle.watch_count(), 0);
    // The handle and the unit with its whole system.
    let third = puppet.handle.monitor();
    drop(puppet);
    drop(system);
    let last = third.try_down().expect("told before the stop returned");
    assert!(matches!(
        last.reason,
        Some(ExitReason::Stopped(StopCause::Shutdown))
    ));
}

// property 2, property 4
#[test]
fn monitors_that_come_and_go_leave_the_count_as_it_was() {
    let system = system();
    let (child, puppet) = Puppet::alone("w");
    system.spawn(child).expect("started");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..500 {
                    let monitor = puppet.handle.monitor();
                    assert!(monitor.try_down().is_none_or(|down| down.reason.is_some()));
                }
            });
        }
        puppet.crash();
        puppet.crash();
    });
    assert_eq!(puppet.handle.watch_count(), 0);
}

// decision 1
#[test]
fn a_monitor_of_one_run_hears_of_just_that_run() {
    let system = system();
    let (child, puppet) = Puppet::alone("w");
    system.spawn(child).expect("started");
    let second = puppet.crash();
    let monitor = puppet.handle.monitor_generation(second);
    let past = puppet.handle.monitor_generation(Generation::first());
    assert!(past.try_down().is_some_and(|down| down.reason.is_none()));
    assert!(monitor.try_down().is_none());
    puppet.crash();
    assert_eq!(down(&monitor).generation, second);
}

// property 5, property 3
#[test]
fn the_end_of_a_supervisor_and_of_what_is_below_it_is_heard_of() {
    let system = system();
    let tree = Supervisor::new("tree")
        .child(Supervisor::new("inner").child(idler("w")))
        .into_child()
        .restart(Restart::Temporary);
    let tree = system.spawn(tree).expect("started");
    let inner: steadfast::SupervisorRef = tree.child("inner").expect("a supervisor");
    let worker: steadfast::WorkerRef = inner.child("w").expect("a worker");
    let monitors = [tree.monitor(), inner.monitor(), worker.monitor()];
    tree.terminate().expect("terminated");
    for monitor in &monitors {
        let reason = down(monitor).reason;
        assert!(
            matches!(reason, Some(ExitReason::Stopped(StopCause::Requested))),
            "{reason:?}"
        );
    }
    // Without further action it is known to nobody.
    assert!(system.root().which_child("tree").is_none());
    assert!(tree.children().is_empty());
}

#[test]
fn a_wait_for_a_down_ends_with_its_time_and_with_the_stop_of_its_unit() {
    let system = system();
    let watched = system.spawn(idler("watched")).expect("started");
    let monitor = watched.monitor();
    assert!(monitor.down_timeout(Duration::from_millis(1)).is_none());
    let target = watched.clone();
    let watcher = steadfast::Child::worker("watcher", move |_| {
        let monitor = target.monitor();
        assert!(monitor.down_timeout(crate::support::FAR).is_none());
        Ok(())
    });
    let watcher = system.spawn(watcher).expect("started");
    watcher.terminate().expect("terminated");
    let end = watcher.ended_timeout(LONG).expect("ended");
    assert!(end.is_clean(), "{end}");
    assert_eq!(watched.watch_count(), 1);
}
