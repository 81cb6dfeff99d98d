//! The lanes' side of the exchange: how a lane gets its items, and what becomes of them when it leaves.

use std::sync::Arc;

use super::exchange::{Exchange, LaneHand, State};
use super::hand::Item;
use super::item_failure::ItemFailure;
use super::lane::Lane;
use super::pace::Pace;
use crate::fault::{ExitReason, StopCause};
use crate::supervision::WorkerContext;
use crate::supervision::task::book::Fate;
use crate::supervision::task::gate::Lender;
use crate::supervision::task::task_error::TaskError;
use crate::supervision::unit::current;
use crate::time::Deadline;

/// How an item ended on its lane.
pub(super) enum Ended<R> {
    With(R),
    Without(TaskError),
}

/// What a lane has between two items.
pub(super) struct Turned<T, R> {
    /// The item to work on.
    pub(super) next: Option<Item<Arc<T>>>,
    /// What is left of the last one, to be dropped by the lane: its input.
    pub(super) spent: Option<Arc<T>>,
    /// What came of an item that was lost meanwhile, to be dropped as well.
    pub(super) late: Option<Ended<R>>,
    /// The last item failed; for telemetry.
    pub(super) failed: Option<(u64, TaskError)>,
}

impl<T, R> Exchange<T, R>
where
    T: Send + Sync + 'static,
    R: Send + 'static,
{
    /// Between two items: what came of the last one is put, the next one is begun, unless the lane is to stop.
    pub(super) fn turn(
        &self,
        lane: &Lane<T, R>,
        ended: Option<Ended<R>>,
        is_stopping: bool,
    ) -> Turned<T, R> {
        let since = self.plan.timeout.map(|_| self.runtime.coarse_now());
        let mut turned = Turned::default();
        let mut hand = lane.hand.lock();
        let is_wanted = ended.is_some_and(|ended| turned.put(&mut hand, ended));
        if !is_stopping {
            turned.next = hand.begin(since);
        }
        drop(hand);
        if is_wanted {
            self.wake_consumer();
        }
        turned
    }

    /// Counts what the lane has done, before it takes more, leaves or waits.
    pub(super) fn count_done(&self, lane: &Lane<T, R>) {
        let tally = lane.hand.lock().take_tally();
        self.count(tally);
    }

    /// Gets a lane more to do: how many items. Waits for them; none when the lane is to leave.
    pub(super) fn refill(
        self: &Arc<Self>,
        lane: &Arc<Lane<T, R>>,
        ctx: &WorkerContext,
        pace: Pace,
    ) -> usize {
        let clock = self.runtime.clock();
        let look = || self.try_refill(lane, ctx.is_stopping(), pace);
        // Most looks find something: then the watchdog need not hear of a wait.
        look()
            .unwrap_or_else(|| current::wait(&self.work, clock, Deadline::NEVER, look).unwrap_or(0))
    }

    fn try_refill(
        self: &Arc<Self>,
        lane: &Arc<Lane<T, R>>,
        is_stopping: bool,
        pace: Pace,
    ) -> Option<usize> {
        let mut guard = self.state.lock();
        let state = &mut *guard;
        state.is_waking = false;
        state.pace = pace;
        let items = {
            let mut hand = lane.hand.lock();
            state.window.collect(&mut hand);
            hand.wanted = state.wanted;
            if is_stopping || hand.is_lost() || state.ended.is_some() {
                return Some(0);
            }
            let share = pace.share(state.window.pending(), self.plan.lanes);
            state.window.deal(&mut hand, share);
            if hand.todo.is_empty() {
                state.take_share(lane, &mut hand);
            }
            hand.todo.len()
        };
        if items == 0 {
            // A slot that somebody waits for is not kept for what may come.
            let leaves = state.is_closed || self.gate.is_wanted();
            return leaves.then_some(0);
        }
        let alarm = self.next_alarm(state);
        self.wake_lane(guard);
        if let Some(due) = alarm {
            self.arm(due);
        }
        Some(items)
    }

    /// The lane's thread leaves. What it still has, and nobody wants any more, is for it to drop.
    pub(super) fn vacate(&self, lane: &Lane<T, R>) -> Option<impl Sized + use<T, R>> {
        let state = self.state.lock();
        let mut hand = lane.hand.lock();
        let rest = state.is_deserted.then(|| hand.clear(Fate::Cancelled));
        let tally = hand.take_tally();
        drop(hand);
        drop(state);
        self.count(tally);
        rest
    }

    /// The lane's task is over, or was given up: what it had comes out, or is done by others. No value of the user is
    /// dropped here.
    pub(super) fn lane_over(&self, lane: &Arc<Lane<T, R>>, reason: &ExitReason) {
        let error = TaskError::of(reason);
        let (left, was_lost) = {
            let mut guard = self.state.lock();
            let state = &mut *guard;
            state.lanes.retain(|own| !Arc::ptr_eq(own, lane));
            state.has_vacancy = true;
            // It may have been the one on its way.
            state.is_waking = false;
            let mut hand = lane.hand.lock();
            let was_lost = hand.is_lost();
            let left = state.take_back(&mut hand, &error);
            self.count(hand.take_tally());
            (left, was_lost)
        };
        if let Some(index) = left {
            self.post_failed(index, &error);
        }
        // Of a lane that was not asked by this stream, the supervisor above it wants an end.
        match reason {
            ExitReason::Stopped(cause) if *cause != StopCause::Requested && !was_lost => {
                self.end(TaskError::Cancelled(*cause));
            }
            _ => self.wake_lane(self.state.lock()),
        }
        self.wake_consumer();
    }
}

