//! The strict sliding window in shared memory: a log under a lock, and a word beside it that refuses without the lock.
//!
//! A window that is exact over any span needs the times of its last `limit` cells. They are under a lock that is held for
//! a few stores; a lock-free ring of as many words takes requests for one cell only, and takes two swaps for what is one
//! uncontended lock here. The storm that a limiter is made for, refusals, does not come to the lock: the word says until
//! when not one cell passes.
//!
//! The word is written under the lock and read outside of it. It is right when it is written; what makes it wrong (a
//! grant that is given back, another limit, a reset) writes it anew before it returns. Who reads the old one beside that
//! is refused as one who came before.

use super::sliding_window::{Grant, Log, Outcome};
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// A log that threads share.
pub(crate) struct WindowLog {
    closed_until: AtomicU64,
    limit: AtomicU32,
    log: Mutex<Log>,
}

impl WindowLog {
    pub(crate) fn new(period: u64, limit: u32) -> Self {
        Self {
            closed_until: AtomicU64::new(0),
            limit: AtomicU32::new(limit),
            log: Mutex::new(Log::new(period, limit)),
        }
    }

    /// Takes `cells` (at least one) that are asked for `now` and may be let through at `until` at the latest.
    pub(crate) fn take(&self, now: u64, cells: u32, until: u64) -> Outcome {
        // Relaxed: the word publishes nothing, and an old one is an earlier answer (see the head).
        let closed_until = self.closed_until.load(Ordering::Relaxed);
        if closed_until > until.max(now) && cells == 1 {
            return match closed_until {
                u64::MAX => Outcome::Impossible,
                at => Outcome::TooLate(at),
            };
        }
        self.change(|log| log.take(now, cells, until))
    }

    /// Gives the log up if it is as good as new. True if it is given up now.
    pub(crate) fn retire(&self, now: u64) -> bool {
        self.change(|log| log.retire(now))
    }

    /// Takes a grant back; false if another came after it.
    pub(crate) fn give_back(&self, grant: Grant) -> bool {
        self.change(|log| log.give_back(grant))
    }

    /// How many cells may pass now; `None` if it was given up.
    pub(crate) fn remaining(&self, now: u64) -> Option<u32> {
        self.log.lock().remaining(now)
    }

    /// When `cells` that are asked for `now` would be let through; `None` if never.
    pub(crate) fn place(&self, now: u64, cells: u32) -> Option<u64> {
        self.log.lock().place(now, cells)
    }

    /// How many cells can pass at once.
    pub(crate) fn limit(&self) -> u32 {
        // Relaxed: told with refusals, decides nothing.
        self.limit.load(Ordering::Relaxed)
    }

    /// Changes the limit; what was let through stays.
    pub(crate) fn replace(&self, period: u64, limit: u32) {
        // Relaxed: told with refusals, decides nothing.
        self.limit.store(limit, Ordering::Relaxed);
        self.change(|log| log.change(period, limit));
    }

    /// Forgets what was let through.
    pub(crate) fn reset(&self) {
        self.change(Log::reset);
    }

    fn change<R>(&self, change: impl FnOnce(&mut Log) -> R) -> R {
        let mut log = self.log.lock();
        let result = change(&mut log);
        // Relaxed: written under the lock, read as a hint (see the head).
        self.closed_until
            .store(log.closed_until(), Ordering::Relaxed);
        result
    }
}
