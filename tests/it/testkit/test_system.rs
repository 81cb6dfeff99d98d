//! A system of a test's own: private, timeless, and as strict as any other.

use steadfast::fault::ExitReason;
use steadfast::supervision::Outcome;
use steadfast::testkit::{Script, lenient_supervision};
use steadfast::{Backoff, Child, Intensity, Restart, Supervisor, System, Waited};

use crate::support::{Act, FAR, Gate, LONG, OpenAtEnd, Puppet, SECOND, idle, idler};

// property 92, S64: 8 systems in parallel with equal names
#[test]
fn eight_test_systems_of_one_name_do_not_meet() {
    std::thread::scope(|scope| {
        for number in 0..8_u32 {
            scope.spawn(move || {
                let test = System::for_test();
                let (child, puppet) = Puppet::alone("w");
                test.spawn(child).expect("started");
                let crashes = number % 3;
                for _ in 0..crashes {
                    puppet.pull(Act::Progress);
                    puppet.crash();
                }
                let before = test.manual().now();
                test.advance(SECOND * number);
                assert_eq!(test.manual().now() - before, SECOND * number);
                let now = test.clock().deadline(LONG);
                assert!(test.telemetry().flush(now));
                let restarts = test.recorder().count("child.restarting");
                assert_eq!(restarts, u64::from(crashes));
                test.finish().expect("clean");
            });
        }
    });
}

// decision 51
#[test]
fn the_time_of_a_test_system_stands_still_until_the_test_turns_it() {
    let test = System::for_test();
    let (ticks, ticked) = test.channel(1);
    let ticking = Child::worker("w", move |ctx| {
        while ctx.wait(SECOND * 60) == Waited::Elapsed {
            ticks.send(ctx.clock().now())?;
        }
        Ok(())
    });
    test.spawn(ticking).expect("started");
    for _ in 0..3 {
        test.eventually(|| test.manual().next_deadline() == Some(SECOND * 60));
        assert!(ticked.try_recv().is_err());
        test.advance(SECOND * 60);
        let at = test.eventually(|| ticked.try_recv());
        assert_eq!(at, Some(test.manual().now()));
    }
}

// property 93
#[test]
fn a_stop_of_a_test_system_turns_the_clock_where_it_waits_for_it() {
    let (test, gate) = (System::for_test(), Gate::new());
    let _open = OpenAtEnd(gate.clone());
    let inside = gate.clone();
    let hanging = Child::worker("hanging", move |_| {
        inside.pass();
        Ok(())
    });
    let tree = Supervisor::new("tree").child(idler("idle")).child(hanging);
    test.supervise(tree).expect("started");
    gate.wait_for(1);
    let report = test.stop_within(LONG);
    assert_eq!(report.count(Outcome::Abandoned), 1, "{report}");
    assert_eq!(report.count(Outcome::Stopped), 2, "{report}");
    gate.open();
    test.finish().expect("clean");
}

// property 93
#[test]
fn a_test_of_units_that_obey_ends_without_turning_the_clock() {
    let test = System::for_test();
    let (before, manual) = (test.manual().now(), test.manual().clone());
    let tree = Supervisor::new("tree").child(idler("a")).child(idler("b"));
    test.supervise(tree).expect("started");
    test.finish().expect("clean");
    assert_eq!(manual.now(), before);
}

/// How many crashes at once a supervisor of this budget bears in a test system.
fn borne(intensity: Option<Intensity>) -> u32 {
    let test = System::for_test();
    test.expect_failures();
    let child = Script::child("w")
        .backoff(Backoff::none())
        .give_up_after(1000);
    let script = child.handle();
    let tree = Supervisor::new("tree").child(child);
    let tree = match intensity {
        Some(intensity) => tree.intensity(intensity),
        None => tree,
    };
    let tree = tree.into_child().restart(Restart::Temporary);
    let tree = test.spawn(tree).expect("started");
    let monitor = tree.monitor();
    let mut crashes = 0;
    loop {
        script.end(ExitReason::Error("as the test wants it".into()));
        if monitor.try_down().is_some() {
            return crashes;
        }
        crashes += 1;
    }
}

// property 11, property 12, S68, S2
#[test]
fn a_test_system_is_as_strict_as_any_unless_the_lenient_budget_is_named() {
    assert_eq!(borne(None), 3);
    assert_eq!(borne(Some(lenient_supervision())), 100);
}

// property 2, S1
#[test]
fn the_monitors_of_a_system_are_counted_exactly() {
    let test = System::for_test();
    let (child, puppet) = Puppet::alone("w");
    test.spawn(child).expect("started");
    let mut monitors: Vec<_> = (0..100).map(|_| puppet.handle.monitor()).collect();
    assert_eq!(test.monitor_count(), 100);
    monitors.truncate(60);
    assert_eq!(test.monitor_count(), 60);
    puppet.crash();
    assert_eq!(test.monitor_count(), 0);
    assert!(monitors.iter().all(|monitor| monitor.try_down().is_some()));
    let still_up = puppet.handle.monitor();
    assert_eq!(test.monitor_count(), 1);
    drop(test.stop_within(LONG));
    assert_eq!(test.monitor_count(), 0);
    drop(still_up);
    assert_eq!(test.monitor_count(), 0);
}

#[test]
fn a_wait_of_a_test_is_woken_by_the_events_of_its_system() {
    let test = System::for_test();
    let worker = test.spawn(Child::worker("w", idle)).expect("started");
    let _stopped = test.eventually(|| {
        worker.terminate().expect("terminated");
        worker.ended_timeout(FAR)
    });
}
