//! Tests of the wait layer: its rules one by one, then all at once under contention.

use std::collections::VecDeque;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::thread::{Scope, ScopedJoinHandle};
use std::time::Duration;

use super::*;
use crate::sync::{give_way, on_threads};

const CAUSE: u8 = 3;

/// The real clock, as small as a wait needs it.
struct RealTime;

impl Alarm for RealTime {
    #[expect(
        clippy::disallowed_methods,
        reason = "the kernel's tests cannot import the clock of a room to the right"
    )]
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn park(&self, waiter: &Arc<Waiter>, at: Option<Instant>) {
        match at {
            Some(at) => waiter.park_timeout(at.saturating_duration_since(self.now())),
            None => waiter.park(),
        }
    }
}

/// A clock that stands still until the test wakes those who wait for it.
struct StoppedTime {
    due: Mutex<Vec<Arc<Waiter>>>,
    start: Instant,
}

impl StoppedTime {
    fn new() -> Self {
        Self {
            due: Mutex::new(Vec::new()),
            start: RealTime.now(),
        }
    }

    /// Wakes everyone whose deadline is registered; true if somebody was.
    fn ring(&self) -> bool {
        let due: Vec<_> = self.due.lock().drain(..).collect();
        due.iter()
            .map(|waiter| waiter.wake(Wake::TimedOut))
            .fold(false, |any, woken| any | woken)
    }
}

impl Alarm for StoppedTime {
    fn now(&self) -> Instant {
        self.start
    }

    fn park(&self, waiter: &Arc<Waiter>, at: Option<Instant>) {
        if at.is_some() {
            self.due.lock().push(Arc::clone(waiter));
        }
        waiter.park();
        self.due.lock().retain(|entry| !Arc::ptr_eq(entry, waiter));
    }
}

/// Items under a mutex, as in a channel.
#[derive(Default)]
struct Items {
    items: Mutex<VecDeque<u64>>,
    list: WaitList,
}

impl Default for WaitList {
    fn default() -> Self {
        Self::new()
    }
}

impl Items {
    fn put(&self, item: u64) {
        self.items.lock().push_back(item);
        self.list.notify_one_after_lock();
    }

    fn take(&self, stop: Option<&StopSignal>) -> Result<u64, Wake> {
        wait_for(&self.list, stop, &RealTime, None, || {
            self.items.lock().pop_front()
        })
    }

    fn taker<'s>(
        &'s self,
        scope: &'s Scope<'s, '_>,
        stop: Option<&'s StopSignal>,
    ) -> ScopedJoinHandle<'s, Result<u64, Wake>> {
        scope.spawn(move || self.take(stop))
    }

    fn until_waiting(&self, count: usize) {
        while self.list.len() != count {
            give_way();
        }
    }
}

fn nothing() -> Option<()> {
    None
}

fn soon() -> Instant {
    RealTime.now() + Duration::from_millis(5)
}

#[test]
fn what_is_there_is_taken_without_waiting() {
    let stop = StopSignal::new();
    stop.raise(Level::Halt, CAUSE);
    let past = RealTime.now();
    assert_eq!(
        wait_for(&WaitList::new(), Some(&stop), &RealTime, Some(past), || {
            Some(1)
        }),
        Ok(1)
    );
}

#[test]
fn a_stop_before_the_wait_ends_it_after_a_last_try() {
    let (list, stop) = (WaitList::new(), StopSignal::new());
    stop.raise(Level::Drain, CAUSE);
    let mut tries = 0;
    let ended = wait_for(&list, Some(&stop), &RealTime, None, || {
        tries += 1;
        nothing()
    });
    assert_eq!(ended, Err(Wake::Stopped));
    assert!(tries >= 2, "a try must follow the look at the signal");
    assert_eq!((list.len(), stop.waiting()), (0, 0));
}

#[test]
fn a_past_deadline_ends_the_wait() {
    let list = WaitList::new();
    assert_eq!(
        wait_for(&list, None, &RealTime, Some(RealTime.now()), nothing),
        Err(Wake::TimedOut)
    );
    assert_eq!(list.len(), 0);
}

#[test]
fn a_deadline_ends_the_wait_and_not_before() {
    let at = soon();
    assert_eq!(
        wait_for(&WaitList::new(), None, &RealTime, Some(at), nothing),
        Err(Wake::TimedOut)
    );
    assert!(RealTime.now() >= at);
}

#[test]
fn a_yield_on_the_last_try_wins_over_the_timeout() {
    let mut tries = 0;
    let taken = wait_for(&WaitList::new(), None, &RealTime, Some(soon()), || {
        tries += 1;
        (tries == 3).then_some(tries)
    });
    assert_eq!(taken, Ok(3));
}

