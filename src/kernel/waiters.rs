//! The wait layer: a list of waiting threads, and `wait_for`, through which every wait of the crate goes.
//!
//! # State
//! A list holds, under a lock, its waiters in the order of their tickets, and beside the lock their number. Each
//! waiter's own byte (`waiter`) says why its wait ended; the list, a stop signal and an alarm compete to write it.
//!
//! # Invariants
//! * I1: the number equals the length of the queue whenever the lock is free; it is stored only under the lock.
//! * I2: the queue is ordered by ticket. A ticket is drawn once per `wait_for` and kept over its retries, so a waiter
//!   whose item was snatched away goes back to its old place: first come, first notified.
//! * I3: a waiter is out of the queue before, or in the same locked section as, it is marked notified.
//! * I4: every notification is followed by a `try_op` of the notified thread, or is passed on.
//! * I5: a thread parks only after it entered the stop's list and this one and then tried once more.
//!
//! # Protocol
//! * P1 `wait_for`: try; on failure, until the wait has ended: [enter the stop's list; enter the list; fence] → try
//!   again → spin, park → [leave]. Notified: try; on failure once more from the start with the old ticket. Stopped or
//!   timed out: try a last time, then give up with the cause.
//! * P2 `enter`: lock; insert by ticket; store the number; unlock; fence.
//! * P3 `notify_one`: fence; load the number; zero: done. Else lock; take from the front until a waiter could be
//!   marked notified; store the number; unlock; unpark it.
//! * P4 leave (`Seat::drop`): end the wait from inside. Came a notification first that no try has followed, pass it on
//!   (P3); came none, take the waiter out of the queue. Then leave the stop's list.
//!
//! # No wake-up is lost
//! The waiter stores the number (P2) and then looks at the state; the notifier changes the state and then looks at the
//! number (P3). Both have a `fence(SeqCst)` in between, and fences have one order:
//! * the waiter's fence is first: the notifier's load comes after it and sees the number; it locks the queue, finds the
//!   waiter (I1) and wakes it;
//! * the notifier's fence is first: the waiter's second try comes after it and sees the changed state.
//!
//! If the state is changed under a mutex that every `try_op` takes (a flume channel does), that mutex orders the two
//! instead: a try that did not see the change left the mutex before the change took it, and with it came the number.
//! Then [`notify_one_after_lock`](WaitList::notify_one_after_lock) does without the fence: one load.
//!
//! # Orderings
//! | site | ordering | pairs with | why |
//! |---|---|---|---|
//! | `waiters.enter` | SeqCst (fence) | `waiters.notify` | the handshake above |
//! | `waiters.notify` | SeqCst (fence) | `waiters.enter` | the handshake above |

use std::collections::VecDeque;
use std::fmt;
use std::iter;
use std::time::Instant;

use super::stop::{Level, StopSignal};
use super::waiter::{self, Waiter};
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::{Arc, Mutex, fence, ord, recheck};

pub(crate) use super::waiter::Wake;

/// The clock's side of a wait: parks a thread until it is woken or the time has come.
pub(crate) trait Alarm {
    /// The present time of this clock.
    fn now(&self) -> Instant;

    /// Parks the current thread, whose waiter this is, until the waiter is woken or `at` is reached. May return early;
    /// the wait then calls it again.
    ///
    /// A real clock parks with a timeout. A manual clock keeps `(at, Arc::clone(waiter))`, calls [`Waiter::park`], and
    /// removes the entry before it returns; when its time comes to `at` it calls `waiter.wake(Wake::TimedOut)`, which
    /// has no effect on a wait that has ended. Keeping the clone is what keeps the waiter from being used again.
    fn park(&self, waiter: &Arc<Waiter>, at: Option<Instant>);
}

/// Threads that wait for the same thing, first come, first notified.
///
/// The waiters of one list are interchangeable: what one of them is notified about, any other may take.
pub(crate) struct WaitList {
    waiting: AtomicUsize,
    queue: Mutex<Queue>,
}

struct Queue {
    seats: VecDeque<(u64, Arc<Waiter>)>,
    next_ticket: u64,
}

impl WaitList {
    /// A list that nobody waits in.
    pub(crate) fn new() -> Self {
        Self {
            waiting: AtomicUsize::new(0),
            queue: Mutex::new(Queue {
                seats: VecDeque::new(),
                next_ticket: 0,
            }),
        }
    }

