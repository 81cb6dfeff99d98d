//! Management calls with OTP's answers, live changes, and handles that outlive restarts.

use std::time::Duration;

use steadfast::supervision::{
    ChildError, ChildKind, ChildState, Counts, OnHang, Standing, SupervisorTuning,
};
use steadfast::{
    Backoff, Child, ChildId, ExitReason, Failure, Generation, Intensity, ManageError, Restart,
    Shutdown, Strategy, Supervisor, SupervisorRef, System, WorkerRef,
};

use crate::support::{Act, Journal, LONG, Puppet, SECOND, config, idler, recorded, system};

fn tree(system: &System) -> SupervisorRef {
    let tree = Supervisor::new("tree").child(idler("w"));
    system.supervise(tree).expect("started")
}

fn state(tree: &SupervisorRef, id: &str) -> Option<ChildState> {
    tree.which_child(id).map(|info| info.state)
}

// OTP-49
#[test]
fn a_known_id_is_refused_as_started_or_present_and_a_failed_start_leaves_nothing() {
    let system = system();
    let tree = tree(&system);
    let known = tree.start_child(idler("w"));
    assert!(
        matches!(known, Err(ManageError::AlreadyStarted)),
        "{known:?}"
    );
    tree.terminate_child("w").expect("terminated");
    let known = tree.start_child(idler("w"));
    assert!(
        matches!(known, Err(ManageError::AlreadyPresent)),
        "{known:?}"
    );
    let bad = Child::worker_try_from(
        "bad",
        |_| Err::<steadfast::supervision::Init<()>, _>(Failure::from("bad")),
        |(), _| Ok(()),
    );
    let failed = tree.start_child(bad);
    assert!(
        matches!(&failed, Err(ManageError::Start(failure)) if failure.path.as_str() == "test/tree/bad"),
        "{failed:?}"
    );
    assert_eq!(state(&tree, "bad"), None);
    tree.start_child(idler("bad")).expect("the id is free");
}

// OTP-50
#[test]
fn terminate_is_fine_twice_not_found_for_strangers_and_forgets_the_temporary() {
    let system = system();
    let tree = tree(&system);
    tree.terminate_child("w").expect("terminated");
    tree.terminate_child("w").expect("terminated again");
    assert_eq!(state(&tree, "w"), Some(ChildState::Down));
    let unknown = tree.terminate_child("x");
    assert!(matches!(unknown, Err(ManageError::NotFound)), "{unknown:?}");
    tree.start_child(idler("t").restart(Restart::Temporary))
        .expect("started");
    tree.terminate_child("t").expect("terminated");
    assert_eq!(state(&tree, "t"), None);
}

// OTP-51, OTP-52
#[test]
fn restart_and_delete_want_a_child_that_is_down() {
    let system = system();
    let tree = tree(&system);
    let worker: WorkerRef = tree.child("w").expect("a worker");
    assert!(matches!(tree.restart_child("w"), Err(ManageError::Running)));
    assert!(matches!(tree.delete_child("w"), Err(ManageError::Running)));
    assert!(matches!(
        tree.restart_child("x"),
        Err(ManageError::NotFound)
    ));
    assert!(matches!(tree.delete_child("x"), Err(ManageError::NotFound)));
    tree.terminate_child("w").expect("terminated");
    tree.restart_child("w").expect("restarted");
    assert_eq!(worker.generation().get(), 2);
    assert!(matches!(worker.standing(), Standing::Up));
    tree.terminate_child("w").expect("terminated");
    tree.delete_child("w").expect("deleted");
    assert_eq!(state(&tree, "w"), None);
    assert!(matches!(tree.delete_child("w"), Err(ManageError::NotFound)));
}

