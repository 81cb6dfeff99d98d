//! Cells that were taken for a time to come.

use std::fmt;
use std::time::Instant;

use super::limiter::RateLimiter;
use super::meter::Taken;
use super::refusal::AcquireError;

/// Cells of a [`RateLimiter`] that may be used from a certain time on.
///
/// Dropping it cancels it. Cells that are cancelled are given back as if they had never been taken, if nobody has come
/// behind; else those behind keep the turns that they were given, and the cells are spent.
#[must_use = "dropping a reservation cancels it"]
pub struct Reservation<'a> {
    limiter: &'a RateLimiter,
    cells: u32,
    taken: Option<Taken>,
}

impl<'a> Reservation<'a> {
    pub(super) const fn new(limiter: &'a RateLimiter, cells: u32, taken: Option<Taken>) -> Self {
        Self {
            limiter,
            cells,
            taken,
        }
    }

    /// From when on its cells may be used, by the clock of the limiter.
    pub fn at(&self) -> Instant {
        self.limiter.time.instant_of(self.tick())
    }

    /// How many cells it is for.
    pub const fn cells(&self) -> u32 {
        self.cells
    }

    /// Waits for its turn.
    ///
    /// # Blocking
    /// Until [`at`](Self::at); a stop of the calling unit ends the wait.
    ///
    /// # Errors
    /// [`AcquireError::Stopped`]; it is then cancelled.
    pub fn wait(self) -> Result<(), AcquireError> {
        if !self.limiter.time.wait_until(self.tick()) {
            return Err(AcquireError::Stopped);
        }
        let _at = self.keep();
        Ok(())
    }

    /// Keeps its cells: the caller sees to it that they are not used before the time that this returns.
    pub fn keep(mut self) -> Instant {
        let at = self.at();
        self.taken = None;
        at
    }

    /// Cancels it. True if its cells were given back, false if somebody has come behind.
    pub fn cancel(mut self) -> bool {
        self.give_back()
    }

    fn tick(&self) -> u64 {
        self.taken.map_or(0, |taken| taken.at)
    }

    fn give_back(&mut self) -> bool {
        let taken = self.taken.take();
        taken.is_none_or(|taken| self.limiter.give_back(self.cells, taken))
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        self.give_back();
    }
}

impl fmt::Debug for Reservation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reservation")
            .field("cells", &self.cells)
            .field("at", &self.at())
            .finish_non_exhaustive()
    }
}
