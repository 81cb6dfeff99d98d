//! One waiting thread: a word that says, once, why the wait ended, and the thread to wake.
//!
//! # State
//! One byte: `PENDING` (the wait goes on) and then one of `NOTIFIED`, `STOPPED`, `TIMED_OUT` (somebody woke it) or
//! `LEFT` (the thread ended the wait by itself). Beside it the handle of the thread that waits.
//!
//! # Invariants
//! * I1: a wait has one cause. The byte changes once, from `PENDING`, by compare-and-swap.
//! * I2: a waiter is used again only by a thread that holds the last reference to it, so a late wake of an earlier
//!   wait cannot reach a later one: whoever could send it would still hold a reference.
//! * I3: who ends a wait wakes the thread *after* the byte changed, so a thread that parks only while it reads
//!   `PENDING` is not left asleep: the wake is remembered by `park` if it comes first.
//!
//! # Protocol
//! * P1 `wake(cause)`: swap `PENDING` for the cause; on success unpark the thread. Lists, stop signals and alarms
//!   compete here; the first wins and is told so.
//! * P2 `park`: until the byte is not `PENDING`: park.
//! * P3 `leave`: swap `PENDING` for `LEFT`; on failure return the cause that came first.
//! * P4 `checkout`/`give_back`: the thread's own waiter, kept between waits if nobody else refers to it (I2).
//!
//! # Orderings
//! | site | ordering | pairs with | why |
//! |---|---|---|---|
//! | `waiter.wake` | Release | `waiter.cause`, `waiter.left` | what was done before a wake is seen by the woken thread |
//! | `waiter.cause` | Acquire | `waiter.wake` | as above, for a thread that was woken |
//! | `waiter.left` | Acquire (on failure) | `waiter.wake` | as above, for a thread that was leaving and passes the wake on |

#[cfg(not(all(test, loom)))]
use std::cell::Cell;
use std::fmt;
#[cfg(not(all(test, loom)))]
use std::time::Duration;

use crate::sync::atomic::{AtomicU8, Ordering};
use crate::sync::{Arc, Parker, ord};

const PENDING: u8 = 0;
const NOTIFIED: u8 = 1;
const STOPPED: u8 = 2;
const TIMED_OUT: u8 = 3;
const LEFT: u8 = 4;

/// Why a wait ended. Set once per wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Wake {
    /// The list notified this waiter: what it waits for may have come.
    Notified,
    /// The stop signal rose to a level that this wait obeys, or was nudged.
    Stopped,
    /// The deadline passed.
    TimedOut,
}

impl Wake {
    const fn code(self) -> u8 {
        match self {
            Self::Notified => NOTIFIED,
            Self::Stopped => STOPPED,
            Self::TimedOut => TIMED_OUT,
        }
    }

    const fn of(code: u8) -> Option<Self> {
        match code {
            NOTIFIED => Some(Self::Notified),
            STOPPED => Some(Self::Stopped),
            TIMED_OUT => Some(Self::TimedOut),
            _ => None,
        }
    }
}

/// One waiting thread.
pub(crate) struct Waiter {
    word: AtomicU8,
    thread: Parker,
}

impl Waiter {
    /// A waiter for the current thread.
    pub(crate) fn new() -> Self {
        Self {
            word: AtomicU8::new(PENDING),
            thread: Parker::of_this_thread(),
        }
    }

    /// Ends the wait with `cause`, unless it has ended already. True if this call ended it.
    pub(crate) fn wake(&self, cause: Wake) -> bool {
        let woken = self.mark(cause);
        if woken {
            self.unpark();
        }
        woken
    }

    /// The first half of [`wake`](Self::wake): for a caller that holds a lock, and unparks after it.
    pub(super) fn mark(&self, cause: Wake) -> bool {
        // Release: P1, pairs with the Acquires in `cause` (P2) and `leave` (P3).
        let ended = ord!("waiter.wake", Release);
        // Relaxed on failure: a wake that came too late learns nothing but that.
        self.word
            .compare_exchange(PENDING, cause.code(), ended, Ordering::Relaxed)
            .is_ok()
    }

    /// The second half of [`wake`](Self::wake); only after `mark` returned true.
    pub(super) fn unpark(&self) {
        self.thread.unpark();
    }

