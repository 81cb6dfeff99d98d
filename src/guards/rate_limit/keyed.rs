//! The rate limiter with a limit for each key.

use std::borrow::Borrow;
use std::cell::LazyCell;
use std::fmt;
use std::hash::{BuildHasher, Hash, RandomState};

use parking_lot::Mutex;

use super::config::{Beyond, RateLimiterConfig};
use super::keys::{Full, Keys};
use super::limiter::{not_passed, report};
use super::meter::{Eras, Meter};
use super::position::NotTaken;
use super::quota::{Algorithm, Quota};
use super::rate_limit_error::{RateLimitError, RateLimitFault};
use super::refusal::CheckError;
use super::reports::Reports;
use super::stats::{KeyStats, RateLimiterStats};
use super::timeline::Timeline;
use crate::kernel::rules::Rules;

/// Lets through what its [`Quota`] says for each key: each user, each address, each tenant.
///
/// A key that is known is found without a lock and then checked as by a [`RateLimiter`](super::RateLimiter); a new key
/// takes a lock for a moment. How many keys are known has a bound ([`RateLimiterConfig::max_keys`]), and what becomes of one
/// beyond it is a choice ([`Beyond`]). Only a key that is as good as new is forgotten to make room for another, so
/// forgetting lets nothing more through, and what is reserved stays reserved. Where more than half of the places are
/// taken, a few keys are looked at whenever one is added; there is no thread for it.
///
/// All keys have the same quota. Where some deserve another one, have a limiter for each kind, say one for guests and one
/// for customers.
///
/// Keys are compared with `Eq` and found by `Hash`, under the lock too: these must not use the limiter.
///
/// # Examples
///
/// ```
/// use steadfast::guards::rate_limit::{KeyedRateLimiter, Quota};
///
/// let calls: KeyedRateLimiter<String> = KeyedRateLimiter::new(Quota::per_minute(2))?;
/// assert!(calls.check("ann").is_ok());
/// assert!(calls.check("ann").is_ok());
/// assert!(calls.check("ann").is_err());
/// assert!(calls.check("bob").is_ok());
/// # Ok::<(), steadfast::guards::rate_limit::RateLimitError>(())
/// ```
pub struct KeyedRateLimiter<K, S = RandomState> {
    pub(super) rules: Rules,
    pub(super) keys: Keys<K, Meter, S>,
    /// Shared by all keys beyond the bound.
    pub(super) shared: Meter,
    pub(super) eras: Eras,
    beyond: Beyond,
    algorithm: Algorithm,
    pub(super) time: Timeline,
    pub(super) reports: Reports,
    quota: Mutex<Quota>,
}

/// What would become of a key that is not known.
enum Stranger {
    /// It has its whole quota.
    New,
    /// It passes, unlimited.
    Admitted,
    /// There is no place for it.
    Refused,
}

impl<K> KeyedRateLimiter<K> {
    /// A limiter with this quota for each key, on the operating system's clock. [`RateLimiterConfig`] has the other
    /// choices.
    ///
    /// # Errors
    /// What [`Quota::validate`] finds.
    pub fn new(quota: Quota) -> Result<Self, RateLimitError> {
        RateLimiterConfig::new(quota).build_keyed()
    }
}

impl<K, S> KeyedRateLimiter<K, S> {
    /// A limiter of a valid configuration.
    pub(super) fn of(config: RateLimiterConfig, hasher: S) -> Self {
        let (rules, eras) = (Rules::new(config.quota.numbers()), Eras::new());
        Self {
            keys: Keys::new(config.keys, hasher),
            shared: Meter::new(config.quota.algorithm(), &rules, &eras),
            rules,
            eras,
            beyond: config.beyond,
            algorithm: config.quota.algorithm(),
            reports: Reports::of(&config),
            time: Timeline::new(config.clock),
            quota: Mutex::new(config.quota),
        }
    }

