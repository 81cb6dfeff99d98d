//! Turns of a key: taken for later, waited for, given back.

use std::borrow::Borrow;
use std::hash::{BuildHasher, Hash};
use std::time::Duration;

use super::keyed::KeyedRateLimiter;
use super::limiter::DEFAULT_WAIT;
use super::meter::{Meter, Taken};
use super::refusal::{AcquireError, CheckError};
use super::reservation::{Issuer, Reservation};
use crate::time::Deadline;

/// Cells that were taken, and of what.
#[derive(Clone, Copy)]
struct TakenOf {
    taken: Taken,
    is_shared: bool,
}

impl<K, S: BuildHasher> KeyedRateLimiter<K, S> {
    /// Takes one cell of `key`, whenever its turn is. Turns of a key are given in the order of the requests.
    ///
    /// # Errors
    /// As [`reserve_n`](Self::reserve_n).
    ///
    /// # Examples
    ///
    /// ```
    /// use steadfast::Quota;
    /// use steadfast::guards::rate_limit::KeyedRateLimiter;
    ///
    /// let mails: KeyedRateLimiter<String> = KeyedRateLimiter::new(Quota::per_minute(1))?;
    /// let first = mails.reserve("ann")?.keep();
    /// let second = mails.reserve("ann")?;
    /// assert!(second.at() > first);
    /// assert!(second.cancel(), "nobody has come behind");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reserve<Q>(&self, key: &Q) -> Result<Reservation<'_>, CheckError>
    where
        K: Borrow<Q> + Hash + Eq + Send + Sync,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
        S: Sync,
    {
        self.reserve_n(key, 1, Deadline::NEVER)
    }

    /// As [`reserve`](Self::reserve) for all of `cells` at one time, which is not to come after `latest`.
    ///
    /// # Errors
    /// [`CheckError::Refused`] if their turn would come later, [`CheckError::Impossible`] if as many never pass,
    /// [`CheckError::TooManyKeys`] where there is no place for the key.
    pub fn reserve_n<Q>(
        &self,
        key: &Q,
        cells: u32,
        latest: Deadline,
    ) -> Result<Reservation<'_>, CheckError>
    where
        K: Borrow<Q> + Hash + Eq + Send + Sync,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
        S: Sync,
    {
        let of = self.take(key, cells, self.time.until(latest))?;
        let (own, is_shared) = (key.to_owned(), of.is_some_and(|of| of.is_shared));
        let give_back = move |cells, taken| {
            let of = TakenOf { taken, is_shared };
            self.give_back::<K>(&own, cells, of)
        };
        let (issuer, taken) = (Issuer::Key(Box::new(give_back)), of.map(|of| of.taken));
        Ok(Reservation::new(&self.time, issuer, cells, taken))
    }

    /// Takes one cell of `key`; waits for its turn, at most 5 s.
    ///
    /// # Blocking
    /// Until its turn; a stop of the calling unit ends the wait. Threads are served in the order in which they came.
    ///
    /// # Errors
    /// As [`acquire_n`](Self::acquire_n).
    pub fn acquire<Q>(&self, key: &Q) -> Result<(), AcquireError>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        self.acquire_timeout(key, DEFAULT_WAIT)
    }

    /// As [`acquire`](Self::acquire), waiting for at most `timeout`.
    ///
    /// # Errors
    /// As [`acquire_n`](Self::acquire_n).
    pub fn acquire_timeout<Q>(&self, key: &Q, timeout: Duration) -> Result<(), AcquireError>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        self.acquire_deadline(key, self.time.clock.deadline(timeout))
    }

    /// As [`acquire`](Self::acquire), waiting until `deadline`.
    ///
    /// # Errors
    /// As [`acquire_n`](Self::acquire_n).
    pub fn acquire_deadline<Q>(&self, key: &Q, deadline: Deadline) -> Result<(), AcquireError>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        self.acquire_n(key, 1, deadline)
    }

    /// As [`acquire_deadline`](Self::acquire_deadline) for all of `cells` at one time.
    ///
    /// # Errors
    /// [`AcquireError::TooLate`] at once, and without a cell taken, if the turn would come after the deadline;
    /// [`AcquireError::Stopped`] if the calling unit is asked to stop before; [`AcquireError::TooManyKeys`] where there is
    /// no place for the key; [`AcquireError::Impossible`] if as many never pass.
    pub fn acquire_n<Q>(&self, key: &Q, cells: u32, deadline: Deadline) -> Result<(), AcquireError>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        let Some(of) = self.take(key, cells, self.time.until(deadline))? else {
            return Ok(());
        };
        if self.time.wait_until(of.taken.at) {
            return Ok(());
        }
        self.give_back(key, cells, of);
        Err(AcquireError::Stopped)
    }

    fn take<Q>(&self, key: &Q, cells: u32, until: u64) -> Result<Option<TakenOf>, CheckError>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        let take = |meter: &Meter, now| {
            let is_shared = std::ptr::eq(meter, &raw const self.shared);
            let taken = meter.take(&self.rules, now, cells, until)?;
            Ok(TakenOf { taken, is_shared })
        };
        self.ask(key, cells, take)
    }

    /// Gives cells back that nobody has come behind; false if somebody has.
    fn give_back<Q>(&self, key: &Q, cells: u32, of: TakenOf) -> bool
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let now = self.time.now();
        let give_back = |meter: &Meter| meter.give_back(&self.rules, &self.eras, of.taken, now);
        let is_back = if of.is_shared {
            give_back(&self.shared)
        } else {
            // A key whose turn is still to come is not forgotten: where there is none, nothing is owed any more.
            let given = self.keys.find(key, |meter| Some(give_back(meter)));
            given.unwrap_or(true)
        };
        if is_back {
            self.reports.give_back(cells);
        }
        is_back
    }
}