#[test]
fn a_clock_that_stands_still_ends_the_wait_when_it_says_so() {
    let (time, list) = (StoppedTime::new(), WaitList::new());
    let at = time.now() + Duration::from_secs(3600);
    let ended = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| wait_for(&list, None, &time, Some(at), nothing));
        while !time.ring() {
            give_way();
        }
        waiting.join().unwrap()
    });
    assert_eq!(ended, Err(Wake::TimedOut));
    assert!(time.due.lock().is_empty());
}

/// A clock that notes whom it parks and says at once that the time has come.
#[derive(Default)]
struct Hasty {
    parked: Mutex<Vec<*const Waiter>>,
}

impl Alarm for Hasty {
    fn now(&self) -> Instant {
        RealTime.now()
    }

    fn park(&self, waiter: &Arc<Waiter>, _: Option<Instant>) {
        self.parked.lock().push(Arc::as_ptr(waiter));
        waiter.wake(Wake::TimedOut);
    }
}

#[test]
fn a_thread_waits_with_the_same_waiter_again_and_again() {
    let (list, hasty) = (WaitList::new(), Hasty::default());
    for _ in 0..3 {
        let ended = wait_for(&list, None, &hasty, Some(hasty.now()), nothing);
        assert_eq!(ended, Err(Wake::TimedOut));
    }
    let parked = hasty.parked.into_inner();
    assert_eq!(parked.len(), 3);
    assert!(parked.iter().all(|waiter| *waiter == parked[0]));
}

#[test]
fn a_rise_below_the_obeyed_level_does_not_end_the_wait() {
    let (items, stop) = (Items::default(), StopSignal::new());
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            wait_for_level(
                &items.list,
                Some((&stop, Level::Halt)),
                &RealTime,
                None,
                || items.items.lock().pop_front(),
            )
        });
        items.until_waiting(1);
        stop.raise(Level::Drain, CAUSE);
        items.put(8);
        assert_eq!(waiting.join().unwrap(), Ok(8));
    });
}

#[test]
fn waiters_are_notified_in_the_order_they_came() {
    let (items, order) = (Items::default(), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        let (items, order) = (&items, &order);
        let mut takers = Vec::new();
        for number in 0..4 {
            takers.push(scope.spawn(move || {
                let item = items.take(None);
                order.lock().push((number, item));
            }));
            items.until_waiting(number + 1);
        }
        for item in 0..4 {
            items.put(item);
            while order.lock().len() as u64 != item + 1 {
                give_way();
            }
        }
        takers.into_iter().for_each(|taker| taker.join().unwrap());
    });
    assert_eq!(
        order.into_inner(),
        [(0, Ok(0)), (1, Ok(1)), (2, Ok(2)), (3, Ok(3))]
    );
}

#[test]
fn a_waiter_whose_item_was_snatched_keeps_its_place() {
    let list = WaitList::new();
    let (first, second) = (Arc::new(Waiter::new()), Arc::new(Waiter::new()));
    let ticket = list.enter(&first, None);
    list.enter(&second, None);
    list.notify_one();
    assert_eq!(first.cause(), Some(Wake::Notified));
    let again = Arc::new(Waiter::new());
    assert_eq!(list.enter(&again, Some(ticket)), ticket);
    list.notify_one();
    assert_eq!(
        (again.cause(), second.cause()),
        (Some(Wake::Notified), None)
    );
}

#[test]
fn a_notification_skips_a_waiter_that_was_stopped() {
    let list = WaitList::new();
    let (stopped, next) = (Arc::new(Waiter::new()), Arc::new(Waiter::new()));
    list.enter(&stopped, None);
    list.enter(&next, None);
    stopped.wake(Wake::Stopped);
    list.notify_one();
    assert_eq!((next.cause(), list.len()), (Some(Wake::Notified), 0));
}

#[test]
fn a_notified_waiter_that_leaves_unanswered_passes_it_on() {
    let list = WaitList::new();
    let (leaves, next) = (Arc::new(Waiter::new()), Arc::new(Waiter::new()));
    let seat = Seat::take(&leaves, &list, None, None);
    list.enter(&next, None);
    list.notify_one();
    assert_eq!(next.cause(), None);
    drop(seat);
    assert_eq!(next.cause(), Some(Wake::Notified));
}