    /// How many threads wait: one load, and old news at once.
    pub(crate) fn len(&self) -> usize {
        // Relaxed: a number for people and statistics publishes nothing.
        self.waiting.load(Ordering::Relaxed)
    }

    /// Wakes the thread that has waited longest, if one waits. Call it after the change that the thread waits for.
    ///
    /// Right for every kind of state, lock-free ones too. With nobody waiting it costs a fence and a load.
    pub(crate) fn notify_one(&self) {
        // SeqCst: P3, pairs with the fence in `enter` (P2).
        fence(ord!("waiters.notify", SeqCst));
        self.notify_one_after_lock();
    }

    /// As [`notify_one`](Self::notify_one) without the fence: one load with nobody waiting.
    ///
    /// Only for a state that is changed under a mutex which *every* `try_op` of this list takes as well.
    pub(crate) fn notify_one_after_lock(&self) {
        // Relaxed: ordered by the fence before it, or by the mutex of the state (see "No wake-up is lost").
        if self.waiting.load(Ordering::Relaxed) == 0 {
            return;
        }
        if let Some(waiter) = self.mark_first() {
            waiter.unpark();
        }
    }

    /// Wakes every thread that waits now. Call it after the change; costs as [`notify_one`](Self::notify_one).
    pub(crate) fn notify_all(&self) {
        // SeqCst: P3, pairs with the fence in `enter` (P2).
        fence(ord!("waiters.notify_all", SeqCst));
        // Relaxed: ordered by the fence.
        if self.waiting.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut queue = self.queue.lock();
        for (_, waiter) in queue.seats.drain(..) {
            waiter.wake(Wake::Notified);
        }
        self.publish(&queue);
    }

    /// Takes waiters from the front until one could be marked notified: the others were ended by a stop or an alarm.
    fn mark_first(&self) -> Option<Arc<Waiter>> {
        let mut queue = self.queue.lock();
        let mut front = iter::from_fn(|| queue.seats.pop_front()).map(|(_, waiter)| waiter);
        let mut marked = front.next().filter(|waiter| waiter.mark(Wake::Notified));
        if marked.is_none() {
            marked = recheck!(
                "waiters.next",
                front.find(|waiter| waiter.mark(Wake::Notified))
            );
        }
        self.publish(&queue);
        marked
    }

    /// Adds a waiter at the place of its ticket, or with a new ticket at the end.
    fn enter(&self, waiter: &Arc<Waiter>, ticket: Option<u64>) -> u64 {
        let mut queue = self.queue.lock();
        let ticket = ticket.unwrap_or_else(|| {
            queue.next_ticket += 1;
            queue.next_ticket
        });
        let at = queue
            .seats
            .partition_point(|(earlier, _)| *earlier < ticket);
        queue.seats.insert(at, (ticket, Arc::clone(waiter)));
        self.publish(&queue);
        drop(queue);
        // SeqCst: P2, pairs with the fences in `notify_one` and `notify_all` (P3).
        fence(ord!("waiters.enter", SeqCst));
        ticket
    }

    /// Takes the waiter with this ticket out, if it is still there.
    fn remove(&self, ticket: u64) {
        let mut queue = self.queue.lock();
        if let Ok(at) = queue
            .seats
            .binary_search_by_key(&ticket, |(ticket, _)| *ticket)
        {
            queue.seats.remove(at);
        }
        self.publish(&queue);
    }

    fn publish(&self, queue: &Queue) {
        // Relaxed: stored under the lock (I1), read after a fence or a mutex (see "No wake-up is lost").
        self.waiting.store(queue.seats.len(), Ordering::Relaxed);
    }
}

/// Whoever frees a wait list has seen all that others did with it, by the fence in the drop of an `Arc`. The
/// ThreadSanitizer knows no fences; in tests the lock tells it the same.
#[cfg(all(test, not(loom)))]
impl Drop for WaitList {
    fn drop(&mut self) {
        drop(self.queue.lock());
    }
}

impl fmt::Debug for WaitList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitList")
            .field("waiting", &self.len())
            .finish_non_exhaustive()
    }
}

