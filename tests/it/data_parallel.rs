//! A private rayon pool as a unit: results, panics, refusals, stops, restarts, and what is left.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rayon::prelude::*;
use steadfast::fault::ErrorContext;
use steadfast::supervision::{InstallError, PoolRefusal, SpecError};
use steadfast::{
    Child, DataParallel, DataParallelRef, ExitReason, Generation, ManageError, Shutdown,
    StartError, System,
};

use crate::support::{
    FAR, Gate, Journal, LONG, OpenAtEnd, SECOND, config, eventually, idler, recorded, system,
    timeless,
};

fn pool(system: &System, config: DataParallel) -> DataParallelRef {
    let child = Child::data_parallel("crunch", config);
    system.spawn(child).expect("started")
}

fn single(system: &System) -> DataParallelRef {
    pool(system, DataParallel::new().threads(1))
}

/// Keeps the only thread of a pool busy until the gate opens.
fn occupy(pool: &DataParallelRef, gate: &Gate) {
    let inside = gate.clone();
    pool.spawn(move || inside.pass()).expect("taken");
    gate.wait_for(1);
}

/// Waits until the pool has been asked to stop.
fn await_refusal(pool: &DataParallelRef) {
    let refuses = || matches!(pool.spawn(|| ()), Err(PoolRefusal::Stopping));
    eventually("it refuses", refuses);
}

#[test]
fn work_runs_on_the_threads_of_the_pool_and_its_result_comes_back() {
    let system = system();
    let pool = pool(&system, DataParallel::new().threads(3));
    let (sum, threads) = pool
        .install(|| {
            let sum: u64 = (1..=1000_u64).into_par_iter().sum();
            (sum, rayon::current_num_threads())
        })
        .expect("computed");
    assert_eq!((sum, threads, pool.threads()), (500_500, 3, 3));
    let counters = pool.counters();
    assert_eq!((counters.accepted, counters.completed), (1, 1));
}

#[test]
fn work_may_borrow_from_its_caller() {
    let system = system();
    let pool = single(&system);
    let mut numbers: Vec<u32> = (0..1000).rev().collect();
    pool.install_borrowing(|| numbers.par_sort())
        .expect("sorted");
    assert!(numbers.is_sorted());
}

// property 15
#[test]
fn a_panic_comes_back_as_a_value_and_the_pool_goes_on() {
    let (system, recorder) = recorded(config());
    let pool = single(&system);
    let owned = pool.install(|| panic!("at seven")).map(|(): ()| ());
    let borrowed = pool.install_borrowing(|| {
        (0..9)
            .into_par_iter()
            .for_each(|n| assert!(n < 7, "at seven"));
    });
    for result in [owned, borrowed] {
        let Err(InstallError::Panicked(report)) = result else {
            panic!("{result:?}");
        };
        assert_eq!(report.message(), "at seven");
        let place = report.location().expect("seen by the hook");
        assert!(place.file.ends_with("data_parallel.rs"));
    }
    assert_eq!(pool.install(|| 1).expect("computed"), 1);
    assert_eq!(pool.counters().panicked, 2);
    assert_eq!(pool.generation(), Generation::first());
    recorder.wait_for(LONG, "data_parallel.panicked", 2);
}

// property 15, decision 3
#[test]
fn a_panic_on_a_thread_that_has_stolen_the_work_keeps_its_place() {
    let system = system();
    let pool = pool(&system, DataParallel::new().threads(2));
    let stolen = Gate::new();
    stolen.open();
    let (first, line) = (stolen.clone(), line!() + 4);
    let work = move || {
        let second = || {
            stolen.pass();
            panic!("at seven");
        };
        rayon::join(|| first.wait_for(1), second)
    };
    let result = pool.install(work).map(|((), ())| ());
    let Err(InstallError::Panicked(report)) = result else {
        panic!("{result:?}");
    };
    let place = report.location().expect("seen by the hook");
    assert_eq!((report.message(), place.line), ("at seven", line));
}

