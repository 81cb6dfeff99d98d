//! The stop signal of a unit: a level that only rises, the cause of its first rise, and the waits that it ends.
//!
//! # State
//! One word, written under the lock of the list and read by anyone:
//!
//! ```text
//!  bit 15 ........ 8   7 ........ 2   1 0
//!  [   first cause  ]  [    0     ]  [level]      level: 0 run, 1 drain, 2 halt, 3 fenced
//! ```
//!
//! Beside it, under a lock, a private mirror of the word and the registered waiters, each with the level it obeys.
//!
//! # Invariants
//! * I1: the level never falls; the cause is that of the first rise and never changes.
//! * I2: a registered waiter obeys a level above the present one. Who obeys less is woken, not registered.
//! * I3: the word changes only under the lock, and before the waiters of that level leave the list.
//!
//! # Protocol
//! * P1 `raise`: lock; not above the mirror: return false; write mirror and word; take out the waiters that obey the
//!   new level; unlock; wake them.
//! * P2 `register`: lock; level of the mirror at or above what the waiter obeys: unlock and wake it; else add it.
//! * P3 `forget`: lock; take the waiter out, if it is there.
//! * P4 `level`, `cause`: one load.
//! * P5 `nudge`: lock; level of the mirror is `Run`: done. Else take out all waiters; unlock; wake them.
//!
//! No wake-up is lost: P1 and P2 hold the same lock. If the raise comes first, the registration sees its level; if the
//! registration comes first, the raise finds the waiter.
//!
//! No news is lost: a wait that outlives a drain goes by more than the level, such as the drain deadline. Who changes that
//! nudges after it; who waits looks at it again after registering (P2). P5 and P2 hold the same lock. If the nudge comes
//! first, that look sees the change; if the registration comes first, the nudge finds the waiter.
//!
//! # Orderings
//! | site | ordering | pairs with | why |
//! |---|---|---|---|
//! | `stop.raise` | Release | `stop.level` | who sees a level sees what was done before it was raised |
//! | `stop.level` | Acquire | `stop.raise` | as above |

use std::fmt;
use std::mem;
#[cfg(not(all(test, loom)))]
use std::{cell::RefCell, marker::PhantomData};

use super::waiter::{Waiter, Wake};
use crate::sync::atomic::{AtomicU16, Ordering};
use crate::sync::{Arc, Mutex, ord, recheck};

/// How far the stop of a unit has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub(crate) enum Level {
    /// Nobody has asked.
    Run = 0,
    /// Take no new work, finish what is queued, then end.
    Drain = 1,
    /// End now; what is queued stays where it is.
    Halt = 2,
    /// Written off: whatever this thread still does is refused.
    Fenced = 3,
}

impl Level {
    const fn of(bits: u16) -> Self {
        match bits & 3 {
            0 => Self::Run,
            1 => Self::Drain,
            2 => Self::Halt,
            _ => Self::Fenced,
        }
    }
}

/// The word: a level and the cause of the first rise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Word {
    level: Level,
    cause: u8,
}

impl Word {
    const fn pack(self) -> u16 {
        (self.cause as u16) << 8 | self.level as u16
    }

    const fn unpack(bits: u16) -> Self {
        Self {
            level: Level::of(bits),
            cause: (bits >> 8) as u8,
        }
    }
}

const _: () = assert!(
    Word {
        level: Level::Fenced,
        cause: u8::MAX
    }
    .pack()
        == 0xFF03
);

struct Registered {
    waiter: Arc<Waiter>,
    obeys: Level,
}

struct Inner {
    mirror: Word,
    waiting: Vec<Registered>,
}

/// A one-way signal with rising levels.
pub(crate) struct StopSignal {
    word: AtomicU16,
    inner: Mutex<Inner>,
}

impl StopSignal {
    /// A signal that nobody has raised.
    pub(crate) fn new() -> Self {
        let mirror = Word {
            level: Level::Run,
            cause: 0,
        };
        Self {
            word: AtomicU16::new(mirror.pack()),
            inner: Mutex::new(Inner {
                mirror,
                waiting: Vec::new(),
            }),
        }
    }

    /// The present level: one load.
    pub(crate) fn level(&self) -> Level {
        self.word().level
    }

    /// The cause of the first rise; `None` while nobody has asked.
    pub(crate) fn cause(&self) -> Option<u8> {
        let word = self.word();
        (word.level > Level::Run).then_some(word.cause)
    }

