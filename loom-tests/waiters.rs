//! Models of the wait layer: no wake-up is lost, none is swallowed, and what ends a wait is told truly.
//!
//! A wait that is never woken is a deadlock, which loom reports.

use std::time::{Duration, Instant};

use super::runner::{Model, here};
use crate::kernel::stop::{Level, StopSignal};
use crate::kernel::waiter::{Waiter, Wake};
use crate::kernel::waiters::{Alarm, WaitList, wait_for, wait_for_level};
use crate::sync::atomic::{AtomicU8, Ordering::Relaxed};
use crate::sync::{Arc, Mutex};

/// A clock whose time never comes.
struct Never;

impl Alarm for Never {
    fn now(&self) -> Instant {
        unreachable!("a wait without a deadline asks for no time")
    }

    fn park(&self, waiter: &Arc<Waiter>, _: Option<Instant>) {
        waiter.park();
    }
}

/// A flag that is raised without a lock, and those who wait for it.
struct Flag {
    raised: AtomicU8,
    list: WaitList,
}

impl Flag {
    fn new() -> Self {
        Self {
            raised: AtomicU8::new(0),
            list: WaitList::new(),
        }
    }

    /// Waits for the flag and returns how often it looked.
    fn wait(&self) -> u8 {
        let mut looks = 0;
        let ended = wait_for(&self.list, None, &Never, None, || {
            looks += 1;
            (self.raised.load(Relaxed) == 1).then_some(())
        });
        assert_eq!(ended, Ok(()));
        looks
    }
}

/// One waits for a flag, one raises it and notifies.
/// Allowed: seen at the first look, at the second (after entering the list), or at the third (after the wake-up).
/// Forbidden: asleep for ever; a look after a wake-up that does not see the flag (four looks).
/// Broken by: either fence, the second look. (Loom gives a parked thread all that its waker did, so the orderings of
/// the wake itself are for the models of `waiter`.)
#[test]
fn a_lock_free_change_is_never_missed() {
    let sites = ["waiters.enter", "waiters.notify", "waiters.recheck"];
    Model::new(here!(), Flag::new)
        .floor(1700)
        .breaks(sites)
        .run(
            [1, 2, 3],
            [Flag::wait, |it| {
                it.raised.store(1, Relaxed);
                it.list.notify_one();
                0
            }],
            |it, [looks, _]| {
                assert_eq!(it.list.len(), 0);
                looks
            },
        );
}

/// Two wait for a flag, one raises it and notifies all.
/// Allowed: each sees it at its first, second or third look. Forbidden: one asleep for ever, one left in the list.
/// Broken by: the fence of notify_all, the fence of entering, the second look.
#[test]
fn a_change_for_all_is_missed_by_nobody() {
    let looks = |first| (1..=3).map(move |second| (first, second));
    let sites = ["waiters.enter", "waiters.notify_all", "waiters.recheck"];
    Model::new(here!(), Flag::new)
        .preemptions(3)
        .floor(30_000)
        .breaks(sites)
        .run(
            (1..=3).flat_map(looks),
            [Flag::wait, Flag::wait, |it| {
                it.raised.store(1, Relaxed);
                it.list.notify_all();
                0
            }],
            |it, [one, two, _]| {
                assert_eq!(it.list.len(), 0);
                (one, two)
            },
        );
}

/// Items under a lock, as in a channel, a stop signal, and a time that a model may let come.
struct Items {
    items: Mutex<u8>,
    list: WaitList,
    stop: StopSignal,
    time: Mutex<Time>,
    start: Instant,
}

#[derive(Default)]
struct Time {
    come: bool,
    due: Option<Arc<Waiter>>,
}

impl Items {
    #[expect(
        clippy::disallowed_methods,
        reason = "an origin for a clock that stands still"
    )]
    fn new() -> Self {
        Self {
            items: Mutex::new(0),
            list: WaitList::new(),
            stop: StopSignal::new(),
            time: Mutex::new(Time::default()),
            start: Instant::now(),
        }
    }

    fn put(&self) {
        *self.items.lock() += 1;
        self.list.notify_one_after_lock();
    }

    fn try_take(&self) -> Option<()> {
        let mut items = self.items.lock();
        *items = items.checked_sub(1)?;
        Some(())
    }

    fn take(&self) -> Result<(), Wake> {
        wait_for(&self.list, None, &Never, None, || self.try_take())
    }

    fn take_unless_stopped(&self) -> Result<(), Wake> {
        wait_for(&self.list, Some(&self.stop), &Never, None, || {
            self.try_take()
        })
    }

    fn take_in_time(&self) -> Result<(), Wake> {
        let at = self.start + Duration::from_secs(1);
        wait_for(&self.list, None, self, Some(at), || self.try_take())
    }

    fn let_the_time_come(&self) {
        let due = {
            let mut time = self.time.lock();
            time.come = true;
            time.due.take()
        };
        if let Some(waiter) = due {
            waiter.wake(Wake::TimedOut);
        }
    }

    /// What is left, after it was checked that nobody is left in a list.
    fn left(&self) -> u8 {
        assert_eq!((self.list.len(), self.stop.waiting()), (0, 0));
        *self.items.lock()
    }
}

