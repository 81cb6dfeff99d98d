//! Named pools: limits of their own, and an orderly end.

use steadfast::fault::Classify;
use steadfast::supervision::{ChildState, PoolError, SpawnRefusal, TaskPools, TaskPoolsRef};
use steadfast::{Generation, System, TaskSupervisor};

use super::held;
use crate::support::{
    Gate, LONG, OpenAtEnd, SECOND, config, eventually, idle, recorded, system, timeless,
};

fn pool(name: &str, max: usize) -> TaskSupervisor {
    TaskSupervisor::new(name).max_tasks(max)
}

#[track_caller]
fn pools(system: &System) -> TaskPoolsRef {
    let pools = TaskPools::new("pools")
        .pool(pool("a", 1))
        .pool(pool("b", 1));
    system.spawn(pools).expect("started")
}

// S4
#[test]
fn a_full_pool_does_not_starve_another() {
    let system = system();
    let pools = pools(&system);
    let gate = Gate::new();
    let _open = OpenAtEnd(gate.clone());
    let a = pools.get("a").expect("there");
    let _task = held(&a, &gate);
    let full = a.try_spawn(|_| Ok(())).expect_err("full");
    assert!(matches!(full.refusal(), SpawnRefusal::Full { max: 1 }));
    let b = pools.get("b").expect("there");
    assert_eq!(
        b.try_spawn(|_| Ok(7))
            .expect("room")
            .join_timeout(LONG)
            .expect("a value"),
        7
    );
    let all = pools.all_stats();
    let active: Vec<_> = all
        .iter()
        .map(|(name, stats)| (name.as_str(), stats.active))
        .collect();
    assert_eq!(active, [("a", 1), ("b", 0)]);
}

// S4
#[test]
fn pools_are_made_found_resized_and_deleted_by_name() {
    let system = system();
    let pools = pools(&system);
    let exists = pools.create(pool("a", 1)).expect_err("it is there");
    assert!(matches!(exists, PoolError::Exists(_)), "{exists}");
    let invalid = pools.create(pool("c", 0)).expect_err("no task at all");
    assert!(matches!(invalid, PoolError::Invalid(_)), "{invalid}");
    let c = pools.create(pool("c", 3)).expect("made");
    pools.resize("c", 5).expect("resized");
    assert_eq!(pools.stats("c").expect("there").max_tasks, 5);
    assert!(pools.resize("c", 0).is_err());
    let report = pools.delete("c", SECOND).expect("deleted");
    assert_eq!(
        (report.ended, report.cancelled, report.abandoned),
        (0, 0, 0)
    );
    for gone in [pools.get("c").err(), pools.delete("c", SECOND).err()] {
        assert_eq!(gone.expect("gone").code(), "pool.not_found");
    }
    let late = c.spawn(|_| Ok(())).expect_err("gone");
    assert!(matches!(late.refusal(), SpawnRefusal::NotRunning));
    pools.create(pool("c", 1)).expect("the name is free");
}

// S4
#[test]
fn a_shutdown_cancels_and_abandons_within_its_time_and_leaves_an_empty_pool() {
    let (system, recorder, manual) = timeless(config());
    let pools = pools(&system);
    let a = pools.get("a").expect("there");
    a.resize(3).expect("resized");
    let gate = Gate::new();
    let _open = OpenAtEnd(gate.clone());
    let _hangs = held(&a, &gate);
    gate.wait_for(1);
    let waits = a
        .spawn(|ctx| idle(ctx).and(Err::<(), _>("out".into())))
        .expect("spawned");
    std::thread::scope(|scope| {
        let report = scope.spawn(|| pools.shutdown("a", SECOND).expect("an answer"));
        waits.join_timeout(LONG).expect_err("cancelled");
        recorder.wait_for(LONG, "child.stopping", 3);
        manual.advance(SECOND);
        let report = report.join().expect("no panic");
        assert_eq!(
            (report.ended, report.cancelled, report.abandoned),
            (0, 2, 1)
        );
    });
    let stats = a.stats();
    assert_eq!((stats.active, stats.slots), (0, 0));
    assert_eq!(
        a.spawn(|_| Ok(1))
            .expect("usable")
            .join_timeout(LONG)
            .expect("a value"),
        1
    );
}

// S4, property 20
#[test]
fn a_pool_that_crashes_is_there_again_and_the_others_did_not_notice() {
    let (system, _recorder) = recorded(config());
    let fragile = pool("fragile", 4)
        .max_abandoned(0)
        .shutdown(steadfast::Shutdown::Abandon);
    let pools = TaskPools::new("pools").pool(fragile).pool(pool("b", 1));
    let pools = system.spawn(pools).expect("started");
    let (fragile, b) = (
        pools.get("fragile").expect("there"),
        pools.get("b").expect("there"),
    );
    let gate = Gate::new();
    let _open = OpenAtEnd(gate.clone());
    let other = held(&b, &gate);
    let before = fragile.generation();
    let hangs = held(&fragile, &gate);
    gate.wait_for(2);
    hangs.cancel().expect_err("abandoned");
    fragile.up_after(before, LONG).expect("restarted");
    assert_eq!(
        fragile
            .spawn(|_| Ok(1))
            .expect("served")
            .join_timeout(LONG)
            .expect("a value"),
        1
    );
    assert_eq!(
        (b.generation(), pools.generation()),
        (Generation::first(), Generation::first())
    );
    gate.open();
    other.join_timeout(LONG).expect("not harmed");
}

// S4, property 4
#[test]
fn twenty_pools_come_and_go_and_leave_nothing() {
    let system = system();
    let pools = pools(&system);
    for round in 0..20 {
        let name = format!("pool-{round}");
        let pool = pools.create(pool(&name, 2)).expect("made");
        let task = pool.spawn(move |_| Ok(round)).expect("spawned");
        assert_eq!(task.join_timeout(LONG).expect("a value"), round);
        let report = pools.delete(&*name, LONG).expect("deleted");
        assert_eq!((report.cancelled, report.abandoned), (0, 0));
    }
    assert_eq!(pools.all_stats().len(), 2);
    let root = system.root();
    let up = root.which_child("pools").map(|child| child.state);
    assert_eq!(up, Some(ChildState::Up));
    assert!(system.snapshot().threads.is_empty());
    eventually("no unit is left", || {
        system.snapshot().to_string().lines().count() == 4
    });
}
