//! One timer: its chain of ticks and where they go, under a lock of its own.
//!
//! Whoever delivers holds the lock, and so does whoever ends the timer. After an end has returned nothing is
//! delivered any more; that is the whole of the promise of `cancel`.

use std::fmt;
use std::time::Instant;

use parking_lot::Mutex;

use super::delivery::{Delivery, Outcome, Remains};
use super::index::{Key, TimerId};
use super::schedule::{Chain, Tick};
use crate::fault::UnitPath;

/// One timer.
pub(super) struct Entry {
    pub(super) id: TimerId,
    pub(super) key: Option<Key>,
    /// Whose it is.
    pub(super) owner: UnitPath,
    pub(super) state: Mutex<State>,
}

pub(super) struct State {
    pub(super) chain: Chain,
    /// `None` once the timer is over.
    delivery: Option<Box<dyn Delivery>>,
}

/// A look at a timer that delivered, or tried to.
#[derive(Debug)]
pub(super) struct Fired {
    pub(super) tick: Tick,
    /// How many ticks it was too late for.
    pub(super) missed: u64,
    pub(super) outcome: Outcome,
    /// What is to be dropped, but not here.
    pub(super) remains: Remains,
}

impl Entry {
    pub(super) fn new(
        id: TimerId,
        key: Option<Key>,
        owner: UnitPath,
        chain: Chain,
        delivery: Box<dyn Delivery>,
    ) -> Self {
        let delivery = Some(delivery);
        Self {
            id,
            key,
            owner,
            state: Mutex::new(State { chain, delivery }),
        }
    }
}

impl State {
    pub(super) const fn is_over(&self) -> bool {
        self.delivery.is_none()
    }

    /// Delivers the tick that is due at `now`, if one is. Before its last one it tells, so that who receives that
    /// finds the timer gone.
    pub(super) fn fire(&mut self, now: Instant, is_last: impl FnOnce()) -> Option<Fired> {
        self.deliver(now, |chain| chain.fire(now), is_last)
    }

    /// Delivers a tick at once, beside the schedule; otherwise as [`fire`](Self::fire).
    pub(super) fn force(&mut self, now: Instant, is_last: impl FnOnce()) -> Option<Fired> {
        self.deliver(now, |chain| Some(chain.force(now)), is_last)
    }

    fn deliver(
        &mut self,
        now: Instant,
        tick: impl FnOnce(&mut Chain) -> Option<Tick>,
        is_last: impl FnOnce(),
    ) -> Option<Fired> {
        let delivery = self.delivery.as_mut()?;
        let before = self.chain.stats().missed;
        let tick = tick(&mut self.chain)?;
        let missed = self.chain.stats().missed - before;
        if self.chain.interval().is_none() {
            is_last();
        }
        let mut remains = Remains::default();
        let outcome = delivery.deliver(tick, &mut remains);
        self.chain.settle(outcome == Outcome::Delivered, now);
        if self.chain.is_spent() || outcome == Outcome::Disconnected {
            self.delivery
                .take()
                .into_iter()
                .for_each(|spent| remains.add_delivery(spent));
        }
        Some(Fired {
            tick,
            missed,
            outcome,
            remains,
        })
    }

    /// Ends the timer. What it would have delivered is the caller's, to be dropped without the lock.
    pub(super) fn end(&mut self) -> Option<Box<dyn Delivery>> {
        self.delivery.take()
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("owner", &self.owner)
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}
