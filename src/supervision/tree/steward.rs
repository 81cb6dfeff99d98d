//! The steward: the one thread of a system that monitors the others.
//!
//! It receives the ends of runs (a panic among them), keeps the timers of supervisors and watchdog,
//! and sleeps in between; it never runs user code. It is started by the first unit that needs it and
//! ends with the system. Should the operating system refuse the thread, the poster of an event turns
//! the supervisor itself: slower to reason about, never lost.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::fmt;
use std::io;
use std::sync::{Arc, Weak};
use std::time::Instant;

use once_cell::sync::OnceCell;
use parking_lot::Mutex;

use crate::fault::catch::{Caught, catch};
use crate::fault::thread::{StartedThread, ThreadPlan, start};
use crate::kernel::waiters::{WaitList, wait_for};
use crate::supervision::machine::Event;
use crate::supervision::tree::cell::Cell;
use crate::supervision::tree::watchdog;
use crate::supervision::unit::run::Run;
use crate::time::{Clock, Deadline};

/// So many timers are not worth a sweep.
const SWEPT_ABOVE: usize = 64;

/// The handle by which runs and supervisors reach the steward of their system.
pub(crate) struct Steward {
    desk: Arc<Desk>,
    thread: OnceCell<Mutex<StartedThread>>,
}

/// What the steward works from.
struct Desk {
    clock: Clock,
    inbox: Mutex<Inbox>,
    work: WaitList,
}

#[derive(Default)]
struct Inbox {
    posts: VecDeque<Work>,
    timers: BinaryHeap<Reverse<Timer>>,
    next_timer: u64,
    /// How many timers the last sweep has kept, or the least number since.
    kept: usize,
    closed: bool,
}

/// A time at which somebody wants to be called; ordered by time, then by the order of the asking.
struct Timer {
    due: Instant,
    order: u64,
    whom: Whom,
}

enum Whom {
    Supervisor(Weak<Cell>),
    Watched(Weak<Run>),
    Timed(Weak<dyn Timed>),
}

impl Whom {
    fn is_there(&self) -> bool {
        match self {
            Whom::Supervisor(cell) => cell.strong_count() > 0,
            Whom::Watched(run) => run.strong_count() > 0,
            Whom::Timed(whom) => whom.strong_count() > 0,
        }
    }

    /// Who it is, if it has only one call to come, whatever it asked for before.
    fn asks_again(&self) -> Option<*const ()> {
        match self {
            Whom::Supervisor(cell) => Some(cell.as_ptr().cast()),
            Whom::Timed(whom) => Some(whom.as_ptr().cast()),
            Whom::Watched(_) => None,
        }
    }
}

/// A part of the library that asked to be called at a time. It runs no user code then, and does not block.
///
/// Each has one call to come: a later asking replaces the earlier ones, whose calls may come all the same.
pub(crate) trait Timed: Send + Sync {
    /// The time `due` that it had asked for has come. It may have changed its mind meanwhile.
    fn due(self: Arc<Self>, due: Instant);
}

/// What there is to do.
enum Work {
    Turn(Arc<Cell>, Event),
    CarryOn(Arc<Cell>),
    Due(Instant, Whom),
    Close,
}

impl Work {
    fn perform(self) {
        match self {
            Work::Turn(cell, event) => cell.turn(event),
            Work::CarryOn(cell) => cell.carry_on(),
            Work::Due(due, Whom::Supervisor(cell)) => {
                if let Some(cell) = cell.upgrade() {
                    cell.due(due);
                }
            }
            Work::Due(_, Whom::Watched(run)) => {
                if let Some(run) = run.upgrade() {
                    watchdog::look(&run);
                }
            }
            Work::Due(due, Whom::Timed(whom)) => {
                if let Some(whom) = whom.upgrade() {
                    whom.due(due);
                }
            }
            Work::Close => {}
        }
    }
}

impl Steward {
    pub(crate) fn new(clock: Clock) -> Self {
        Steward {
            desk: Arc::new(Desk {
                clock,
                inbox: Mutex::new(Inbox::default()),
                work: WaitList::new(),
            }),
            thread: OnceCell::new(),
        }
    }

    /// Starts the thread unless it runs; an error is the operating system's refusal, and the next call
    /// tries again.
    pub(crate) fn ensure(&self) -> io::Result<()> {
        let begin = || {
            let desk = Arc::clone(&self.desk);
            let plan = ThreadPlan {
                name: "steward".into(),
                stack_size: None,
            };
            start(plan, move || desk.serve()).map(Mutex::new)
        };
        self.thread.get_or_try_init(begin).map(drop)
    }

    /// Hands an event over; it is applied on the steward's thread, in the order of the posts.
    ///
    /// After the system has ended there is nobody to tell: what still comes is the return of an
    /// abandoned run.
    pub(crate) fn post(&self, cell: Arc<Cell>, event: Event) {
        if self.is_closed() {
            return;
        }
        if self.ensure().is_err() {
            cell.turn(event);
            return;
        }
        let _ended_meanwhile = self.put(Work::Turn(cell, event));
    }