// OTP-53, OTP-54
#[test]
fn children_are_listed_newest_first_and_counted() {
    let system = system();
    let tree = Supervisor::new("tree")
        .child(idler("a"))
        .child(Supervisor::new("inner").child(idler("deep")))
        .child(idler("c"));
    let tree = system.supervise(tree).expect("started");
    tree.terminate_child("a").expect("terminated");
    let listed: Vec<_> = tree
        .children()
        .into_iter()
        .map(|info| (info.id.as_str().to_owned(), info.kind, info.state))
        .collect();
    let expected = [
        ("c", ChildKind::Worker, ChildState::Up),
        ("inner", ChildKind::Supervisor, ChildState::Up),
        ("a", ChildKind::Worker, ChildState::Down),
    ];
    assert_eq!(listed, expected.map(|(id, k, s)| (id.to_owned(), k, s)));
    let Counts {
        specs,
        active,
        supervisors,
        workers,
        ..
    } = tree.count_children();
    assert_eq!((specs, active, supervisors, workers), (3, 2, 1, 2));
}

// OTP-6, OTP-9, OTP-10
#[test]
fn the_effective_specification_of_a_child_can_be_read_back() {
    let system = system();
    let tree = Supervisor::new("tree")
        .child(idler("default"))
        .child(
            idler("set")
                .restart(Restart::Transient)
                .shutdown(Shutdown::Wait)
                .start_deadline(SECOND)
                .backoff(Backoff::constant(SECOND))
                .give_up_after(7)
                .budget(Intensity::new(1, SECOND))
                .on_hang(OnHang::Replace),
        )
        .child(Supervisor::new("inner"));
    let tree = system.supervise(tree).expect("started");
    let default = tree.which_child("default").expect("known");
    assert_eq!(default.id, ChildId::from("default"));
    assert_eq!(default.restart, Restart::Permanent);
    assert_eq!(default.shutdown, Shutdown::Deadline(5 * SECOND));
    assert_eq!(default.start_deadline, Some(5 * SECOND));
    assert!(!default.significant);
    assert_eq!(default.on_hang, OnHang::Report);
    let set = tree.which_child("set").expect("known");
    assert_eq!(set.restart, Restart::Transient);
    assert_eq!(set.shutdown, Shutdown::Wait);
    assert_eq!(set.start_deadline, Some(SECOND));
    assert_eq!(set.backoff, Backoff::constant(SECOND));
    assert_eq!(set.give_up_after, Some(7));
    assert_eq!(set.budget, Some(Intensity::new(1, SECOND)));
    assert_eq!(set.on_hang, OnHang::Replace);
    let inner = tree.which_child("inner").expect("known");
    assert_eq!(inner.shutdown, Shutdown::Wait);
    assert_eq!(inner.start_deadline, None);
}

// decision 1
#[test]
fn a_typed_handle_is_found_by_id_and_kind() {
    let system = system();
    let tree = tree(&system);
    assert!(system.root().child::<SupervisorRef>("tree").is_ok());
    assert!(tree.child::<WorkerRef>("w").is_ok());
    let wrong = tree.child::<SupervisorRef>("w");
    assert_eq!(wrong.err(), Some(ChildError::WrongKind));
    let unknown = tree.child::<WorkerRef>("x");
    assert_eq!(unknown.err(), Some(ChildError::NotFound));
}

#[test]
fn a_running_child_is_supervised_by_its_new_specification_from_the_next_decision_on() {
    let (system, recorder) = recorded(config());
    let (child, puppet) = Puppet::alone("w");
    system.spawn(child).expect("started");
    puppet.crash();
    let changed = system
        .root()
        .update_child("w", |tuning| tuning.restart(Restart::Temporary));
    changed.expect("changed");
    recorder.wait_for(LONG, "supervisor.spec_changed", 1);
    puppet.pull(Act::Panic);
    assert!(puppet.handle.ended_timeout(LONG).is_some());
    recorder.wait_for(LONG, "child.forgotten", 1);
    assert!(system.root().which_child("w").is_none());
    let gone = system.root().update_child("w", |tuning| tuning);
    assert!(matches!(gone, Err(ManageError::NotFound)), "{gone:?}");
}

#[test]
fn an_invalid_change_is_refused_and_changes_nothing() {
    let system = system();
    let tree = tree(&system);
    let before = tree.which_child("w");
    let refused = tree.update_child("w", |tuning| tuning.start_deadline(Duration::ZERO));
    assert!(
        matches!(refused, Err(ManageError::Invalid(_))),
        "{refused:?}"
    );
    assert_eq!(tree.which_child("w"), before);
    let refused = tree.retune(SupervisorTuning::new().max_children(Some(3)));
    assert!(
        matches!(refused, Err(ManageError::Invalid(_))),
        "{refused:?}"
    );
}