    /// Raises the signal to `level` and wakes every wait that obeys it. True if the level rose; the first cause stays.
    pub(crate) fn raise(&self, level: Level, cause: u8) -> bool {
        let mut inner = self.inner.lock();
        let before = inner.mirror;
        if level <= before.level {
            return false;
        }
        let cause = if before.level == Level::Run {
            cause
        } else {
            before.cause
        };
        inner.mirror = Word { level, cause };
        // Release: P1, pairs with the Acquire in `word` (P4).
        self.word
            .store(inner.mirror.pack(), ord!("stop.raise", Release));
        let woken: Vec<_> = inner
            .waiting
            .extract_if(.., |entry| entry.obeys <= level)
            .collect();
        drop(inner);
        for entry in woken {
            entry.waiter.wake(Wake::Stopped);
        }
        true
    }

    /// Ends, as stopped, the waits that go on although the signal was raised (P5): what they go by beside the level has
    /// changed, and whoever waits there looks at it again. Call it after the change. Without a raise it does nothing.
    pub(crate) fn nudge(&self) {
        let mut inner = self.inner.lock();
        if inner.mirror.level == Level::Run {
            return;
        }
        let woken = mem::take(&mut inner.waiting);
        drop(inner);
        for entry in woken {
            entry.waiter.wake(Wake::Stopped);
        }
    }

    /// How many waits this signal would end. For tests and snapshots.
    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        self.inner.lock().waiting.len()
    }

    /// Enters a waiter that obeys `obeys` (P2). A level that is reached already wakes it at once.
    pub(crate) fn register(&self, waiter: &Arc<Waiter>, obeys: Level) {
        let mut inner = self.inner.lock();
        if recheck!("stop.late", inner.mirror.level >= obeys) {
            drop(inner);
            waiter.wake(Wake::Stopped);
        } else {
            inner.waiting.push(Registered {
                waiter: Arc::clone(waiter),
                obeys,
            });
        }
    }

    /// Takes a waiter out again (P3).
    pub(crate) fn forget(&self, waiter: &Arc<Waiter>) {
        let mut inner = self.inner.lock();
        if let Some(at) = inner
            .waiting
            .iter()
            .position(|entry| Arc::ptr_eq(&entry.waiter, waiter))
        {
            inner.waiting.swap_remove(at);
        }
    }

    fn word(&self) -> Word {
        // Acquire: P4, pairs with the Release in `raise` (P1).
        Word::unpack(self.word.load(ord!("stop.level", Acquire)))
    }
}

impl fmt::Debug for StopSignal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Relaxed: a picture for people publishes nothing.
        let word = Word::unpack(self.word.load(Ordering::Relaxed));
        f.debug_struct("StopSignal")
            .field("level", &word.level)
            .field("cause", &word.cause)
            .finish_non_exhaustive()
    }
}

#[cfg(not(all(test, loom)))]
thread_local! {
    /// The signal of the unit that runs on this thread.
    static CURRENT: RefCell<Option<Arc<StopSignal>>> = const { RefCell::new(None) };
}

/// The stop signal of the unit that runs on this thread, if one does.
#[cfg(not(all(test, loom)))]
pub(crate) fn current_stop() -> Option<Arc<StopSignal>> {
    CURRENT
        .try_with(|current| current.borrow().clone())
        .ok()
        .flatten()
}

/// True if this thread runs a unit that was written off: each effect of a unit asks this first.
#[cfg(not(all(test, loom)))]
pub(crate) fn fenced() -> bool {
    CURRENT
        .try_with(|current| {
            current
                .borrow()
                .as_ref()
                .is_some_and(|stop| stop.level() == Level::Fenced)
        })
        .unwrap_or(false)
}

/// Makes `stop` the signal of this thread until the scope is dropped.
#[cfg(not(all(test, loom)))]
pub(crate) fn enter_stop(stop: Arc<StopSignal>) -> StopScope {
    let before = CURRENT
        .try_with(|current| current.replace(Some(stop)))
        .ok()
        .flatten();
    StopScope {
        before,
        on_this_thread: PhantomData,
    }
}

/// Gives the thread back the signal that it had before. Stays on its thread.
#[cfg(not(all(test, loom)))]
#[must_use = "the signal is the thread's only while the scope lives"]
#[derive(Debug)]
pub(crate) struct StopScope {
    before: Option<Arc<StopSignal>>,
    on_this_thread: PhantomData<*const ()>,
}

