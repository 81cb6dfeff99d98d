//! The end that values come out of.

use std::fmt;
use std::iter::FusedIterator;
use std::sync::Arc;
use std::time::Duration;

use super::link::{Link, Popped};
use super::obeyed::Obeyed;
use super::{ChannelStats, RecvError};
use crate::kernel::stop::Level;
use crate::kernel::waiters::{Wake, wait_for};
use crate::supervision::unit::current::refuses;
use crate::supervision::unit::stop_token::{StopAware, StopToken};
use crate::time::{Clock, Deadline};

/// The end of a channel that values come out of. Clones read from the same channel, each value once.
///
/// When the last one is dropped, sends are refused, and what is queued is dropped and counted as dead. A receiver that
/// a child's function holds lives as long as the child's specification: it outlives each of its runs.
pub struct Receiver<T> {
    pub(super) link: Arc<Link<T>>,
}

impl<T> Receiver<T> {
    pub(super) fn new(link: Arc<Link<T>>) -> Self {
        link.add_receiver();
        Self { link }
    }

    /// The next value; waits for one as long as `unit` may work. `None` is the end:
    ///
    /// * no sender is left and nothing is queued;
    /// * the unit was asked to stop, and has read as many values as were queued when it first looked after that, or
    ///   has found nothing queued, or its drain deadline came;
    /// * the unit was told to end at once.
    ///
    /// What an ending unit leaves is in the report of its stop, and stays for its next run and for other receivers.
    ///
    /// # Blocking
    /// While nothing is queued; a stop ends the wait.
    ///
    /// # Errors
    /// [`RecvError::Fenced`] if the unit was given up.
    ///
    /// # Examples
    /// ```
    /// use steadfast::channel::{Receiver, RecvError};
    /// use steadfast::supervision::StopAware;
    ///
    /// fn total(inbox: &Receiver<u64>, unit: &impl StopAware) -> Result<u64, RecvError> {
    ///     let mut total = 0;
    ///     while let Some(number) = inbox.recv(unit)? {
    ///         total += number;
    ///     }
    ///     Ok(total)
    /// }
    /// ```
    pub fn recv(&self, unit: &impl StopAware) -> Result<Option<T>, RecvError> {
        let token = unit.stop_token();
        if token.signal().level() == Level::Run
            && let Popped::Value(value) = self.link.pop()
        {
            return Ok(Some(value));
        }
        self.recv_waiting(&Obeyed::of(token), None)
    }

    /// As [`recv`](Self::recv) for the unit that this thread carries, waiting for at most `timeout`. On a thread
    /// without a unit only the senders end it.
    ///
    /// # Errors
    /// [`RecvError::Timeout`], [`RecvError::Fenced`].
    pub fn recv_timeout(&self, timeout: Duration) -> Result<Option<T>, RecvError> {
        self.recv_within(|clock| clock.deadline(timeout))
    }

    /// As [`recv_timeout`](Self::recv_timeout), waiting until `deadline`.
    ///
    /// # Errors
    /// As [`recv_timeout`](Self::recv_timeout).
    pub fn recv_deadline(&self, deadline: Deadline) -> Result<Option<T>, RecvError> {
        self.recv_within(|_| deadline)
    }

    /// The next value if one is queued now; `None` if none is and no sender is left. A stop does not matter to it.
    ///
    /// # Errors
    /// [`RecvError::Empty`], [`RecvError::Fenced`].
    pub fn try_recv(&self) -> Result<Option<T>, RecvError> {
        if refuses("channel.recv") {
            return Err(RecvError::Fenced);
        }
        match self.link.pop() {
            Popped::Value(value) => Ok(Some(value)),
            Popped::End => Ok(None),
            Popped::Empty => Err(RecvError::Empty),
        }
    }

