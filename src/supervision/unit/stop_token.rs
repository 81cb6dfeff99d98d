//! The cooperative stop of a unit: a token that says whether, why and until when.
//!
//! A unit is *asked* to stop; nothing here ends a thread. The signal has rising levels (run, drain,
//! halt, fenced) and lives in the kernel; this file adds what a unit needs to obey it well: the cause,
//! the moment until which queued work may still be drained, and the note of what it left behind.

use std::fmt;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::fault::StopCause;
use crate::kernel::stop::{Level, StopSignal};

/// Tells a unit whether it has been asked to stop. Cheap to clone, made to be kept.
///
/// Every wait of the library that is given a token (or a context, see [`StopAware`]) ends when the
/// token rises; code that computes for long asks [`is_stopping`](StopToken::is_stopping) now and then.
#[derive(Clone)]
pub struct StopToken {
    shared: Arc<Shared>,
}

struct Shared {
    signal: Arc<StopSignal>,
    drain_until: Mutex<Option<Instant>>,
    left: AtomicUsize,
}

impl StopToken {
    pub(crate) fn new() -> Self {
        StopToken {
            shared: Arc::new(Shared {
                signal: Arc::new(StopSignal::new()),
                drain_until: Mutex::new(None),
                left: AtomicUsize::new(0),
            }),
        }
    }

    /// Whether the unit has been asked to stop (or more).
    pub fn is_stopping(&self) -> bool {
        self.signal().level() >= Level::Drain
    }

    /// Whether the unit was told to stop without draining what is queued.
    pub fn is_halted(&self) -> bool {
        self.signal().level() >= Level::Halt
    }

    /// Whether the unit was abandoned: its effects are refused from now on.
    pub fn is_fenced(&self) -> bool {
        self.signal().level() >= Level::Fenced
    }

    /// Why the unit was asked to stop; the first cause stays.
    pub fn cause(&self) -> Option<StopCause> {
        self.signal().cause().and_then(StopCause::from_code)
    }

    /// Until when queued work may be drained; `None` while running, or when no deadline was given.
    pub fn drain_until(&self) -> Option<Instant> {
        *self.shared.drain_until.lock()
    }

    /// Messages that the unit's receivers left in their channels when it stopped.
    pub(crate) fn left(&self) -> usize {
        self.shared.left.load(Ordering::Relaxed)
    }

    pub(crate) fn signal(&self) -> &Arc<StopSignal> {
        &self.shared.signal
    }

    /// Notes how many queued messages a receiver gave up when the unit stopped.
    pub(crate) fn note_left(&self, messages: usize) {
        // Relaxed: a number for the report, read after the run has ended.
        self.shared.left.fetch_add(messages, Ordering::Relaxed);
    }

    /// Asks for an orderly stop. The drain deadline is in place before anyone can see the signal; a later call changes
    /// it, also for who waits already.
    pub(crate) fn drain(&self, cause: StopCause, until: Option<Instant>) {
        let before = mem::replace(&mut *self.shared.drain_until.lock(), until);
        if !self.signal().raise(Level::Drain, cause.to_code()) && before != until {
            self.signal().nudge();
        }
    }

    /// Asks for a stop that leaves queued work where it is.
    pub(crate) fn halt(&self, cause: StopCause) {
        self.signal().raise(Level::Halt, cause.to_code());
    }

    /// Refuses all further effects of the unit.
    pub(crate) fn fence(&self, cause: StopCause) {
        self.signal().raise(Level::Fenced, cause.to_code());
    }
}

/// Until when a unit that must have ended by `deadline` may drain what is queued: a tenth of the time,
/// at most a quarter of a second, is left for ending.
pub(crate) fn drain_until(now: Instant, deadline: Instant) -> Instant {
    let margin = (deadline.saturating_duration_since(now) / 10).min(MAX_MARGIN);
    deadline.checked_sub(margin).unwrap_or(deadline)
}

const MAX_MARGIN: Duration = Duration::from_millis(250);

impl fmt::Debug for StopToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StopToken")
            .field("level", &self.signal().level())
            .field("cause", &self.cause())
            .finish()
    }
}

/// Anything that carries a [`StopToken`]: the contexts of units, and the token itself.
pub trait StopAware {
    /// The token that ends waits made on behalf of this unit.
    fn stop_token(&self) -> &StopToken;
}

impl StopAware for StopToken {
    fn stop_token(&self) -> &StopToken {
        self
    }
}
