//! The end that values go into.

use std::fmt;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::link::Link;
use super::obeyed::Obeyed;
use super::{ChannelStats, SendError};
use crate::kernel::stop::Level;
use crate::kernel::waiters::{Wake, wait_for_level};
use crate::supervision::unit::current::refuses;
use crate::time::{Clock, Deadline};

/// How long [`Sender::send`] waits for room.
pub const DEFAULT_SEND: Duration = Duration::from_secs(5);

/// A sender looks at the depth once in so many sends.
const SAMPLED: u32 = 64;

/// The end of a channel that values go into. Clones send into the same channel.
///
/// When the last one is dropped, receivers read what is queued and then end.
pub struct Sender<T> {
    pub(super) link: Arc<Link<T>>,
    /// Sends through this handle, about: threads that share it may count one where two were.
    sent: AtomicU32,
}

/// How long a send may wait.
#[derive(Clone, Copy)]
pub(super) enum Patience {
    For(Duration),
    Until(Deadline),
}

impl Patience {
    fn deadline(self, clock: &Clock) -> Deadline {
        match self {
            Self::For(duration) => clock.deadline(duration),
            Self::Until(deadline) => deadline,
        }
    }
}

impl<T> Sender<T> {
    pub(super) fn new(link: Arc<Link<T>>) -> Self {
        link.add_sender();
        Self {
            link,
            sent: AtomicU32::new(0),
        }
    }

