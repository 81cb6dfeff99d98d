//! Models of one waiter: one cause per wait, and what a wake carries.

use super::runner::{Model, here};
use crate::kernel::waiter::{Waiter, Wake, renew};
use crate::sync::atomic::{AtomicU8, Ordering::Relaxed};
use crate::sync::{Arc, Mutex};

/// A waiter, and a value that is written before it is woken. All is Relaxed but the waiter: only a happens-before makes
/// the value visible, and loom shows old values wherever there is none.
struct Carried {
    waiter: Waiter,
    value: AtomicU8,
}

impl Carried {
    fn new() -> Self {
        Self {
            waiter: Waiter::new(),
            value: AtomicU8::new(0),
        }
    }

    fn write_and_wake(&self) {
        self.value.store(1, Relaxed);
        self.waiter.wake(Wake::Notified);
    }

    fn read(&self) -> u8 {
        self.value.load(Relaxed)
    }
}

/// Allowed: nothing yet; woken, and the value is new. Forbidden: woken, and the value is old.
/// Broken by: a Relaxed wake, a Relaxed look at the cause.
#[test]
fn a_woken_thread_sees_what_was_done_before_the_wake() {
    Model::new(here!(), Carried::new)
        .floor(6)
        .breaks(["waiter.wake", "waiter.cause"])
        .run(
            [None, Some(1)],
            [
                |it| {
                    it.write_and_wake();
                    None
                },
                |it| it.waiter.cause().map(|_| it.read()),
            ],
            |_, [_, seen]| seen,
        );
}

/// Allowed: left first; woken first, and the value is new. Forbidden: woken first, and the value is old.
/// Broken by: a Relaxed wake, a Relaxed failure of the leave.
#[test]
fn a_leaving_thread_sees_what_was_done_before_the_wake_that_came_first() {
    Model::new(here!(), Carried::new)
        .floor(4)
        .breaks(["waiter.wake", "waiter.left"])
        .run(
            [None, Some(1)],
            [
                |it| {
                    it.write_and_wake();
                    None
                },
                |it| it.waiter.leave().map(|_| it.read()),
            ],
            |_, [_, seen]| seen,
        );
}

/// Allowed: exactly one of three ends the wait, and its cause stands. Forbidden: two winners, none, another's cause.
#[test]
fn one_cause_ends_a_wait() {
    let ends = [
        ([true, false, false], Some(Wake::Stopped)),
        ([false, true, false], Some(Wake::TimedOut)),
        ([false, false, true], None),
    ];
    Model::new(here!(), Waiter::new).floor(200).run(
        ends,
        [
            |it| it.wake(Wake::Stopped),
            |it| it.wake(Wake::TimedOut),
            |it| it.leave().is_none(),
        ],
        |it, won| (won, it.cause()),
    );
}

/// Where the waking thread finds the waiter, or leaves word that it came too early.
#[derive(Default)]
struct Slot {
    waiter: Option<Arc<Waiter>>,
    missed: bool,
}

/// Allowed: woken from or before the park; nobody was there to wake. Forbidden: asleep for ever (loom's deadlock).
#[test]
fn a_wake_before_or_during_the_park_is_not_lost() {
    Model::new(here!(), || Mutex::new(Slot::default()))
        .floor(94)
        .run(
            [None, Some(Wake::Stopped)],
            [
                |slot| {
                    let waiter = Arc::new(Waiter::new());
                    let missed = {
                        let mut slot = slot.lock();
                        slot.waiter = Some(Arc::clone(&waiter));
                        slot.missed
                    };
                    if !missed {
                        waiter.park();
                    }
                    waiter.cause()
                },
                |slot| {
                    let waiter = {
                        let mut slot = slot.lock();
                        slot.missed = slot.waiter.is_none();
                        slot.waiter.take()
                    };
                    if let Some(waiter) = waiter {
                        waiter.wake(Wake::Stopped);
                    }
                    None
                },
            ],
            |_, [cause, _]| cause,
        );
}

/// A waiter that its thread used, and a second reference to it, as a clock or a notifier holds one.
struct Used {
    own: Mutex<Option<Arc<Waiter>>>,
    foreign: Mutex<Option<Arc<Waiter>>>,
}

/// The thread leaves its wait and makes its waiter ready for the next one, while another wakes the first wait late.
/// Allowed: the late wake ends the first wait or nothing; the next wait is pending, on the same waiter or a new one.
/// Forbidden: the late wake ends the next wait.
#[test]
fn a_late_wake_does_not_reach_the_next_wait() {
    let state = || {
        let own = Arc::new(Waiter::new());
        let foreign = Mutex::new(Some(Arc::clone(&own)));
        Used {
            own: Mutex::new(Some(own)),
            foreign,
        }
    };
    Model::new(here!(), state).floor(25).run(
        [(true, false), (true, true), (false, false), (false, true)],
        [
            |it| {
                let own = it.own.lock().take().unwrap();
                let first = Arc::as_ptr(&own);
                own.leave();
                let next = renew(own);
                let is_same = std::ptr::eq(first, Arc::as_ptr(&next));
                *it.own.lock() = Some(next);
                is_same
            },
            |it| {
                let late = it.foreign.lock().take().unwrap();
                late.wake(Wake::TimedOut)
            },
        ],
        |it, [is_same, woke]| {
            let next = it.own.lock().take().unwrap();
            assert!(next.is_pending());
            (woke, is_same)
        },
    );
}
