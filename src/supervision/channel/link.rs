//! What both ends of a channel share: flume's queue, who waits at it, how many ends there are.
//!
//! flume's own ends are both kept here, so flume never sees a disconnection: which end is gone is counted by the ends
//! themselves. That makes the last receiver able to empty the queue after it has closed it, so that what is queued
//! is dropped then (and with it the replies, permits and senders inside), and not when the last sender goes.
//!
//! # Why no wake-up and no value is lost
//! * Every try of a wait takes flume's mutex before it gives up, and every push and pop changes the queue under it:
//!   the case of the wait layer for which one load after the change is enough (`notify_one_after_lock`).
//! * An end that goes counts itself out and then notifies all, with the fence of the wait layer in between; every try
//!   looks at the counts.
//! * A receiver that goes last sets the count to zero and *then* takes the queue's mutex to empty it. A push before
//!   that is emptied with the rest; a push after that sees zero behind it, and empties the queue itself.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crossbeam_utils::CachePadded;

use super::counters::{ChannelStats, Counters};
use super::drains::Drains;
use super::{Options, Receiver, SendError, Sender};
use crate::kernel::waiters::WaitList;
use crate::telemetry::kinds;

/// What both ends of a channel share.
pub(super) struct Link<T> {
    push: flume::Sender<T>,
    pop: flume::Receiver<T>,
    pub(super) options: Options,
    pub(super) not_empty: CachePadded<WaitList>,
    pub(super) not_full: CachePadded<WaitList>,
    senders: AtomicUsize,
    receivers: AtomicUsize,
    pub(super) counters: Counters,
    pub(super) drains: Drains,
}

/// What a look at the queue found.
pub(super) enum Popped<T> {
    Value(T),
    Empty,
    /// Empty, and no sender is left.
    End,
}

impl<T> Link<T> {
    /// The two ends of a new channel. The capacity has been checked.
    pub(super) fn open(options: &Options) -> (Sender<T>, Receiver<T>) {
        let (push, pop) = flume::bounded(options.capacity);
        let link = Arc::new(Self {
            push,
            pop,
            options: options.clone(),
            not_empty: CachePadded::new(WaitList::new()),
            not_full: CachePadded::new(WaitList::new()),
            senders: AtomicUsize::new(0),
            receivers: AtomicUsize::new(0),
            counters: Counters::new(),
            drains: Drains::default(),
        });
        (Sender::new(Arc::clone(&link)), Receiver::new(link))
    }

    /// Puts a value in, if there is room and somebody to read it.
    pub(super) fn push(&self, value: T) -> Result<(), SendError<T>> {
        self.push_or(value, Self::bury)
    }

    /// As [`push`](Self::push), with another fate for what is queued although nobody will read it.
    pub(super) fn push_or(&self, value: T, unread: impl FnOnce(&Self)) -> Result<(), SendError<T>> {
        // Relaxed: an old count is corrected below.
        if self.receivers.load(Ordering::Relaxed) == 0 {
            return Err(SendError::Disconnected(value));
        }
        match self.push.try_send(value) {
            Ok(()) => {
                self.not_empty.notify_one_after_lock();
                // Relaxed: ordered by the mutex of the queue (see the head).
                if self.receivers.load(Ordering::Relaxed) == 0 {
                    unread(self);
                }
                Ok(())
            }
            Err(flume::TrySendError::Full(value)) => {
                self.counters.sample(self.options.capacity);
                Err(SendError::Full(value))
            }
            Err(flume::TrySendError::Disconnected(value)) => Err(SendError::Disconnected(value)),
        }
    }

    /// Takes a value out, if there is one.
    pub(super) fn pop(&self) -> Popped<T> {
        if let Ok(value) = self.pop.try_recv() {
            self.not_full.notify_one_after_lock();
            return Popped::Value(value);
        }
        self.pop_last()
    }

    /// Nothing was queued: is that the end?
    #[cold]
    fn pop_last(&self) -> Popped<T> {
        // Acquire: pairs with the release of the last sender; what it sent is seen by the next look.
        if self.senders.load(Ordering::Acquire) > 0 {
            return Popped::Empty;
        }
        match self.pop.try_recv() {
            Ok(value) => Popped::Value(value),
            Err(_) => Popped::End,
        }
    }

    /// Takes everything out.
    pub(super) fn pop_all(&self) -> flume::Drain<'_, T> {
        let all = self.pop.drain();
        if all.len() > 0 {
            self.not_full.notify_all();
        }
        all
    }

    /// Drops what is queued: nobody will read it.
    #[cold]
    fn bury(&self) {
        // Outside of the queue's mutex: a value may hold a sender of this very channel.
        drop(self.take_unread());
    }

    /// Takes out what nobody will read.
    pub(super) fn take_unread(&self) -> flume::Drain<'_, T> {
        let dead = self.pop.drain();
        self.counters.bury(dead.len());
        dead
    }

    pub(super) fn add_sender(&self) {
        // Relaxed: whoever clones an end holds one.
        self.senders.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn add_receiver(&self) {
        // Relaxed: whoever clones an end holds one.
        self.receivers.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn remove_sender(&self) {
        // AcqRel: the last one carries what all have sent to who reads the zero.
        if self.senders.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.not_empty.notify_all();
        }
    }

    pub(super) fn remove_receiver(&self) {
        // AcqRel: as with senders.
        if self.receivers.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.not_full.notify_all();
            self.bury();
        }
    }

    pub(super) fn depth(&self) -> usize {
        self.pop.len()
    }

    pub(super) fn stats(&self) -> ChannelStats {
        ChannelStats {
            blocked_senders: self.not_full.len(),
            waiting_receivers: self.not_empty.len(),
            ..self.counters.stats(self.options.capacity, self.depth())
        }
    }

    /// A send gave its value back.
    #[cold]
    pub(super) fn refuse(&self, error: &SendError<T>) {
        self.counters.refuse();
        if let Some(telemetry) = &self.options.telemetry {
            telemetry.post(&kinds::CHANNEL_REFUSED, |event| {
                event.tag("name", self.options.name.as_deref().unwrap_or_default());
                event.tag("why", error.why());
            });
        }
    }

    /// For the ends' debugging output; takes no lock.
    pub(super) fn describe(&self, end: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(end)
            .field("name", &self.options.name)
            .field("capacity", &self.options.capacity)
            .field("high_water", &self.counters.high_water())
            // Relaxed: numbers for people.
            .field("senders", &self.senders.load(Ordering::Relaxed))
            // Relaxed: numbers for people.
            .field("receivers", &self.receivers.load(Ordering::Relaxed))
            .finish_non_exhaustive()
    }
}