// decision 3
#[test]
fn a_panic_that_was_swallowed_lends_its_place_to_no_later_one() {
    let system = system();
    let pool = single(&system);
    let swallow = || {
        rayon::join(
            || (),
            || std::panic::catch_unwind(|| panic!("again")).is_err(),
        )
    };
    assert!(pool.install(swallow).expect("swallowed").1);
    let unseen = || std::panic::resume_unwind(Box::new("again"));
    let result = pool.install(unseen).map(|(): ()| ());
    let Err(InstallError::Panicked(report)) = result else {
        panic!("{result:?}");
    };
    assert_eq!((report.message(), report.location()), ("again", None));
}

#[test]
fn a_panic_that_nobody_waits_for_is_an_event() {
    let (system, recorder) = recorded(config());
    let pool = single(&system);
    pool.spawn(|| panic!("handed in")).expect("taken");
    recorder.wait_for(LONG, "data_parallel.panicked", 1);
    assert_eq!(pool.counters().panicked, 1);
    pool.spawn(|| rayon::spawn(|| panic!("beside")))
        .expect("taken");
    let problem = recorder.wait_until(LONG, |events| {
        let mut texts = events.iter().filter_map(|event| event.text("problem"));
        texts.find(|text| text.contains("beside")).map(String::from)
    });
    assert!(problem.contains("data_parallel.rs"), "{problem}");
}

#[test]
fn work_within_work_runs_where_it_is_and_does_not_wait_for_itself() {
    let system = system();
    let pool = single(&system);
    let inner = pool.clone();
    let nested = pool.install(move || {
        let owned = inner.install(|| 1).expect("inline");
        owned + inner.install_borrowing(|| 2).expect("inline")
    });
    assert_eq!(nested.expect("computed"), 3);
    assert_eq!(pool.counters().accepted, 1);
}

#[test]
fn work_carries_the_error_context_of_who_handed_it_in() {
    let system = system();
    let pool = single(&system);
    let _operation = ErrorContext::enter("load");
    let seen = pool.install(|| ErrorContext::capture().to_string());
    assert_eq!(seen.expect("computed"), "load");
}

// property 14
#[test]
fn without_a_running_pool_nothing_begins_and_the_error_is_typed() {
    let begun = Arc::new(AtomicUsize::new(0));
    let count = || {
        let begun = Arc::clone(&begun);
        move || {
            begun.fetch_add(1, Ordering::Relaxed);
        }
    };
    let refused = |pool: &DataParallelRef, why: PoolRefusal| {
        assert_eq!(pool.spawn(count()), Err(why));
        let installed = pool.install(count());
        assert!(matches!(installed, Err(InstallError::Refused(r)) if r == why));
        let borrowed = pool.install_borrowing(count());
        assert!(matches!(borrowed, Err(InstallError::Refused(r)) if r == why));
    };
    let child = Child::data_parallel("crunch", DataParallel::new());
    let pool = child.handle();
    refused(&pool, PoolRefusal::NotRunning);
    let system = system();
    system.spawn(child).expect("started");
    assert!(system.stop_within(LONG).is_clean());
    refused(&pool, PoolRefusal::NotRunning);
    assert_eq!(begun.load(Ordering::Relaxed), 0);
    assert_eq!(pool.counters().refused, 6);
}

#[test]
fn more_work_than_the_bound_is_refused() {
    let (system, recorder) = recorded(config());
    let pool = pool(&system, DataParallel::new().threads(1).max_pending(2));
    let gate = Gate::new();
    let _open = OpenAtEnd(gate.clone());
    occupy(&pool, &gate);
    pool.spawn(|| ()).expect("taken");
    assert_eq!(pool.spawn(|| ()), Err(PoolRefusal::Full { max: 2 }));
    recorder.wait_for(LONG, "data_parallel.refused", 1);
}

// decision 7
#[test]
fn a_pool_without_threads_or_room_is_refused_with_all_errors() {
    let none = DataParallel::new().threads(0).max_pending(0);
    let refused = system().spawn(Child::data_parallel("crunch", none));
    let Err(StartError::Refused(ManageError::Invalid(errors))) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(errors.len(), 2, "{errors:?}");
}