/// A clock that stands still until the time has come, as a manual clock is.
impl Alarm for Items {
    fn now(&self) -> Instant {
        self.start
    }

    fn park(&self, waiter: &Arc<Waiter>, _: Option<Instant>) {
        let come = {
            let mut time = self.time.lock();
            if !time.come {
                time.due = Some(Arc::clone(waiter));
            }
            time.come
        };
        if come {
            waiter.wake(Wake::TimedOut);
        } else {
            waiter.park();
            self.time.lock().due = None;
        }
    }
}

/// One takes an item, one puts it under the lock that every try takes, and notifies without a fence.
/// Allowed: taken. Forbidden: asleep for ever. Broken by: the second look.
#[test]
fn a_change_under_a_lock_needs_no_fence() {
    Model::new(here!(), Items::new)
        .floor(800)
        .breaks(["waiters.recheck"])
        .run(
            [(Ok(()), 0)],
            [Items::take, |it| {
                it.put();
                Ok(())
            }],
            |it, [taken, _]| (taken, it.left()),
        );
}

/// Two take an item each, one puts two.
/// Allowed: both taken. Forbidden: one asleep beside an item.
#[test]
fn two_items_wake_two_takers() {
    Model::new(here!(), Items::new)
        .preemptions(3)
        .floor(40_000)
        .breaks(["waiters.recheck"])
        .run(
            [(Ok(()), Ok(()), 0)],
            [Items::take, Items::take, |it| {
                it.put();
                it.put();
                Ok(())
            }],
            |it, [one, two, _]| (one, two, it.left()),
        );
}

/// One takes unless stopped, one puts, one stops.
/// Allowed: taken and nothing left; stopped and the item left. Forbidden: stopped with the item gone, asleep for ever.
#[test]
fn a_stop_and_an_item_compete_and_nothing_is_lost() {
    Model::new(here!(), Items::new)
        .preemptions(3)
        .floor(14_000)
        .run(
            [(Ok(()), 0), (Err(Wake::Stopped), 1)],
            [
                Items::take_unless_stopped,
                |it| {
                    it.put();
                    Ok(())
                },
                |it| {
                    it.stop.raise(Level::Drain, 1);
                    Ok(())
                },
            ],
            |it, [taken, ..]| (taken, it.left()),
        );
}

/// One takes while its unit drains, and leaves when a value has changed; one changes the value and nudges, one puts.
/// Allowed: taken; left as stopped or by the value, and the item left. Forbidden: asleep for ever, left with the item
/// gone. Broken by: the second look.
#[test]
fn a_wait_that_outlives_a_drain_misses_no_nudge() {
    Model::new(here!(), || {
        let it = Items::new();
        it.stop.raise(Level::Drain, 1);
        (it, AtomicU8::new(0))
    })
    .preemptions(3)
    .floor(19_000)
    .breaks(["waiters.recheck"])
    .run(
        [(Some(true), 0), (Some(false), 1)],
        [
            |(it, changed)| {
                let stop = Some((&it.stop, Level::Halt));
                let ended = wait_for_level(&it.list, stop, &Never, None, || {
                    let taken = it.try_take().is_some();
                    (taken || changed.load(Relaxed) == 1).then_some(taken)
                });
                ended.ok()
            },
            |(it, changed)| {
                changed.store(1, Relaxed);
                it.stop.nudge();
                None
            },
            |(it, _)| {
                it.put();
                None
            },
        ],
        |(it, _), [taken, ..]| (taken, it.left()),
    );
}

