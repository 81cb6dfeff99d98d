//! A lane: a task that works on one item after the other.

use std::mem;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;

use super::exchange::{Exchange, LaneHand};
use super::hand::{Hand, Item};
use super::pace::Pace;
use super::supply::{Ended, Turned};
use crate::fault::catch::{Caught, catch, catch_drop};
use crate::fault::{ExitReason, Failure};
use crate::supervision::WorkerContext;
use crate::supervision::task::errand::Errand;
use crate::supervision::task::gate::Slot;
use crate::supervision::task::task_error::TaskError;
use crate::supervision::unit::logical::Unit;
use crate::telemetry::kinds;
use crate::time::Clock;

/// One of the tasks that work for a stream, as the others see it.
pub(super) struct Lane<T, R> {
    pub(super) hand: Mutex<LaneHand<T, R>>,
    unit: Arc<Unit>,
}

impl<T, R> Lane<T, R> {
    pub(super) fn new(unit: &Arc<Unit>) -> Arc<Self> {
        Arc::new(Lane {
            hand: Mutex::new(Hand::new()),
            unit: Arc::clone(unit),
        })
    }

    pub(super) fn ask_stop(&self) {
        // It may have ended meanwhile: then there is nobody to ask.
        let _gone = self.unit.ask_stop();
    }
}

/// What the thread of a lane is sent for.
pub(super) struct LaneErrand<T, R, F> {
    exchange: Arc<Exchange<T, R>>,
    lane: Arc<Lane<T, R>>,
    /// Taken by the thread, which drops it under the catch.
    work: Mutex<Option<Arc<F>>>,
}

/// A lane at work.
struct Shift<'a, F> {
    work: &'a F,
    ctx: &'a WorkerContext,
    slot: &'a Slot,
    row: Row,
}

/// Items that a lane took at once.
struct Row {
    clock: Clock,
    pace: Pace,
    items: usize,
    began: Instant,
    /// None of them has begun.
    is_new: bool,
}

impl<T, R, F> LaneErrand<T, R, F>
where
    T: Send + Sync + 'static,
    R: Send + 'static,
    F: Fn(&T, &WorkerContext) -> Result<R, Failure> + Send + Sync + 'static,
{
    pub(super) fn new(
        exchange: &Arc<Exchange<T, R>>,
        lane: &Arc<Lane<T, R>>,
        work: &Arc<F>,
    ) -> Self {
        LaneErrand {
            exchange: Arc::clone(exchange),
            lane: Arc::clone(lane),
            work: Mutex::new(Some(Arc::clone(work))),
        }
    }

    /// Works until nothing is left to do, or the lane is to leave. A panic ends an item, not the lane.
    fn run(&self, mut shift: Shift<'_, F>) {
        let mut last = None;
        loop {
            match catch(|| self.work_off(&mut shift, last.take())) {
                Ok(()) | Err(Caught::Fenced) => return,
                Err(Caught::Panic(report)) => {
                    last = Some(Ended::Without(TaskError::Panicked(report)));
                }
            }
        }
    }

    fn work_off(&self, shift: &mut Shift<'_, F>, mut last: Option<Ended<R>>) {
        loop {
            let is_stopping = shift.ctx.is_stopping();
            let turned = self.exchange.turn(&self.lane, last.take(), is_stopping);
            if let Some(item) = self.part_with(turned, shift.ctx) {
                if mem::take(&mut shift.row.is_new) {
                    self.exchange.count_done(&self.lane);
                }
                last = Some(match (shift.work)(&item.input, shift.ctx) {
                    Ok(value) => Ended::With(value),
                    Err(failure) => Ended::Without(TaskError::returned(failure, shift.ctx)),
                });
            } else if !self.refill(shift) {
                return;
            }
        }
    }

    /// Tells of the last item, and drops what it has left; the next one is to be worked on.
    fn part_with(&self, turned: Turned<T, R>, ctx: &WorkerContext) -> Option<Item<Arc<T>>> {
        if let Some((index, error)) = &turned.failed {
            self.exchange.post_failed(*index, error);
        }
        if turned.late.is_some() && self.lane.hand.lock().is_lost() {
            ctx.telemetry().post(&kinds::TASK_LATE, |event| {
                event.tag("path", ctx.path());
            });
        }
        if mem::needs_drop::<T>() || turned.late.is_some() {
            // Apart from the next item, which has begun: a panic of this drop is not its own.
            let _its_panic = catch_drop((turned.spent, turned.late));
        }
        turned.next
    }

    /// More to do; false when the lane is to leave. Who waits for a slot goes first.
    fn refill(&self, shift: &mut Shift<'_, F>) -> bool {
        let row = &mut shift.row;
        self.exchange.count_done(&self.lane);
        row.end();
        if row.items > 0 && !self.stand_back(shift.ctx, shift.slot) {
            return false;
        }
        row.items = self.exchange.refill(&self.lane, shift.ctx, row.pace);
        row.start();
        row.items > 0
    }

    /// Lets those who wait for a slot go first; false if there is no other slot for the lane.
    fn stand_back(&self, ctx: &WorkerContext, slot: &Slot) -> bool {
        if !self.exchange.gate.is_wanted() {
            return true;
        }
        self.lane.hand.lock().is_queued = true;
        let lent = slot.lend(ctx, self.exchange.patience());
        self.lane.hand.lock().is_queued = false;
        lent.is_ok()
    }
}

impl Row {
    /// Nothing was taken yet.
    fn new() -> Self {
        // The real one, whatever the system's: what an item costs does not stand still with the time of a test.
        let clock = Clock::system();
        Row {
            began: clock.now(),
            clock,
            pace: Pace::new(),
            items: 0,
            is_new: false,
        }
    }

    fn start(&mut self) {
        self.began = self.clock.now();
        self.is_new = true;
    }

    fn end(&mut self) {
        if self.items > 0 {
            let took = self.clock.now().saturating_duration_since(self.began);
            self.pace = self.pace.after(self.items, took);
        }
    }
}

impl<T, R, F> Errand for LaneErrand<T, R, F>
where
    T: Send + Sync + 'static,
    R: Send + 'static,
    F: Fn(&T, &WorkerContext) -> Result<R, Failure> + Send + Sync + 'static,
{
    fn perform(&self, ctx: &WorkerContext, slot: &Slot) -> Result<(), Failure> {
        let work = self.work.lock().take();
        if let Some(work) = work {
            self.run(Shift {
                work: &*work,
                ctx,
                slot,
                row: Row::new(),
            });
            let _their_panic = catch_drop((self.exchange.vacate(&self.lane), work));
        }
        Ok(())
    }

    fn over(&self, reason: &ExitReason) {
        self.exchange.lane_over(&self.lane, reason);
    }
}
