//! Dynamic supervisors with real threads.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Barrier};

use steadfast::supervision::{ChildState, Init, Outcome, Standing};
use steadfast::{
    Backoff, Child, DynamicSupervisor, Failure, Generation, Intensity, ManageError, Restart,
    SupervisorRef, System, WorkerRef,
};

use crate::support::{
    Act, FAR, Gate, LONG, OpenAtEnd, Puppet, SECOND, config, idle, idler, recorded, system,
    timeless,
};

fn pool(system: &System, pool: DynamicSupervisor) -> SupervisorRef {
    system.supervise(pool).expect("started")
}

fn small(id: &str) -> Child<WorkerRef> {
    idler(id).stack_size(64 * 1024)
}

// D2, decision 43
#[test]
fn the_bound_counts_live_and_restarting_children() {
    let (system, recorder, _manual) = timeless(config());
    let pool = pool(&system, DynamicSupervisor::new("pool").max_children(2));
    let (child, puppet) = Puppet::alone("a");
    pool.start_child(child.backoff(Backoff::constant(LONG)))
        .expect("started");
    pool.start_child(idler("b")).expect("started");
    let refused = pool.start_child(idler("c"));
    assert!(
        matches!(refused, Err(ManageError::MaxChildren { max: 2 })),
        "{refused:?}"
    );
    puppet.pull(Act::Panic);
    recorder.wait_for(LONG, "child.restarting", 1);
    let refused = pool.start_child(idler("c"));
    assert!(
        matches!(refused, Err(ManageError::MaxChildren { max: 2 })),
        "{refused:?}"
    );
    pool.terminate_child("b").expect("terminated");
    pool.start_child(idler("c")).expect("there is room");
}

// OTP-42, D6, decision 14
#[test]
fn all_children_are_asked_to_stop_at_once() {
    const CHILDREN: usize = 16;
    let system = system();
    let pool = pool(&system, DynamicSupervisor::new("pool"));
    let meeting = Arc::new(Barrier::new(CHILDREN));
    for number in 0..CHILDREN {
        let meeting = Arc::clone(&meeting);
        let child = Child::worker(format!("w{number}"), move |ctx| {
            let _ = ctx.wait(FAR);
            // Nobody passes before all have been asked.
            meeting.wait();
            Ok(())
        });
        pool.start_child(child).expect("started");
    }
    let report = system.stop_within(LONG);
    assert!(report.is_clean(), "{report}");
    let ended = CHILDREN as u64 + 1;
    assert_eq!(report.count(Outcome::Stopped), ended);
}

// OTP-56, property 4
#[test]
fn a_thousand_children_come_and_go_and_leave_nothing() {
    const CHILDREN: usize = 1_000;
    let system = system();
    let pool = pool(&system, DynamicSupervisor::new("pool"));
    let workers: Vec<_> = (0..CHILDREN)
        .map(|number| {
            pool.start_child(small(&format!("w{number}")))
                .expect("started")
        })
        .collect();
    assert_eq!(pool.count_children().active, CHILDREN);
    for worker in &workers[..CHILDREN / 2] {
        worker.terminate().expect("terminated");
    }
    assert_eq!(pool.count_children().specs, CHILDREN / 2);
    let report = system.stop_within(LONG);
    assert!(report.is_clean(), "{report}");
    assert_eq!(report.count(Outcome::Stopped), CHILDREN as u64 / 2 + 1);
    assert!(workers.iter().all(|worker| worker.watch_count() == 0));
}

// D1
#[test]
fn the_crash_of_one_child_touches_no_other() {
    let system = system();
    let pool = pool(&system, DynamicSupervisor::new("pool"));
    let (child, puppet) = Puppet::alone("a");
    let other = pool.start_child(idler("b")).expect("started");
    pool.start_child(child).expect("started");
    assert_eq!(puppet.crash().get(), 2);
    assert_eq!(other.generation(), Generation::first());
    assert!(matches!(other.standing(), Standing::Up));
}

// D4, OTP-50
#[test]
fn children_are_terminated_by_handle_also_while_they_wait_for_a_restart() {
    let (system, recorder, _manual) = timeless(config());
    let pool = pool(&system, DynamicSupervisor::new("pool"));
    let (child, puppet) = Puppet::alone("a");
    pool.start_child(child.backoff(Backoff::constant(LONG)))
        .expect("started");
    puppet.pull(Act::Panic);
    recorder.wait_for(LONG, "child.restarting", 1);
    puppet.handle.terminate().expect("terminated");
    assert!(matches!(puppet.handle.standing(), Standing::Ended(_)));
    assert_eq!(pool.count_children().specs, 0);
    let again = puppet.handle.terminate();
    assert!(matches!(again, Err(ManageError::NotFound)), "{again:?}");
    let unknown = pool.terminate_child("x");
    assert!(matches!(unknown, Err(ManageError::NotFound)), "{unknown:?}");
}