    /// Hands over the effects of a supervisor that are not carried out yet; false when nobody is there to do it, so
    /// that the caller must. No thread is started for it: a tree without threads stays one.
    pub(crate) fn carry_on(&self, cell: &Arc<Cell>) -> bool {
        self.thread.get().is_some() && self.put(Work::CarryOn(Arc::clone(cell)))
    }

    fn put(&self, work: Work) -> bool {
        {
            let mut inbox = self.desk.inbox.lock();
            if inbox.closed {
                // Closed meanwhile: what is put in now would stay, and keep the whole system.
                return false;
            }
            inbox.posts.push_back(work);
        }
        self.desk.work.notify_one();
        true
    }

    fn is_closed(&self) -> bool {
        self.desk.inbox.lock().closed
    }

    /// Asks for a call of the supervisor at `due`.
    pub(crate) fn arm_cell(&self, due: Instant, cell: &Arc<Cell>) {
        self.arm(due, Whom::Supervisor(Arc::downgrade(cell)));
    }

    /// Asks for a look at the run at `due`.
    pub(crate) fn arm_watch(&self, due: Instant, run: &Arc<Run>) {
        self.arm(due, Whom::Watched(Arc::downgrade(run)));
    }

    /// Asks for a call of whatever this is at `due`. The steward does not keep it alive.
    pub(crate) fn arm_timed(&self, due: Instant, whom: Weak<dyn Timed>) {
        self.arm(due, Whom::Timed(whom));
    }

    fn arm(&self, due: Instant, whom: Whom) {
        if self.is_closed() {
            return;
        }
        // A refused thread is no loss here: whoever started a unit was told of the refusal.
        let _refused = self.ensure();
        let earliest = {
            let mut inbox = self.desk.inbox.lock();
            let earliest = inbox
                .timers
                .peek()
                .is_none_or(|Reverse(first)| due < first.due);
            inbox.arm(due, whom);
            earliest
        };
        if earliest {
            self.desk.work.notify_one();
        }
    }

    /// Lets the steward finish what it was handed, then ends it; true when its thread is gone.
    pub(crate) fn close(&self, clock: &Clock, deadline: Deadline) -> bool {
        self.desk.close();
        let Some(thread) = self.thread.get() else {
            return true;
        };
        let mut thread = thread.lock();
        thread.gone().wait(clock, deadline) && thread.join_if_gone()
    }
}

impl Drop for Steward {
    /// A system whose stop was never finished takes its steward with it.
    fn drop(&mut self) {
        self.desk.close();
    }
}

impl Desk {
    fn close(&self) {
        {
            let mut inbox = self.inbox.lock();
            inbox.closed = true;
            inbox.timers.clear();
        }
        self.work.notify_all();
    }

    fn serve(&self) {
        loop {
            let work = self.next();
            if matches!(work, Work::Close) {
                return;
            }
            // The last line: whatever goes wrong in one piece of work, the next one is done.
            if let Err(Caught::Panic(report)) = catch(|| work.perform()) {
                log::error!(target: "steadfast::supervision", "steward.panicked {report}");
            }
        }
    }

    /// Waits for work; woken by posts, by an earlier timer, or by the clock.
    fn next(&self) -> Work {
        loop {
            let until = self.first_due();
            let found = wait_for(&self.work, None, &self.clock, until, || {
                let mut inbox = self.inbox.lock();
                let work = inbox.next(self.clock.now());
                // Another timer came first meanwhile: leave, and wait for that one.
                let stale = work.is_none() && inbox.first_due() != until;
                if stale { Some(None) } else { work.map(Some) }
            });
            if let Ok(Some(work)) = found {
                return work;
            }
        }
    }

    fn first_due(&self) -> Option<Instant> {
        self.inbox.lock().first_due()
    }
}

impl Inbox {
    fn first_due(&self) -> Option<Instant> {
        self.timers.peek().map(|Reverse(timer)| timer.due)
    }

    /// Adds a timer; timers are swept when they have doubled, so that each costs little and the dead are few.
    fn arm(&mut self, due: Instant, whom: Whom) {
        let order = self.next_timer;
        self.next_timer += 1;
        self.timers.push(Reverse(Timer { due, order, whom }));
        if self.timers.len() > (2 * self.kept).max(SWEPT_ABOVE) {
            self.sweep();
        }
    }

