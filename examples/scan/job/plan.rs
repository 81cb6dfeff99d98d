//! What a scan is to do, with the numbers of its tree, and what it came to.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::book::Book;
use super::chaos::Chaos;

/// A parser is given up after so many failures in a row without a file done in between.
pub(crate) const FAILURES_IN_A_ROW: u32 = 50;

/// A parser that says nothing for so long hangs. Reading a chunk of a file takes microseconds.
pub(crate) const HANG_AFTER: Duration = Duration::from_millis(500);

/// Files that wait between two stages.
pub(crate) const CAPACITY: usize = 256;

/// On Ctrl-C each stage has so long to finish what is queued.
pub(crate) const DRAIN: Duration = Duration::from_secs(2);

/// What a scan is to do.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) dir: PathBuf,
    /// The scan's own checkpoint, which is no part of the work.
    pub(crate) own: Option<PathBuf>,
    pub(crate) workers: usize,
    pub(crate) chaos: Chaos,
    /// So many restarts of parsers in such a time; `None`: as many as it takes.
    pub(crate) restarts: Option<(u32, Duration)>,
    pub(crate) max_abandoned: u32,
}

/// What happens to the threads of a scan, counted where it happens.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) panics: Count,
    pub(crate) hangs: Count,
    pub(crate) sleepers: Sleepers,
    pub(crate) restarts: Count,
}

/// Threads that hang and are going to wake when it is too late.
#[derive(Debug, Default)]
pub(crate) struct Sleepers {
    asleep: Mutex<u64>,
    fewer: Condvar,
}

impl Sleepers {
    pub(crate) fn falls_asleep(&self) {
        *self.asleep.lock() += 1;
    }

    /// It has woken and tried to deliver.
    pub(crate) fn is_through(&self) {
        *self.asleep.lock() -= 1;
        self.fewer.notify_all();
    }

    /// Waits until all are through, at the latest `until`.
    pub(crate) fn wait(&self, until: Instant) {
        let mut asleep = self.asleep.lock();
        while *asleep > 0 && !self.fewer.wait_until(&mut asleep, until).timed_out() {}
    }
}

/// A number that several threads count up.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn up(&self) {
        // Relaxed: a number for the table; nothing is published with it.
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        // Relaxed: as above.
        self.0.load(Ordering::Relaxed)
    }
}

/// How the tree came to its end.
#[derive(Debug)]
pub(crate) enum End {
    /// Every file is settled.
    Complete,
    /// Somebody asked for the end before.
    Interrupted,
    /// A budget was exhausted; the report says which.
    GaveUp(String),
}

/// What a scan came to.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) end: End,
    pub(crate) book: Book,
    pub(crate) panics: u64,
    pub(crate) hangs: u64,
    pub(crate) restarts: u64,
    pub(crate) abandoned: u64,
    pub(crate) elapsed: Duration,
}