    /// The values that [`recv`](Self::recv) would return, until its end. A unit that was given up gets none.
    pub fn iter(&self, unit: &impl StopAware) -> Iter<'_, T> {
        Iter {
            receiver: self,
            token: unit.stop_token().clone(),
            is_over: false,
        }
    }

    /// Takes all that is queued now, without waiting. What the iterator has not yielded is dropped with it.
    pub fn drain(&self) -> Drain<'_, T> {
        Drain((!refuses("channel.recv")).then(|| self.link.pop_all()))
    }

    /// The name of the channel, if it was given one.
    pub fn name(&self) -> Option<&str> {
        self.link.options.name.as_deref()
    }

    /// How many values the channel holds at most.
    pub fn capacity(&self) -> usize {
        self.link.options.capacity
    }

    /// How many values are queued now.
    pub fn depth(&self) -> usize {
        self.link.depth()
    }

    /// What the channel has counted.
    pub fn stats(&self) -> ChannelStats {
        self.link.stats()
    }

    /// Asks what the channel has counted, for as long as it is kept: also when both ends are gone.
    #[cfg(feature = "testkit")]
    pub(crate) fn probe(&self) -> impl Fn() -> ChannelStats + Send + Sync + 'static
    where
        T: Send + 'static,
    {
        let link = Arc::clone(&self.link);
        move || link.stats()
    }

    fn recv_within(
        &self,
        deadline: impl FnOnce(&Clock) -> Deadline,
    ) -> Result<Option<T>, RecvError> {
        let unit = Obeyed::current();
        if unit.level() == Level::Run
            && let Popped::Value(value) = self.link.pop()
        {
            return Ok(Some(value));
        }
        let clock = unit.clock(self.link.options.clock.as_ref());
        let until = deadline(&clock);
        self.recv_waiting(&unit, Some((clock, until)))
    }

    #[cold]
    fn recv_waiting(
        &self,
        unit: &Obeyed,
        limit: Option<(Clock, Deadline)>,
    ) -> Result<Option<T>, RecvError> {
        let (clock, until) = limit.unwrap_or_else(|| {
            let own = self.link.options.clock.as_ref();
            (unit.clock(own), Deadline::NEVER)
        });
        loop {
            match unit.level() {
                Level::Run => {}
                Level::Drain => return Ok(self.recv_draining(unit)),
                Level::Halt => return Ok(self.leave(unit)),
                Level::Fenced => {
                    // It may have been told of a value that it does not take.
                    self.link.not_empty.notify_one();
                    return Err(RecvError::Fenced);
                }
            }
            match self.wait(unit, &clock, until) {
                Ok(Popped::Value(value)) => return Ok(Some(value)),
                Ok(Popped::End) => return Ok(None),
                Err(Wake::TimedOut) => return Err(RecvError::Timeout),
                // Asked to stop: look how.
                Ok(Popped::Empty) | Err(Wake::Stopped | Wake::Notified) => {}
            }
        }
    }

    fn wait(&self, unit: &Obeyed, clock: &Clock, until: Deadline) -> Result<Popped<T>, Wake> {
        // Before the watchdog is told: the end needs no wait.
        match self.link.pop() {
            Popped::Empty => {}
            popped => return Ok(popped),
        }
        let signal = unit.signal().map(|signal| &**signal);
        unit.waiting(|| {
            wait_for(&self.link.not_empty, signal, clock, until.instant(), || {
                // A unit that must end leaves what is queued: where it was told of a value, the loop tells the next.
                if unit.level() >= Level::Halt {
                    return Some(Popped::Empty);
                }
                match self.link.pop() {
                    Popped::Empty => None,
                    popped => Some(popped),
                }
            })
        })
    }

    /// One of the values that were queued when the unit was asked to stop.
    fn recv_draining(&self, unit: &Obeyed) -> Option<T> {
        let signal = unit.signal()?;
        let may_read = !unit.is_drain_over() && self.link.drains.take(signal, || self.link.depth());
        match may_read.then(|| self.link.pop()) {
            Some(Popped::Value(value)) => Some(value),
            _ => self.leave(unit),
        }
    }

    /// The unit ends; what is queued stays.
    fn leave(&self, unit: &Obeyed) -> Option<T> {
        let left = self.link.depth();
        if unit
            .signal()
            .is_some_and(|signal| self.link.drains.leave(signal))
        {
            unit.note_left(left);
        }
        if left > 0 {
            // It may have been told of a value that it does not take.
            self.link.not_empty.notify_one();
        }
        None
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.link))
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.link.remove_receiver();
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.link.describe("Receiver", f)
    }
}

/// The values of a channel until their end; made by [`Receiver::iter`].
#[must_use = "an iterator reads nothing until it is asked"]
pub struct Iter<'a, T> {
    receiver: &'a Receiver<T>,
    token: StopToken,
    is_over: bool,
}

impl<T> Iterator for Iter<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        if self.is_over {
            return None;
        }
        let next = self.receiver.recv(&self.token).ok().flatten();
        self.is_over = next.is_none();
        next
    }
}

impl<T> FusedIterator for Iter<'_, T> {}

impl<T> fmt::Debug for Iter<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Iter")
            .field("receiver", &self.receiver)
            .field("is_over", &self.is_over)
            .finish_non_exhaustive()
    }
}

/// All that was queued at one moment; made by [`Receiver::drain`].
pub struct Drain<'a, T>(Option<flume::Drain<'a, T>>);

impl<T> Iterator for Drain<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.0.as_mut()?.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.0.as_ref().map_or(0, ExactSizeIterator::len);
        (left, Some(left))
    }
}

impl<T> ExactSizeIterator for Drain<'_, T> {}

impl<T> FusedIterator for Drain<'_, T> {}

impl<T> fmt::Debug for Drain<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Drain")
            .field("left", &self.len())
            .finish_non_exhaustive()
    }
}