    /// As [`RateLimiter::reconfigure`](super::RateLimiter::reconfigure), for all keys. It goes over all of them; checks go
    /// on meanwhile, new keys wait.
    ///
    /// # Errors
    /// What [`Quota::validate`] finds, and another algorithm. Nothing has changed then.
    pub fn reconfigure(&self, quota: Quota) -> Result<(), RateLimitError> {
        quota.validate()?;
        if self.algorithm != quota.algorithm() {
            return RateLimitError::unless_empty(vec![RateLimitFault::OtherAlgorithm]);
        }
        let mut present = self.quota.lock();
        self.rules.replace(quota.numbers(), || {
            let now = self.time.now();
            self.shared.settle(&self.rules, now);
            self.keys.for_each(|meter| meter.settle(&self.rules, now));
        });
        *present = quota;
        drop(present);
        self.reports.reconfigure(&quota);
        Ok(())
    }

    /// Forgets all keys that are as good as new; how many. Needed only to give memory back early.
    pub fn purge(&self) -> usize {
        let now = self.time.now();
        self.keys.collect(|meter| meter.retire(&self.rules, now))
    }

    /// How many keys are known.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether no key is known.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many keys are known at once at most.
    pub const fn capacity(&self) -> usize {
        self.keys.most()
    }

    /// The quota that each key has now.
    pub fn quota(&self) -> Quota {
        *self.quota.lock()
    }

    /// Its name, if it was given one.
    pub fn name(&self) -> Option<&str> {
        self.reports.name.as_deref()
    }

    /// What it has counted over all keys; zeros if it does not count ([`RateLimiterConfig::statistics`]).
    pub fn stats(&self) -> RateLimiterStats {
        self.reports.stats()
    }

    /// How many keys it knows, and what became of others.
    pub fn key_stats(&self) -> KeyStats {
        let census = self.keys.census();
        KeyStats {
            known: census.known,
            forgotten: census.collected,
            beyond: census.turned_away,
        }
    }
}