    /// Why the wait ended; `None` while it goes on.
    pub(crate) fn cause(&self) -> Option<Wake> {
        // Acquire: P2, pairs with the Release in `mark` (P1).
        Wake::of(self.word.load(ord!("waiter.cause", Acquire)))
    }

    /// True while nothing has ended the wait.
    pub(crate) fn is_pending(&self) -> bool {
        self.cause().is_none()
    }

    /// Parks the current thread until the wait has ended. Only the waiter's own thread may call it.
    pub(crate) fn park(&self) {
        while self.is_pending() {
            self.thread.park();
        }
    }

    /// Parks the current thread until the wait has ended or about `limit` has passed; may return early. It does not
    /// end the wait: after a look at the clock the caller does, by `wake(Wake::TimedOut)`.
    #[cfg(not(all(test, loom)))]
    pub(crate) fn park_timeout(&self, limit: Duration) {
        if self.is_pending() {
            self.thread.park_for(limit);
        }
    }

    /// Looks at the word for a short while, on a machine with more than one core: as long as it has paid lately. On one
    /// core it would only keep the notifier from running. Only the waiter's own thread may call it.
    #[cfg(not(all(test, loom)))]
    pub(super) fn spin(&self) {
        if crate::sync::cores() < 2 {
            return;
        }
        // While the thread's locals are being destroyed it parks at once.
        let _ = KEPT.try_with(|kept| {
            let budget = kept.budget.get();
            let paid = (0..budget.spins()).any(|_| {
                crate::sync::spin_loop();
                !self.is_pending()
            });
            kept.budget.set(budget.after(paid));
        });
    }

    /// Ends the wait from inside. Returns the cause that came first, if one did.
    pub(crate) fn leave(&self) -> Option<Wake> {
        // Acquire: P3, pairs with the Release in `mark`: a wake that is passed on carries what it was about.
        let late = ord!("waiter.left", Acquire);
        // Relaxed on success: nothing is published, nobody reads more than the byte.
        match self
            .word
            .compare_exchange(PENDING, LEFT, Ordering::Relaxed, late)
        {
            Ok(_) => None,
            Err(code) => Wake::of(code),
        }
    }
}

impl fmt::Debug for Waiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waiter")
            .field("cause", &self.cause())
            .finish_non_exhaustive()
    }
}

/// How long a thread spins before it parks: a pure value that learns from each wait.
///
/// Spinning as long as a wake-up costs is at most twice as dear as knowing beforehand; but on a busy machine it takes
/// the core from the one who is waited for. So a spin that found nothing halves the next one, a spin that paid restores
/// it, and now and then a long one asks whether times have changed.
#[cfg(not(all(test, loom)))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct SpinBudget {
    spins: u32,
    waits: u32,
}

#[cfg(not(all(test, loom)))]
impl SpinBudget {
    const LEAST: u32 = 16;
    /// About what it costs to put a thread to sleep and to wake it: 20 to 40 us on an idle machine.
    const MOST: u32 = 1000;
    const ASK_EVERY: u32 = 64;

    const fn new() -> Self {
        Self {
            spins: Self::LEAST,
            waits: 0,
        }
    }

    const fn spins(self) -> u32 {
        if self.waits % Self::ASK_EVERY == Self::ASK_EVERY - 1 {
            Self::MOST
        } else {
            self.spins
        }
    }

    fn after(self, paid: bool) -> Self {
        let spins = if paid {
            Self::MOST
        } else {
            (self.spins / 2).max(Self::LEAST)
        };
        Self {
            spins,
            waits: self.waits.wrapping_add(1),
        }
    }
}

/// What a thread keeps between two waits.
#[cfg(not(all(test, loom)))]
struct Kept {
    waiter: Cell<Option<Arc<Waiter>>>,
    /// One that its notifier had not let go of when the next wait began; by the wait after that it has.
    spare: Cell<Option<Arc<Waiter>>>,
    budget: Cell<SpinBudget>,
}

#[cfg(not(all(test, loom)))]
thread_local! {
    /// The waiter of this thread between two waits, and how long it spins.
    static KEPT: Kept = const {
        Kept { waiter: Cell::new(None), spare: Cell::new(None), budget: Cell::new(SpinBudget::new()) }
    };
}

