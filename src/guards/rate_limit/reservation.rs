//! Cells that were taken for a time to come.

use std::fmt;
use std::time::Instant;

use super::limiter::RateLimiter;
use super::meter::Taken;
use super::refusal::AcquireError;
use super::timeline::Timeline;

/// Cells of a limiter that may be used from a certain time on.
///
/// Dropping it cancels it. Cells that are cancelled are given back as if they had never been taken, if nobody has come
/// behind; else those behind keep the turns that they were given, and the cells are spent. They are spent too where the
/// limiter was reset since, and may be where it was reconfigured: what is in their place is not known then.
///
/// # Examples
///
/// A turn that comes too late for the purpose is given back.
///
/// ```
/// use std::time::Duration;
/// use steadfast::{Clock, Quota, RateLimiter};
///
/// let mails = RateLimiter::new(Quota::per_hour(1))?;
/// mails.reserve()?.wait()?;
/// let next = mails.reserve()?;
/// if next.at() > Clock::system().now() + Duration::from_secs(60) {
///     assert!(next.cancel());
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "dropping a reservation cancels it"]
pub struct Reservation<'a> {
    time: &'a Timeline,
    issuer: Issuer<'a>,
    cells: u32,
    taken: Option<Taken>,
}

/// Who takes cells back.
pub(super) enum Issuer<'a> {
    /// The limiter for all.
    Limiter(&'a RateLimiter),
    /// A keyed limiter, which finds the key again.
    Key(Box<GiveBack<'a>>),
}

/// Takes cells back; false if somebody has come behind.
pub(super) type GiveBack<'a> = dyn Fn(u32, Taken) -> bool + Send + Sync + 'a;

impl<'a> Reservation<'a> {
    pub(super) const fn new(
        time: &'a Timeline,
        issuer: Issuer<'a>,
        cells: u32,
        taken: Option<Taken>,
    ) -> Self {
        Self {
            time,
            issuer,
            cells,
            taken,
        }
    }

    /// From when on its cells may be used, by the clock of the limiter.
    pub fn at(&self) -> Instant {
        self.time.instant_of(self.tick())
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
        if !self.time.wait_until(self.tick()) {
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

    /// Cancels it. True if its cells were given back, false if they are spent: somebody has come behind, or the limiter was
    /// reset or reconfigured.
    pub fn cancel(mut self) -> bool {
        self.give_back()
    }

    fn tick(&self) -> u64 {
        self.taken.map_or(0, |taken| taken.at)
    }

    fn give_back(&mut self) -> bool {
        let taken = self.taken.take();
        taken.is_none_or(|taken| match &self.issuer {
            Issuer::Limiter(limiter) => limiter.give_back(self.cells, taken),
            Issuer::Key(give_back) => give_back(self.cells, taken),
        })
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
