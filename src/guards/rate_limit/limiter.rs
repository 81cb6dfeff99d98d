//! The rate limiter.

use std::fmt;
use std::time::Duration;

use crossbeam_utils::CachePadded;
use parking_lot::Mutex;

use super::config::RateLimiterConfig;
use super::meter::{Eras, Meter, Taken};
use super::place::duration;
use super::position::NotTaken;
use super::quota::Quota;
use super::rate_limit_error::{RateLimitError, RateLimitFault};
use super::refusal::{AcquireError, CheckError, Refused};
use super::reports::Reports;
use super::reservation::{Issuer, Reservation};
use super::stats::RateLimiterStats;
use super::timeline::Timeline;
use crate::kernel::rules::Rules;
use crate::time::Deadline;

/// How long [`RateLimiter::acquire`] waits at most.
pub(super) const DEFAULT_WAIT: Duration = Duration::from_secs(5);

/// Lets through what its [`Quota`] says, for all threads that share it.
///
/// With a limit of L and more than L threads that ask at once, exactly L pass. A refusal reads and writes nothing, and
/// says when to come back. A token bucket or a fixed window is one word of shared memory; nobody ever waits for a lock to
/// be told yes or no. A sliding window keeps its history under a lock that is held for some nanoseconds per cell that a
/// request takes.
///
/// A clock that steps back never lets more through.
///
/// # Examples
///
/// ```
/// use steadfast::time::ManualClock;
/// use steadfast::guards::rate_limit::RateLimiterConfig;
/// use steadfast::Quota;
/// use std::time::Duration;
///
/// let clock = ManualClock::new();
/// let limiter = RateLimiterConfig::new(Quota::per_second(10).burst(2)).clock(clock.clock()).build()?;
/// assert!(limiter.check().is_ok());
/// assert!(limiter.check().is_ok());
/// let refused = limiter.check().unwrap_err();
/// assert_eq!(refused.retry_after, Duration::from_millis(100));
/// clock.advance(refused.retry_after);
/// assert!(limiter.check().is_ok());
/// # Ok::<(), steadfast::guards::rate_limit::RateLimitError>(())
/// ```
pub struct RateLimiter {
    rules: Rules,
    meter: CachePadded<Meter>,
    eras: Eras,
    time: Timeline,
    reports: Reports,
    quota: Mutex<Quota>,
}

impl RateLimiter {
    /// A limiter with this quota, on the operating system's clock. [`RateLimiterConfig`] has the other choices.
    ///
    /// # Errors
    /// What [`Quota::validate`] finds.
    pub fn new(quota: Quota) -> Result<Self, RateLimitError> {
        RateLimiterConfig::new(quota).build()
    }

    /// A limiter of a valid configuration.
    pub(super) fn of(config: RateLimiterConfig) -> Self {
        let (rules, eras) = (Rules::new(config.quota.numbers()), Eras::new());
        let meter = Meter::new(config.quota.algorithm(), &rules, &eras);
        Self {
            meter: CachePadded::new(meter),
            rules,
            eras,
            reports: Reports::of(&config),
            time: Timeline::new(config.clock),
            quota: Mutex::new(config.quota),
        }
    }

    /// Takes one cell, if it passes now.
    ///
    /// # Errors
    /// [`Refused`], with the time after which it passes. Nothing was counted then.
    #[inline]
    pub fn check(&self) -> Result<(), Refused> {
        let now = self.time.now();
        match self.meter.pass(&self.rules, now, 1) {
            Ok(()) => {
                self.reports.admit(1);
                Ok(())
            }
            Err(refusal) => {
                report(&self.reports, refusal, now);
                Err(refused(refusal, now))
            }
        }
    }

    /// Takes all of `cells`, if they pass now together; else none of them. No cells always pass.
    ///
    /// # Errors
    /// [`CheckError::Refused`] where they pass later, [`CheckError::Impossible`] where as many never do.
    pub fn check_n(&self, cells: u32) -> Result<(), CheckError> {
        let now = self.time.now();
        self.take(now, cells, now).map(drop)
    }