/// A pending waiter of the current thread: one of the two it kept, if nobody else still refers to it (I2).
#[cfg(not(all(test, loom)))]
pub(super) fn checkout() -> Arc<Waiter> {
    let kept = KEPT.try_with(|kept| {
        let mut waiter = kept.waiter.take()?;
        if Arc::get_mut(&mut waiter).is_some() {
            return Some(waiter);
        }
        kept.spare.replace(Some(waiter))
    });
    let kept = kept.ok().flatten();
    kept.map_or_else(|| Arc::new(Waiter::new()), renew)
}

/// A pending waiter of the current thread. Models keep none between waits; `renew` has a model of its own.
#[cfg(all(test, loom))]
pub(super) fn checkout() -> Arc<Waiter> {
    Arc::new(Waiter::new())
}

/// Makes a waiter of this thread pending again, or a new one if somebody else still refers to it (I2).
pub(crate) fn renew(mut waiter: Arc<Waiter>) -> Arc<Waiter> {
    match Arc::get_mut(&mut waiter) {
        Some(alone) => {
            alone.word = AtomicU8::new(PENDING);
            waiter
        }
        None => Arc::new(Waiter::new()),
    }
}

/// Keeps `waiter` for this thread's next wait.
#[cfg(not(all(test, loom)))]
pub(super) fn give_back(waiter: Arc<Waiter>) {
    // While the thread's locals are being destroyed there is nowhere to keep it, and nothing to keep it for.
    let _ = KEPT.try_with(|kept| kept.waiter.set(Some(waiter)));
}

/// Drops the waiter.
#[cfg(all(test, loom))]
pub(super) fn give_back(waiter: Arc<Waiter>) {
    drop(waiter);
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_first_cause_ends_the_wait() {
        let waiter = Waiter::new();
        assert!(waiter.is_pending());
        assert!(waiter.wake(Wake::Stopped));
        assert!(!waiter.wake(Wake::Notified));
        assert_eq!(waiter.cause(), Some(Wake::Stopped));
        assert_eq!(waiter.leave(), Some(Wake::Stopped));
    }

    #[test]
    fn a_waiter_that_left_cannot_be_woken() {
        let waiter = Waiter::new();
        assert_eq!(waiter.leave(), None);
        assert!(!waiter.wake(Wake::TimedOut));
        assert_eq!(waiter.cause(), None);
    }

    #[test]
    fn a_wake_before_the_park_is_not_lost() {
        let waiter = Waiter::new();
        waiter.wake(Wake::Notified);
        waiter.park();
        assert_eq!(waiter.cause(), Some(Wake::Notified));
    }

    #[test]
    fn a_kept_waiter_is_used_again_once_nobody_refers_to_it() {
        let first = checkout();
        let address = Arc::as_ptr(&first);
        first.wake(Wake::Notified);
        give_back(first);
        let second = checkout();
        assert_eq!(Arc::as_ptr(&second), address);
        assert!(second.is_pending());
    }

    #[test]
    fn a_waiter_that_somebody_still_holds_is_replaced() {
        let first = checkout();
        let held = Arc::clone(&first);
        give_back(first);
        let second = checkout();
        assert!(!Arc::ptr_eq(&held, &second));
        held.wake(Wake::Stopped);
        assert!(second.is_pending());
    }

    #[test]
    fn a_thread_parks_until_another_wakes_it() {
        let waiter = checkout();
        std::thread::scope(|scope| {
            let waker = scope.spawn(|| waiter.wake(Wake::TimedOut));
            waiter.park();
            assert!(waker.join().unwrap());
        });
        assert_eq!(waiter.cause(), Some(Wake::TimedOut));
    }

    #[test]
    fn a_spin_that_pays_grows_and_one_that_does_not_shrinks() {
        let paid = SpinBudget::new().after(true);
        assert_eq!(paid.spins(), SpinBudget::MOST);
        assert_eq!(paid.after(false).spins(), SpinBudget::MOST / 2);
        let poor = (0..10).fold(paid, |budget, _| budget.after(false));
        assert_eq!(poor.spins(), SpinBudget::LEAST);
    }

    #[test]
    fn a_thread_that_stopped_spinning_asks_again_now_and_then() {
        let mut budget = SpinBudget::new();
        let mut long = 0;
        for _ in 0..2 * SpinBudget::ASK_EVERY {
            long += u32::from(budget.spins() == SpinBudget::MOST);
            budget = budget.after(false);
        }
        assert_eq!(long, 2);
    }
}
