//! Timers under threads that race: what was cancelled or replaced delivers nothing.

use std::sync::Barrier;
use std::time::Duration;

use steadfast::channel;

use super::{next, settle};
use crate::support::{LONG, SECOND, config, system, timeless};

fn rounds(number: u32) -> u32 {
    let factor = std::env::var("STEADFAST_STORM")
        .ok()
        .and_then(|text| text.parse().ok());
    number * factor.unwrap_or(1)
}

// property 18
#[test]
fn nothing_is_delivered_after_a_cancel_that_races_with_the_firing_has_returned() {
    let system = system();
    let timers = system.timers();
    let (elsewhere, _others) = channel::bounded(1);
    let (mut won, mut lost) = (0, 0);
    for round in 0..rounds(3_000) {
        let (tx, rx) = channel::bounded(1);
        let timer = timers
            .after(Duration::from_micros(u64::from(round % 80)))
            .send(&tx, ());
        let timer = timer.expect("armed");
        // Others come and go meanwhile, so that now the cancel is first and now the steward.
        for _ in 0..round % 64 {
            let other = timers.after(LONG).send(&elsewhere, ()).expect("armed");
            assert!(other.cancel());
        }
        let cancelled = timer.cancel();
        let there = rx.depth();
        assert_eq!(cancelled, there == 0, "either cancelled or delivered");
        settle(&timers);
        assert_eq!(rx.depth(), there, "delivered after the cancel");
        won += u32::from(cancelled);
        lost += u32::from(!cancelled);
    }
    assert!(
        won > 0 && lost > 0,
        "no race: {won} cancelled, {lost} fired"
    );
    assert_eq!(system.pending_timers(), 0);
}

// property 18
#[test]
fn one_key_that_many_threads_arm_has_one_timer_and_one_delivery() {
    const THREADS: u32 = 4;
    let (system, _recorder, manual) = timeless(config());
    let timers = system.timers();
    let (tx, rx) = channel::bounded(64);
    for _ in 0..rounds(200) {
        let barrier = Barrier::new(THREADS as usize);
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let (timers, tx, barrier) = (&timers, &tx, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    timers
                        .after(SECOND)
                        .key("k")
                        .send(tx, thread)
                        .expect("armed");
                });
            }
        });
        assert_eq!(system.pending_timers(), 1);
        manual.advance(SECOND);
        next(&rx);
        settle(&timers);
        assert_eq!((rx.depth(), system.pending_timers()), (0, 0));
    }
}