// D3, OTP-13
#[test]
fn a_child_that_ignores_its_start_is_not_added_and_one_that_fails_is_an_error() {
    let system = system();
    let pool = pool(&system, DynamicSupervisor::new("pool"));
    let starting = |init: Start| Child::worker_try_from("w", move |_| init(), |(), ctx| idle(ctx));
    pool.start_child(starting(|| Ok(Init::Ignore)))
        .expect("no error");
    assert_eq!(pool.count_children().specs, 0);
    let failed = pool.start_child(starting(|| Err("no".into())));
    assert!(matches!(failed, Err(ManageError::Start(_))), "{failed:?}");
    assert_eq!(pool.count_children().specs, 0);
    pool.start_child(starting(|| Ok(Init::Ready(()))))
        .expect("started");
}

type Start = fn() -> Result<Init<()>, Failure>;

/// A child whose first run fails; its starts end as told, the last one for ever.
fn relapsing(pool: &SupervisorRef, starts: [Start; 3]) -> WorkerRef {
    let count = AtomicU32::new(0);
    let child = Child::worker_try_from(
        "w",
        move |_| starts[count.fetch_add(1, Ordering::Relaxed).min(2) as usize](),
        |(), ctx| match ctx.generation().get() {
            1 => Err("the first run fails".into()),
            _ => idle(ctx),
        },
    );
    pool.start_child(child.backoff(Backoff::none()))
        .expect("started")
}

// D5, OTP-34
#[test]
fn a_child_that_fails_to_restart_is_tried_again() {
    let system = system();
    let pool = pool(&system, DynamicSupervisor::new("pool"));
    let ready: Start = || Ok(Init::Ready(()));
    let worker = relapsing(&pool, [ready, || Err("not yet".into()), ready]);
    let third = worker.up_after(Generation::first(), LONG);
    assert_eq!(third.map(Generation::get), Some(3));
    assert_eq!(pool.budget_left(), 1);
}

// OTP-39
#[test]
fn a_child_that_ignores_its_restart_is_removed() {
    let (system, recorder) = recorded(config());
    let pool = pool(&system, DynamicSupervisor::new("pool"));
    let ready: Start = || Ok(Init::Ready(()));
    let worker = relapsing(&pool, [ready, || Ok(Init::Ignore), ready]);
    recorder.wait_for(LONG, "child.forgotten", 1);
    assert_eq!(pool.count_children().specs, 0);
    assert!(worker.ended_timeout(LONG).is_some());
}

// D7, OTP-55
#[test]
fn a_slow_start_blocks_only_its_caller() {
    let system = system();
    let pool = pool(&system, DynamicSupervisor::new("pool"));
    let gate = Gate::new();
    let _open = OpenAtEnd(gate.clone());
    let inside = gate.clone();
    let slow = Child::worker_from("slow", move || inside.pass(), |(), ctx| idle(ctx));
    std::thread::scope(|scope| {
        let starting = scope.spawn(|| pool.start_child(slow.start_deadline(LONG)));
        gate.wait_for(1);
        pool.start_child(idler("quick")).expect("started");
        let state = pool.which_child("slow").map(|info| info.state);
        assert_eq!(state, Some(ChildState::Starting));
        gate.open();
        starting.join().expect("no panic").expect("started");
    });
}

// D1
#[test]
fn temporary_children_that_end_are_forgotten_and_their_ids_are_free() {
    let (system, recorder) = recorded(config());
    let pool = pool(
        &system,
        DynamicSupervisor::new("pool").intensity(Intensity::new(0, SECOND)),
    );
    for round in 1..=50 {
        let child = Child::worker("w", |_| Err("done".into())).restart(Restart::Temporary);
        let worker = pool.start_child(child).expect("started");
        assert!(worker.ended_timeout(LONG).is_some());
        recorder.wait_for(LONG, "child.forgotten", round);
    }
    assert_eq!(pool.count_children().specs, 0);
    assert!(matches!(pool.standing(), Standing::Up));
}
