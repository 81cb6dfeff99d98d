//! Partitions: one child in many copies, the way from a key to its copy, and how many there are.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::time::Duration;

use steadfast::supervision::{Init, NoPartition, PartitionsRef, ResizeError, SpecError, Standing};
use steadfast::{
    Child, ExitReason, Generation, Intensity, ManageError, PartitionSupervisor, Restart,
    StartError, StopCause, Strategy, System, WorkerContext, WorkerRef,
};

use crate::support::{
    Act, FAR, Gate, Journal, LONG, OpenAtEnd, Puppet, SECOND, config, idle, idler, is_first,
    recorded, system,
};

fn idlers(partitions: usize) -> PartitionSupervisor<WorkerRef> {
    PartitionSupervisor::new("parts", partitions, |index| idler(&index.to_string()))
}

fn spawn(system: &System, partitions: usize) -> PartitionsRef<WorkerRef> {
    let child = idlers(partitions).into_child();
    system.spawn(child).expect("started")
}

/// So many puppets, and what pulls each of them.
fn puppets(partitions: usize, journal: &Journal) -> (PartitionSupervisor<WorkerRef>, Vec<Puppet>) {
    let mut all = Vec::new();
    let parts = PartitionSupervisor::new("parts", partitions, |index| {
        let (child, puppet) = Puppet::new(&index.to_string(), journal);
        all.push(puppet);
        child
    });
    (parts, all)
}

fn ids(parts: &PartitionsRef<WorkerRef>) -> Vec<String> {
    parts.iter().map(|part| part.id().to_string()).collect()
}

/// The children that the supervisor knows, oldest first.
fn known(parts: &PartitionsRef<WorkerRef>) -> Vec<String> {
    let mut children: Vec<_> = parts.supervisor().children();
    children.reverse();
    children.iter().map(|child| child.id.to_string()).collect()
}

// Pt1
#[test]
fn each_partition_has_its_index_as_its_id() {
    let system = system();
    let parts = spawn(&system, 3);
    assert_eq!((parts.len(), parts.initial()), (3, 3));
    assert_eq!(ids(&parts), ["0", "1", "2"]);
    assert_eq!(parts.at(1).unwrap().path().as_str(), "test/parts/1");
    assert_eq!(parts.at(3).unwrap_err().partitions, 3);
}

// Pt1
#[test]
fn there_is_a_partition_per_core_unless_a_number_is_given() {
    let parts = PartitionSupervisor::per_core("parts", |index| idler(&index.to_string()));
    let parts = system().spawn(parts.into_child()).expect("started");
    let cores = std::thread::available_parallelism().map_or(1, Into::into);
    assert_eq!(parts.initial(), cores);
}

// Pt1, decision 43
#[test]
fn a_key_goes_to_the_same_partition_in_every_system_and_keys_reach_them_all() {
    let (one, other) = (system(), system());
    let (one, other) = (spawn(&one, 4), spawn(&other, 4));
    let mut reached = BTreeSet::new();
    for key in 0..100_u32 {
        let place = one.route(&key).unwrap().id().clone();
        assert_eq!(&place, other.route(&key).unwrap().id());
        reached.insert(place);
    }
    assert_eq!(reached.len(), 4);
    let (text, owned) = (one.route("alpha"), one.route(&String::from("alpha")));
    assert_eq!(text.unwrap().id(), owned.unwrap().id());
}

// Pt1, decision 7
#[test]
fn a_specification_without_partitions_or_with_other_ids_is_refused_with_all_errors() {
    let none = idlers(0).strategy(Strategy::OneForAll);
    let none = none.intensity(Intensity::new(1, Duration::ZERO));
    assert_eq!(none.validate().unwrap_err().len(), 2);
    let same = PartitionSupervisor::new("parts", 3, |_| idler("same"));
    let refused = system().spawn(same.into_child()).unwrap_err();
    let StartError::Refused(ManageError::Invalid(errors)) = refused else {
        panic!("{refused}");
    };
    let texts: Vec<_> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(texts.len(), 4, "{texts:?}");
    let text = "partition 2 has the id \"same\": the id of a partition is its index";
    assert_eq!(texts[2], text);
    assert_eq!(texts[3], "the id \"same\" is used more than once");
}

