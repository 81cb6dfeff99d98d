//! What a timer does when it fires. It is done on the steward, under the lock of the timer: no code of the user runs,
//! and nothing of the user's is dropped.

use std::any::Any;
use std::fmt;
use std::io;
use std::time::Instant;

use super::schedule::{Settled, Tick};
use super::timer_error::TimerError;
use crate::supervision::channel::{SendError, Sender};

/// Where the ticks of a timer go.
pub(super) trait Delivery: Send + 'static {
    /// Delivers, without blocking. What it would have to drop of the user's goes to the remains.
    fn deliver(&mut self, tick: Tick, remains: &mut Remains) -> Outcome;

    /// Whether to drop it may run code of the user.
    fn holds_values(&self) -> bool;

    /// Whether a job that it began has ended since [`take_end`](Self::take_end) was asked.
    fn has_ended(&self) -> bool {
        false
    }

    /// When that was, told once.
    fn take_end(&mut self) -> Option<Instant> {
        None
    }
}

/// What became of a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Delivered,
    /// It began a job, whose end will be told.
    Began,
    /// There was no room.
    Full,
    /// Nobody will ever take one again.
    Disconnected,
    /// The task supervisor does not run now.
    NotRunning,
    /// The operating system refused a thread.
    NoThread(io::ErrorKind),
}

impl Outcome {
    /// Its name in events.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Began => "began",
            Self::Full => "full",
            Self::Disconnected => "disconnected",
            Self::NotRunning => "not_running",
            Self::NoThread(_) => "thread",
        }
    }

    pub(super) const fn settled(self) -> Settled {
        match self {
            Self::Delivered => Settled::Arrived,
            Self::Began => Settled::Began,
            Self::Full | Self::Disconnected | Self::NotRunning | Self::NoThread(_) => {
                Settled::Refused
            }
        }
    }

    /// For who has asked for the tick by hand.
    pub(super) const fn into_result(self) -> Result<(), TimerError> {
        match self {
            Self::Delivered | Self::Began => Ok(()),
            Self::Full => Err(TimerError::Full),
            Self::Disconnected => Err(TimerError::Disconnected),
            Self::NotRunning => Err(TimerError::NotRunning),
            Self::NoThread(kind) => Err(TimerError::Thread(kind)),
        }
    }
}

/// Values of the user that are to be dropped where their code may run.
#[derive(Default)]
pub(super) struct Remains(Vec<Box<dyn Any + Send>>);

impl Remains {
    pub(super) fn add<V: Send + 'static>(&mut self, values: Vec<V>) {
        if !values.is_empty() && std::mem::needs_drop::<V>() {
            self.0.push(Box::new(values));
        }
    }

    /// Keeps a delivery that is over, if it has something to keep.
    pub(super) fn add_delivery(&mut self, delivery: Box<dyn Delivery>) {
        if delivery.holds_values() {
            self.0.push(Box::new(delivery));
        }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn append(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }

    /// One after the other, so that the drop of each can be caught apart.
    pub(super) fn into_values(self) -> Vec<Box<dyn Any + Send>> {
        self.0
    }
}

impl fmt::Debug for Remains {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Remains({})", self.0.len())
    }
}

/// Moves its one value into a channel.
pub(super) struct Once<M> {
    sender: Sender<M>,
    /// `None` once it is delivered.
    value: Option<M>,
}

impl<M> Once<M> {
    pub(super) const fn new(sender: Sender<M>, value: M) -> Self {
        Self {
            sender,
            value: Some(value),
        }
    }
}

impl<M: Send + 'static> Delivery for Once<M> {
    fn deliver(&mut self, _: Tick, remains: &mut Remains) -> Outcome {
        let Some(value) = self.value.take() else {
            return Outcome::Disconnected;
        };
        let (outcome, value) = offer(&self.sender, value, remains);
        self.value = value;
        outcome
    }

    fn holds_values(&self) -> bool {
        self.value.is_some() && std::mem::needs_drop::<M>()
    }
}

/// Sends each tick itself.
pub(super) struct Ticks(pub(super) Sender<Tick>);

impl Delivery for Ticks {
    fn deliver(&mut self, tick: Tick, remains: &mut Remains) -> Outcome {
        offer(&self.0, tick, remains).0
    }

    fn holds_values(&self) -> bool {
        false
    }
}

/// Sends the same value at each tick. To copy it runs no code.
pub(super) struct Copies<M> {
    pub(super) sender: Sender<M>,
    pub(super) value: M,
}

impl<M: Copy + Send + 'static> Delivery for Copies<M> {
    fn deliver(&mut self, _: Tick, remains: &mut Remains) -> Outcome {
        offer(&self.sender, self.value, remains).0
    }

    fn holds_values(&self) -> bool {
        false
    }
}

/// Sends if there is room; gives the value back if not.
fn offer<M: Send + 'static>(
    sender: &Sender<M>,
    value: M,
    remains: &mut Remains,
) -> (Outcome, Option<M>) {
    match sender.hand_over(value) {
        Ok(unread) => {
            remains.add(unread);
            (Outcome::Delivered, None)
        }
        Err(SendError::Full(value)) => (Outcome::Full, Some(value)),
        Err(refused) => (Outcome::Disconnected, Some(refused.into_inner())),
    }
}