// decision 7
#[test]
fn more_threads_than_a_pool_can_have_are_refused() {
    let many = DataParallel::new().threads(usize::MAX);
    let refused = system().spawn(Child::data_parallel("crunch", many));
    let Err(StartError::Refused(ManageError::Invalid(errors))) = refused else {
        panic!("{refused:?}");
    };
    let asked = |error: &SpecError| matches!(error, SpecError::TooManyThreads { threads, .. } if *threads == usize::MAX);
    assert!(errors.iter().all(asked) && errors.len() == 1, "{errors:?}");
}

#[test]
fn who_does_not_wait_any_longer_learns_whether_the_work_had_begun() {
    let (system, _recorder, manual) = timeless(config());
    let pool = single(&system);
    let gate = Gate::new();
    let _open = OpenAtEnd(gate.clone());
    let inside = gate.clone();
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| pool.install_timeout(SECOND, move || inside.pass()));
        gate.wait_for(1);
        manual.advance(SECOND);
        let begun = waits.join().expect("no panic");
        assert!(matches!(
            begun,
            Err(InstallError::TimedOut { started: true })
        ));
    });
    let queued = pool.install_timeout(Duration::ZERO, || panic!("begun after all"));
    assert!(matches!(
        queued.map(|(): ()| ()),
        Err(InstallError::TimedOut { started: false })
    ));
    gate.open();
    eventually("both are settled", || pool.counters().pending == 0);
    let counters = pool.counters();
    assert_eq!((counters.completed, counters.dropped), (1, 1));
}

// decision 13
#[test]
fn a_stop_of_the_caller_ends_its_wait() {
    let system = system();
    let pool = single(&system);
    let gate = Gate::new();
    let _open = OpenAtEnd(gate.clone());
    let (journal, inside) = (Journal::new(), gate.clone());
    let notes = journal.clone();
    let caller = Child::worker("caller", {
        let pool = pool.clone();
        move |_| {
            let inside = inside.clone();
            let ended = pool.install_timeout(FAR, move || inside.pass());
            notes.note(format!("{ended:?}"));
            Ok(())
        }
    });
    let caller = system.spawn(caller).expect("started");
    gate.wait_for(1);
    caller.terminate().expect("terminated");
    assert_eq!(journal.take(1), ["Err(CallerStopped { started: true })"]);
}

#[test]
fn a_stop_refuses_new_work_and_lets_what_was_taken_finish() {
    let system = system();
    let pool = single(&system);
    let gate = Gate::new();
    let _open = OpenAtEnd(gate.clone());
    occupy(&pool, &gate);
    let journal = Journal::new();
    let notes = journal.clone();
    pool.spawn(move || notes.note("queued")).expect("taken");
    system.request_stop(LONG);
    await_refusal(&pool);
    gate.open();
    assert!(system.stop_within(LONG).is_clean());
    assert_eq!(journal.take(1), ["queued"]);
    let counters = pool.counters();
    assert_eq!(counters.completed, counters.accepted);
}

#[test]
fn a_stop_without_draining_leaves_what_had_not_begun_and_says_how_much() {
    let (system, recorder) = recorded(config());
    let other = system.spawn(idler("other")).expect("started");
    let (pool, arrival) = (single(&system), Gate::new());
    arrival.open();
    let arrives = arrival.clone();
    let waits = move || {
        arrives.pass();
        // The stop of the pool ends this wait, as it ends a worker's.
        assert!(other.ended_timeout(FAR).is_none());
    };
    pool.spawn(waits).expect("taken");
    arrival.wait_for(1);
    pool.spawn(|| panic!("begun after all")).expect("taken");
    let report = system.stop_now(LONG);
    assert!(report.is_clean(), "{report}");
    assert_eq!(report.remarks[0].left, 1);
    let counters = pool.counters();
    assert_eq!((counters.completed, counters.dropped), (1, 1));
    recorder.wait_for(LONG, "data_parallel.lost", 1);
}

