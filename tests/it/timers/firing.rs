//! When timers fire, and what arrives.

use std::time::Duration;

use steadfast::channel;
use steadfast::timer::{Every, Tick, TimerStats};
use steadfast::{Clock, SystemConfig};

use super::{next, settle};
use crate::support::{SECOND, config, system, timeless};

// S5
#[test]
fn a_value_arrives_once_and_when_it_is_due() {
    let (system, _recorder, manual) = timeless(config());
    let (tx, rx) = channel::bounded(4);
    let timers = system.timers();
    let timer = timers.after(10 * SECOND).send(&tx, "due").expect("armed");
    assert_eq!(timer.due(), Some(manual.now() + 10 * SECOND));
    manual.advance(10 * SECOND - Duration::from_nanos(1));
    settle(&timers);
    assert_eq!((rx.depth(), timer.is_pending()), (0, true));
    manual.advance(Duration::from_nanos(1));
    assert_eq!(next(&rx), "due");
    settle(&timers);
    manual.advance(100 * SECOND);
    settle(&timers);
    assert_eq!(
        (rx.depth(), timer.is_pending(), timer.due()),
        (0, false, None)
    );
    assert_eq!(timer.stats().ticks(), 1);
    assert_eq!(system.pending_timers(), 0);
}

#[test]
fn a_time_in_the_past_fires_at_once_and_once() {
    let (system, _recorder, manual) = timeless(config());
    let (tx, rx) = channel::bounded(4);
    let begin = manual.now();
    manual.advance(100 * SECOND);
    let timers = system.timers();
    timers.at(begin).send(&tx, 1).expect("armed");
    assert_eq!(next(&rx), 1);
    settle(&timers);
    assert_eq!(rx.depth(), 0);
}

#[test]
fn a_time_beyond_the_end_of_the_clock_stays_pending_and_can_be_cancelled() {
    let (system, _recorder, manual) = timeless(config());
    let (tx, rx) = channel::bounded(1);
    let timer = system
        .timers()
        .after(Duration::MAX)
        .send(&tx, ())
        .expect("armed");
    manual.advance(1_000_000 * SECOND);
    settle(&system.timers());
    assert_eq!(
        (timer.is_pending(), timer.due(), rx.depth()),
        (true, None, 0)
    );
    assert!(timer.cancel());
}

// S5: the first firing after one interval
#[test]
fn a_fixed_rate_keeps_to_the_times_of_its_arming() {
    let (system, _recorder, manual) = timeless(config());
    let (tx, rx) = channel::bounded(8);
    let begin = manual.now();
    let timers = system.timers();
    timers.every(Every::rate(SECOND)).send(&tx).expect("armed");
    for number in 1..=5_u32 {
        // Half a period late each time: the lateness does not add up.
        manual.advance(begin + SECOND * number + SECOND / 2 - manual.now());
        let tick = next(&rx);
        assert_eq!(tick.number, u64::from(number));
        assert_eq!((tick.due, tick.missed), (begin + SECOND * number, 0));
    }
}

#[test]
fn a_fixed_delay_comes_one_delay_after_the_delivery_before() {
    let (system, _recorder, manual) = timeless(config());
    let (tx, rx) = channel::bounded(8);
    let timers = system.timers();
    let timer = timers.every(Every::delay(SECOND)).send(&tx).expect("armed");
    for number in 1..=3 {
        assert_eq!(timer.due(), Some(manual.now() + SECOND));
        manual.advance(SECOND);
        let tick = next(&rx);
        settle(&timers);
        assert_eq!((tick.number, tick.due), (number, manual.now()));
    }
}

fn sum(ticks: &[Tick]) -> (u64, u64) {
    let missed = ticks.iter().map(|tick| tick.missed).sum();
    (ticks.len() as u64, missed)
}

