//! In which order results come, and how far ahead a map goes.

use std::sync::{Arc, Barrier};

use steadfast::supervision::{SpawnRefusal, SpecError};

use super::{Pulled, hangs, plain};
use crate::support::{Gate, OpenAtEnd, eventually, system};

// property 15, T8
#[test]
fn results_come_in_the_order_of_the_items_whatever_ends_first() {
    let (system, gate) = (system(), Gate::new());
    let tasks = plain(&system);
    let map = tasks
        .map(0..4, hangs(&gate, |item| item == 0))
        .max_concurrency(2);
    let results = map.start().expect("started");
    std::thread::scope(|scope| {
        let reader = scope.spawn(move || results.collect::<Result<Vec<_>, _>>());
        eventually("the others are done", || tasks.stats().completed == 3);
        gate.open();
        let results = reader.join().expect("no panic").expect("no failure");
        assert_eq!(results, [0, 1, 2, 3]);
    });
}

// T8
#[test]
fn unordered_results_come_as_they_are_done() {
    let (system, gate) = (system(), Gate::new());
    let _open = OpenAtEnd(gate.clone());
    let tasks = plain(&system);
    let map = tasks
        .map(0..4, hangs(&gate, |item| item == 0))
        .max_concurrency(2);
    let mut results = map.unordered().start().expect("started");
    let mut early: Vec<_> = results.by_ref().take(3).map(Result::unwrap).collect();
    early.sort_unstable();
    assert_eq!(early, [1, 2, 3]);
    gate.open();
    assert_eq!(results.map(Result::unwrap).collect::<Vec<_>>(), [0]);
}

// T7, decision 41
#[test]
fn nothing_is_pulled_before_a_result_is_asked_for() {
    let (system, pulled) = (system(), Pulled::default());
    let tasks = plain(&system);
    let mut results = tasks
        .map(pulled.count(0_u64..), |item, _| Ok(*item))
        .max_concurrency(2)
        .buffer(3)
        .start()
        .expect("started");
    assert_eq!((pulled.get(), tasks.stats().slots), (0, 0));
    for taken in 1..50 {
        assert!(results.next().expect("endless").is_ok());
        assert!(pulled.get() <= taken + 2 + 3, "{} of {taken}", pulled.get());
    }
}

// T8, decision 41
#[test]
fn a_first_item_that_takes_long_lets_no_more_than_the_buffer_pile_up() {
    let (system, gate, pulled) = (system(), Gate::new(), Pulled::default());
    let tasks = plain(&system);
    let map = tasks.map(pulled.count(0..100), hangs(&gate, |item| item == 0));
    let results = map.max_concurrency(2).buffer(7).start().expect("started");
    std::thread::scope(|scope| {
        let reader = scope.spawn(move || results.map(Result::unwrap).collect::<Vec<_>>());
        eventually("all others are done", || {
            tasks.stats().completed == 8 && pulled.get() == 9
        });
        gate.open();
        let all = reader.join().expect("no panic");
        assert_eq!(all, (0..100).collect::<Vec<_>>());
    });
}

// T7
#[test]
fn a_result_is_there_while_the_item_after_it_hangs() {
    let (system, gate) = (system(), Gate::new());
    let _open = OpenAtEnd(gate.clone());
    let tasks = plain(&system);
    let map = tasks.map(0..1000, hangs(&gate, |item| item == 500));
    let mut results = map.max_concurrency(1).start().expect("started");
    for expected in 0..500 {
        assert_eq!(
            results.next().expect("there").expect("no failure"),
            expected
        );
    }
    gate.wait_for(1);
    gate.open();
    assert_eq!(results.count(), 500);
}

// T7, decision 41
#[test]
fn what_a_lane_took_with_an_item_that_hangs_is_done_by_the_others() {
    let (system, gate) = (system(), Gate::new());
    let _open = OpenAtEnd(gate.clone());
    let tasks = plain(&system);
    let map = tasks.map(0..1000, hangs(&gate, |item| item == 500));
    let map = map.max_concurrency(2).unordered();
    let mut results = map.start().expect("started");
    let others: u64 = results.by_ref().take(999).map(Result::unwrap).sum();
    assert_eq!(others, 999 * 500 - 500);
    gate.open();
    assert_eq!(results.map(Result::unwrap).collect::<Vec<_>>(), [500]);
}

// T7
#[test]
fn as_many_items_as_may_are_in_work_at_a_time() {
    const LANES: usize = 3;
    let system = system();
    let tasks = plain(&system);
    let meeting = Arc::new(Barrier::new(LANES));
    let map = tasks.map(0..30, move |item, _| {
        // Nobody passes before so many are in work.
        meeting.wait();
        Ok(*item)
    });
    let results = map.max_concurrency(LANES).start().expect("started");
    assert_eq!(
        results.map(Result::unwrap).collect::<Vec<_>>(),
        (0..30).collect::<Vec<_>>()
    );
}

#[test]
fn few_items_or_none_need_no_more_lanes_than_they_are() {
    let system = system();
    let tasks = plain(&system);
    let none = tasks
        .map(0..0_u64, |item, _| Ok(*item))
        .start()
        .expect("started");
    assert_eq!(none.count(), 0);
    assert_eq!(tasks.stats().started, 0);
    let one = tasks.map([7_u64], |item, _| Ok(*item)).max_concurrency(8);
    let mut one = one.start().expect("started");
    assert_eq!(one.next().expect("there").expect("no failure"), 7);
    assert!(one.next().is_none() && one.next().is_none());
    assert_eq!(tasks.stats().completed, 1);
}

// T7, property 62
#[test]
fn what_makes_no_sense_is_refused_as_a_whole_before_anything_is_pulled() {
    let (system, pulled) = (system(), Pulled::default());
    let tasks = plain(&system);
    let map = tasks.map(pulled.count(0..3), |item: &u64, _| Ok(*item));
    let map = map.max_concurrency(0).timeout(std::time::Duration::ZERO);
    let refusal = map.start().expect_err("invalid");
    let SpawnRefusal::Invalid(errors) = refusal else {
        panic!("{refusal}");
    };
    assert!(matches!(
        errors[..],
        [SpecError::ZeroConcurrency, SpecError::ZeroTimeout(_)]
    ));
    assert_eq!((pulled.get(), tasks.stats().refused), (0, 1));
}
