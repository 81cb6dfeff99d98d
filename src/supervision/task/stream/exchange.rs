//! Where the consumer and the lanes of one stream exchange items for results.
//!
//! # Locks
//! The state of the exchange before the hand of a lane. Between two items a lane takes nothing but its own hand;
//! whoever looks at the hands of others holds the state. No user code runs, and no value of the user is dropped,
//! under either.
//!
//! # Why no wake-up is lost
//! * A lane that finds nothing waits in `work`. What it looks at changes under the state, which each look takes: the
//!   case of the wait layer for which one load after the change is enough. Not every push wakes a lane: a lane that
//!   was woken wakes the next one if it leaves something to do. `is_waking` says that one is on its way; each look
//!   of a lane resets it, so it is never left set with nobody to come.
//! * A consumer that finds nothing leaves in every hand what it waits for, under the lock of that hand. The lane that
//!   puts it there sees that under the same lock, and wakes the consumer.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};

use super::hand::{Hand, Item, Wanted};
use super::item_failure::ItemFailure;
use super::lane::Lane;
use super::pace::Pace;
use super::window::{Order, Window};
use crate::fault::{Classify, UnitPath};
use crate::kernel::stop::{Level, current_stop};
use crate::kernel::waiters::{WaitList, Wake, wait_for_level};
use crate::supervision::Runtime;
use crate::supervision::task::book::Tally;
use crate::supervision::task::gate::Gate;
use crate::supervision::task::task_error::TaskError;
use crate::supervision::tree::cell::Cell;
use crate::supervision::unit::current;
use crate::telemetry::kinds;
use crate::time::Deadline;

/// What comes of an item.
pub(super) type Outcome<T, R> = Result<R, ItemFailure<T>>;

/// The hand of a lane of this exchange.
pub(super) type LaneHand<T, R> = Hand<Arc<T>, Outcome<T, R>>;

/// What becomes of a map when an item takes too long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OnTimeout {
    /// The item comes as a failure, the others go on.
    #[default]
    Emit,
    /// The item comes as a failure, and the map ends: nothing more begins, what runs is asked to stop.
    Stop,
}

/// What a stream is told once, when it is made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    pub(super) order: Order,
    pub(super) lanes: usize,
    /// `None`: an item may take any time.
    pub(super) timeout: Option<Duration>,
    pub(super) on_timeout: OnTimeout,
    /// How long to wait for a slot.
    pub(super) patience: Duration,
}

/// Where the consumer and the lanes of one stream meet.
pub(super) struct Exchange<T, R> {
    pub(super) plan: Plan,
    pub(super) runtime: Arc<Runtime>,
    pub(super) gate: Arc<Gate>,
    /// The supervisor, for telemetry.
    path: UnitPath,
    pub(super) state: Mutex<State<T, R>>,
    /// The consumer waits here.
    pub(super) ready: WaitList,
    /// Lanes that have nothing to do wait here.
    pub(super) work: WaitList,
    /// What the consumer waits for has been put: a hint for one that is busy pulling.
    has_wanted: AtomicBool,
}

/// What is under the lock.
pub(super) struct State<T, R> {
    pub(super) window: Window<Arc<T>, Outcome<T, R>>,
    pub(super) lanes: Vec<Arc<Lane<T, R>>>,
    /// What the consumer waits for.
    pub(super) wanted: Wanted,
    /// A lane that was woken has not looked yet.
    pub(super) is_waking: bool,
    /// The source has no more.
    pub(super) is_closed: bool,
    /// Nothing more begins; what has not begun comes out as this.
    pub(super) ended: Option<TaskError>,
    /// Nobody will take what comes out.
    pub(super) is_deserted: bool,
    /// A lane has left, or hangs, since the consumer looked.
    pub(super) has_vacancy: bool,
    /// What the lanes took at a time lately.
    pub(super) pace: Pace,
    /// When the steward will look whether an item takes too long.
    pub(super) alarm: Option<Instant>,
}

/// What came of a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pushed {
    Done,
    /// Another lane could begin with it at once.
    WantsLane,
    /// The stream has ended; the item comes out as a failure.
    InVain,
}

/// What the consumer finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Results.
    Results,
    /// All that was pulled has come out, and nothing more is to come.
    End,
    /// There is something to do, and a lane has left or hangs.
    Vacancy,
    /// Nothing, but for a reason to look again.
    Nothing,
}

impl<T, R> State<T, R> {
    fn new(order: Order) -> Self {
        State {
            window: Window::new(order),
            lanes: Vec::new(),
            wanted: Wanted::Nothing,
            is_waking: false,
            is_closed: false,
            ended: None,
            is_deserted: false,
            has_vacancy: false,
            pace: Pace::new(),
            alarm: None,
        }
    }

