//! One timer, as its handle sees it.

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Instant;

use super::entry::Entry;
use super::schedule::{Every, TimerStats};
use super::timer_error::TimerError;
use super::timetable::Timetable;
use crate::supervision::unit::current::refuses;

/// A timer that was armed. Cheap to clone; dropping it does nothing to the timer.
#[derive(Clone)]
pub struct Timer {
    entry: Arc<Entry>,
    table: Weak<Timetable>,
}

impl Timer {
    pub(super) fn new(entry: Arc<Entry>, table: &Arc<Timetable>) -> Self {
        Self {
            entry,
            table: Arc::downgrade(table),
        }
    }

    /// The key that it was armed with.
    pub fn key(&self) -> Option<&str> {
        self.entry.key.as_deref()
    }

    /// Whether it may still fire by itself: not cancelled, not replaced, not fired if it fires once, and its owner is
    /// there.
    pub fn is_pending(&self) -> bool {
        !self.entry.with(|state| state.is_over())
    }

    /// When it fires next; `None` when it is over, when that is beyond the end of the clock, and with a fixed delay
    /// while its job runs.
    pub fn due(&self) -> Option<Instant> {
        self.entry
            .with(|state| state.chain.due().filter(|_| !state.is_over()))
    }

    /// How it goes on; `None` if it fires once.
    pub fn every(&self) -> Option<Every> {
        self.entry.with(|state| state.chain.interval())
    }

    /// What it has done so far.
    pub fn stats(&self) -> TimerStats {
        self.entry.with(|state| state.chain.stats())
    }

    /// Cancels it; true if it was pending. After this has returned it delivers nothing any more, and begins no job.
    /// What it *has* delivered stays where it is, and a job that runs goes on.
    ///
    /// # Blocking
    /// For as long as a delivery takes that is under way, which never waits.
    pub fn cancel(&self) -> bool {
        // What it would have delivered is dropped here, where the user called.
        self.reach("timer.cancel")
            .is_ok_and(|table| table.cancel(&self.entry).is_some())
    }

    /// Delivers one tick now, from the calling thread, beside the schedule: that stays as it is. A timer that fires
    /// once has fired then.
    ///
    /// # Errors
    /// [`TimerError`]: it is over, the receiver does not take the tick, its job still runs or cannot be begun, or the
    /// calling unit was given up.
    pub fn fire_now(&self) -> Result<(), TimerError> {
        let table = self.reach("timer.fire")?;
        table.force(&self.entry)
    }

    /// Gives a periodic timer another interval, which begins now. No tick of the old one is delivered after this has
    /// returned.
    ///
    /// # Errors
    /// [`TimerError`]: the interval is zero, the timer is over or fires once, or the calling unit was given up.
    pub fn reschedule(&self, every: Every) -> Result<(), TimerError> {
        every.validate()?;
        let table = self.reach("timer.reschedule")?;
        table.retime(&self.entry, every)
    }

    fn reach(&self, operation: &'static str) -> Result<Arc<Timetable>, TimerError> {
        if refuses(operation) {
            return Err(TimerError::Fenced);
        }
        // Without a timetable there is no system, so the timer's owner is gone.
        self.table.upgrade().ok_or(TimerError::Over)
    }
}

impl fmt::Debug for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timer")
            .field("owner", &self.entry.owner)
            .field("key", &self.entry.key)
            .finish_non_exhaustive()
    }
}