impl<T, R> Lender for Exchange<T, R>
where
    T: Send + Sync + 'static,
    R: Send + 'static,
{
    /// Lanes that have nothing to do leave; the others lend their slots between two rows.
    fn wanted(&self) {
        self.work.notify_all();
    }
}

impl<T, R> State<T, R> {
    /// Takes back what a lane that is over had in hand; what it had begun fails. Names that item.
    fn take_back(&mut self, hand: &mut LaneHand<T, R>, error: &TaskError) -> Option<u64> {
        if self.is_deserted {
            hand.forfeit(error.fate());
            return None;
        }
        self.window.recall(hand);
        self.window.collect(hand);
        let left = hand.lose(error.fate());
        let index = left.as_ref().map(|item| item.index);
        if let Some(item) = left {
            self.fail(item, error.clone());
        }
        if let Some(error) = self.ended.clone() {
            self.give_up(&error);
        }
        index
    }

    /// An idle lane takes half of what another one has not begun.
    fn take_share(&self, lane: &Arc<Lane<T, R>>, hand: &mut LaneHand<T, R>) {
        let mut others = self.lanes.iter().filter(|other| !Arc::ptr_eq(other, lane));
        others.find(|other| {
            other.hand.lock().share(hand);
            !hand.todo.is_empty()
        });
    }
}

impl<T, R> Default for Turned<T, R> {
    fn default() -> Self {
        Turned {
            next: None,
            spent: None,
            late: None,
            failed: None,
        }
    }
}

impl<T, R> Turned<T, R> {
    /// Puts what came of the item in the hand; true if the consumer waits for it.
    fn put(&mut self, hand: &mut LaneHand<T, R>, ended: Ended<R>) -> bool {
        let fate = match &ended {
            Ended::With(_) => Fate::Completed,
            Ended::Without(error) => error.fate(),
        };
        let Some(Item { index, input }) = hand.end(fate) else {
            self.late = Some(ended);
            return false;
        };
        match ended {
            Ended::With(value) => {
                self.spent = Some(input);
                hand.put(index, Ok(value))
            }
            Ended::Without(error) => {
                self.failed = Some((index, error.clone()));
                hand.put(index, Err(ItemFailure::new(index, input, error)))
            }
        }
    }
}