    /// An item ends as a failure, with what it was made from.
    pub(super) fn fail(&mut self, item: Item<Arc<T>>, error: TaskError) {
        let Item { index, input } = item;
        let failure = ItemFailure::new(index, input, error);
        self.window.deliver(index, Err(failure));
    }

    /// Makes failures of all that no lane has begun; returns how many.
    pub(super) fn give_up(&mut self, error: &TaskError) -> usize {
        for lane in &self.lanes {
            self.window.recall(&mut lane.hand.lock());
        }
        let left = self.window.pending();
        while let Some(item) = self.window.withdraw() {
            self.fail(item, error.clone());
        }
        left
    }

    /// Nothing more begins. How much of what was pulled has not begun; `None` if the stream had ended before.
    pub(super) fn end(&mut self, error: &TaskError) -> Option<usize> {
        if self.ended.is_some() {
            return None;
        }
        self.ended = Some(error.clone());
        Some(self.give_up(error))
    }

    /// Whether the consumer is to see after another lane; said once for each reason.
    fn take_vacancy(&mut self) -> bool {
        let is_vacant = std::mem::take(&mut self.has_vacancy) || self.lanes.is_empty();
        is_vacant && self.window.pending() > 0
    }

    fn is_through(&self) -> bool {
        self.window.is_empty() && (self.is_closed || self.ended.is_some())
    }
}

impl<T, R> Exchange<T, R> {
    pub(super) fn new(plan: Plan, cell: &Cell, gate: &Arc<Gate>) -> Self {
        Exchange {
            plan,
            runtime: Arc::clone(cell.runtime()),
            gate: Arc::clone(gate),
            path: cell.path().clone(),
            state: Mutex::new(State::new(plan.order)),
            ready: WaitList::new(),
            work: WaitList::new(),
            has_wanted: AtomicBool::new(false),
        }
    }

    /// Takes in the next item.
    pub(super) fn push(&self, input: T) -> Pushed {
        // Before the lock: the allocator may take its time.
        let input = Arc::new(input);
        let mut state = self.state.lock();
        state.window.push(input);
        if let Some(error) = state.ended.clone() {
            // It ended while the source made this one.
            state.give_up(&error);
            return Pushed::InVain;
        }
        let is_short = self.is_short(&state);
        self.wake_lane(state);
        match is_short {
            true => Pushed::WantsLane,
            false => Pushed::Done,
        }
    }

    /// Whether something is to do, all lanes are at work, and there may be another one.
    fn is_short(&self, state: &State<T, R>) -> bool {
        state.window.pending() > 0
            && state.lanes.len() < self.plan.lanes
            && self.work.len() == 0
            && state.ended.is_none()
    }

    pub(super) fn wants_lane(&self) -> bool {
        self.is_short(&self.state.lock())
    }

    /// The source has no more: lanes that have nothing to do leave.
    pub(super) fn close(&self) {
        self.state.lock().is_closed = true;
        self.work.notify_all();
    }

    /// Wakes a lane, if there is something to do and none is on its way.
    pub(super) fn wake_lane(&self, mut state: MutexGuard<'_, State<T, R>>) {
        if state.is_waking || state.window.pending() == 0 || self.work.len() == 0 {
            return;
        }
        state.is_waking = true;
        drop(state);
        self.work.notify_one_after_lock();
    }

    /// Tells the consumer that what it waits for is there.
    pub(super) fn wake_consumer(&self) {
        // Relaxed: a hint that publishes nothing; who acts on it takes the locks.
        self.has_wanted.store(true, Ordering::Relaxed);
        self.ready.notify_one_after_lock();
    }

    pub(super) fn has_wanted(&self) -> bool {
        // Relaxed: see `wake_consumer`.
        self.has_wanted.load(Ordering::Relaxed)
    }

    /// Another lane works for this stream.
    pub(super) fn enlist(&self, lane: &Arc<Lane<T, R>>) {
        self.state.lock().lanes.push(Arc::clone(lane));
    }

    /// A lane was not started after all.
    pub(super) fn strike(&self, lane: &Arc<Lane<T, R>>) {
        let mut state = self.state.lock();
        state.lanes.retain(|own| !Arc::ptr_eq(own, lane));
    }

    pub(super) fn has_lanes(&self) -> bool {
        !self.state.lock().lanes.is_empty()
    }

    /// What the lanes took at a time lately.
    pub(super) fn pace(&self) -> Pace {
        self.state.lock().pace
    }

    // --- what the consumer finds ---------------------------------------------------------------------

