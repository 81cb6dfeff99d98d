//! The time of a limiter, in ticks since it was made, and the waits by it.

use std::time::Instant;

use super::place::{duration, nanosecond_ticks, ticks};
use crate::kernel::stop::current_stop;
use crate::kernel::waiters::{WaitList, Wake, wait_for};
use crate::time::{Beginning, Clock, Deadline};

/// The time of a limiter.
#[derive(Debug)]
pub(super) struct Timeline {
    pub(super) clock: Clock,
    begin: Beginning,
}

impl Timeline {
    /// A timeline that begins now.
    pub(super) fn new(clock: Clock) -> Self {
        let begin = clock.begin();
        Self { clock, begin }
    }

    #[inline]
    pub(super) fn now(&self) -> u64 {
        nanosecond_ticks(self.clock.nanoseconds_since(&self.begin))
    }

    fn tick_of(&self, at: Instant) -> u64 {
        ticks(at.saturating_duration_since(self.begin.instant))
    }

    /// The last tick before the deadline has passed.
    pub(super) fn until(&self, deadline: Deadline) -> u64 {
        // Never is not quite never: what is placed at the very last tick is never let through.
        let never = u64::MAX - 1;
        deadline.instant().map_or(never, |at| self.tick_of(at))
    }

    /// The instant of a tick, or the first one after it.
    pub(super) fn instant_of(&self, tick: u64) -> Instant {
        let begin = self.begin.instant;
        begin.checked_add(duration(tick)).unwrap_or(begin)
    }

    /// Waits until a tick has come. False if the calling unit was asked to stop before.
    pub(super) fn wait_until(&self, tick: u64) -> bool {
        if tick <= self.now() {
            return true;
        }
        let (stop, until) = (current_stop(), self.instant_of(tick));
        let (nobody, nothing) = (WaitList::new(), || None::<()>);
        let waited = wait_for(&nobody, stop.as_deref(), &self.clock, Some(until), nothing);
        waited != Err(Wake::Stopped)
    }
}