/// Two take, the first unless stopped; one stops and then puts one item. The first gives back what it takes.
/// Allowed: the second always gets it. Forbidden: the notification goes to the stopped one and ends there.
/// Broken by: a notifier that gives up at a waiter that was stopped.
#[test]
fn a_stopped_waiter_swallows_no_notification() {
    Model::new(here!(), Items::new)
        .preemptions(3)
        .floor(140_000)
        .breaks(["waiters.next"])
        .run(
            [(Ok(()), Ok(()), 0), (Err(Wake::Stopped), Ok(()), 0)],
            [
                |it| it.take_unless_stopped().inspect(|()| it.put()),
                Items::take,
                |it| {
                    it.stop.raise(Level::Drain, 1);
                    it.put();
                    Ok(())
                },
            ],
            |it, [one, two, _]| (one, two, it.left()),
        );
}

/// Two wait, the first also for something else (the stop's level), for which it looks only before it sleeps; one lets
/// that come and puts one item. Who takes the item gives it back, so that it does for both.
/// Allowed: both end, the item is left. Forbidden: the first leaves with something else and keeps the notification.
/// Broken by: a waiter that leaves without passing the notification on.
#[test]
fn a_waiter_that_leaves_with_something_else_passes_the_notification_on() {
    Model::new(here!(), Items::new)
        .preemptions(3)
        .floor(70_000)
        .breaks(["waiters.pass_on"])
        .run(
            [(Ok(()), Ok(()), 1)],
            [
                |it| {
                    let mut looks = 0;
                    wait_for(&it.list, None, &Never, None, || {
                        looks += 1;
                        let something_else = looks <= 2 && it.stop.level() > Level::Run;
                        if something_else {
                            Some(false)
                        } else {
                            it.try_take().map(|()| true)
                        }
                    })
                    .map(|item| {
                        if item {
                            it.put()
                        }
                    })
                },
                |it| it.take().inspect(|()| it.put()),
                |it| {
                    it.stop.raise(Level::Drain, 1);
                    it.put();
                    Ok(())
                },
            ],
            |it, [one, two, _]| (one, two, it.left()),
        );
}

/// One takes until a time, one puts, one lets the time come.
/// Allowed: taken and nothing left; timed out and the item left. Forbidden: timed out with the item gone, asleep for ever.
#[test]
fn a_deadline_and_an_item_compete_and_nothing_is_lost() {
    Model::new(here!(), Items::new)
        .preemptions(3)
        .floor(11_000)
        .run(
            [(Ok(()), 0), (Err(Wake::TimedOut), 1)],
            [
                Items::take_in_time,
                |it| {
                    it.put();
                    Ok(())
                },
                |it| {
                    it.let_the_time_come();
                    Ok(())
                },
            ],
            |it, [taken, ..]| {
                assert!(it.time.lock().due.is_none());
                (taken, it.left())
            },
        );
}

/// Two take, the first until a time; one lets the time come and then puts one item. The first gives back what it takes.
/// Allowed: the second always gets it. Forbidden: the notification ends with the one whose time had come.
/// Broken by: a notifier that gives up at a waiter whose time had come.
#[test]
fn a_timed_out_waiter_swallows_no_notification() {
    Model::new(here!(), Items::new)
        .preemptions(3)
        .floor(130_000)
        .breaks(["waiters.next"])
        .run(
            [(Ok(()), Ok(()), 0), (Err(Wake::TimedOut), Ok(()), 0)],
            [
                |it| it.take_in_time().inspect(|()| it.put()),
                Items::take,
                |it| {
                    it.let_the_time_come();
                    it.put();
                    Ok(())
                },
            ],
            |it, [one, two, _]| (one, two, it.left()),
        );
}

/// One waits in obedience to Halt only, one raises Drain and then Halt.
/// Allowed: stopped, at Halt. Forbidden: stopped at Drain, asleep for ever. Broken by: no second look while registering.
#[test]
fn a_wait_ends_at_the_level_that_it_obeys() {
    Model::new(here!(), Items::new)
        .preemptions(3)
        .floor(96)
        .breaks(["stop.late"])
        .run(
            [(Err(Wake::Stopped), Level::Halt, 0)],
            [
                |it| {
                    let ended = wait_for_level(
                        &it.list,
                        Some((&it.stop, Level::Halt)),
                        &Never,
                        None,
                        || it.try_take(),
                    );
                    (ended, it.stop.level())
                },
                |it| {
                    it.stop.raise(Level::Drain, 1);
                    it.stop.raise(Level::Halt, 2);
                    (Ok(()), Level::Halt)
                },
            ],
            |it, [(ended, level), _]| (ended, level, it.left()),
        );
}