    /// Collects all that is done and in turn; `None` if there is nothing, and then the lanes know what is waited for.
    pub(super) fn harvest(&self, into: &mut VecDeque<Outcome<T, R>>) -> Option<Found> {
        let mut tally = Tally::default();
        let found = {
            let mut guard = self.state.lock();
            let state = &mut *guard;
            // Relaxed: see `wake_consumer`.
            self.has_wanted.store(false, Ordering::Relaxed);
            state.wanted = state.window.next_wanted();
            for lane in &state.lanes {
                let mut hand = lane.hand.lock();
                state.window.collect(&mut hand);
                hand.wanted = state.wanted;
                tally.add(hand.take_tally());
            }
            state.window.emit(into);
            match () {
                () if !into.is_empty() => Some(Found::Results),
                () if state.is_through() => Some(Found::End),
                () if state.take_vacancy() => Some(Found::Vacancy),
                () => None,
            }
        };
        self.count(tally);
        found
    }

    /// Counts what became of items; before anybody is told of it.
    pub(super) fn count(&self, tally: Tally) {
        if tally != Tally::default() {
            self.gate.count(|total| total.add(tally));
        }
    }

    /// As [`harvest`](Self::harvest), waiting for the lanes.
    ///
    /// # Errors
    /// The calling unit was asked to stop.
    pub(super) fn wait(&self, into: &mut VecDeque<Outcome<T, R>>) -> Result<Found, Wake> {
        let clock = self.runtime.clock();
        current::wait(&self.ready, clock, Deadline::NEVER, || self.harvest(into))
    }

    // --- the end -------------------------------------------------------------------------------------

    /// Ends the stream: nothing more begins, what runs is asked to stop, and all that was pulled comes out.
    pub(super) fn end(&self, error: TaskError) {
        let left = self.state.lock().end(&error);
        if let Some(left) = left {
            self.tell_end(left, &error);
        }
    }

    /// The stream has ended: tells the lanes and the consumer.
    pub(super) fn tell_end(&self, left: usize, error: &TaskError) {
        self.runtime.telemetry().post(&kinds::MAP_ENDED, |event| {
            event.measure("left", left as u64);
            event.tag("path", &self.path);
            event.tag("why", error.code());
        });
        let lanes = self.state.lock().lanes.clone();
        for lane in lanes {
            lane.ask_stop();
        }
        self.work.notify_all();
        self.wake_consumer();
    }

    /// Nobody takes what comes out any more. What is here is for the caller to drop; what a lane still has, for it.
    pub(super) fn desert(&self) -> Vec<Outcome<T, R>> {
        let mut state = self.state.lock();
        let state = &mut *state;
        state.is_deserted = true;
        for lane in &state.lanes {
            state.window.collect(&mut lane.hand.lock());
        }
        state.window.drain().collect()
    }

    pub(super) fn has_ended(&self) -> bool {
        self.state.lock().ended.is_some()
    }

    /// As [`wait`](Self::wait), for what comes of the items that lanes had begun when the stream ended. It is the end
    /// as well if that does not come in time, or the calling unit is told to end at once.
    pub(super) fn wait_ended(&self, into: &mut VecDeque<Outcome<T, R>>, until: Deadline) -> Found {
        self.wait_halt(until, || self.harvest(into))
            .unwrap_or(Found::End)
    }

    /// Until when who needs a slot now waits for it.
    pub(super) fn patience(&self) -> Deadline {
        self.runtime.clock().deadline(self.plan.patience)
    }

    /// Waits until every lane has left; or until the calling unit is told to end at once. Of a stream that is through,
    /// `but_absent` ones are not waited for: those whose item took too long, and those that stand in the line.
    pub(super) fn join(&self, until: Deadline, but_absent: bool) {
        let is_awaited = |lane: &Arc<Lane<T, R>>| !(but_absent && lane.hand.lock().is_absent());
        let all_left = || (!self.state.lock().lanes.iter().any(is_awaited)).then_some(());
        let _in_time = self.wait_halt(until, all_left);
    }

    /// Waits also while the calling unit is asked to stop in order.
    fn wait_halt<V>(&self, until: Deadline, look: impl FnMut() -> Option<V>) -> Option<V> {
        let stop = current_stop();
        let obeys = stop.as_deref().map(|stop| (stop, Level::Halt));
        let clock = self.runtime.clock();
        let wait = || wait_for_level(&self.ready, obeys, clock, until.instant(), look).ok();
        match current::current() {
            Some(run) => run.waiting(wait),
            None => wait(),
        }
    }

    /// An item that was begun has no result.
    pub(super) fn post_failed(&self, index: u64, error: &TaskError) {
        self.runtime
            .telemetry()
            .post(&kinds::MAP_ITEM_FAILED, |event| {
                event.tag("path", &self.path);
                event.tag("index", index);
                event.tag("why", error.code());
            });
    }
}