#[test]
fn a_supervisor_obeys_its_new_numbers_from_the_next_decision_on() {
    let (system, journal) = (system(), Journal::new());
    let (a, first) = Puppet::new("a", &journal);
    let (b, _) = Puppet::new("b", &journal);
    let tree = Supervisor::new("tree").child(a).child(b).into_child();
    let tree = system
        .spawn(tree.restart(Restart::Temporary))
        .expect("started");
    journal.take(2);
    let tuning = SupervisorTuning::new()
        .strategy(Strategy::OneForAll)
        .intensity(Intensity::new(1, LONG));
    tree.retune(tuning).expect("changed");
    first.pull(Act::Panic);
    assert_eq!(journal.take(4), ["-a", "-b", "+a", "+b"]);
    assert_eq!(tree.budget_left(), 0);
    first.pull(Act::Panic);
    let end = tree.ended_timeout(LONG);
    assert!(
        matches!(end, Some(ExitReason::BudgetExhausted(_))),
        "{end:?}"
    );
}

// decision 1, OTP-27, property 20
#[test]
fn handles_go_on_after_a_restart_of_the_supervisor_and_added_children_are_gone() {
    let system = system();
    let (child, puppet) = Puppet::alone("w");
    let tree = Supervisor::new("tree")
        .intensity(Intensity::new(0, LONG))
        .child(child);
    let tree = system.supervise(tree).expect("started");
    let added = tree.start_child(idler("added")).expect("started");
    puppet.pull(Act::Panic);
    let again = puppet.handle.up_after(Generation::first(), LONG);
    assert_eq!(again.map(Generation::get), Some(2));
    let tree_again = tree.up_after(Generation::first(), LONG);
    assert_eq!(tree_again.map(Generation::get), Some(2));
    // The same handles manage the new run.
    let found: WorkerRef = tree.child("w").expect("a worker");
    assert_eq!(found.generation().get(), 2);
    assert_eq!(tree.count_children().specs, 1);
    assert!(added.ended_timeout(LONG).is_some());
    assert!(matches!(
        added.terminate(),
        Err(ManageError::NotFound | ManageError::NotRunning)
    ));
    let fresh = tree.start_child(idler("added")).expect("the id is free");
    assert!(matches!(fresh.standing(), Standing::Up));
    puppet.handle.terminate().expect("terminated");
    tree.restart_child("w").expect("restarted");
    assert_eq!(puppet.handle.generation().get(), 3);
}

#[test]
fn a_supervisor_that_does_not_run_refuses_every_call() {
    let system = system();
    let child = Supervisor::new("tree").into_child();
    let tree = child.handle();
    let call = tree.terminate_child("w");
    assert!(matches!(call, Err(ManageError::NotRunning)), "{call:?}");
    let tree_again = system.spawn(child).expect("started");
    assert!(tree_again.terminate().is_ok());
    let call = tree.start_child(idler("w"));
    assert!(matches!(call, Err(ManageError::NotRunning)), "{call:?}");
    assert!(tree.children().is_empty());
}

// decision 15
#[test]
fn a_worker_may_manage_its_own_supervisor() {
    let system = system();
    let journal = Journal::new();
    let notes = journal.clone();
    let manager = Child::worker("manager", move |ctx| {
        let home = ctx.supervisor().ok_or("no supervisor")?;
        home.start_child(idler("made"))?;
        home.terminate_child("made")?;
        home.delete_child("made")?;
        // To terminate oneself is to be asked to stop: the answer cannot be waited for.
        let own = home.terminate_child("manager");
        assert!(matches!(own, Err(ManageError::CallerStopped)), "{own:?}");
        notes.note("done");
        Ok(())
    });
    let manager = system.spawn(manager).expect("started");
    assert_eq!(journal.take(1), ["done"]);
    let end = manager.ended_timeout(LONG).expect("terminated");
    assert!(end.is_clean(), "{end}");
}
