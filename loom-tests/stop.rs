//! Models of the stop signal: levels rise, the first cause stays, nobody is left asleep.

use super::runner::{Model, here};
use crate::kernel::stop::{Level, StopSignal};
use crate::kernel::waiter::{Waiter, Wake};
use crate::sync::Arc;
use crate::sync::atomic::{AtomicU8, Ordering::Relaxed};

/// A signal, and a value that is written before it is raised: Relaxed, so that only the signal makes it visible.
struct Carried {
    stop: StopSignal,
    value: AtomicU8,
}

/// Allowed: not raised; raised, and the value is new. Forbidden: raised, and the value is old.
/// Broken by: a Relaxed raise, a Relaxed look at the level.
#[test]
fn who_sees_a_level_sees_what_was_done_before_the_raise() {
    Model::new(here!(), || Carried {
        stop: StopSignal::new(),
        value: AtomicU8::new(0),
    })
    .floor(6)
    .breaks(["stop.raise", "stop.level"])
    .run(
        [None, Some((Level::Drain, 1))],
        [
            |it| {
                it.value.store(1, Relaxed);
                it.stop.raise(Level::Drain, 4);
                None
            },
            |it| match it.stop.level() {
                Level::Run => None,
                level => Some((level, it.value.load(Relaxed))),
            },
        ],
        |_, [_, seen]| seen,
    );
}

/// Two raises with causes 1 and 2, a third thread looks twice.
/// Allowed: the lower level rises first or not at all; the cause is that of the first rise. Forbidden: a level that
/// falls, a cause that changes, a rise that is reported twice.
#[test]
fn the_higher_level_stays_with_the_cause_of_the_first_rise() {
    let ends = [
        ([true, true, true], Level::Halt, Some(1)),
        ([false, true, true], Level::Halt, Some(2)),
    ];
    Model::new(here!(), StopSignal::new)
        .floor(590)
        .preemptions(3)
        .run(
            ends,
            [
                |it| it.raise(Level::Drain, 1),
                |it| it.raise(Level::Halt, 2),
                |it| {
                    let (first, second) = (it.level(), it.level());
                    first <= second
                },
            ],
            |it, results| (results, it.level(), it.cause()),
        );
}

/// A signal and a waiter that registers with it while it is raised.
struct Registering {
    stop: StopSignal,
    waiter: Arc<Waiter>,
}

impl Registering {
    fn new() -> Self {
        Self {
            stop: StopSignal::new(),
            waiter: Arc::new(Waiter::new()),
        }
    }
}

/// Allowed: the waiter is woken, whoever comes first, and nothing stays registered. Forbidden: a waiter that is
/// registered below a raised level and not woken. Broken by: no look at the level while registering.
#[test]
fn a_waiter_that_registers_during_a_raise_is_woken() {
    Model::new(here!(), Registering::new)
        .floor(4)
        .breaks(["stop.late"])
        .run(
            [(Some(Wake::Stopped), 0)],
            [
                |it| it.stop.register(&it.waiter, Level::Drain),
                |it| {
                    it.stop.raise(Level::Drain, 1);
                },
            ],
            |it, _| (it.waiter.cause(), it.stop.waiting()),
        );
}

/// Allowed: woken or forgotten first; nothing stays registered either way. Forbidden: a waiter left in the list.
#[test]
fn a_waiter_that_leaves_during_a_raise_leaves_nothing_behind() {
    Model::new(here!(), || {
        let it = Registering::new();
        it.stop.register(&it.waiter, Level::Drain);
        it
    })
    .floor(10)
    .run(
        [(None, 0), (Some(Wake::Stopped), 0)],
        [
            |it| {
                let cause = it.waiter.leave();
                it.stop.forget(&it.waiter);
                cause
            },
            |it| {
                it.stop.raise(Level::Halt, 1);
                None
            },
        ],
        |it, [cause, _]| (cause, it.stop.waiting()),
    );
}

/// One registers beyond the level and then looks at a value, one changes the value and nudges.
/// Allowed: woken, with either value seen; not woken, registered, and the new value seen. Forbidden: the old value seen
/// and not woken.
#[test]
fn a_nudge_beside_a_registration_is_not_missed() {
    Model::new(here!(), || {
        let stop = StopSignal::new();
        stop.raise(Level::Drain, 1);
        let (waiter, value) = (Arc::new(Waiter::new()), AtomicU8::new(0));
        (Registering { stop, waiter }, value)
    })
    .floor(15)
    .run(
        [
            (0, Some(Wake::Stopped), 0),
            (1, Some(Wake::Stopped), 0),
            (1, None, 1),
        ],
        [
            |(it, value)| {
                it.stop.register(&it.waiter, Level::Halt);
                value.load(Relaxed)
            },
            |(it, value)| {
                value.store(1, Relaxed);
                it.stop.nudge();
                0
            },
        ],
        |(it, _), [seen, _]| (seen, it.waiter.cause(), it.stop.waiting()),
    );
}