#[cfg(not(all(test, loom)))]
impl Drop for StopScope {
    fn drop(&mut self) {
        let before = self.before.take();
        // The replaced signal is dropped outside the borrow. Without thread-locals there is nothing to restore.
        let _left = CURRENT.try_with(|current| current.replace(before));
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::sync::on_threads;

    const CAUSE: u8 = 7;

    #[test]
    fn a_word_survives_packing() {
        for level in [Level::Run, Level::Drain, Level::Halt, Level::Fenced] {
            for cause in 0..=u8::MAX {
                let word = Word { level, cause };
                assert_eq!(Word::unpack(word.pack()), word);
            }
        }
    }

    #[test]
    fn the_level_only_rises_and_the_first_cause_stays() {
        let stop = StopSignal::new();
        assert_eq!((stop.level(), stop.cause()), (Level::Run, None));
        assert!(!stop.raise(Level::Run, 1));
        assert!(stop.raise(Level::Halt, CAUSE));
        assert!(!stop.raise(Level::Drain, 9));
        assert!(stop.raise(Level::Fenced, 9));
        assert!(!stop.raise(Level::Fenced, 10));
        assert_eq!((stop.level(), stop.cause()), (Level::Fenced, Some(CAUSE)));
    }

    #[test]
    fn a_rise_wakes_only_the_waiters_that_obey_its_level() {
        let stop = StopSignal::new();
        let (soft, hard) = (Arc::new(Waiter::new()), Arc::new(Waiter::new()));
        stop.register(&soft, Level::Drain);
        stop.register(&hard, Level::Halt);
        stop.raise(Level::Drain, CAUSE);
        assert_eq!((soft.cause(), hard.cause()), (Some(Wake::Stopped), None));
        stop.raise(Level::Halt, CAUSE);
        assert_eq!(hard.cause(), Some(Wake::Stopped));
        assert_eq!(stop.waiting(), 0);
    }

    #[test]
    fn a_raised_signal_wakes_who_registers_late() {
        let stop = StopSignal::new();
        stop.raise(Level::Halt, CAUSE);
        let waiter = Arc::new(Waiter::new());
        stop.register(&waiter, Level::Drain);
        assert_eq!((waiter.cause(), stop.waiting()), (Some(Wake::Stopped), 0));
    }

    #[test]
    fn a_nudge_ends_the_waits_that_outlive_the_raise_once() {
        let stop = StopSignal::new();
        stop.raise(Level::Drain, CAUSE);
        let (first, second) = (Arc::new(Waiter::new()), Arc::new(Waiter::new()));
        stop.register(&first, Level::Halt);
        stop.nudge();
        stop.register(&second, Level::Halt);
        assert_eq!((first.cause(), second.cause()), (Some(Wake::Stopped), None));
        assert_eq!((stop.level(), stop.waiting()), (Level::Drain, 1));
    }

    #[test]
    fn a_nudge_without_a_raise_ends_no_wait() {
        let stop = StopSignal::new();
        let waiter = Arc::new(Waiter::new());
        stop.register(&waiter, Level::Drain);
        stop.nudge();
        assert_eq!((waiter.cause(), stop.waiting()), (None, 1));
        stop.raise(Level::Drain, CAUSE);
        assert_eq!(waiter.cause(), Some(Wake::Stopped));
    }

    #[test]
    fn a_forgotten_waiter_is_not_woken() {
        let stop = StopSignal::new();
        let waiter = Arc::new(Waiter::new());
        stop.register(&waiter, Level::Drain);
        stop.forget(&waiter);
        stop.forget(&waiter);
        stop.raise(Level::Drain, CAUSE);
        assert!(waiter.is_pending());
    }

    #[test]
    fn a_scope_restores_the_signal_of_the_thread() {
        let (outer, inner) = (Arc::new(StopSignal::new()), Arc::new(StopSignal::new()));
        assert!(current_stop().is_none());
        let outer_scope = enter_stop(Arc::clone(&outer));
        {
            let _inner_scope = enter_stop(Arc::clone(&inner));
            inner.raise(Level::Fenced, CAUSE);
            assert!(fenced());
        }
        assert!(!fenced());
        assert!(current_stop().is_some_and(|now| Arc::ptr_eq(&now, &outer)));
        drop(outer_scope);
        assert!(current_stop().is_none());
    }

    #[test]
    fn another_thread_has_no_signal_of_this_one() {
        let _scope = enter_stop(Arc::new(StopSignal::new()));
        assert_eq!(on_threads(1, |_| current_stop().is_none()), [true]);
    }
}
