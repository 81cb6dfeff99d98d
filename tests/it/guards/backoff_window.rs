//! Windows of backoff: extended, never shortened, cleared, waited for.

use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use steadfast::guards::rate_limit::{BackoffWindow, BackoffWindowError};
use steadfast::time::ManualClock;
use steadfast::{Child, Restart};

use super::keyed_turns::Slow;
use crate::support::{FAR, Journal, LONG, SECOND, config, timeless};

fn still(keys: usize) -> (BackoffWindow<u32>, ManualClock) {
    let clock = ManualClock::new();
    let window = BackoffWindow::with(keys, clock.clock());
    (window.expect("valid"), clock)
}

// S14
#[test]
fn a_window_is_extended_and_never_shortened() {
    let (window, clock) = still(8);
    for (wait, left) in [(2, 2), (5, 5), (1, 5), (0, 5)] {
        window.set(&1, wait * SECOND).expect("room");
        assert_eq!(window.remaining(&1), Some(left * SECOND));
    }
    clock.advance(5 * SECOND - Duration::from_nanos(1));
    assert_eq!(window.remaining(&1), Some(Duration::from_nanos(1)));
    clock.advance(Duration::from_nanos(1));
    assert_eq!((window.remaining(&1), window.remaining(&2)), (None, None));
    assert!(!window.clear(&1), "it was over");
}

#[test]
fn a_window_may_be_closed_for_as_long_as_there_is_time() {
    let (window, clock) = still(8);
    for _ in 0..2 {
        window.set(&1, Duration::MAX).expect("room");
        clock.advance(FAR);
        assert!(window.remaining(&1) > Some(1_000 * FAR));
    }
    assert_eq!((window.purge(), window.len()), (0, 1));
}

// S14
#[test]
fn of_many_threads_the_longest_window_stays() {
    let (window, _clock) = still(8);
    let start = Barrier::new(4);
    thread::scope(|scope| {
        for thread in 0..4 {
            let (window, start) = (&window, &start);
            scope.spawn(move || {
                start.wait();
                for step in 0..1_000 {
                    let wait = Duration::from_millis(4 * step + thread);
                    window.set(&1, wait).expect("room");
                }
            });
        }
    });
    let longest = Duration::from_millis(4 * 999 + 3);
    assert_eq!(window.remaining(&1), Some(longest));
}

#[test]
fn a_wait_goes_on_while_its_window_is_extended() {
    let (window, clock) = still(8);
    window.set(&1, SECOND).expect("room");
    thread::scope(|scope| {
        let waiting = scope.spawn(|| (window.wait_timeout(&1, FAR), clock.now()));
        clock.wait_for_sleepers(1);
        window.set(&1, 3 * SECOND).expect("room");
        let over = clock.now() + 3 * SECOND;
        clock.advance(SECOND);
        clock.wait_for_sleepers(1);
        clock.advance(2 * SECOND);
        assert_eq!(waiting.join().expect("no panic"), (Ok(()), over));
    });
}

/// Ends all waits at the end of a test, also of one that fails.
struct OverAtEnd<'c>(&'c ManualClock);

impl Drop for OverAtEnd<'_> {
    fn drop(&mut self) {
        self.0.advance(3 * FAR);
    }
}

#[test]
fn a_cleared_window_ends_the_waits_for_it() {
    let (window, clock) = still(8);
    window.set(&1, FAR).expect("room");
    let journal = Journal::new();
    thread::scope(|scope| {
        let _over = OverAtEnd(&clock);
        scope.spawn(|| journal.note(format!("{:?}", window.wait_timeout(&1, 2 * FAR))));
        clock.wait_for_sleepers(1);
        assert!(window.clear(&1));
        assert_eq!(journal.take(1), ["Ok(())"]);
    });
    assert_eq!(window.wait_timeout(&1, Duration::ZERO), Ok(()));
}

#[test]
fn a_wait_that_ends_at_its_deadline_says_what_is_left() {
    let (window, clock) = still(8);
    window.set(&1, 3 * SECOND).expect("room");
    thread::scope(|scope| {
        let waiting = scope.spawn(|| window.wait_timeout(&1, SECOND));
        clock.wait_for_sleepers(1);
        clock.advance(SECOND);
        let retry_after = 2 * SECOND;
        let late = BackoffWindowError::TooLate { retry_after };
        assert_eq!(waiting.join().expect("no panic"), Err(late));
    });
}

#[test]
fn a_stop_ends_the_wait_for_a_window() {
    let (system, _recorder, clock) = timeless(config());
    let window = BackoffWindow::<u32>::with(8, clock.clock()).expect("valid");
    window.set(&1, FAR).expect("room");
    let journal = Journal::new();
    let notes = journal.clone();
    let child = Child::worker("caller", move |_| {
        notes.note("waits");
        notes.note(format!("{:?}", window.wait_timeout(&1, LONG)));
        Ok(())
    });
    let child = child.restart(Restart::Temporary);
    let worker = system.spawn(child).expect("started");
    journal.take(1);
    worker.terminate().expect("terminated");
    assert_eq!(journal.take(1), ["Err(Stopped)"]);
}

// property 43
#[test]
fn a_key_that_is_forgotten_while_it_is_looked_at_is_open() {
    let clock = ManualClock::new();
    let window = BackoffWindow::<Slow>::with(8, clock.clock());
    let (window, key) = (Arc::new(window.expect("valid")), Slow::default());
    window.set(&key, SECOND).expect("room");
    clock.advance(SECOND);
    let shared = Arc::clone(&window);
    key.run_while_compared(move || assert_eq!(shared.purge(), 1, "it is over"));
    assert_eq!((window.remaining(&key), window.len()), (None, 0));
}

// property 43
#[test]
fn a_key_whose_time_has_come_makes_room_for_another() {
    let (window, clock) = still(2);
    window.set(&1, SECOND).expect("room");
    window.set(&2, FAR).expect("room");
    let full = BackoffWindowError::TooManyKeys { keys: 2 };
    assert_eq!(window.set(&3, SECOND), Err(full));
    clock.advance(SECOND);
    assert_eq!(window.set(&3, SECOND), Ok(()));
    assert_eq!((window.len(), window.remaining(&2).is_some()), (2, true));
    clock.advance(SECOND);
    assert_eq!((window.purge(), window.len()), (1, 1));
    assert!(BackoffWindow::<u32>::with(0, clock.clock()).is_err());
}
