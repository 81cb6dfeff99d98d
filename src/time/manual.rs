//! A clock that stands still until a test moves it.
//!
//! The time is a word that anybody may read, and that changes only under the lock of the sleepers. A wait
//! compares its deadline with the time under that lock before it enters itself, so it cannot be missed by
//! an [`advance`](ManualClock::advance) that goes past it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::clock::{Clock, read_system};
use crate::kernel::waiter::{Waiter, Wake};

/// How long [`ManualClock::wait_for_sleepers`] waits, in real time.
const PATIENCE: Duration = Duration::from_secs(10);

/// A clock that stands still until [`ManualClock::advance`] moves it; for tests. Clones are the same clock.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use steadfast::time::ManualClock;
///
/// let manual = ManualClock::new();
/// let deadline = manual.clock().deadline(Duration::from_secs(3600));
/// manual.advance(Duration::from_secs(3600));
/// assert!(deadline.is_past(manual.now()));
/// ```
#[derive(Clone)]
pub struct ManualClock(Arc<State>);

struct State {
    base: Instant,
    /// Nanoseconds since `base`; written under the lock of `sleepers` only.
    elapsed_ns: AtomicU64,
    sleepers: Mutex<Sleepers>,
    entered: Condvar,
}

/// The timed waits, in the order in which they are woken.
#[derive(Default)]
struct Sleepers {
    by_deadline: BTreeMap<(Instant, u64), Arc<Waiter>>,
    entries: u64,
}

impl Sleepers {
    /// Those whose wait has not ended for another reason.
    fn waiting(&self) -> usize {
        let waiters = self.by_deadline.values();
        waiters.filter(|waiter| waiter.is_pending()).count()
    }
}

