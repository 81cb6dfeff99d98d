//! One timer: its chain of ticks and where they go, under a lock of its own.
//!
//! Whoever delivers holds the lock, and so does whoever ends the timer. After an end has returned nothing is
//! delivered any more; that is the whole of the promise of `cancel`.
//!
//! The lock can be taken again by the thread that holds it, for one case: to begin a job turns the supervisor of its
//! task, and what that thread then has to carry out may be the end of this very timer's owner.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::time::Instant;

use parking_lot::ReentrantMutex;

use super::delivery::{Delivery, Outcome, Remains};
use super::index::{Key, TimerId};
use super::schedule::{Chain, Look, Tick};
use super::timer_error::TimerError;
use crate::fault::UnitPath;

/// One timer.
pub(super) struct Entry {
    pub(super) id: TimerId,
    pub(super) key: Option<Key>,
    /// Whose it is.
    pub(super) owner: UnitPath,
    held: ReentrantMutex<Held>,
}

struct Held {
    /// Borrowed by who holds the lock.
    state: RefCell<State>,
    /// The owner has ended within the delivery that is under way: it is the last.
    is_doomed: Cell<bool>,
}

pub(super) struct State {
    pub(super) chain: Chain,
    /// `None` once the timer is over.
    delivery: Option<Box<dyn Delivery>>,
}

/// A look at a timer that found something.
#[derive(Debug)]
pub(super) struct Fired {
    /// The number of the last tick that was found.
    pub(super) number: u64,
    /// How many ticks were missed at this look.
    pub(super) missed: u64,
    /// What became of the tick, if one was to be delivered.
    pub(super) outcome: Option<Outcome>,
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
            held: ReentrantMutex::new(Held {
                state: RefCell::new(State { chain, delivery }),
                is_doomed: Cell::new(false),
            }),
        }
    }

    /// Reads or changes the timer; never from within a delivery.
    pub(super) fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        let held = self.held.lock();
        let mut state = held.state.borrow_mut();
        act(&mut state)
    }

    /// Fires or forces the timer.
    pub(super) fn deliver<E>(
        &self,
        act: impl FnOnce(&mut State) -> Result<Fired, E>,
    ) -> Result<Fired, E> {
        let held = self.held.lock();
        let mut state = held.state.borrow_mut();
        let mut fired = act(&mut state)?;
        if held.is_doomed.take() {
            let last = state.delivery.take().into_iter();
            last.for_each(|last| fired.remains.add_delivery(last));
        }
        Ok(fired)
    }

    /// Ends the timer, from anywhere. What it would have delivered is the caller's, to be dropped without the lock.
    pub(super) fn end(&self) -> Option<Box<dyn Delivery>> {
        let held = self.held.lock();
        if let Ok(mut state) = held.state.try_borrow_mut() {
            return state.delivery.take();
        }
        held.is_doomed.set(true);
        None
    }
}

impl State {
    pub(super) const fn is_over(&self) -> bool {
        self.delivery.is_none()
    }

    /// When to look at the timer next. What is known of the end of a job is to be looked at now.
    pub(super) fn next_look(&self, now: Instant) -> Option<Instant> {
        let has_ended = self.delivery.as_ref().is_some_and(|job| job.has_ended());
        if has_ended {
            Some(now)
        } else {
            self.chain.due()
        }
    }

    fn take_end(&mut self) {
        let ended = self.delivery.as_mut().and_then(|job| job.take_end());
        ended.into_iter().for_each(|at| self.chain.finish(at));
    }

    /// Delivers the tick that is due at `now`, if one is. Before its last one it tells, so that who receives that
    /// finds the timer gone.
    pub(super) fn fire(&mut self, now: Instant, is_last: impl FnOnce()) -> Option<Fired> {
        self.take_end();
        if self.is_over() {
            return None;
        }
        let before = self.chain.stats().missed;
        let look = self.chain.fire(now);
        let missed = self.chain.stats().missed - before;
        match look {
            Look::Nothing => None,
            Look::Due(tick) => Some(self.deliver(tick, missed, now, is_last)),
            Look::Missed { number } => Some(Fired {
                number,
                missed,
                outcome: None,
                remains: Remains::default(),
            }),
        }
    }

    /// Delivers a tick at once, beside the schedule; otherwise as [`fire`](Self::fire).
    pub(super) fn force(
        &mut self,
        now: Instant,
        is_last: impl FnOnce(),
    ) -> Result<Fired, TimerError> {
        self.take_end();
        if self.is_over() {
            return Err(TimerError::Over);
        }
        if self.chain.is_busy() {
            return Err(TimerError::Busy);
        }
        let tick = self.chain.force(now);
        Ok(self.deliver(tick, 0, now, is_last))
    }

    fn deliver(&mut self, tick: Tick, missed: u64, now: Instant, is_last: impl FnOnce()) -> Fired {
        if self.chain.interval().is_none() {
            is_last();
        }
        let mut remains = Remains::default();
        let outcome = self
            .delivery
            .as_mut()
            .map(|delivery| delivery.deliver(tick, &mut remains));
        if let Some(outcome) = outcome {
            self.chain.settle(outcome.settled(), now);
        }
        if self.chain.is_spent() || outcome == Some(Outcome::Disconnected) {
            let spent = self.delivery.take().into_iter();
            spent.for_each(|spent| remains.add_delivery(spent));
        }
        Fired {
            number: tick.number,
            missed,
            outcome,
            remains,
        }
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