#[test]
fn work_that_does_not_end_is_abandoned_with_its_threads_and_its_caller_hears_of_it() {
    let system = system();
    let pool = single(&system);
    let gate = Gate::new();
    let _open = OpenAtEnd(gate.clone());
    let inside = gate.clone();
    let (report, lost) = std::thread::scope(|scope| {
        let waits = scope.spawn(|| pool.install_timeout(FAR, move || inside.pass()));
        gate.wait_for(1);
        let report = system.stop_within(Duration::from_millis(50));
        (report, waits.join().expect("no panic"))
    });
    assert!(!report.is_clean());
    let mut left: Vec<_> = report.threads_left.iter().collect();
    left.sort_by_key(|left| &left.thread);
    assert!(left.iter().all(|left| left.abandoned));
    assert_eq!(left[0].thread, "0<crunch<test");
    assert!(matches!(lost, Err(InstallError::Lost { started: true })));
    assert_eq!(pool.spawn(|| ()), Err(PoolRefusal::NotRunning));
}

#[test]
fn a_loan_that_had_not_begun_when_the_pool_was_given_up_never_does() {
    let system = system();
    let pool = single(&system);
    let gate = Gate::new();
    let _open = OpenAtEnd(gate.clone());
    occupy(&pool, &gate);
    let mut is_begun = false;
    let lost = std::thread::scope(|scope| {
        let waits = scope.spawn(|| pool.install_borrowing(|| is_begun = true));
        eventually("it is queued", || pool.counters().pending == 2);
        let report = system.stop_within(Duration::from_millis(50));
        assert!(!report.is_clean());
        gate.open();
        waits.join().expect("no panic")
    });
    assert!(matches!(lost, Err(InstallError::Lost { started: false })));
    assert!(!is_begun);
}

#[test]
fn a_late_effect_of_an_abandoned_pool_is_refused() {
    let system = system();
    let child = Child::data_parallel("crunch", DataParallel::new().threads(1));
    let pool = system
        .spawn(child.shutdown(Shutdown::Abandon))
        .expect("started");
    let gate = Gate::new();
    let _open = OpenAtEnd(gate.clone());
    let (inside, journal, own) = (gate.clone(), Journal::new(), pool.clone());
    let notes = journal.clone();
    let late = move || {
        inside.pass();
        notes.note(format!("{:?}", own.spawn(|| ())));
    };
    pool.spawn(late).expect("taken");
    gate.wait_for(1);
    pool.terminate().expect("terminated");
    gate.open();
    assert_eq!(journal.take(1), ["Err(Fenced)"]);
}

#[test]
fn a_restart_makes_a_new_pool_and_handles_go_on() {
    let system = system();
    let pool = single(&system);
    let before = pool
        .install(|| std::thread::current().id())
        .expect("computed");
    pool.terminate().expect("terminated");
    assert_eq!(pool.spawn(|| ()), Err(PoolRefusal::NotRunning));
    system.root().restart_child("crunch").expect("restarted");
    let after = pool
        .install(|| std::thread::current().id())
        .expect("computed");
    assert_ne!(before, after);
}

#[test]
fn the_threads_of_a_pool_are_named_counted_and_gone_after_the_stop() {
    let (ids, hooked) = (Journal::new(), Journal::new());
    let notes = hooked.clone();
    let hook = move |unit: &steadfast::UnitPath, _| notes.note(unit.to_string());
    let system = System::with(config().on_thread_start(hook)).expect("a system");
    let pool = pool(&system, DataParallel::new().threads(2));
    let own = ids.clone();
    pool.install(move || {
        let name = std::thread::current().name().map(str::to_owned);
        own.note(name.unwrap_or_default());
    })
    .expect("computed");
    let name = ids.take(1).remove(0);
    assert!(name.ends_with("<crunch<test"), "{name}");
    assert_eq!(hooked.take(3), ["test/crunch"; 3]);
    let threads = |system: &System| system.snapshot().threads.len();
    assert_eq!(threads(&system), 3);
    let report = system.stop_within(LONG);
    assert!(report.is_clean() && threads(&system) == 0, "{report}");
    let end = pool.ended_timeout(SECOND);
    assert!(matches!(end, Some(ExitReason::Stopped(_))));
}
