//! The permit of one call.

use std::fmt;
use std::mem;
use std::thread;

use super::breaker::CircuitBreaker;
use super::state::Outcome;

/// One call that a [`CircuitBreaker`] let pass, and that it wants to hear of.
///
/// Dropped while a panic unwinds it is a failure, else it is ignored. A probe's permit that is kept for longer than the
/// lease, or forgotten, counts as a failure once another call needs its place.
///
/// # Examples
///
/// For a call that does not end where it began, or whose result says nothing of the other side.
///
/// ```
/// use steadfast::CircuitBreaker;
/// use steadfast::guards::breaker::Trip;
///
/// let breaker = CircuitBreaker::new(Trip::consecutive(5))?;
/// let permit = breaker.admit()?;
/// let status = 404; // the answer of a server that works
/// match status {
///     500.. => permit.failure(),
///     400.. => permit.ignore(),
///     _ => permit.success(),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a permit that is dropped says nothing of its call"]
pub struct BreakerPermit<'a> {
    breaker: &'a CircuitBreaker,
    generation: u32,
    /// When it began; zero where that does not matter.
    begun: u64,
}

impl<'a> BreakerPermit<'a> {
    #[inline]
    pub(super) const fn new(breaker: &'a CircuitBreaker, generation: u32, begun: u64) -> Self {
        Self {
            breaker,
            generation,
            begun,
        }
    }

    /// The call has succeeded.
    pub fn success(self) {
        self.report(Outcome::Success);
    }

    /// The call has failed.
    pub fn failure(self) {
        self.report(Outcome::Failure);
    }

    /// The call says nothing about the other side.
    pub fn ignore(self) {
        self.report(Outcome::Ignored);
    }

    /// The call has ended.
    #[inline]
    pub fn report(self, outcome: Outcome) {
        self.breaker.settle(self.generation, self.begun, outcome);
        // Nothing is left to be dropped: it owns nothing.
        mem::forget(self);
    }
}

impl Drop for BreakerPermit<'_> {
    fn drop(&mut self) {
        let outcome = if thread::panicking() {
            Outcome::Failure
        } else {
            Outcome::Ignored
        };
        self.breaker.settle(self.generation, self.begun, outcome);
    }
}

impl fmt::Debug for BreakerPermit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BreakerPermit")
            .field("breaker", &self.breaker.name())
            .finish_non_exhaustive()
    }
}
