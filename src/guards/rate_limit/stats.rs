//! What a limiter has counted.

use std::fmt;

use crate::kernel::stripe::Striped;
use crate::sync::cores;

/// What a limiter has counted since it was made; zeros without [`RateLimiterConfig::statistics`](super::RateLimiterConfig::statistics).
///
/// # Examples
///
/// ```
/// use steadfast::guards::rate_limit::{Quota, RateLimiterConfig};
///
/// let calls = RateLimiterConfig::new(Quota::per_hour(2)).statistics(true).build()?;
/// assert_eq!([calls.check_n(2).is_ok(), calls.check().is_ok()], [true, false]);
/// let stats = calls.stats();
/// assert_eq!((stats.admitted, stats.refused), (2, 1));
/// println!("{stats}");
/// # Ok::<(), steadfast::guards::rate_limit::RateLimitError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RateLimiterStats {
    /// The cells that were let through, or given a time and not given back.
    pub admitted: u64,
    /// The requests that were refused, however many cells they were for.
    pub refused: u64,
    /// The requests for more cells than ever pass at once: all of them under a quota of zero.
    pub impossible: u64,
}

/// How many keys a keyed limiter knows, and what became of others. Counted always: it costs a check nothing.
///
/// # Examples
///
/// ```
/// use steadfast::guards::rate_limit::{Beyond, Quota, RateLimiterConfig};
///
/// let config = RateLimiterConfig::new(Quota::per_hour(100)).max_keys(2).beyond(Beyond::Share);
/// let calls = config.build_keyed::<u32>()?;
/// for tenant in [1, 2, 3, 3] {
///     assert!(calls.check(&tenant).is_ok());
/// }
/// let stats = calls.key_stats();
/// assert_eq!((stats.known, stats.forgotten, stats.beyond), (2, 0, 2));
/// # Ok::<(), steadfast::guards::rate_limit::RateLimitError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyStats {
    /// The keys that it knows now.
    pub known: usize,
    /// The keys that it has forgotten because they were as good as new. One that comes again later counts again.
    pub forgotten: u64,
    /// How often a request came for a key that there was no place for, whatever became of it
    /// ([`Beyond`](super::Beyond)).
    pub beyond: u64,
}

impl fmt::Display for KeyStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            known,
            forgotten,
            beyond,
        } = self;
        write!(
            f,
            "{known} keys known, {forgotten} forgotten, {beyond} requests beyond them"
        )
    }
}

impl fmt::Display for RateLimiterStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            admitted,
            refused,
            impossible,
        } = self;
        write!(
            f,
            "{admitted} cells admitted, {refused} requests refused, {impossible} impossible"
        )
    }
}

/// The counters behind it.
pub(super) struct Counts {
    admitted: Striped,
    given_back: Striped,
    refused: Striped,
    impossible: Striped,
}

impl Counts {
    pub(super) fn new() -> Self {
        let striped = || Striped::new(cores());
        Self {
            admitted: striped(),
            given_back: striped(),
            refused: striped(),
            // Few, or the program is wrong.
            impossible: Striped::new(1),
        }
    }

    pub(super) fn admit(&self, cells: u32) {
        self.admitted.add(u64::from(cells));
    }

    pub(super) fn give_back(&self, cells: u32) {
        self.given_back.add(u64::from(cells));
    }

    pub(super) fn refuse(&self) {
        self.refused.add(1);
    }

    pub(super) fn impossible(&self) {
        self.impossible.add(1);
    }

    pub(super) fn stats(&self) -> RateLimiterStats {
        // What was given back first: it was admitted before.
        let given_back = self.given_back.sum();
        RateLimiterStats {
            admitted: self.admitted.sum().saturating_sub(given_back),
            refused: self.refused.sum(),
            impossible: self.impossible.sum(),
        }
    }
}