    /// Forgets the timers that nobody waits for: those of what is gone, and of whoever asked repeatedly all but the one
    /// that was asked for last. Supervisors ask for another only when they have none, or for an earlier time.
    ///
    /// Nothing is upgraded here: a last reference would drop values of the user under the lock.
    fn sweep(&mut self) {
        let mut last = HashMap::new();
        for Reverse(timer) in &self.timers {
            if let Some(whom) = timer.whom.asks_again() {
                let order = last.entry(whom).or_insert(timer.order);
                *order = timer.order.max(*order);
            }
        }
        self.timers.retain(|Reverse(timer)| {
            let is_last = |whom: *const ()| last.get(&whom) == Some(&timer.order);
            timer.whom.is_there() && timer.whom.asks_again().is_none_or(is_last)
        });
        self.kept = self.timers.len();
    }

    /// Posts go before timers: an end that has come in is not a missed deadline.
    fn next(&mut self, now: Instant) -> Option<Work> {
        if let Some(work) = self.posts.pop_front() {
            return Some(work);
        }
        if self.closed {
            return Some(Work::Close);
        }
        if self.timers.peek()?.0.due > now {
            return None;
        }
        let Reverse(timer) = self.timers.pop()?;
        self.kept = self.kept.min(self.timers.len());
        Some(Work::Due(timer.due, timer.whom))
    }
}

impl PartialEq for Timer {
    fn eq(&self, other: &Self) -> bool {
        (self.due, self.order) == (other.due, other.order)
    }
}

impl Eq for Timer {}

impl PartialOrd for Timer {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Timer {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.due, self.order).cmp(&(other.due, other.order))
    }
}

impl fmt::Debug for Steward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Steward").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::fault::Generation;
    use crate::supervision::timer::Timers;
    use crate::supervision::tree::runtime::{Runtime, ThreadOptions};
    use crate::supervision::unit::logical::Unit;
    use crate::supervision::{Supervisor, channel};
    use crate::telemetry::Telemetry;
    use crate::time::ManualClock;

    const HOUR: Duration = Duration::from_secs(3600);
    const SHORT_RUNS: usize = 100_000;

    /// The supervisor of a system of its own.
    fn cell() -> Arc<Cell> {
        let options = ThreadOptions::default();
        let runtime = Runtime::new(Clock::system(), Telemetry::new(), options, 1);
        let root = Supervisor::new("t").begin_root(&runtime);
        root.cell().unwrap()
    }

    fn orders(inbox: &Inbox) -> Vec<u64> {
        let mut timers: Vec<_> = inbox.timers.iter().map(|Reverse(timer)| timer).collect();
        timers.sort();
        timers.iter().map(|timer| timer.order).collect()
    }

    // property 4, property 94
    #[test]
    fn short_runs_with_a_long_limit_leave_few_timers() {
        let (cell, unit, mut inbox) = (cell(), Unit::new("w".into()), Inbox::default());
        let key = cell.inspect(|machine, _, _| machine.next_key());
        let due = Clock::system().now() + HOUR;
        let run = || Run::new(&unit, &cell, key, Generation::first(), 0);
        let long: Vec<_> = (0..100).map(|_| run()).collect();
        for run in &long {
            inbox.arm(due, Whom::Watched(Arc::downgrade(run)));
        }
        let mut most = 0;
        for _ in 0..SHORT_RUNS {
            inbox.arm(due, Whom::Watched(Arc::downgrade(&run())));
            most = most.max(inbox.timers.len());
        }
        assert!(most <= 2 * (long.len() + 1), "{most} timers");
        inbox.sweep();
        assert_eq!(orders(&inbox), (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn a_supervisor_keeps_the_timer_that_it_asked_for_last() {
        let (one, other, mut inbox) = (cell(), cell(), Inbox::default());
        let now = Clock::system().now();
        let whom = |cell| Whom::Supervisor(Arc::downgrade(cell));
        inbox.arm(now, whom(&other));
        inbox.arm(now + HOUR, whom(&one));
        for _ in 0..SHORT_RUNS {
            inbox.arm(now + 2 * HOUR, whom(&one));
            assert!(inbox.timers.len() <= SWEPT_ABOVE);
        }
        inbox.sweep();
        assert_eq!(orders(&inbox), [0, SHORT_RUNS as u64 + 1]);
    }

    // property 94
    #[test]
    fn timers_that_come_and_go_leave_nothing_with_the_steward() {
        let clock = ManualClock::new().clock();
        let options = ThreadOptions::default();
        let runtime = Runtime::new(clock, Telemetry::new(), options, 1);
        let (timers, (tx, _rx)) = (Timers::of_system(&runtime, "t"), channel::bounded(1));
        for number in 0..SHORT_RUNS {
            // Ever earlier: for each of them the steward is asked anew.
            let time = HOUR - Duration::from_millis(number as u64);
            assert!(timers.after(time).send(&tx, ()).unwrap().cancel());
            let asked = runtime.steward().desk.inbox.lock().timers.len();
            assert!(asked <= SWEPT_ABOVE, "{asked} calls to come");
        }
        assert_eq!(runtime.timetable().pending(), 0);
    }
}
