//! The timers of one system, and what the steward does when one is due.
//!
//! The index knows which timers there are; the steward is asked for one call only, at the first time at which any is
//! due, and delivers then on its own thread. Locks are taken in one order: a timer's own, the index, the steward's.
//!
//! A timer can be out of the index before it is over: one that fires for the last time, so that the receiver finds it
//! gone, and one that somebody is about to end. Those are kept apart until they are over. Who promises that a timer
//! delivers no more looks for it there as well, and takes its lock.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;

use super::delivery::{Delivery, Outcome, Remains};
use super::entry::{Entry, Fired, State};
use super::index::{Index, Key, OwnerId, TimerId};
use super::schedule::{Chain, Every, Settled};
use super::timer_error::TimerError;
use super::undertaker::{Undertaker, drop_all};
use crate::fault::UnitPath;
use crate::fault::hook::enter_identity;
use crate::supervision::tree::steward::{Steward, Timed};
use crate::supervision::unit::run::Run;
use crate::telemetry::{Telemetry, kinds};
use crate::time::{Clock, Deadline};

/// So many timers fire in a row before the steward looks for the end of a run again.
const BATCH: usize = 256;

/// The owner of the timers that belong to no run: no run has this address.
const SYSTEM: OwnerId = OwnerId(0);

/// Whose timers they are: those of a run end with it, those of the system when it begins to stop.
#[derive(Clone, Debug)]
pub(super) enum Owner {
    System(UnitPath),
    Run(Arc<Run>),
}

impl Owner {
    pub(super) fn id(&self) -> OwnerId {
        match self {
            Self::System(_) => SYSTEM,
            Self::Run(run) => OwnerId::of(run),
        }
    }

    pub(super) fn path(&self) -> &UnitPath {
        match self {
            Self::System(path) => path,
            Self::Run(run) => run.path(),
        }
    }
}

impl OwnerId {
    /// The address is the run's own as long as the run is there. A timer does not keep it, but no timer outlives it: a
    /// run is dropped only after it has ended or was given up, and either ends its timers for good.
    fn of(run: &Run) -> Self {
        Self(std::ptr::from_ref(run).addr())
    }
}

/// The timers of one system.
pub(crate) struct Timetable {
    clock: Clock,
    telemetry: Telemetry,
    steward: Arc<Steward>,
    plan: Mutex<Plan>,
    undertaker: Undertaker,
}

struct Plan {
    index: Index<Arc<Entry>>,
    /// Out of the index, but maybe not over yet.
    leaving: BTreeMap<TimerId, Arc<Entry>>,
    /// The earliest time for which the steward was asked to call.
    armed: Option<Instant>,
    /// The system stops: its own timers have ended.
    is_stopping: bool,
}

impl Timetable {
    pub(crate) fn new(clock: Clock, telemetry: Telemetry, steward: Arc<Steward>) -> Arc<Self> {
        Arc::new(Self {
            clock,
            telemetry,
            steward,
            plan: Mutex::new(Plan {
                index: Index::new(),
                leaving: BTreeMap::new(),
                armed: None,
                is_stopping: false,
            }),
            undertaker: Undertaker::new(),
        })
    }

    pub(super) fn now(&self) -> Instant {
        self.clock.now()
    }

    /// How many timers are pending, whoever owns them.
    pub(crate) fn pending(&self) -> usize {
        self.plan.lock().index.len()
    }

    pub(super) fn pending_of(&self, owner: OwnerId) -> usize {
        self.plan.lock().index.len_of(owner)
    }

    pub(super) fn keyed(&self, owner: OwnerId, key: &str) -> Option<Arc<Entry>> {
        self.plan.lock().index.keyed(owner, key)
    }

    pub(super) fn of(&self, owner: OwnerId) -> Vec<Arc<Entry>> {
        self.plan.lock().index.of(owner)
    }

    /// The timers of one owner of which there may be something to hear yet.
    pub(super) fn not_over(&self, owner: OwnerId) -> Vec<Arc<Entry>> {
        let plan = self.plan.lock();
        let mut entries = plan.leaving(owner, |_| true);
        entries.extend(plan.index.of(owner));
        entries
    }

    // --- asked by handles -----------------------------------------------------------------------