impl<K, S: BuildHasher> KeyedRateLimiter<K, S> {
    /// Takes one cell of `key`, if it passes now.
    ///
    /// # Errors
    /// [`CheckError::Refused`], with the time after which it passes; [`CheckError::TooManyKeys`] where there is no place
    /// for the key; [`CheckError::Impossible`] under a quota of zero.
    #[inline]
    pub fn check<Q>(&self, key: &Q) -> Result<(), CheckError>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        self.check_n(key, 1)
    }

    /// Takes all of `cells` of `key`, if they pass now together; else none of them. No cells always pass.
    ///
    /// # Errors
    /// As [`check`](Self::check), and [`CheckError::Impossible`] wherever as many never pass.
    #[inline]
    pub fn check_n<Q>(&self, key: &Q, cells: u32) -> Result<(), CheckError>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        let pass = |meter: &Meter, now| meter.pass(&self.rules, now, cells);
        self.ask(key, cells, pass).map(drop)
    }

    /// Whether one cell of `key` would pass now. It is not taken, and asking makes no key known.
    ///
    /// # Errors
    /// As [`check`](Self::check), also for a key that there is no place for.
    pub fn peek<Q>(&self, key: &Q) -> Result<(), CheckError>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let peek = |meter: &Meter, now| match meter.peek(&self.rules, now, 1) {
            NotTaken::Retired => None,
            answer => Some((answer, now)),
        };
        match self.look(key, peek) {
            Ok((NotTaken::Late { at, .. }, now)) if at <= now => Ok(()),
            Ok((later, now)) => Err(not_passed(later, now, 1)),
            Err(Stranger::New) => match self.quota().limit() {
                0 => Err(not_passed(NotTaken::Impossible { limit: 0 }, 0, 1)),
                _ => Ok(()),
            },
            Err(Stranger::Admitted) => Ok(()),
            Err(Stranger::Refused) => Err(self.too_many_keys()),
        }
    }

    /// How many cells of `key` would pass now, one by one. Asking makes no key known. A key that there is no place for has
    /// none, or what is left of the shared limit, or [`u32::MAX`], as [`Beyond`] was chosen.
    pub fn remaining<Q>(&self, key: &Q) -> u32
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        match self.look(key, |meter, now| meter.remaining(&self.rules, now)) {
            Ok(left) => left,
            Err(Stranger::New) => self.quota().limit(),
            Err(Stranger::Admitted) => u32::MAX,
            Err(Stranger::Refused) => 0,
        }
    }

    /// Looks at the meter that a check of `key` would ask; where there is none, says what would become of the key.
    fn look<Q, R>(&self, key: &Q, look: impl Fn(&Meter, u64) -> Option<R>) -> Result<R, Stranger>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let look = |meter: &Meter| look(meter, self.time.now());
        if let Some(seen) = self.keys.find(key, look) {
            return Ok(seen);
        }
        let now = self.time.now();
        if self.keys.has_place(|meter| meter.retire(&self.rules, now)) {
            return Err(Stranger::New);
        }
        match self.beyond {
            Beyond::Refuse => Err(Stranger::Refused),
            Beyond::Admit => Err(Stranger::Admitted),
            Beyond::Share => look(&self.shared).ok_or(Stranger::Refused),
        }
    }

    /// Forgets the cells that were taken of `key`: as [`RateLimiter::reset`](super::RateLimiter::reset).
    pub fn reset<Q>(&self, key: &Q)
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let now = self.time.now();
        self.keys.find(key, |meter| {
            meter.reset(&self.rules, &self.eras, now);
            Some(())
        });
    }

    /// Asks the meter of a key, or the shared one, for cells; `None` if none were asked for, or if the key passes
    /// unlimited.
    ///
    /// The clock is read once the meter is found, and anew where it was given up meanwhile: no meter is asked about a time
    /// before it was made, at which another one may have let cells of the key through.
    #[inline]
    pub(super) fn ask<Q, R>(
        &self,
        key: &Q,
        cells: u32,
        ask: impl Fn(&Meter, u64) -> Result<R, NotTaken>,
    ) -> Result<Option<R>, CheckError>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        if cells == 0 {
            return Ok(None);
        }
        let at_once = |meter: &Meter| {
            let now = self.time.now();
            ask(meter, now).map_err(|refusal| (refusal, now))
        };
        let unless_retired = |meter: &Meter| match at_once(meter) {
            Err((NotTaken::Retired, _)) => None,
            answer => Some(answer),
        };
        let make = || Meter::new(self.algorithm, &self.rules, &self.eras);
        let now = LazyCell::new(|| self.time.now());
        let retire = |meter: &Meter| meter.retire(&self.rules, *now);
        let known = self.keys.find_or_add(key, unless_retired, make, retire);
        let answer = match (known, self.beyond) {
            (Ok(answer), _) => answer,
            (Err(Full), Beyond::Share) => at_once(&self.shared),
            (Err(Full), Beyond::Admit) => {
                self.reports.admit(cells);
                return Ok(None);
            }
            (Err(Full), Beyond::Refuse) => return Err(self.refuse_key()),
        };
        match answer {
            Ok(taken) => {
                self.reports.admit(cells);
                Ok(Some(taken))
            }
            Err((refusal, now)) => Err(self.refuse(refusal, now, cells)),
        }
    }

    #[cold]
    fn refuse_key(&self) -> CheckError {
        self.reports.beyond(self.keys.most());
        self.too_many_keys()
    }

    const fn too_many_keys(&self) -> CheckError {
        let keys = self.keys.most();
        CheckError::TooManyKeys { keys }
    }

    #[cold]
    fn refuse(&self, refusal: NotTaken, now: u64, cells: u32) -> CheckError {
        report(&self.reports, refusal, now);
        not_passed(refusal, now, cells)
    }
}

impl<K, S> fmt::Debug for KeyedRateLimiter<K, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedRateLimiter")
            .field("name", &self.reports.name)
            .field("capacity", &self.capacity())
            .field("beyond", &self.beyond)
            .field("clock", &self.time.clock)
            .finish_non_exhaustive()
    }
}
