//! A clock that stands still until a test moves it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::clock::{Clock, read_system};

/// A clock that stands still until [`ManualClock::advance`] moves it; for tests.
#[derive(Clone)]
pub struct ManualClock(Arc<State>);

struct State {
    base: Instant,
    /// Nanoseconds since `base`.
    elapsed_ns: AtomicU64,
    moving: parking_lot::Mutex<()>,
}

impl ManualClock {
    /// A clock that stands at the present time.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(State {
            base: read_system(),
            elapsed_ns: AtomicU64::new(0),
            moving: parking_lot::Mutex::default(),
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
        // Acquire: pairs with the Release in advance; who sees the time sees what was done before it.
        let elapsed = Duration::from_nanos(self.0.elapsed_ns.load(Ordering::Acquire));
        self.0.base.checked_add(elapsed).unwrap_or(self.0.base)
    }

    /// Moves the time forward. It saturates some 584 years after the start.
    pub fn advance(&self, duration: Duration) {
        let step = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let _one_at_a_time = self.0.moving.lock();
        // Relaxed: written under this lock only.
        let elapsed = self.0.elapsed_ns.load(Ordering::Relaxed);
        let moved = elapsed.saturating_add(step);
        // Release: pairs with the Acquire in now.
        self.0.elapsed_ns.store(moved, Ordering::Release);
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
            .field("elapsed", &self.now().duration_since(self.0.base))
            .finish()
    }
}