    /// Whether one cell would pass now. It is not taken.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn peek(&self) -> Result<(), Refused> {
        let now = self.time.now();
        match self.meter.peek(&self.rules, now, 1) {
            NotTaken::Late { at, .. } if at <= now => Ok(()),
            later => Err(refused(later, now)),
        }
    }

    /// How many cells would pass now, one by one.
    pub fn remaining(&self) -> u32 {
        let left = self.meter.remaining(&self.rules, self.time.now());
        left.unwrap_or_default()
    }

    /// Takes one cell, whenever its turn is. Turns are given in the order of the requests, so a check that comes later
    /// passes later.
    ///
    /// # Errors
    /// [`CheckError::Impossible`] if nothing ever passes.
    pub fn reserve(&self) -> Result<Reservation<'_>, CheckError> {
        self.reserve_n(1, Deadline::NEVER)
    }

    /// As [`reserve`](Self::reserve) for all of `cells` at one time, which is not to come after `latest`.
    ///
    /// # Errors
    /// [`CheckError::Refused`] if their turn would come later, [`CheckError::Impossible`] if as many never pass.
    pub fn reserve_n(&self, cells: u32, latest: Deadline) -> Result<Reservation<'_>, CheckError> {
        let now = self.time.now();
        let until = self.time.until(latest);
        let taken = self.take(now, cells, until)?;
        Ok(Reservation::new(
            &self.time,
            Issuer::Limiter(self),
            cells,
            taken,
        ))
    }

    /// Takes one cell; waits for its turn, at most 5 s.
    ///
    /// # Blocking
    /// Until its turn; a stop of the calling unit ends the wait. Threads are served in the order in which they came.
    ///
    /// # Errors
    /// As [`acquire_deadline`](Self::acquire_deadline).
    pub fn acquire(&self) -> Result<(), AcquireError> {
        self.acquire_timeout(DEFAULT_WAIT)
    }

    /// As [`acquire`](Self::acquire), waiting for at most `timeout`.
    ///
    /// # Errors
    /// As [`acquire_deadline`](Self::acquire_deadline).
    pub fn acquire_timeout(&self, timeout: Duration) -> Result<(), AcquireError> {
        self.acquire_deadline(self.time.clock.deadline(timeout))
    }

    /// As [`acquire`](Self::acquire), waiting until `deadline`.
    ///
    /// # Errors
    /// [`AcquireError::TooLate`] at once, and without a cell taken, if the turn would come after the deadline;
    /// [`AcquireError::Stopped`] if the calling unit is asked to stop before; [`AcquireError::Impossible`] if nothing ever
    /// passes.
    pub fn acquire_deadline(&self, deadline: Deadline) -> Result<(), AcquireError> {
        self.acquire_n(1, deadline)
    }

    /// As [`acquire_deadline`](Self::acquire_deadline) for all of `cells` at one time.
    ///
    /// # Errors
    /// As [`acquire_deadline`](Self::acquire_deadline).
    pub fn acquire_n(&self, cells: u32, deadline: Deadline) -> Result<(), AcquireError> {
        self.reserve_n(cells, deadline)?.wait()
    }

    /// Forgets all cells that were taken: as if it were new. Reservations keep their times; one of them that is cancelled
    /// later gives nothing back.
    pub fn reset(&self) {
        self.meter.reset(&self.rules, &self.eras, self.time.now());
    }

    /// Goes on under another quota of the same algorithm. What was taken stays taken: a bucket that owed seven cells owes
    /// seven, a window that had used seven has used seven. A fixed window that has used more than a smaller count has used
    /// all of that, and no more than that should the greater one come back before the window ends. To or from a count of
    /// zero, it begins anew.
    ///
    /// Turns that were given stay as they are: a thread that waits in [`acquire`](Self::acquire) waits as long as it would
    /// have, and a [`Reservation`] keeps its time.
    ///
    /// # Errors
    /// What [`Quota::validate`] finds, and another algorithm. Nothing has changed then.
    pub fn reconfigure(&self, quota: Quota) -> Result<(), RateLimitError> {
        quota.validate()?;
        let mut present = self.quota.lock();
        if present.algorithm() != quota.algorithm() {
            return RateLimitError::unless_empty(vec![RateLimitFault::OtherAlgorithm]);
        }
        let settle = || self.meter.settle(&self.rules, self.time.now());
        self.rules.replace(quota.numbers(), settle);
        *present = quota;
        drop(present);
        self.reports.reconfigure(&quota);
        Ok(())
    }

    /// The quota that it has now.
    pub fn quota(&self) -> Quota {
        *self.quota.lock()
    }

    /// Its name, if it was given one.
    pub fn name(&self) -> Option<&str> {
        self.reports.name.as_deref()
    }

    /// What it has counted; zeros if it does not count ([`RateLimiterConfig::statistics`]).
    pub fn stats(&self) -> RateLimiterStats {
        self.reports.stats()
    }

    fn take(&self, now: u64, cells: u32, until: u64) -> Result<Option<Taken>, CheckError> {
        if cells == 0 {
            return Ok(None);
        }
        match self.meter.take(&self.rules, now, cells, until) {
            Ok(taken) => {
                self.reports.admit(cells);
                Ok(Some(taken))
            }
            Err(refusal) => {
                report(&self.reports, refusal, now);
                Err(not_passed(refusal, now, cells))
            }
        }
    }

    /// Gives cells back that nobody has come behind; false if somebody has.
    pub(super) fn give_back(&self, cells: u32, taken: Taken) -> bool {
        let now = self.time.now();
        let is_back = self.meter.give_back(&self.rules, &self.eras, taken, now);
        if is_back {
            self.reports.give_back(cells);
        }
        is_back
    }
}

/// Counts a refusal, and tells of it.
#[inline]
pub(super) fn report(reports: &Reports, refusal: NotTaken, now: u64) {
    match refusal {
        NotTaken::Impossible { limit } => reports.impossible(limit),
        _ => reports.refuse(|| refused(refusal, now)),
    }
}

/// What the caller of a request for `cells` is told.
pub(super) fn not_passed(refusal: NotTaken, now: u64, cells: u32) -> CheckError {
    match refusal {
        NotTaken::Impossible { limit } => CheckError::Impossible { cells, limit },
        _ => refused(refusal, now).into(),
    }
}

/// What the caller of a request for one cell is told. Nothing passes under a closed rule, which makes it impossible.
#[inline]
pub(super) fn refused(refusal: NotTaken, now: u64) -> Refused {
    let (wait, limit) = match refusal {
        NotTaken::Late { at, limit } => (duration(at.saturating_sub(now)), limit),
        NotTaken::Impossible { limit } => (Duration::MAX, limit),
        NotTaken::Retired => (Duration::ZERO, 0),
    };
    Refused {
        retry_after: wait,
        limit,
    }
}

impl fmt::Debug for RateLimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimiter")
            .field("name", &self.reports.name)
            .field("clock", &self.time.clock)
            .finish_non_exhaustive()
    }
}
