//! Monitors: one-time subscriptions to the end of a unit (OTP's `monitor`).
//!
//! A monitor hears exactly one [`Down`]. Dropping it ends the subscription, and a `Down` that was on
//! its way is dropped with it. Both sides hold nothing once the `Down` was told: the unit forgets the
//! monitor, the monitor keeps only the message.

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;

use crate::fault::{ExitReason, Generation, UnitPath};
use crate::kernel::stop::current_stop;
use crate::kernel::waiters::{WaitList, wait_for};
use crate::supervision::unit::logical::Unit;
use crate::time::{Clock, Deadline};

/// The news that a unit has ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Down {
    /// The unit that ended.
    pub path: UnitPath,
    /// Which of its runs ended.
    pub generation: Generation,
    /// Why; `None` when there was no run to watch: the unit had already ended for good, or had never
    /// been started (OTP's `noproc`).
    pub reason: Option<ExitReason>,
}

/// The place where the one `Down` of a monitor arrives.
pub(crate) struct DownSlot {
    down: Mutex<Option<Down>>,
    waiters: WaitList,
}

impl DownSlot {
    pub(crate) fn new() -> Self {
        DownSlot {
            down: Mutex::new(None),
            waiters: WaitList::new(),
        }
    }

    /// Delivers; the unit calls this once, because it forgets the monitor before.
    pub(crate) fn tell(&self, down: Down) {
        *self.down.lock() = Some(down);
        self.waiters.notify_all();
    }

    fn take(&self) -> Option<Down> {
        self.down.lock().take()
    }
}

/// A subscription to the end of one run of a unit; made by a handle's `monitor`.
#[must_use = "dropping a monitor ends its subscription"]
pub struct Monitor {
    unit: Weak<Unit>,
    slot: Arc<DownSlot>,
    clock: Clock,
}

impl Monitor {
    pub(crate) fn new(unit: &Arc<Unit>, slot: Arc<DownSlot>, clock: Clock) -> Self {
        Monitor {
            unit: Arc::downgrade(unit),
            slot,
            clock,
        }
    }

    /// The `Down`, if it has arrived and was not taken before. Never blocks.
    pub fn try_down(&self) -> Option<Down> {
        self.slot.take()
    }

    /// Waits for the `Down` for at most `timeout`.
    ///
    /// # Blocking
    /// Until the unit ends, the time is over, or the calling unit is asked to stop; `None` in the
    /// last two cases, and for ever after the one `Down` was taken.
    pub fn down_timeout(&self, timeout: Duration) -> Option<Down> {
        self.down_deadline(self.clock.deadline(timeout))
    }

    /// As [`down_timeout`](Monitor::down_timeout), with a deadline.
    pub fn down_deadline(&self, deadline: Deadline) -> Option<Down> {
        let stop = current_stop();
        let slot = &self.slot;
        wait_for(
            &slot.waiters,
            stop.as_deref(),
            &self.clock,
            deadline.instant(),
            || slot.take(),
        )
        .ok()
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        if let Some(unit) = self.unit.upgrade() {
            unit.unwatch(&self.slot);
        }
    }
}

impl fmt::Debug for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Monitor").finish_non_exhaustive()
    }
}
