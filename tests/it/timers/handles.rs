//! What a handle of a timer can be asked: cancel, replace, force, reschedule.

use steadfast::channel;
use steadfast::fault::{Category, Classify};
use steadfast::timer::{Every, TimerError};

use super::{next, settle};
use crate::support::{SECOND, config, timeless};

// property 18
#[test]
fn a_cancelled_timer_delivers_nothing_and_only_one_cancel_succeeds() {
    let (system, _recorder, manual) = timeless(config());
    let (tx, rx) = channel::bounded(4);
    let timers = system.timers();
    let timer = timers.after(SECOND).send(&tx, ()).expect("armed");
    assert!(timer.clone().cancel());
    assert!(!timer.cancel() && !timer.is_pending());
    assert_eq!(system.pending_timers(), 0);
    manual.advance(10 * SECOND);
    settle(&timers);
    assert_eq!(rx.depth(), 0);
}

#[test]
fn a_timer_that_has_fired_cannot_be_cancelled() {
    let (system, _recorder, manual) = timeless(config());
    let (tx, rx) = channel::bounded(4);
    let timer = system.timers().after(SECOND).send(&tx, ()).expect("armed");
    manual.advance(SECOND);
    next(&rx);
    settle(&system.timers());
    assert!(!timer.cancel());
}

// property 18, S5, decision 48: a key names one pending timer of its owner
#[test]
fn arming_with_a_key_again_replaces_the_timer_that_had_it() {
    let (system, _recorder, manual) = timeless(config());
    let (tx, rx) = channel::bounded(8);
    let timers = system.timers();
    let flush = |value, at| {
        timers
            .after(at)
            .key("flush")
            .send(&tx, value)
            .expect("armed")
    };
    let old = flush("old", SECOND);
    let other = timers
        .after(3 * SECOND)
        .key("other")
        .send(&tx, "other")
        .expect("armed");
    let new = flush("new", 2 * SECOND);
    assert_eq!(
        (old.is_pending(), new.is_pending(), timers.pending()),
        (false, true, 2)
    );
    assert!(!old.cancel(), "the old handle does not reach the new timer");
    manual.advance(10 * SECOND);
    settle(&timers);
    assert_eq!(rx.drain().collect::<Vec<_>>(), ["new", "other"]);
    assert_eq!((new.key(), other.key()), (Some("flush"), Some("other")));
}

#[test]
fn the_key_of_a_timer_that_is_over_is_free_again() {
    let (system, _recorder, manual) = timeless(config());
    let (tx, rx) = channel::bounded(8);
    let timers = system.timers();
    for round in 0..3 {
        timers
            .after(SECOND)
            .key("k")
            .send(&tx, round)
            .expect("armed");
        manual.advance(SECOND);
        assert_eq!(next(&rx), round);
        settle(&timers);
        assert!(timers.get("k").is_none());
    }
}

// S5: force adds exactly one delivery and keeps one chain
#[test]
fn a_forced_tick_is_one_more_and_the_schedule_goes_on_as_before() {
    let (system, _recorder, manual) = timeless(config());
    let (tx, rx) = channel::bounded(8);
    let timers = system.timers();
    let timer = timers.every(Every::rate(SECOND)).send(&tx).expect("armed");
    let due = timer.due();
    timer.fire_now().expect("delivered");
    timer.fire_now().expect("delivered");
    assert_eq!((timer.due(), timers.pending()), (due, 1));
    for _ in 0..3 {
        manual.advance(SECOND);
        settle(&timers);
    }
    let numbers: Vec<_> = rx.drain().map(|tick| tick.number).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
}

#[test]
fn a_one_shot_that_is_forced_has_fired() {
    let (system, _recorder, manual) = timeless(config());
    let (tx, rx) = channel::bounded(8);
    let timers = system.timers();
    let timer = timers.after(SECOND).send(&tx, ()).expect("armed");
    timer.fire_now().expect("delivered");
    assert_eq!(timer.fire_now(), Err(TimerError::Over));
    manual.advance(SECOND);
    settle(&timers);
    assert_eq!((rx.depth(), timers.pending()), (1, 0));
}

