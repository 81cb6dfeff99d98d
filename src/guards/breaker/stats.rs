//! What a breaker has counted.

use std::fmt;
use std::time::Duration;

use super::state::Phase;

/// What a breaker has counted. Its numbers are read one after the other, while calls go on.
///
/// # Examples
///
/// ```
/// use steadfast::CircuitBreaker;
/// use steadfast::guards::breaker::Trip;
///
/// let breaker = CircuitBreaker::new(Trip::count_window(10))?;
/// for call in 0..4 {
///     let _answer = breaker.call(|| if call == 2 { Err("timed out") } else { Ok(call) });
/// }
/// let stats = breaker.stats();
/// assert_eq!((stats.calls, stats.failed, stats.refused), (4, 1, 0));
/// # Ok::<(), steadfast::guards::breaker::BreakerError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BreakerStats {
    /// What it does with calls.
    pub phase: Phase,
    /// The calls in its window; without a window, the failures in a row.
    pub calls: u32,
    /// Those that failed.
    pub failed: u32,
    /// Those that were slow.
    pub slow: u32,
    /// The probes that are out.
    pub probes_out: u32,
    /// How often it has opened without closing in between.
    pub opened_in_a_row: u32,
    /// The calls that it has refused since it was made.
    pub refused: u64,
    /// The time after which a probe may pass, where it waits for that.
    pub retry_after: Option<Duration>,
}

impl fmt::Display for BreakerStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            phase,
            calls,
            failed,
            slow,
            refused,
            ..
        } = self;
        write!(f, "{phase}; of the last {calls} calls {failed} failed, ")?;
        write!(f, "{slow} were slow; {refused} refused")?;
        match self.retry_after {
            Some(wait) => write!(f, "; a probe in {wait:.1?}"),
            None => Ok(()),
        }
    }
}