// decision 7
#[test]
fn more_partitions_than_there_may_be_are_refused_and_none_is_made() {
    type Parts = PartitionSupervisor<WorkerRef>;
    let none = |index: usize| -> Child<WorkerRef> { panic!("partition {index} was made") };
    let refused = Parts::new("parts", usize::MAX, none).validate();
    let beyond = SpecError::TooManyPartitions(usize::MAX);
    assert_eq!(refused.unwrap_err(), [beyond]);
    assert!(
        Parts::new("parts", Parts::MAX_PARTITIONS + 1, none)
            .validate()
            .is_err()
    );
}

// Pt2
#[test]
fn a_partition_that_crashes_is_restarted_alone_and_keeps_its_keys() {
    let (system, journal) = (system(), Journal::new());
    let (parts, puppets) = puppets(3, &journal);
    let parts = system.spawn(parts.into_child()).expect("started");
    let routed = parts.route("key").unwrap();
    let index: usize = routed.id().as_str().parse().unwrap();
    let generation = puppets[index].crash();
    assert_eq!(generation, Generation::first().next());
    assert_eq!(parts.route("key").unwrap().id(), routed.id());
    let others = parts.iter().filter(|part| part.id() != routed.id());
    for other in others {
        assert_eq!(other.generation(), Generation::first());
    }
}

// Pt2
#[test]
fn a_strategy_concerns_all_partitions_and_the_budget_is_one_for_all() {
    let (system, journal) = (system(), Journal::new());
    let (parts, puppets) = puppets(2, &journal);
    let parts = parts
        .strategy(Strategy::OneForAll)
        .intensity(Intensity::new(1, FAR))
        .into_child()
        .restart(Restart::Temporary);
    let parts = system.spawn(parts).expect("started");
    puppets[0].crash();
    let both = puppets[1].handle.up_after(Generation::first(), LONG);
    assert!(both.is_some());
    puppets[1].pull(Act::Panic);
    let end = parts.ended_timeout(LONG).expect("ended");
    assert!(matches!(end, ExitReason::BudgetExhausted(_)), "{end}");
}

// Pt3, decision 43
#[test]
fn fewer_partitions_stop_the_highest_and_the_supervisor_forgets_them() {
    let (system, journal) = (system(), Journal::new());
    let (parts, _puppets) = puppets(4, &journal);
    let parts = system.spawn(parts.into_child()).expect("started");
    let gone = parts.at(3).unwrap();
    journal.take(4);
    parts.resize(1).expect("resized");
    let ends: BTreeSet<_> = journal.take(3).into_iter().collect();
    assert_eq!(ends, ["-1", "-2", "-3"].map(String::from).into());
    assert_eq!((parts.len(), known(&parts)), (1, vec!["0".into()]));
    let cause = ExitReason::Stopped(StopCause::Requested);
    let standing = gone.standing();
    assert!(matches!(&standing, Standing::Ended(why) if why.to_string() == cause.to_string()));
    for key in 0..20 {
        assert_eq!(parts.route(&key).unwrap().id().as_str(), "0");
    }
}

// Pt3
#[test]
fn partitions_come_back_in_order_and_old_handles_mean_them() {
    let (system, journal) = (system(), Journal::new());
    let (parts, _puppets) = puppets(3, &journal);
    let parts = system.spawn(parts.into_child()).expect("started");
    let old = parts.at(2).unwrap();
    parts.resize(0).expect("resized");
    journal.take(6);
    parts.resize(3).expect("resized");
    assert_eq!(journal.take(3), ["+0", "+1", "+2"]);
    assert_eq!(ids(&parts), ["0", "1", "2"]);
    assert!(matches!(old.standing(), Standing::Up));
    assert_eq!(old.generation(), Generation::first().next());
}

// Pt3
#[test]
fn without_partitions_a_lookup_is_a_typed_error() {
    let system = system();
    let parts = spawn(&system, 2);
    parts.resize(0).expect("resized");
    assert!(parts.is_empty());
    let NoPartition { partitions, .. } = parts.route("key").unwrap_err();
    assert_eq!(partitions, 0);
    assert!(parts.at(0).is_err());
    assert_eq!(parts.iter().count(), 0);
}

// Pt3, decision 43
#[test]
fn more_partitions_than_at_the_start_are_refused() {
    let system = system();
    let parts = spawn(&system, 2);
    let refused = parts.resize(3).unwrap_err();
    assert!(matches!(
        refused,
        ResizeError::BeyondInitial {
            asked: 3,
            initial: 2,
            ..
        }
    ));
    assert_eq!(parts.len(), 2);
}

