//! Items that take too long: the steward looks, whether anybody waits for results or not.
//!
//! A stream has one alarm, not one per item. It is set for the earliest moment at which an item of those that lanes
//! have in hand can have used up its time; when it comes, what is due is taken from its lane and comes out as a
//! failure, and the next alarm is set. The thread of such a lane is asked to stop; its slot stays taken until it
//! has, or was abandoned.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use super::exchange::{Exchange, OnTimeout, State};
use super::lane::Lane;
use crate::fault::StopCause;
use crate::supervision::task::book::Fate;
use crate::supervision::task::task_error::TaskError;
use crate::supervision::tree::steward::Timed;

/// How the other items of a map end that ends at a timeout.
const STOPPED: TaskError = TaskError::Cancelled(StopCause::Requested);

/// What a look found.
struct Looked<T, R> {
    lost: Vec<(Arc<Lane<T, R>>, u64)>,
    /// It ended the stream, and so many items did not begin.
    left: Option<usize>,
    /// When to look again.
    next: Option<Instant>,
}

impl<T, R> Exchange<T, R>
where
    T: Send + Sync + 'static,
    R: Send + 'static,
{
    /// A lane begins: the time at which the steward must look, if it is not told yet.
    pub(super) fn next_alarm(&self, state: &mut State<T, R>) -> Option<Instant> {
        if state.alarm.is_some() {
            return None;
        }
        let now = self.runtime.clock().now();
        state.alarm = now.checked_add(self.limit()?);
        state.alarm
    }

    pub(super) fn arm(self: &Arc<Self>, due: Instant) {
        let own: Weak<dyn Timed> = Arc::downgrade(self) as Weak<dyn Timed>;
        self.runtime.steward().arm_timed(due, own);
    }

    /// How much later than its noted beginning an item is due: an item may begin later than it is noted by one step
    /// of the coarse clock, and none ends early.
    fn limit(&self) -> Option<Duration> {
        let timeout = self.plan.timeout?;
        Some(timeout.saturating_add(self.runtime.coarse_step()))
    }

    fn look(&self, now: Instant, limit: Duration, timeout: Duration) -> Looked<T, R> {
        let mut looked = Looked {
            lost: Vec::new(),
            left: None,
            next: None,
        };
        let mut guard = self.state.lock();
        let state = &mut *guard;
        state.alarm = None;
        if state.is_deserted {
            return looked;
        }
        for lane in state.lanes.clone() {
            let mut hand = lane.hand.lock();
            let due = hand.due(limit);
            if due.is_some_and(|due| due <= now)
                && let Some(item) = hand.lose(Fate::TimedOut)
            {
                state.window.recall(&mut hand);
                state.window.collect(&mut hand);
                self.count(hand.take_tally());
                drop(hand);
                looked.lost.push((lane, item.index));
                state.fail(item, TaskError::TimedOut { after: timeout });
            } else if hand.has_work() {
                // What is to begin is due later than what could begin now.
                let due = due.or_else(|| now.checked_add(limit));
                looked.next = [looked.next, due].into_iter().flatten().min();
            }
        }
        state.alarm = looked.next;
        state.has_vacancy |= !looked.lost.is_empty();
        if !looked.lost.is_empty() && self.plan.on_timeout == OnTimeout::Stop {
            looked.left = state.end(&STOPPED);
        }
        looked
    }
}

impl<T, R> Timed for Exchange<T, R>
where
    T: Send + Sync + 'static,
    R: Send + 'static,
{
    fn due(self: Arc<Self>, _due: Instant) {
        let (Some(limit), Some(timeout)) = (self.limit(), self.plan.timeout) else {
            return;
        };
        let looked = self.look(self.runtime.clock().now(), limit, timeout);
        if let Some(next) = looked.next {
            self.arm(next);
        }
        let error = TaskError::TimedOut { after: timeout };
        for (lane, index) in &looked.lost {
            self.post_failed(*index, &error);
            lane.ask_stop();
        }
        if looked.lost.is_empty() {
            return;
        }
        if let Some(left) = looked.left {
            self.tell_end(left, &STOPPED);
        }
        self.wake_lane(self.state.lock());
        self.wake_consumer();
    }
}