impl ManualClock {
    /// A clock that stands at the present time.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(State {
            base: read_system(),
            elapsed_ns: AtomicU64::new(0),
            sleepers: Mutex::default(),
            entered: Condvar::new(),
        }))
    }

    /// The [`Clock`] to hand to what is tested.
    #[must_use]
    pub fn clock(&self) -> Clock {
        Clock::manual(self.clone())
    }

    /// The time it shows.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.instant_of(self.elapsed_ns())
    }

    /// The nanoseconds that it was moved by.
    #[inline]
    pub(super) fn elapsed_ns(&self) -> u64 {
        // Acquire: pairs with the Release in `show`; who sees the time sees what was done before it came.
        self.0.elapsed_ns.load(Ordering::Acquire)
    }

    /// The instant at which it was moved by so much.
    pub(super) fn instant_of(&self, elapsed_ns: u64) -> Instant {
        let at = self.0.base.checked_add(Duration::from_nanos(elapsed_ns));
        at.unwrap_or(self.0.base)
    }

    /// Moves the time forward, from deadline to deadline: each timed wait on the way is woken, in the
    /// order of the deadlines and, where these are equal, of their beginning; then the rest of the way.
    ///
    /// It does not wait for what the woken threads do. A wait that one of them begins meanwhile counts
    /// from wherever the clock is then: to be exact, move in smaller steps, with
    /// [`ManualClock::wait_for_sleepers`] between them. The time saturates some 584 years after the start.
    pub fn advance(&self, duration: Duration) {
        let mut sleepers = self.0.sleepers.lock();
        let target = self.elapsed().saturating_add(duration);
        while let Some(first) = sleepers.by_deadline.first_entry() {
            let at = first.key().0.saturating_duration_since(self.0.base);
            if at > target {
                break;
            }
            self.show(at.max(self.elapsed()));
            first.remove().wake(Wake::TimedOut);
        }
        self.show(target);
    }

    /// How far it is to the next deadline that somebody waits for; `None` if nobody does.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Duration> {
        let sleepers = self.0.sleepers.lock();
        let mut waiting = sleepers.by_deadline.iter();
        let ((at, _), _) = waiting.find(|(_, waiter)| waiter.is_pending())?;
        Some(at.saturating_duration_since(self.now()))
    }

    /// How many threads are in a timed wait on this clock now. Those of a system count too: a thread that has carried a
    /// task waits ten seconds for the next one, and the system's own thread waits for what is due.
    #[must_use]
    pub fn sleepers(&self) -> usize {
        self.0.sleepers.lock().waiting()
    }

    /// Blocks until at least `count` threads are in a timed wait on this clock, so that the next
    /// [`ManualClock::advance`] meets them. Counted as [`sleepers`](ManualClock::sleepers) counts.
    ///
    /// # Panics
    ///
    /// After ten seconds of real time.
    #[track_caller]
    pub fn wait_for_sleepers(&self, count: usize) {
        let mut sleepers = self.0.sleepers.lock();
        let too_few = |sleepers: &mut Sleepers| sleepers.waiting() < count;
        let waited = self
            .0
            .entered
            .wait_while_for(&mut sleepers, too_few, PATIENCE);
        let found = sleepers.waiting();
        drop(sleepers);
        assert!(
            !waited.timed_out() || found >= count,
            "after {PATIENCE:?} only {found} of {count} threads are in a timed wait on this clock"
        );
    }

    /// Whether both are turned together.
    pub(super) fn is_the_same_as(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Parks until the waiter is woken, or the clock is moved to `at`.
    pub(super) fn park(&self, waiter: &Arc<Waiter>, at: Instant) {
        let mut sleepers = self.0.sleepers.lock();
        if self.now() >= at {
            drop(sleepers);
            waiter.wake(Wake::TimedOut);
            return;
        }
        sleepers.entries += 1;
        let key = (at, sleepers.entries);
        sleepers.by_deadline.insert(key, Arc::clone(waiter));
        drop(sleepers);
        self.0.entered.notify_all();
        waiter.park();
        self.0.sleepers.lock().by_deadline.remove(&key);
    }

    fn elapsed(&self) -> Duration {
        self.now().duration_since(self.0.base)
    }

    /// Only under the lock of the sleepers.
    fn show(&self, elapsed: Duration) {
        let ns = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
        // Release: pairs with the Acquire in `now`.
        self.0.elapsed_ns.store(ns, Ordering::Release);
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for ManualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManualClock")
            .field("elapsed", &self.elapsed())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::mpsc::sync_channel;
    use std::time::{Duration, Instant};

    use super::ManualClock;
    use crate::kernel::waiter::{Waiter, Wake};
    use crate::kernel::waiters::{WaitList, wait_for};

    const SECOND: Duration = Duration::from_secs(1);
    const PATIENCE: Duration = Duration::from_secs(10);

    /// Waits for nothing until `at`; returns why it ended, and when.
    fn sleep_until(clock: &ManualClock, at: Instant) -> (Wake, Instant) {
        let ended = wait_for(
            &WaitList::new(),
            None,
            &clock.clock(),
            Some(at),
            || None::<()>,
        );
        (ended.unwrap_err(), clock.now())
    }

    #[test]
    fn the_clock_moves_only_by_hand_and_never_overflows() {
        let manual = ManualClock::new();
        let start = manual.now();
        assert_eq!(manual.clock().now(), start);
        manual.advance(SECOND);
        manual.clone().advance(SECOND);
        assert_eq!(manual.now(), start + 2 * SECOND);
        manual.advance(Duration::MAX);
        let end = manual.now();
        manual.advance(Duration::MAX);
        assert_eq!(manual.now(), end);
        assert!(end > start + Duration::from_secs(500 * 365 * 86_400));
    }

    #[test]
    fn sleepers_wake_in_the_order_of_deadline_then_entry() {
        let manual = ManualClock::new();
        let start = manual.now();
        // Three waiters of this thread, entered in this order; nobody parks, so the order is exact.
        let entered = [start + 2 * SECOND, start + SECOND, start + SECOND];
        let waiters = entered.map(|at| (at, Arc::new(Waiter::new())));
        for (at, waiter) in &waiters {
            let mut sleepers = manual.0.sleepers.lock();
            sleepers.entries += 1;
            let key = (*at, sleepers.entries);
            sleepers.by_deadline.insert(key, Arc::clone(waiter));
        }
        let order: Vec<_> = manual
            .0
            .sleepers
            .lock()
            .by_deadline
            .values()
            .cloned()
            .collect();
        let expected = [&waiters[1].1, &waiters[2].1, &waiters[0].1];
        assert!(order.iter().zip(expected).all(|(a, b)| Arc::ptr_eq(a, b)));
        manual.advance(SECOND);
        let woken = waiters.each_ref().map(|(_, waiter)| waiter.cause());
        assert_eq!(woken, [None, Some(Wake::TimedOut), Some(Wake::TimedOut)]);
        assert_eq!(manual.sleepers(), 1);
    }

    #[test]
    fn a_timed_wait_ends_when_the_clock_comes_to_its_deadline_and_not_before() {
        let manual = ManualClock::new();
        let start = manual.now();
        let (tx, rx) = sync_channel(1);
        std::thread::scope(|scope| {
            scope.spawn(|| tx.send(sleep_until(&manual, start + 3 * SECOND)));
            manual.wait_for_sleepers(1);
            manual.advance(2 * SECOND);
            assert_eq!(manual.sleepers(), 1, "woken too early");
            assert_eq!(manual.next_deadline(), Some(SECOND));
            manual.advance(SECOND);
            let (wake, at) = rx.recv_timeout(PATIENCE).unwrap();
            assert_eq!((wake, at), (Wake::TimedOut, start + 3 * SECOND));
        });
        assert_eq!((manual.sleepers(), manual.next_deadline()), (0, None));
    }

    #[test]
    fn a_wait_whose_deadline_has_passed_does_not_sleep() {
        let manual = ManualClock::new();
        let start = manual.now();
        manual.advance(SECOND);
        assert_eq!(sleep_until(&manual, start + SECOND).0, Wake::TimedOut);
        assert_eq!(sleep_until(&manual, start).0, Wake::TimedOut);
    }

    #[test]
    fn a_notified_sleeper_leaves_the_clock() {
        let manual = ManualClock::new();
        let at = manual.now() + SECOND;
        let (list, ready) = (WaitList::new(), AtomicBool::new(false));
        // Relaxed: the list's notification orders it.
        let try_op = || ready.load(Ordering::Relaxed).then_some(7);
        let clock = manual.clock();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| wait_for(&list, None, &clock, Some(at), try_op));
            manual.wait_for_sleepers(1);
            ready.store(true, Ordering::Relaxed);
            list.notify_one();
            assert_eq!(waiting.join().unwrap(), Ok(7));
        });
        assert!(manual.0.sleepers.lock().by_deadline.is_empty());
    }

    #[test]
    fn no_advance_misses_a_wait_that_begins_beside_it() {
        let manual = ManualClock::new();
        for _ in 0..2_000 {
            let at = manual.now() + SECOND;
            std::thread::scope(|scope| {
                let sleeper = scope.spawn(|| sleep_until(&manual, at).0);
                manual.advance(SECOND);
                assert_eq!(sleeper.join().unwrap(), Wake::TimedOut);
            });
        }
    }
}
