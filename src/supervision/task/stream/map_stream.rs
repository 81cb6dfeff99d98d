//! The consumer's side of a map: an iterator that pulls its source and yields results.

use std::collections::VecDeque;
use std::fmt;
use std::iter::FusedIterator;
use std::sync::Arc;
use std::time::Duration;

use super::exchange::{Exchange, Found, Outcome, Pushed};
use super::item_failure::ItemFailure;
use super::lane::Lane;
use crate::fault::StopCause;
use crate::fault::catch::catch_drop;
use crate::kernel::stop::{Level, current_stop};
use crate::supervision::DEFAULT_CALL;
use crate::supervision::task::errand::Errand;
use crate::supervision::task::gate::Patience;
use crate::supervision::task::spawn_error::SpawnRefusal;
use crate::supervision::task::task_error::TaskError;
use crate::supervision::task::task_supervisor_ref::TaskSupervisorRef;
use crate::supervision::unit::current::{current, refuses};
use crate::time::Deadline;

/// While results are there, at least so many items are pulled for each: more than one, to get ahead.
const PULLS: usize = 2;

/// What the end of a lane may take beyond the time that it has for it.
const GRACE: Duration = Duration::from_millis(500);

/// The results of a map, pulled through as they are asked for; made by [`Map::start`](super::Map::start).
///
/// Each item that was pulled comes out once, as a result or as a failure with its input. After the last one no lane
/// is at work, but for the thread of an item that took too long and has not stopped: that is its supervisor's.
///
/// # Blocking
/// [`next`](Iterator::next) pulls the source on the calling thread, and waits for a result. When the calling unit is
/// asked to stop, it pulls no more, has the lanes stop, and yields what comes of the items that it has pulled.
///
/// Dropping the stream half-way stops its lanes and waits until every one has ended or was abandoned: for as long as
/// a task of the supervisor may take to stop.
#[must_use = "a map does nothing until its results are asked for"]
pub struct MapStream<I, R>
where
    I: Iterator,
    I::Item: Send + Sync + 'static,
    R: Send + 'static,
{
    tasks: TaskSupervisorRef,
    exchange: Arc<Exchange<I::Item, R>>,
    errand: Box<NewErrand<I::Item, R>>,
    source: Option<I>,
    ready: VecDeque<Outcome<I::Item, R>>,
    /// Items that were pulled and are not yielded.
    ahead: usize,
    /// Chosen by the program; else by what the items are like.
    buffer: Option<usize>,
    /// How many items may be ahead.
    most: usize,
    /// No slot was free lately: the next wait asks again.
    is_full: bool,
    is_over: bool,
}

/// Makes what a new lane is sent for.
pub(super) type NewErrand<T, R> =
    dyn Fn(&Arc<Exchange<T, R>>, &Arc<Lane<T, R>>) -> Arc<dyn Errand> + Send + Sync;

