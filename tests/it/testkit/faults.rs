//! Fault points: a panic at the n-th message, a hang, a slow start, a full channel.

use steadfast::channel::SendError;
use steadfast::supervision::Outcome;
use steadfast::testkit::{Fault, FaultPlan, Faults, TestSystem};
use steadfast::{Backoff, Child, ExitReason, System, SystemConfig, WorkerRef};

use crate::support::{Journal, LONG, SECOND, idle, panic_of};

fn quiet() -> TestSystem {
    TestSystem::with(SystemConfig::new("test").quiet_panics())
}

/// A worker that passes `work` before each value that it sends on.
fn worker(
    test: &TestSystem,
    faults: &Faults,
) -> (steadfast::channel::Sender<u32>, WorkerRef, Journal) {
    let (jobs, inbox) = test.channel::<u32>(64);
    let (journal, faults) = (Journal::new(), faults.clone());
    let notes = journal.clone();
    let child = Child::worker("w", move |ctx| {
        while let Some(job) = inbox.recv(ctx)? {
            faults.hit("work");
            notes.note(job.to_string());
            ctx.progress();
        }
        Ok(())
    });
    let child = child.backoff(Backoff::none());
    (jobs, test.spawn(child).expect("started"), journal)
}

// decision 51: fault injection
#[test]
fn a_worker_panics_at_the_message_that_the_plan_names() {
    let test = quiet();
    let faults = test.faults(FaultPlan::new(7).at("work", 3, Fault::Panic));
    let (jobs, worker, journal) = worker(&test, &faults);
    let monitor = worker.monitor();
    (1..=5).for_each(|job| jobs.send(job).expect("room"));
    assert_eq!(journal.take(4), ["1", "2", "4", "5"]);
    let down = test.eventually(|| monitor.try_down());
    let reason = down.reason.expect("it ran");
    let message = panic_of(&reason).message();
    assert_eq!(message, "fault point work: panic at passage 3, seed 7");
    assert_eq!(faults.passages("work"), 5);
}

// decision 51, property 93
#[test]
fn a_hang_hears_no_stop_and_is_let_go_when_the_test_ends() {
    let test = quiet();
    let faults = test.faults(FaultPlan::new(7).at("work", 1, Fault::Hang));
    let (jobs, _worker, _journal) = worker(&test, &faults);
    jobs.send(1).expect("room");
    test.eventually(|| faults.passages("work") == 1);
    let report = test.stop_within(LONG);
    assert_eq!(report.count(Outcome::Abandoned), 1, "{report}");
    test.finish().expect("clean, because the plan hung it");
}

// decision 51
#[test]
fn a_slow_start_takes_the_time_that_the_plan_says() {
    let test = quiet();
    let plan = FaultPlan::new(7).at("start", 1, Fault::Slow(SECOND * 3));
    let faults = test.faults(plan);
    let slow = faults.clone();
    let child = Child::worker_from("w", move || slow.hit("start"), |(), ctx| idle(ctx));
    let child = child.start_deadline(SECOND * 4);
    std::thread::scope(|scope| {
        let starting = scope.spawn(|| test.spawn(child).map(|worker| worker.generation().get()));
        test.eventually(|| test.manual().next_deadline() == Some(SECOND * 3));
        test.advance(SECOND * 3);
        let generation = starting.join().expect("no panic").expect("in time");
        assert_eq!(generation, 1);
    });
}

// decision 51
#[test]
fn a_start_that_is_slower_than_its_deadline_is_given_up() {
    let test = quiet();
    let plan = FaultPlan::new(7).at("start", 1, Fault::Slow(SECOND * 5));
    let faults = test.faults(plan);
    let slow = faults.clone();
    let child = Child::worker_from("w", move || slow.hit("start"), |(), ctx| idle(ctx));
    let child = child.start_deadline(SECOND * 4);
    std::thread::scope(|scope| {
        let starting = scope.spawn(|| test.spawn(child).is_ok());
        test.eventually(|| test.manual().next_deadline() == Some(SECOND * 4));
        test.advance(SECOND * 4);
        assert!(!starting.join().expect("no panic"));
    });
}

// decision 51
#[test]
fn a_channel_is_full_where_the_plan_says_so_and_gives_the_value_back() {
    let test = quiet();
    let faults = test.faults(FaultPlan::new(7).at("send", 2, Fault::FullChannel));
    let (numbers, inbox) = test.channel(8);
    let send = |number| faults.send("send", &numbers, number);
    assert!(send(1).is_ok());
    match send(2) {
        Err(SendError::Full(value)) => assert_eq!(value, 2),
        other => panic!("{other:?}"),
    }
    assert!(send(3).is_ok());
    assert_eq!(inbox.drain().collect::<Vec<_>>(), [1, 3]);
    assert_eq!(faults.injected().len(), 1);
}

#[test]
#[should_panic(expected = "it sends nothing")]
fn a_point_that_sends_nothing_has_no_channel_to_be_full() {
    let test = System::for_test();
    let plan = FaultPlan::new(7).always("work", Fault::FullChannel);
    test.faults(plan).hit("work");
}

fn crashes(seed: u64) -> Vec<u64> {
    let test = TestSystem::with(SystemConfig::new("test").quiet_panics().seed(seed));
    test.expect_failures();
    let plan = FaultPlan::new(seed).one_in("work", 16.try_into().expect("not zero"), Fault::Panic);
    let faults = test.faults(plan);
    let passes = |at: &Faults| {
        let at = at.clone();
        let child = Child::worker("w", move |_| {
            at.hit("work");
            Ok(())
        });
        child.restart(steadfast::Restart::Temporary)
    };
    for _ in 0..64 {
        let monitor = test.spawn(passes(&faults)).expect("started").monitor();
        let ended = |reason: Option<ExitReason>| reason.is_none_or(|reason| !reason.is_clean());
        let _failed = monitor
            .down_timeout(LONG)
            .is_some_and(|down| ended(down.reason));
        test.eventually(|| test.root().count_children().specs == 0);
    }
    faults
        .injected()
        .iter()
        .map(|fault| fault.passage)
        .collect()
}

// decision 51: a failing seed replays
#[test]
fn a_seed_replays_the_faults_of_a_whole_run() {
    let once = crashes(11);
    assert!(!once.is_empty());
    assert_eq!(crashes(11), once);
    assert_ne!(crashes(12), once);
}