#[test]
fn a_forced_tick_that_is_not_taken_is_an_error() {
    let (system, _recorder, _manual) = timeless(config());
    let (tx, rx) = channel::bounded(1);
    let timer = system
        .timers()
        .every(Every::rate(SECOND))
        .send(&tx)
        .expect("armed");
    timer.fire_now().expect("room");
    assert_eq!(timer.fire_now(), Err(TimerError::Full));
    drop(rx);
    assert_eq!(timer.fire_now(), Err(TimerError::Disconnected));
    assert_eq!((timer.is_pending(), system.pending_timers()), (false, 0));
}

// property 18, S5: after an update the superseded tick never fires
#[test]
fn another_interval_begins_at_once_and_takes_the_place_of_the_old_one() {
    let (system, _recorder, manual) = timeless(config());
    let (tx, rx) = channel::bounded(8);
    let timers = system.timers();
    let timer = timers
        .every(Every::rate(10 * SECOND))
        .send(&tx)
        .expect("armed");
    manual.advance(9 * SECOND);
    timer.reschedule(Every::rate(20 * SECOND)).expect("pending");
    assert_eq!(timer.every(), Some(Every::rate(20 * SECOND)));
    manual.advance(19 * SECOND);
    settle(&timers);
    assert_eq!((rx.depth(), timers.pending()), (0, 1));
    manual.advance(SECOND);
    assert_eq!(next(&rx).due, manual.now());
    timer.reschedule(Every::rate(SECOND)).expect("pending");
    manual.advance(SECOND);
    assert_eq!(next(&rx).number, 2);
}

#[test]
fn what_makes_no_sense_is_a_typed_error() {
    let (system, _recorder, _manual) = timeless(config());
    let (tx, _rx) = channel::bounded(8);
    let (unit_tx, _unit_rx) = channel::bounded(8);
    let timers = system.timers();
    let zero = Every::delay(std::time::Duration::ZERO);
    let refused = timers.every(zero).send(&tx).expect_err("zero");
    assert_eq!(
        (refused, refused.category()),
        (TimerError::ZeroInterval, Category::Validation)
    );
    let timer = timers.every(Every::rate(SECOND)).send(&tx).expect("armed");
    assert_eq!(timer.reschedule(zero), Err(TimerError::ZeroInterval));
    timer.cancel();
    assert_eq!(timer.reschedule(Every::rate(SECOND)), Err(TimerError::Over));
    let once = timers.after(SECOND).send(&unit_tx, ()).expect("armed");
    assert_eq!(
        once.reschedule(Every::rate(SECOND)),
        Err(TimerError::NotPeriodic)
    );
    assert_eq!(timers.pending(), 1);
}

// S5: schedules are listed, and all of an owner can go at once
#[test]
fn the_timers_of_an_owner_are_listed_found_by_key_and_cancelled_together() {
    let (system, _recorder, manual) = timeless(config());
    let (tx, rx) = channel::bounded(8);
    let timers = system.timers();
    for (key, seconds) in [("slow", 9), ("fast", 2)] {
        let every = Every::rate(seconds * SECOND);
        timers.every(every).key(key).send(&tx).expect("armed");
    }
    let listed: Vec<_> = timers
        .list()
        .iter()
        .map(|timer| timer.key().map(str::to_owned))
        .collect();
    assert_eq!(listed, [Some("slow".to_owned()), Some("fast".to_owned())]);
    manual.advance(2 * SECOND);
    next(&rx);
    settle(&timers);
    let fast = timers.get("fast").expect("pending");
    assert_eq!(
        (fast.stats().delivered, fast.stats().last),
        (1, Some(manual.now()))
    );
    assert_eq!((timers.cancel_all(), timers.pending()), (2, 0));
    manual.advance(100 * SECOND);
    settle(&timers);
    assert_eq!(rx.depth(), 0);
}

#[test]
fn dropping_the_handles_does_nothing_to_a_timer() {
    let (system, _recorder, manual) = timeless(config());
    let (tx, rx) = channel::bounded(1);
    drop(system.timers().after(SECOND).send(&tx, 7).expect("armed"));
    manual.advance(SECOND);
    assert_eq!(next(&rx), 7);
}