impl<I, R> MapStream<I, R>
where
    I: Iterator,
    I::Item: Send + Sync + 'static,
    R: Send + 'static,
{
    pub(super) fn new(
        tasks: TaskSupervisorRef,
        source: I,
        exchange: Arc<Exchange<I::Item, R>>,
        errand: Box<NewErrand<I::Item, R>>,
        buffer: Option<usize>,
    ) -> Self {
        let mut stream = MapStream {
            tasks,
            exchange,
            errand,
            source: Some(source),
            ready: VecDeque::new(),
            ahead: 0,
            buffer,
            most: 0,
            is_full: false,
            is_over: false,
        };
        stream.reach();
        stream
    }

    /// How far ahead of the consumer the source may be pulled.
    fn reach(&mut self) {
        let lanes = self.exchange.plan.lanes;
        let buffer = self
            .buffer
            .unwrap_or_else(|| self.exchange.pace().buffer(lanes));
        self.most = lanes.saturating_add(buffer);
    }

    /// Pulls one item; false if none may be, or none is left.
    fn pull(&mut self) -> bool {
        if self.ahead >= self.most {
            return false;
        }
        let Some(source) = &mut self.source else {
            return false;
        };
        let Some(input) = source.next() else {
            self.close();
            return false;
        };
        self.ahead += 1;
        match self.exchange.push(input) {
            Pushed::WantsLane if !self.is_full => self.hire(Patience::None),
            Pushed::InVain => self.source = None,
            Pushed::Done | Pushed::WantsLane => {}
        }
        true
    }

    /// Before a result is given away: who takes it may be long with it, and the lanes should have work meanwhile.
    fn top_up(&mut self) {
        let lanes = self.exchange.plan.lanes;
        let in_work = self.ahead - self.ready.len();
        let pulls = lanes.saturating_sub(in_work).max(PULLS);
        let _pulled = (0..pulls).all(|_| self.pull());
    }

    fn close(&mut self) {
        self.exchange.close();
        self.source = None;
    }

    /// Starts another lane, if there is a slot. Where that is refused for good, the stream ends.
    fn hire(&mut self, patience: Patience) {
        match self.try_hire(patience) {
            Ok(()) => {}
            Err(SpawnRefusal::Full { .. }) => self.is_full = true,
            // The others do what this one does not.
            Err(SpawnRefusal::Thread(_)) if self.exchange.has_lanes() => self.is_full = true,
            Err(SpawnRefusal::CallerStopped) => self.end_with_caller(),
            Err(refusal) => self.end(TaskError::NotBegun(refusal)),
        }
    }

    fn try_hire(&self, patience: Patience) -> Result<(), SpawnRefusal> {
        let place = self.tasks.place(patience)?;
        let lane = Lane::new(place.unit());
        self.exchange.enlist(&lane);
        let errand = (self.errand)(&self.exchange, &lane);
        let sent = place.send(errand);
        if sent.is_err() {
            self.exchange.strike(&lane);
        }
        sent
    }

    fn end_with_caller(&mut self) {
        let cause = current().and_then(|run| run.token().cause());
        self.end(TaskError::Cancelled(cause.unwrap_or(StopCause::Requested)));
    }

    fn end(&mut self, error: TaskError) {
        self.exchange.end(error);
        self.source = None;
    }

    /// Looks for results: what is done, else what comes of pulling more, else what the lanes bring.
    fn find(&mut self) -> Found {
        if current_stop().is_some_and(|stop| stop.level() >= Level::Drain) {
            self.end_with_caller();
        }
        if let Some(found) = self.exchange.harvest(&mut self.ready) {
            return found;
        }
        self.reach();
        self.is_full = false;
        while !self.exchange.has_wanted() && self.pull() {}
        if !self.is_full && self.exchange.wants_lane() {
            self.hire(Patience::None);
        }
        self.wait()
    }

    fn wait(&mut self) -> Found {
        if self.exchange.has_ended() {
            let until = self.stop_deadline(Deadline::NEVER);
            return self.exchange.wait_ended(&mut self.ready, until);
        }
        self.exchange
            .wait(&mut self.ready)
            .unwrap_or_else(|_stopped| {
                self.end_with_caller();
                Found::Nothing
            })
    }

    /// There is something to do, and a lane has left or hangs: another one takes its place, when it may.
    fn fill_vacancy(&mut self) {
        if !self.exchange.has_lanes() {
            self.hire(Patience::Until(self.exchange.patience()));
        } else if self.exchange.wants_lane() {
            self.hire(Patience::None);
        }
    }

    /// All has come out, and the lanes leave.
    fn finish(&mut self) {
        self.is_over = true;
        self.exchange
            .join(self.stop_deadline(Deadline::NEVER), true);
    }

    /// Until when lanes that were asked to stop have ended or been abandoned, and the calling unit may wait for it.
    fn stop_deadline(&self, otherwise: Deadline) -> Deadline {
        let limit = self.tasks.options().stop_limit();
        let limit = limit.map_or(otherwise, |limit| {
            let clock = self.exchange.runtime.clock();
            clock.deadline(limit.saturating_add(GRACE))
        });
        let own = current().and_then(|run| run.token().drain_until());
        own.map_or(limit, |own| Deadline::earliest(limit, Deadline::at(own)))
    }
}

impl<I, R> Iterator for MapStream<I, R>
where
    I: Iterator,
    I::Item: Send + Sync + 'static,
    R: Send + 'static,
{
    type Item = Result<R, ItemFailure<I::Item>>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.ready.is_empty() {
            if self.is_over || refuses("map") {
                return None;
            }
            let found = self.find();
            if self.exchange.has_ended() {
                self.source = None;
            }
            match found {
                Found::Results | Found::Nothing => {}
                Found::Vacancy => self.fill_vacancy(),
                Found::End => self.finish(),
            }
        }
        self.top_up();
        self.ahead -= 1;
        self.ready.pop_front()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let source = self
            .source
            .as_ref()
            .map_or((0, Some(0)), Iterator::size_hint);
        let most = source.1.and_then(|most| most.checked_add(self.ahead));
        (self.ready.len(), most)
    }
}

impl<I, R> FusedIterator for MapStream<I, R>
where
    I: Iterator,
    I::Item: Send + Sync + 'static,
    R: Send + 'static,
{
}

impl<I, R> Drop for MapStream<I, R>
where
    I: Iterator,
    I::Item: Send + Sync + 'static,
    R: Send + 'static,
{
    fn drop(&mut self) {
        if !self.is_over {
            self.end(TaskError::Cancelled(StopCause::Requested));
        }
        // Who gives a stream up is not to hear of a panic in the drop of what it has not taken.
        let _their_panic = catch_drop((self.exchange.desert(), std::mem::take(&mut self.ready)));
        if !self.is_over {
            let clock = self.exchange.runtime.clock();
            let until = self.stop_deadline(clock.deadline(DEFAULT_CALL));
            self.exchange.join(until, false);
        }
    }
}

impl<I, R> fmt::Debug for MapStream<I, R>
where
    I: Iterator,
    I::Item: Send + Sync + 'static,
    R: Send + 'static,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MapStream")
            .field("tasks", self.tasks.id())
            .field("ahead", &self.ahead)
            .field("is_over", &self.is_over)
            .finish_non_exhaustive()
    }
}
