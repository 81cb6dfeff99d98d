//! What a channel counts, and what it says of itself.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::kernel::stripe::Striped;

/// Enough stripes that senders on different cores rarely meet.
const STRIPES: usize = 16;

/// The counters of one channel. A receive counts nothing: what was received is what was accepted and is not there.
#[derive(Debug)]
pub(super) struct Counters {
    accepted: Striped,
    refused: AtomicU64,
    dead: AtomicU64,
    high_water: AtomicUsize,
}

impl Counters {
    pub(super) fn new() -> Self {
        Self {
            accepted: Striped::new(STRIPES),
            refused: AtomicU64::new(0),
            dead: AtomicU64::new(0),
            high_water: AtomicUsize::new(0),
        }
    }

    pub(super) fn accept(&self) {
        self.accepted.add(1);
    }

    pub(super) fn refuse(&self) {
        // Relaxed: a counter publishes nothing; so the others here.
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn bury(&self, messages: usize) {
        let messages = u64::try_from(messages).unwrap_or(u64::MAX);
        // Relaxed: a counter.
        self.dead.fetch_add(messages, Ordering::Relaxed);
    }

    /// Looked, and saw so many queued.
    pub(super) fn sample(&self, depth: usize) {
        // Relaxed: a number for people. The load spares a write that changes nothing.
        if self.high_water.load(Ordering::Relaxed) < depth {
            // Relaxed: as above.
            self.high_water.fetch_max(depth, Ordering::Relaxed);
        }
    }

    pub(super) fn high_water(&self) -> usize {
        // Relaxed: a number for people.
        self.high_water.load(Ordering::Relaxed)
    }

    /// All but who waits: that the lists know.
    pub(super) fn stats(&self, capacity: usize, depth: usize) -> ChannelStats {
        self.sample(depth);
        // Relaxed: numbers for people; they agree once nobody sends or receives.
        let dead = self.dead.load(Ordering::Relaxed);
        let refused = self.refused.load(Ordering::Relaxed);
        let accepted = self.accepted.sum();
        let there = dead.saturating_add(u64::try_from(depth).unwrap_or(u64::MAX));
        ChannelStats {
            capacity,
            depth,
            high_water: self.high_water(),
            accepted,
            refused,
            received: accepted.saturating_sub(there),
            dead,
            blocked_senders: 0,
            waiting_receivers: 0,
        }
    }
}

/// What a channel says of itself: a look at one moment.
///
/// The numbers add up: each send is either accepted or refused, and `accepted = received + depth + dead`. While
/// others send and receive they may differ by what is on its way; when nobody does, they are exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChannelStats {
    /// How many values fit.
    pub capacity: usize,
    /// How many were queued.
    pub depth: usize,
    /// The highest depth that was seen; looked at when the channel is full, at every 64th send of each sender, and
    /// whenever somebody asks for these numbers. A short peak may be missed.
    pub high_water: usize,
    /// Sends that succeeded.
    pub accepted: u64,
    /// Sends that gave their value back.
    pub refused: u64,
    /// Values that were handed to a receiver.
    pub received: u64,
    /// Values that were queued when the last receiver went.
    pub dead: u64,
    /// Threads that waited for room.
    pub blocked_senders: usize,
    /// Threads that waited for a value.
    pub waiting_receivers: usize,
}

impl ChannelStats {
    /// All sends: those that were accepted and those that were refused.
    #[must_use]
    pub const fn attempted(&self) -> u64 {
        self.accepted.saturating_add(self.refused)
    }
}
