//! A count that others can wait for: it beats whenever something has happened.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::kernel::stop::current_stop;
use crate::kernel::waiters::{WaitList, Wake, wait_for};
use crate::time::Clock;

/// Beats at every event of a system, so that who waits looks again at once.
#[derive(Debug)]
pub(super) struct Pulse {
    beats: AtomicU64,
    felt: WaitList,
}

/// How a wait for the next beat ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beat {
    /// Something has happened.
    Felt,
    /// Nothing did, for the whole time.
    Quiet,
    /// The unit that waits was asked to stop.
    Stopped,
}

impl Pulse {
    pub(super) fn new() -> Self {
        Pulse {
            beats: AtomicU64::new(0),
            felt: WaitList::new(),
        }
    }

    pub(super) fn beat(&self) {
        // Relaxed: a number; the notification orders it.
        self.beats.fetch_add(1, Ordering::Relaxed);
        self.felt.notify_all();
    }

    pub(super) fn beats(&self) -> u64 {
        // Relaxed: see `beat`.
        self.beats.load(Ordering::Relaxed)
    }

    /// Waits in real time for another beat than the `seen` ones, or until the calling unit is asked to stop.
    pub(super) fn wait(&self, seen: u64, time: Duration) -> Beat {
        let clock = Clock::system();
        let until = clock.deadline(time).instant();
        let stop = current_stop();
        let beaten = || (self.beats() != seen).then_some(());
        match wait_for(&self.felt, stop.as_deref(), &clock, until, beaten) {
            Ok(()) => Beat::Felt,
            Err(Wake::Stopped) => Beat::Stopped,
            Err(_) => Beat::Quiet,
        }
    }
}