#[test]
fn a_try_that_panics_leaves_no_waiter_behind() {
    let (list, stop) = (WaitList::new(), StopSignal::new());
    let mut tries = 0;
    let outcome = std::thread::scope(|scope| {
        let body = scope.spawn(|| {
            wait_for(&list, Some(&stop), &RealTime, None, || {
                tries += 1;
                assert!(tries < 2, "planted");
                nothing()
            })
        });
        body.join()
    });
    assert!(outcome.is_err());
    assert_eq!((list.len(), stop.waiting()), (0, 0));
}

#[test]
fn notify_all_wakes_everyone() {
    let (list, open) = (WaitList::new(), AtomicBool::new(false));
    let ended = on_threads(5, |number| {
        if number < 4 {
            return wait_for(&list, None, &RealTime, None, || {
                open.load(Ordering::Relaxed).then_some(())
            });
        }
        while list.len() != 4 {
            give_way();
        }
        open.store(true, Ordering::Relaxed);
        list.notify_all();
        Ok(())
    });
    assert!(ended.iter().all(Result::is_ok));
    assert_eq!(list.len(), 0);
}

#[test]
fn one_of_many_is_stopped_and_the_others_get_every_item() {
    const ROUNDS: usize = 300;
    const MOST_ROUNDS: usize = 100 * ROUNDS;
    let (mut stopped, mut served) = (0, 0);
    for round in 0..MOST_ROUNDS {
        if round >= ROUNDS && stopped > 0 && served > 0 {
            break;
        }
        let (items, stop) = (Items::default(), StopSignal::new());
        std::thread::scope(|scope| {
            let others = [items.taker(scope, None), items.taker(scope, None)];
            let victim = items.taker(scope, Some(&stop));
            let raiser = scope.spawn(|| stop.raise(Level::Drain, CAUSE));
            items.put(1);
            items.put(2);
            if victim.join().unwrap() == Err(Wake::Stopped) {
                stopped += 1;
            } else {
                served += 1;
                items.put(3);
            }
            assert!(
                others
                    .into_iter()
                    .all(|taker| taker.join().unwrap().is_ok())
            );
            assert!(raiser.join().unwrap());
        });
    }
    assert!(stopped > 0 && served > 0, "one of the two always won");
}

#[test]
fn every_item_arrives_once_under_contention() {
    const TAKERS: u64 = 4;
    const EACH: u64 = 5_000;
    const HALF: u64 = TAKERS * EACH / 2;
    let (items, start) = (Items::default(), Barrier::new(6));
    let waited = AtomicUsize::new(0);
    let sums = on_threads(6, |number| {
        start.wait();
        if number < 4 {
            return (0..EACH).map(|_| items.take(None).unwrap()).sum();
        }
        for item in 1..=HALF {
            // Now and then until the takers have run dry: else fast producers keep them from ever waiting.
            while item % 500 == 1 && items.list.len() == 0 {
                give_way();
            }
            waited.fetch_add(usize::from(items.list.len() > 0), Ordering::Relaxed);
            items.put(item);
        }
        0
    });
    assert_eq!(sums.into_iter().sum::<u64>(), HALF * (HALF + 1));
    assert_eq!(items.list.len(), 0);
    assert!(
        waited.into_inner() > 20,
        "hardly anybody waited: no contention"
    );
}

#[test]
fn items_arrive_once_though_takers_time_out_and_come_again() {
    const TAKERS: usize = 3;
    const ITEMS: u64 = 3_000;
    let items = Items::default();
    let (taken, timeouts) = (AtomicU64::new(0), AtomicUsize::new(0));
    let sums = on_threads(TAKERS + 1, |number| {
        if number == TAKERS {
            for item in 1..=ITEMS {
                // Now and then until somebody has timed out: else fast takers never do.
                let before = timeouts.load(Ordering::Relaxed);
                while item % 300 == 0 && timeouts.load(Ordering::Relaxed) == before {
                    give_way();
                }
                items.put(item);
            }
            return 0;
        }
        let mut sum = 0;
        while taken.load(Ordering::Relaxed) < ITEMS {
            let until = RealTime.now() + Duration::from_micros(50);
            match wait_for(&items.list, None, &RealTime, Some(until), || {
                items.items.lock().pop_front()
            }) {
                Ok(item) => {
                    sum += item;
                    taken.fetch_add(1, Ordering::Relaxed);
                }
                Err(cause) => {
                    assert_eq!(cause, Wake::TimedOut);
                    timeouts.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
        sum
    });
    assert_eq!(sums.into_iter().sum::<u64>(), ITEMS * (ITEMS + 1) / 2);
    assert_eq!(items.list.len(), 0);
    assert!(timeouts.into_inner() >= 10, "hardly a wait timed out");
}