    /// Sends a value; waits for room for at most [`DEFAULT_SEND`].
    ///
    /// # Blocking
    /// While the channel is full. The wait ends early when no receiver is left, or when the unit that sends is told to
    /// end at once or was given up. If it is asked to stop in the orderly way, the wait goes on until the unit's drain
    /// deadline, so that a stage that stops can pass on what it has in hand. Work that has no consumer any more ends
    /// there too, with its value.
    ///
    /// # Errors
    /// Every one gives the value back: [`Timeout`](SendError::Timeout), [`Disconnected`](SendError::Disconnected),
    /// [`Stopped`](SendError::Stopped), [`Fenced`](SendError::Fenced).
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        self.send_within(value, Patience::For(DEFAULT_SEND))
    }

    /// Sends a value if there is room now.
    ///
    /// # Errors
    /// [`Full`](SendError::Full), [`Disconnected`](SendError::Disconnected), [`Fenced`](SendError::Fenced), with the
    /// value.
    pub fn try_send(&self, value: T) -> Result<(), SendError<T>> {
        let sent = if refuses("channel.send") {
            Err(SendError::Fenced(value))
        } else {
            self.link.push(value)
        };
        self.count(sent)
    }

    /// As [`send`](Self::send), waiting for at most `timeout`.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_timeout(&self, value: T, timeout: Duration) -> Result<(), SendError<T>> {
        self.send_within(value, Patience::For(timeout))
    }

    /// As [`send`](Self::send), waiting until `deadline`.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_deadline(&self, value: T, deadline: Deadline) -> Result<(), SendError<T>> {
        self.send_within(value, Patience::Until(deadline))
    }

    /// Sends a value if there is room, on behalf of no unit, and from a thread that must run no code of the user:
    /// should the last receiver go meanwhile, what it left is returned instead of dropped.
    pub(crate) fn hand_over(&self, value: T) -> Result<Vec<T>, SendError<T>> {
        let mut unread = Vec::new();
        let sent = self
            .link
            .push_or(value, |link| unread.extend(link.take_unread()));
        self.count(sent).map(|()| unread)
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

    fn send_within(&self, value: T, patience: Patience) -> Result<(), SendError<T>> {
        let sent = if refuses("channel.send") {
            Err(SendError::Fenced(value))
        } else {
            match self.link.push(value) {
                Err(SendError::Full(value)) => {
                    self.send_waiting(value, patience, &Obeyed::current())
                }
                sent => sent,
            }
        };
        self.count(sent)
    }

    /// Waits for room: obeying any stop at first, then, asked to drain, until the drain deadline.
    #[cold]
    pub(super) fn send_waiting(
        &self,
        value: T,
        patience: Patience,
        unit: &Obeyed,
    ) -> Result<(), SendError<T>> {
        let clock = unit.clock(self.link.options.clock.as_ref());
        let own = patience.deadline(&clock);
        let mut sent = Err(SendError::Full(value));
        let ended = unit.waiting(|| {
            let running = || false;
            let before = self.wait(unit, Level::Drain, &clock, own, running, &mut sent);
            if before == Some(Wake::Stopped) {
                self.wait_draining(unit, &clock, own, &mut sent)
            } else {
                before
            }
        });
        match sent {
            Err(SendError::Full(value)) if ended == Some(Wake::Stopped) => {
                Err(SendError::Stopped(value))
            }
            Err(SendError::Full(value)) => Err(SendError::Timeout(value)),
            Err(SendError::Fenced(value)) => {
                // It may have been told of room that it did not use.
                self.link.not_full.notify_one();
                Err(SendError::Fenced(value))
            }
            sent => sent,
        }
    }

    /// The wait of a unit that drains: until its drain deadline, also when a later stop changes that.
    fn wait_draining(
        &self,
        unit: &Obeyed,
        clock: &Clock,
        own: Deadline,
        sent: &mut Result<(), SendError<T>>,
    ) -> Option<Wake> {
        loop {
            let armed = unit.drain_until();
            let until = Deadline::earliest(own, unit.drain_deadline(armed, clock));
            let is_changed = || unit.drain_until() != armed;
            let ended = self.wait(unit, Level::Halt, clock, until, is_changed, sent);
            if !matches!(sent, Err(SendError::Full(_))) {
                return None;
            }
            match ended {
                // The drain deadline is a stop, the own one a timeout.
                Some(Wake::TimedOut) if until == own => return ended,
                Some(Wake::TimedOut) => return Some(Wake::Stopped),
                Some(Wake::Stopped) if unit.level() >= Level::Halt => return ended,
                // The drain deadline was changed.
                Some(Wake::Stopped | Wake::Notified) | None => {}
            }
        }
    }

    /// Waits until the value in `sent` is sent, or refused for another reason than the room. Returns what ended the
    /// wait before; `None` also when there is no room and it `is_stale`.
    fn wait(
        &self,
        unit: &Obeyed,
        obeys: Level,
        clock: &Clock,
        until: Deadline,
        is_stale: impl Fn() -> bool,
        sent: &mut Result<(), SendError<T>>,
    ) -> Option<Wake> {
        let stop = unit.signal().map(|signal| (&**signal, obeys));
        let tried = wait_for_level(&self.link.not_full, stop, clock, until.instant(), || {
            if let Err(SendError::Full(value)) = mem::replace(sent, Ok(())) {
                *sent = if unit.level() == Level::Fenced {
                    Err(SendError::Fenced(value))
                } else {
                    self.link.push(value)
                };
            }
            // Room first: a wait that ends as stale has used up what it was told of.
            (!matches!(sent, Err(SendError::Full(_))) || is_stale()).then_some(())
        });
        tried.err()
    }

    fn count(&self, sent: Result<(), SendError<T>>) -> Result<(), SendError<T>> {
        match &sent {
            Ok(()) => {
                self.link.counters.accept();
                self.sample();
            }
            Err(refused) => self.link.refuse(refused),
        }
        sent
    }

    /// Looks at the depth once in a while.
    fn sample(&self) {
        // Relaxed: decides when to look and nothing else, so a lost count is a look a little later.
        let sent = self.sent.load(Ordering::Relaxed).wrapping_add(1);
        // Relaxed: as above.
        self.sent.store(sent, Ordering::Relaxed);
        if sent.is_multiple_of(SAMPLED) {
            self.link.counters.sample(self.link.depth());
        }
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.link))
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.link.remove_sender();
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.link.describe("Sender", f)
    }
}