// property 18, S5: missed ticks are coalesced and counted
#[test]
fn ticks_that_come_due_together_arrive_as_one_and_are_all_counted() {
    let (system, _recorder, manual) = timeless(config());
    let (tx, rx) = channel::bounded(64);
    let timers = system.timers();
    let timer = timers.every(Every::rate(SECOND)).send(&tx).expect("armed");
    let mut ticks = Vec::new();
    for jump in [1, 7, 1000, 2] {
        manual.advance(jump * SECOND);
        settle(&timers);
        ticks.extend(rx.drain());
    }
    assert_eq!(ticks.last().map(|tick| tick.number), Some(1010));
    let (delivered, missed) = sum(&ticks);
    assert!(delivered < 20, "{delivered} for four jumps");
    assert_eq!(delivered + missed, 1010);
    let stats = timer.stats();
    assert_eq!(
        (stats.delivered, stats.missed, stats.refused),
        (delivered, missed, 0)
    );
}

// S5: delivered, missed and refused are what the schedule says
#[test]
fn a_refused_tick_is_missing_from_the_next_that_arrives() {
    let (system, _recorder, manual) = timeless(config());
    let (tx, rx) = channel::bounded(1);
    let timers = system.timers();
    let timer = timers.every(Every::rate(SECOND)).send(&tx).expect("armed");
    for _ in 0..5 {
        manual.advance(SECOND);
        settle(&timers);
    }
    let first = next(&rx);
    manual.advance(SECOND);
    let second = next(&rx);
    settle(&timers);
    assert_eq!((first.number, first.missed), (1, 0));
    assert_eq!((second.number, second.missed), (6, 4));
    let TimerStats {
        delivered, refused, ..
    } = timer.stats();
    assert_eq!((delivered, refused, timer.stats().ticks()), (2, 4, 6));
}

#[test]
fn a_repeated_value_arrives_at_every_tick() {
    let (system, _recorder, manual) = timeless(config());
    let (tx, rx) = channel::bounded(8);
    let timers = system.timers();
    let timer = timers
        .every(Every::rate(SECOND))
        .repeat(&tx, 'x')
        .expect("armed");
    for _ in 0..3 {
        manual.advance(SECOND);
        assert_eq!(next(&rx), 'x');
    }
    assert_eq!(timer.every(), Some(Every::rate(SECOND)));
}

// property 18
#[test]
fn a_hundred_thousand_timers_fire_in_the_order_of_their_times() {
    const TIMERS: u64 = 100_000;
    let (system, _recorder, manual) = timeless(config());
    let (tx, rx) = channel::bounded(TIMERS as usize);
    let (timers, begin) = (system.timers(), manual.now());
    let mut expected: Vec<_> = (0..TIMERS)
        .map(|number| (number * 7919 % 1000, number))
        .collect();
    for (second, number) in &expected {
        let due = begin + SECOND + SECOND * (*second as u32);
        timers.at(due).send(&tx, (*second, *number)).expect("armed");
    }
    assert_eq!(system.pending_timers() as u64, TIMERS);
    manual.advance(2000 * SECOND);
    settle(&timers);
    // The order of the arming decides where the times are equal.
    expected.sort_by_key(|(second, _)| *second);
    assert!(rx.drain().eq(expected));
    assert_eq!(system.pending_timers(), 0);
}

#[test]
fn a_timer_in_real_time_does_not_fire_early() {
    let (system, clock) = (system(), Clock::system());
    let (tx, rx) = channel::bounded(1);
    for ms in [1, 3, 7] {
        let time = Duration::from_millis(ms);
        let begin = clock.now();
        system.timers().after(time).send(&tx, ()).expect("armed");
        next(&rx);
        assert!(clock.now() >= begin + time);
    }
}

#[test]
fn a_system_whose_only_work_is_a_timer_stops_in_order() {
    let system = steadfast::System::with(SystemConfig::new("alone").without_log()).expect("valid");
    let (tx, rx) = channel::bounded(1);
    system
        .timers()
        .after(Duration::ZERO)
        .send(&tx, ())
        .expect("armed");
    next(&rx);
    assert!(system.stop_within(SECOND).is_clean());
}