/// Runs `try_op` until it yields, `stop` has been raised (to `Drain` or above) or `until` has come.
///
/// What `try_op` yields wins: after a stop or a timeout it runs once more. It must look at all that the wait is about
/// each time, must not block, and must take what a notification announced whenever it yields (else it must notify
/// again, or what changed must have been told to all by [`WaitList::notify_all`]).
///
/// # Errors
/// The cause that ended the wait first: [`Wake::Stopped`] or [`Wake::TimedOut`], never [`Wake::Notified`].
pub(crate) fn wait_for<T>(
    list: &WaitList,
    stop: Option<&StopSignal>,
    alarm: &impl Alarm,
    until: Option<Instant>,
    try_op: impl FnMut() -> Option<T>,
) -> Result<T, Wake> {
    wait_for_level(
        list,
        stop.map(|stop| (stop, Level::Drain)),
        alarm,
        until,
        try_op,
    )
}

/// As [`wait_for`], for a wait that obeys only `Level` and above of its signal: a send while its unit drains.
///
/// A nudge of the signal ends it too, as [`Wake::Stopped`]: look at the level then.
pub(crate) fn wait_for_level<T>(
    list: &WaitList,
    stop: Option<(&StopSignal, Level)>,
    alarm: &impl Alarm,
    until: Option<Instant>,
    mut try_op: impl FnMut() -> Option<T>,
) -> Result<T, Wake> {
    match try_op() {
        Some(value) => Ok(value),
        None => wait_in_list(list, stop, alarm, until, &mut try_op),
    }
}

/// The part of a wait after the first failed try (P1).
#[cold]
fn wait_in_list<T>(
    list: &WaitList,
    stop: Option<(&StopSignal, Level)>,
    alarm: &impl Alarm,
    until: Option<Instant>,
    try_op: &mut impl FnMut() -> Option<T>,
) -> Result<T, Wake> {
    let mut ticket = None;
    loop {
        let waiter = waiter::checkout();
        let mut seat = Seat::take(&waiter, list, stop, ticket);
        let found = recheck!("waiters.recheck", try_op());
        let cause = if found.is_some() {
            None
        } else {
            Some(sleep(&waiter, alarm, until))
        };
        // Whatever ended the sleep, the state is looked at after it; what it yields wins.
        let yielded = found.or_else(&mut *try_op);
        seat.answered = cause.is_some();
        ticket = Some(seat.ticket);
        drop(seat);
        waiter::give_back(waiter);
        match (yielded, cause) {
            (Some(value), _) => return Ok(value),
            (None, Some(end @ (Wake::Stopped | Wake::TimedOut))) => return Err(end),
            (None, Some(Wake::Notified) | None) => {}
        }
    }
}

/// Spins, then parks, until the wait has ended. Returns why.
fn sleep(waiter: &Arc<Waiter>, alarm: &impl Alarm, until: Option<Instant>) -> Wake {
    #[cfg(not(all(test, loom)))]
    waiter.spin();
    loop {
        if let Some(cause) = waiter.cause() {
            return cause;
        }
        alarm.park(waiter, until);
        if waiter.is_pending() && until.is_some_and(|at| alarm.now() >= at) {
            waiter.wake(Wake::TimedOut);
        }
    }
}

/// A waiter's places in the list and in the stop's list; gives both back when dropped, also by a panic.
struct Seat<'a> {
    waiter: &'a Arc<Waiter>,
    list: &'a WaitList,
    stop: Option<&'a StopSignal>,
    ticket: u64,
    /// A try has followed, or will follow at once, whatever has woken this waiter (I4).
    answered: bool,
}

impl<'a> Seat<'a> {
    /// Enters the stop's list first: a stop that comes between the two finds the waiter.
    fn take(
        waiter: &'a Arc<Waiter>,
        list: &'a WaitList,
        stop: Option<(&'a StopSignal, Level)>,
        ticket: Option<u64>,
    ) -> Self {
        if let Some((stop, obeys)) = stop {
            stop.register(waiter, obeys);
        }
        let ticket = list.enter(waiter, ticket);
        Self {
            waiter,
            list,
            stop: stop.map(|(stop, _)| stop),
            ticket,
            answered: false,
        }
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        let notified = self.waiter.leave() == Some(Wake::Notified);
        if !notified {
            self.list.remove(self.ticket);
        } else if !self.answered {
            recheck!("waiters.pass_on", self.list.notify_one());
        }
        if let Some(stop) = self.stop {
            stop.forget(self.waiter);
        }
    }
}

#[cfg(all(test, not(loom)))]
#[path = "waiters_tests.rs"]
mod tests;
