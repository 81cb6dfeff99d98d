//! For each key, a time before which it is left alone.

use std::borrow::Borrow;
use std::fmt;
use std::hash::{BuildHasher, Hash, RandomState};
use std::time::Duration;

use super::config::RateLimiterConfig;
use super::keys::Keys;
use super::place::{END, duration, ticks};
use super::rate_limit_error::{RateLimitError, RateLimitFault};
use super::timeline::Timeline;
use crate::fault::{Category, Classify, Severity};
use crate::kernel::stop::current_stop;
use crate::kernel::waiters::{WaitList, Wake, wait_for};
use crate::kernel::word::Word;
use crate::time::{Clock, Deadline};

/// How long [`BackoffWindow::wait`] waits at most.
const DEFAULT_WAIT: Duration = Duration::from_secs(5);

/// The time of a key that was given up: it never changes again.
const RETIRED: u64 = END;

/// For each key, a time before which it is left alone: what a server says by "retry after", shared by all threads that
/// talk to it.
///
/// [`set`](Self::set) extends a window and never shortens it, so it does not matter in which order answers come in. A key
/// whose time has come is forgotten when another needs its place.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use steadfast::guards::rate_limit::BackoffWindow;
///
/// let hosts: BackoffWindow<String> = BackoffWindow::new();
/// hosts.set("example.org", Duration::from_secs(30))?;
/// hosts.set("example.org", Duration::from_secs(1))?; // does not shorten it
/// assert!(hosts.remaining("example.org") > Some(Duration::from_secs(20)));
/// assert_eq!(hosts.remaining("example.com"), None);
/// hosts.clear("example.org");
/// assert_eq!(hosts.remaining("example.org"), None);
/// # Ok::<(), steadfast::guards::rate_limit::BackoffWindowError>(())
/// ```
pub struct BackoffWindow<K, S = RandomState> {
    /// For each key a tick, zero for none.
    keys: Keys<K, Word, S>,
    time: Timeline,
    /// Who waits for the time of any key.
    waiting: WaitList,
}

/// Why a window was not set, or is not over.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use steadfast::guards::rate_limit::{BackoffWindow, BackoffWindowError};
///
/// let hosts: BackoffWindow<String> = BackoffWindow::new();
/// hosts.set("example.org", Duration::from_secs(60))?;
/// match hosts.wait_timeout("example.org", Duration::ZERO) {
///     Err(BackoffWindowError::TooLate { retry_after }) => println!("not for {retry_after:?}"),
///     other => other?,
/// }
/// # Ok::<(), BackoffWindowError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BackoffWindowError {
    /// There is no place for another key.
    #[error("there is no place for another key beside {keys}")]
    TooManyKeys {
        /// How many keys there are.
        keys: usize,
    },
    /// The deadline has come first.
    #[error("the window stays closed for {retry_after:?} beyond the deadline")]
    TooLate {
        /// What is left of the window.
        retry_after: Duration,
    },
    /// The unit that waits was asked to stop.
    #[error("the waiting unit was asked to stop")]
    Stopped,
}

impl<K> BackoffWindow<K> {
    /// Windows for at most [`RateLimiterConfig::DEFAULT_MAX_KEYS`] keys, on the operating system's clock.
    #[must_use]
    pub fn new() -> Self {
        Self::of(RateLimiterConfig::DEFAULT_MAX_KEYS, Clock::system())
    }

    /// Windows for at most so many keys, on this clock.
    ///
    /// # Errors
    /// No keys, or more than [`RateLimiterConfig::MAX_KEYS`].
    pub fn with(keys: usize, clock: Clock) -> Result<Self, RateLimitError> {
        let fault = match keys {
            0 => Some(RateLimitFault::NoKeys),
            _ if keys > RateLimiterConfig::MAX_KEYS => Some(RateLimitFault::TooManyKeys { keys }),
            _ => None,
        };
        RateLimitError::unless_empty(fault.into_iter().collect())?;
        Ok(Self::of(keys, clock))
    }

    fn of(keys: usize, clock: Clock) -> Self {
        Self {
            keys: Keys::new(keys, RandomState::new()),
            time: Timeline::new(clock),
            waiting: WaitList::new(),
        }
    }
}