    /// Arms a timer that delivers what is made from the load, and ends the one that had its key. If it cannot, the
    /// load comes back.
    pub(super) fn arm<L>(
        self: &Arc<Self>,
        owner: &Owner,
        key: Option<Key>,
        chain: Chain,
        load: L,
        delivery: impl FnOnce(L, TimerId) -> Box<dyn Delivery>,
    ) -> Result<Arc<Entry>, (TimerError, L)> {
        let (entry, before) = {
            let mut plan = self.plan.lock();
            if let Some(refusal) = plan.refusal(owner) {
                return Err((refusal, load));
            }
            if let Err(refused) = self.steward.ensure() {
                return Err((TimerError::Thread(refused.kind()), load));
            }
            let id = plan.index.draw(owner.id());
            let path = owner.path().clone();
            let delivery = delivery(load, id);
            let entry = Arc::new(Entry::new(id, key.clone(), path, chain, delivery));
            let before = plan.insert(&entry);
            (entry, before)
        };
        // The old one is over before the new one begins. To drop it here runs the user's code where the user called.
        let _replaced = self.end(&before);
        entry.with(|state| self.go_on(&entry, state));
        Ok(entry)
    }

    /// Ends a timer; what it would have delivered is returned, if it was pending.
    pub(super) fn cancel(&self, entry: &Entry) -> Option<Box<dyn Delivery>> {
        let delivery = entry.end()?;
        self.plan.lock().index.remove(entry.id);
        Some(delivery)
    }

    /// Delivers one tick now, on the calling thread.
    pub(super) fn force(self: &Arc<Self>, entry: &Entry) -> Result<(), TimerError> {
        let fired = entry.deliver(|state| {
            let fired = state.force(self.now(), || self.plan.lock().leave(entry.id));
            self.go_on(entry, state);
            fired
        })?;
        self.announce(entry, &fired);
        drop_all(fired.remains);
        fired.outcome.map_or(Ok(()), Outcome::into_result)
    }

    /// Gives a periodic timer another interval, which begins now.
    pub(super) fn retime(self: &Arc<Self>, entry: &Entry, every: Every) -> Result<(), TimerError> {
        entry.with(|state| {
            if state.is_over() {
                return Err(TimerError::Over);
            }
            if state.chain.interval().is_none() {
                return Err(TimerError::NotPeriodic);
            }
            state.chain.retime(every, self.now());
            self.go_on(entry, state);
            Ok(())
        })
    }

    /// Notes under the timer's lock when to look at it next, or that it is over.
    fn go_on(self: &Arc<Self>, entry: &Entry, state: &State) {
        let mut plan = self.plan.lock();
        // Asked under the lock: the end of a job that is told later looks in after this.
        let next = state.next_look(self.now());
        if state.is_over() {
            plan.index.remove(entry.id);
            plan.leaving.remove(&entry.id);
        } else if plan.index.set_due(entry.id, next) {
            self.ask(&mut plan);
        }
    }

    /// Has the steward look at a timer now.
    pub(super) fn look_at(self: &Arc<Self>, timer: TimerId) {
        let mut plan = self.plan.lock();
        if plan.index.set_due(timer, Some(self.now())) {
            self.ask(&mut plan);
        }
    }

    /// Asks the steward for a call, unless it will call early enough. Under the lock: what is asked for last is the
    /// earliest, and that one the steward keeps.
    fn ask(self: &Arc<Self>, plan: &mut Plan) {
        let Some(due) = plan.index.first_due() else {
            return;
        };
        if plan.armed.is_none_or(|armed| due < armed) {
            plan.armed = Some(due);
            let own: Arc<dyn Timed> = Arc::clone(self) as _;
            self.steward.arm_timed(due, Arc::downgrade(&own));
        }
    }

    // --- the ends of owners ---------------------------------------------------------------------

    /// The run is over, on its own thread, which drops what is its own.
    pub(crate) fn run_ended(&self, run: &Run) {
        let remains = self.end_all(OwnerId::of(run), run.path());
        if !remains.is_empty() {
            let _blamed = enter_identity(run.identity());
            drop_all(remains);
        }
    }

    /// The run was given up: its thread may never come back for what is its own.
    pub(crate) fn run_abandoned(&self, run: &Run) {
        let remains = self.end_all(OwnerId::of(run), run.path());
        self.undertaker.bury(remains);
    }

    /// The system begins to stop.
    pub(crate) fn system_stopping(&self, system: &str) {
        self.plan.lock().is_stopping = true;
        let remains = self.end_all(SYSTEM, &UnitPath::new(system));
        self.undertaker.bury(remains);
    }

    /// Ends all timers of an owner who can arm no more. After it nothing of theirs is delivered.
    fn end_all(&self, owner: OwnerId, path: &UnitPath) -> Remains {
        let (pending, entries) = self.plan.lock().leave_all(owner);
        let mut remains = Remains::default();
        for delivery in self.end(&entries) {
            remains.add_delivery(delivery);
        }
        if pending > 0 {
            self.telemetry.post(&kinds::TIMER_DISCARDED, |event| {
                event.measure("count", pending as u64);
                event.tag("path", path);
            });
        }
        remains
    }