// Pt3
#[test]
fn a_group_restart_does_not_bring_back_what_was_taken_away() {
    let (system, journal) = (system(), Journal::new());
    let (parts, puppets) = puppets(3, &journal);
    let parts = parts.strategy(Strategy::OneForAll).into_child();
    let parts = system.spawn(parts).expect("started");
    parts.resize(2).expect("resized");
    puppets[0].crash();
    let both = puppets[1].handle.up_after(Generation::first(), LONG);
    assert!(both.is_some());
    assert_eq!(known(&parts), ["0", "1"]);
    assert_eq!(puppets[2].handle.generation(), Generation::first());
}

// Pt3
#[test]
fn a_restart_of_the_supervisor_begins_with_all_partitions() {
    let (system, journal) = (system(), Journal::new());
    let (parts, puppets) = puppets(3, &journal);
    let child = parts.intensity(Intensity::new(0, SECOND)).into_child();
    let parts = system.spawn(child).expect("started");
    parts.resize(1).expect("resized");
    puppets[0].pull(Act::Panic);
    assert!(parts.up_after(Generation::first(), LONG).is_some());
    assert_eq!((parts.len(), known(&parts).len()), (3, 3));
}

// Pt3
#[test]
fn a_partition_that_does_not_start_is_taken_back_and_those_below_it_stay() {
    let system = system();
    let parts = PartitionSupervisor::new("parts", 3, |index| {
        let init = move |ctx: &WorkerContext| match (index, is_first(ctx)) {
            (1, false) => Err("not again".into()),
            _ => Ok(Init::Ready(())),
        };
        Child::worker_try_from(index, init, |(), ctx| idle(ctx))
    });
    let parts = system.spawn(parts.into_child()).expect("started");
    parts.resize(0).expect("resized");
    let refused = parts.resize(3).unwrap_err();
    let ResizeError::Partition { index, error, .. } = refused else {
        panic!("{refused}");
    };
    assert_eq!(index, 1);
    assert!(matches!(error, ManageError::Start(_)), "{error}");
    assert_eq!((parts.len(), known(&parts)), (1, vec!["0".into()]));
}

// Pt3
#[test]
fn a_child_that_somebody_else_has_started_is_not_taken_back() {
    let system = system();
    let parts = spawn(&system, 2);
    parts.resize(0).expect("resized");
    let (child, other) = Puppet::alone("1");
    parts.supervisor().start_child(child).expect("started");
    let refused = parts.resize(2).unwrap_err();
    let ResizeError::Partition { index, error, .. } = refused else {
        panic!("{refused}");
    };
    assert_eq!(index, 1);
    assert!(matches!(error, ManageError::AlreadyStarted), "{error}");
    // It is restarted as before: neither was it asked to stop, nor made temporary.
    assert_eq!(other.crash(), Generation::first().next());
    assert_eq!(parts.len(), 1);
}

// Pt3
#[test]
fn a_resize_that_nobody_waits_for_is_done_all_the_same() {
    let (system, journal) = (system(), Journal::new());
    let (parts, puppets) = puppets(2, &journal);
    let parts = system.spawn(parts.into_child()).expect("started");
    let gate = Gate::new();
    let _open = OpenAtEnd(gate.clone());
    puppets[1].pull(Act::Hang(gate.clone()));
    gate.wait_for(1);
    let late = parts.resize_timeout(1, Duration::ZERO).unwrap_err();
    assert!(late.to_string().starts_with("partition 1"), "{late}");
    assert_eq!(ids(&parts), ["0"]);
    gate.open();
    assert!(puppets[1].handle.ended_timeout(LONG).is_some());
    assert_eq!(known(&parts), ["0"]);
}

// Pt3
#[test]
fn a_resize_is_told_to_telemetry() {
    let (system, recorder) = recorded(config());
    let parts = spawn(&system, 3);
    parts.resize(1).expect("resized");
    let change = recorder.wait_until(LONG, |events| {
        let mut kinds = events.iter();
        let changed = kinds.find(|event| event.kind().name == "supervisor.spec_changed")?;
        changed.text("change").map(Cow::into_owned)
    });
    assert_eq!(change, "partitions 3 to 1");
}

#[test]
fn partitions_of_a_system_that_has_stopped_are_not_resized() {
    let system = system();
    let parts = spawn(&system, 2);
    assert!(system.stop_within(LONG).is_clean());
    let refused = parts.resize(1).unwrap_err();
    assert!(matches!(
        refused,
        ResizeError::Refused(ManageError::NotRunning)
    ));
}