impl<K, S: BuildHasher> BackoffWindow<K, S> {
    /// Leaves `key` alone for that long from now on, or for as long as it was to be left alone anyway.
    ///
    /// # Errors
    /// [`BackoffWindowError::TooManyKeys`] if all places are taken by keys whose time is still to come.
    pub fn set<Q>(&self, key: &Q, wait: Duration) -> Result<(), BackoffWindowError>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        let now = self.time.now();
        let until = now.saturating_add(ticks(wait)).min(END - 1);
        let extend = |word: &Word| {
            let extended = word.decide(|at| match at {
                RETIRED => Err(()),
                _ => Ok((until.max(at), ())),
            });
            extended.ok()
        };
        let set = self
            .keys
            .find_or_add(key, extend, || Word::new(0), |word| retire(word, now));
        let keys = self.keys.most();
        set.map_err(|_| BackoffWindowError::TooManyKeys { keys })
    }

    /// How long `key` is still left alone; `None` if it is not.
    pub fn remaining<Q>(&self, key: &Q) -> Option<Duration>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let now = self.time.now();
        let left = self.until(key).saturating_sub(now);
        (left > 0).then(|| duration(left))
    }

    /// Does not leave `key` alone any more. True if it was.
    pub fn clear<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let now = self.time.now();
        let clear = |word: &Word| {
            let cleared = word.decide(|at| match at {
                RETIRED => Err(()),
                _ => Ok((0, at > now)),
            });
            cleared.ok()
        };
        let was_closed = self.keys.find(key, clear).unwrap_or(false);
        if was_closed {
            self.waiting.notify_all();
        }
        was_closed
    }

    /// Waits until `key` is not left alone any more, at most 5 s. A window that is extended meanwhile is waited for too.
    ///
    /// # Blocking
    /// As it says; a stop of the calling unit ends the wait.
    ///
    /// # Errors
    /// As [`wait_deadline`](Self::wait_deadline).
    pub fn wait<Q>(&self, key: &Q) -> Result<(), BackoffWindowError>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.wait_timeout(key, DEFAULT_WAIT)
    }

    /// As [`wait`](Self::wait), for at most `timeout`.
    ///
    /// # Errors
    /// As [`wait_deadline`](Self::wait_deadline).
    pub fn wait_timeout<Q>(&self, key: &Q, timeout: Duration) -> Result<(), BackoffWindowError>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.wait_deadline(key, self.time.clock.deadline(timeout))
    }

    /// As [`wait`](Self::wait), until `deadline`.
    ///
    /// # Errors
    /// [`BackoffWindowError::TooLate`] when the deadline comes first, [`BackoffWindowError::Stopped`] when the calling unit
    /// is asked to stop.
    pub fn wait_deadline<Q>(&self, key: &Q, deadline: Deadline) -> Result<(), BackoffWindowError>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let stop = current_stop();
        loop {
            let until = self.until(key);
            let opens = Deadline::at(self.time.instant_of(until));
            let wake = Deadline::earliest(opens, deadline).instant();
            let is_over = || (self.until(key) <= self.time.now()).then_some(());
            let clock = &self.time.clock;
            match wait_for(&self.waiting, stop.as_deref(), clock, wake, is_over) {
                Ok(()) => return Ok(()),
                Err(Wake::Stopped) => return Err(BackoffWindowError::Stopped),
                Err(Wake::TimedOut | Wake::Notified) => {}
            }
            if deadline.is_past(clock.now()) {
                let retry_after = self.remaining(key).unwrap_or_default();
                return Err(BackoffWindowError::TooLate { retry_after });
            }
        }
    }

    /// How many keys are known, also some whose time has come.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether no key is known.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets all keys whose time has come; how many.
    pub fn purge(&self) -> usize {
        let now = self.time.now();
        self.keys.collect(|word| retire(word, now))
    }

    /// The tick before which the key is left alone.
    fn until<Q>(&self, key: &Q) -> u64
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let until = self.keys.find(key, |word| Some(word.load()));
        until.filter(|at| *at != RETIRED).unwrap_or(0)
    }
}

/// Gives a key up whose time has come.
fn retire(word: &Word, now: u64) -> bool {
    let retired = word.decide(|at| {
        if at <= now {
            Ok((RETIRED, ()))
        } else {
            Err(())
        }
    });
    retired.is_ok()
}

impl<K> Default for BackoffWindow<K> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K, S> fmt::Debug for BackoffWindow<K, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BackoffWindow")
            .field("keys", &self.keys.most())
            .field("waiting", &self.waiting)
            .finish_non_exhaustive()
    }
}

impl Classify for BackoffWindowError {
    fn category(&self) -> Category {
        match self {
            Self::TooManyKeys { .. } => Category::Capacity,
            Self::TooLate { .. } => Category::Deadline,
            Self::Stopped => Category::Unavailable,
        }
    }

    fn severity(&self) -> Severity {
        match self {
            Self::TooManyKeys { .. } | Self::TooLate { .. } => Severity::Medium,
            Self::Stopped => Severity::Low,
        }
    }

    /// Where only time or room was missing.
    fn is_retryable(&self) -> bool {
        !matches!(self, Self::Stopped)
    }

    fn code(&self) -> &'static str {
        match self {
            Self::TooManyKeys { .. } => "backoff_window.too_many_keys",
            Self::TooLate { .. } => "backoff_window.too_late",
            Self::Stopped => "backoff_window.stopped",
        }
    }
}