    /// Ends timers that are leaving; what they would have delivered is the caller's.
    fn end(&self, entries: &[Arc<Entry>]) -> Vec<Box<dyn Delivery>> {
        let undelivered = entries.iter().filter_map(|entry| entry.end()).collect();
        if !entries.is_empty() {
            let mut plan = self.plan.lock();
            for entry in entries {
                plan.leaving.remove(&entry.id);
            }
        }
        undelivered
    }

    /// At the end of the system: waits for the destructors of what was not delivered. Returns how many threads hang in
    /// them.
    pub(crate) fn settle(&self, deadline: Deadline) -> usize {
        self.undertaker.settle(&self.clock, deadline)
    }

    // --- on the steward -------------------------------------------------------------------------

    fn fire(self: &Arc<Self>, entry: &Entry, now: Instant) {
        let fired = entry.deliver(|state| {
            let fired = state.fire(now, || self.plan.lock().leave(entry.id));
            self.go_on(entry, state);
            fired.ok_or(())
        });
        if let Ok(fired) = fired {
            self.announce(entry, &fired);
            self.undertaker.bury(fired.remains);
        }
    }

    /// Tells of what did not arrive.
    fn announce(&self, entry: &Entry, fired: &Fired) {
        let key = entry.key.as_deref().unwrap_or_default();
        if fired.missed > 0 {
            self.telemetry.post(&kinds::TIMER_MISSED, |event| {
                event.measure("missed", fired.missed);
                event.measure("number", fired.number);
                event.tag("path", &entry.owner);
                event.tag("key", key);
            });
        }
        let refused = fired
            .outcome
            .filter(|outcome| outcome.settled() == Settled::Refused);
        if let Some(refused) = refused {
            self.telemetry.post(&kinds::TIMER_REFUSED, |event| {
                event.measure("number", fired.number);
                event.tag("path", &entry.owner);
                event.tag("key", key);
                event.tag("why", refused.as_str());
            });
        }
    }
}

impl Plan {
    /// Adds a timer that is not due yet; returns those with its key that may not be over.
    fn insert(&mut self, entry: &Arc<Entry>) -> Vec<Arc<Entry>> {
        let replaced = self
            .index
            .insert(entry.id, entry.key.clone(), Arc::clone(entry));
        self.leaving
            .extend(replaced.map(|replaced| (replaced.id, replaced)));
        if entry.key.is_none() {
            return Vec::new();
        }
        self.leaving(entry.id.owner, |other| other.key == entry.key)
    }

    /// The timer is to be found no more, but is not over.
    fn leave(&mut self, id: TimerId) {
        let entry = self.index.remove(id);
        self.leaving.extend(entry.map(|entry| (id, entry)));
    }

    /// Has all timers of the owner leave; returns how many those are, and all that may not be over.
    fn leave_all(&mut self, owner: OwnerId) -> (usize, Vec<Arc<Entry>>) {
        let pending = self.index.remove_owner(owner);
        let number = pending.len();
        self.leaving
            .extend(pending.into_iter().map(|entry| (entry.id, entry)));
        (number, self.leaving(owner, |_| true))
    }

    fn leaving(&self, owner: OwnerId, is_meant: impl Fn(&Entry) -> bool) -> Vec<Arc<Entry>> {
        let of_owner = self
            .leaving
            .values()
            .filter(|entry| entry.id.owner == owner);
        of_owner.filter(|entry| is_meant(entry)).cloned().collect()
    }

    /// Why the owner may not arm. Asked under the lock under which the owner's timers are ended, after the owner was
    /// marked: so none is armed behind that.
    fn refusal(&self, owner: &Owner) -> Option<TimerError> {
        match owner {
            Owner::System(_) => self.is_stopping.then_some(TimerError::Stopping),
            Owner::Run(run) if run.token().is_fenced() => Some(TimerError::Fenced),
            Owner::Run(run) => run.is_over().then_some(TimerError::Ended),
        }
    }
}

impl Timed for Timetable {
    fn due(self: Arc<Self>, due: Instant) {
        {
            let mut plan = self.plan.lock();
            if plan.armed == Some(due) {
                plan.armed = None;
            }
        }
        for _ in 0..BATCH {
            let now = self.now();
            let Some(entry) = self.plan.lock().index.pop_due(now) else {
                break;
            };
            self.fire(&entry, now);
        }
        self.ask(&mut self.plan.lock());
    }
}

impl fmt::Debug for Timetable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timetable").finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "timetable_tests.rs"]
mod tests;
