//! The desk of a pool: its books, the threads of its present run, and who waits for a result.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use rayon::ThreadPool;

use super::books::{Books, End, PoolCounters};
use super::pool_error::PoolRefusal;
use super::slot::Lose;
use crate::fault::catch::{Caught, catch, catch_drop, thrown};
use crate::fault::{ContextSnapshot, ErrorContext, PanicReport};
use crate::kernel::waiters::WaitList;
use crate::supervision::unit::current;
use crate::supervision::unit::logical::Unit;
use crate::supervision::unit::run::Run;
use crate::telemetry::kinds;

/// Where pieces of work are handed in, through all runs of the pool.
pub(super) struct Desk {
    unit: Arc<Unit>,
    state: Mutex<State>,
    /// Told when a run that takes no more work has none left.
    pub(super) idle: WaitList,
}

struct State {
    books: Books,
    crew: Option<Arc<Crew>>,
    waiting: BTreeMap<u64, Arc<dyn Lose>>,
    next: u64,
}

/// The threads of one run; they end when the last reference is dropped and nothing is queued.
pub(super) struct Crew {
    pub(super) run: Arc<Run>,
    pub(super) pool: ThreadPool,
}

/// A piece of work that was taken.
pub(super) struct Ticket {
    run: Arc<Run>,
    number: u64,
    context: ContextSnapshot,
}

impl Desk {
    pub(super) fn new(unit: Arc<Unit>, max_pending: usize) -> Self {
        Desk {
            unit,
            state: Mutex::new(State {
                books: Books::new(max_pending),
                crew: None,
                waiting: BTreeMap::new(),
                next: 0,
            }),
            idle: WaitList::new(),
        }
    }

    pub(super) fn counters(&self) -> PoolCounters {
        self.state.lock().books.counters()
    }

    // --- handing in ------------------------------------------------------------------------------

    /// Takes a piece of work for the present run; `waiter` hears if the pool ends before it.
    pub(super) fn admit(
        &self,
        waiter: Option<Arc<dyn Lose>>,
    ) -> Result<(Arc<Crew>, Ticket), PoolRefusal> {
        let admitted = if current::refuses("compute") {
            self.state.lock().books.refuse();
            Err(PoolRefusal::Fenced)
        } else {
            self.state.lock().admit(waiter)
        };
        admitted.inspect_err(|refusal| self.announce_refusal(*refusal))
    }

    /// Whether the calling thread is one of the present run's.
    pub(super) fn is_inside(&self) -> bool {
        let crew = self.state.lock().crew.clone();
        crew.is_some_and(|crew| crew.pool.current_thread_index().is_some())
    }

    /// Runs a piece that was taken, on a thread of the pool, if it may still begin and somebody wants it.
    pub(super) fn perform<R>(
        &self,
        ticket: &Ticket,
        is_wanted: impl FnOnce() -> bool,
        work: impl FnOnce() -> R,
    ) -> Option<Result<R, Caught>> {
        if !self.may_begin(ticket) {
            ticket.run.token().note_left(1);
            let _its_panic = catch_drop(work);
            self.settle(ticket, End::Left);
            return None;
        }
        if !is_wanted() {
            let _its_panic = catch_drop(work);
            self.settle(ticket, End::Dropped);
            return None;
        }
        let context = &ticket.context;
        let _context = (!context.is_empty()).then(|| ErrorContext::attach(context));
        let result = catch(work);
        // Counted before it is told: who hears of it looks at the counters.
        self.settle(ticket, end_of(&result));
        if let Err(Caught::Panic(report)) = &result {
            announce_panic(&ticket.run, report);
        }
        Some(result)
    }

    fn may_begin(&self, ticket: &Ticket) -> bool {
        let halted = ticket.run.token().is_halted();
        !halted && (self.state.lock().books).may_begin(ticket.run.generation())
    }

    fn settle(&self, ticket: &Ticket, end: End) {
        let (_waiter, is_idle) = {
            let mut state = self.state.lock();
            state.books.settle(ticket.run.generation(), end);
            let waiter = state.waiting.remove(&ticket.number);
            (waiter, state.books.is_idle())
        };
        if is_idle {
            self.idle.notify_all();
        }
    }

    fn announce_refusal(&self, refusal: PoolRefusal) {
        let Some(home) = self.unit.home() else { return };
        let telemetry = home.runtime().telemetry();
        telemetry.post(&kinds::POOL_REFUSED, |event| {
            event.tag("path", self.unit.path());
            event.tag("why", refusal.word());
        });
    }

    // --- the life of a run -----------------------------------------------------------------------

    /// The run takes work from now on, unless it was given up while its pool was made: then its threads are let
    /// go, and the desk may serve the next run by now. The look is under the lock, which who gives a run up
    /// takes after the fence.
    pub(super) fn open(&self, crew: Crew) {
        let crew = Arc::new(crew);
        let _let_go = {
            let mut state = self.state.lock();
            if crew.run.token().is_fenced() {
                Some(crew)
            } else {
                state.books.open(crew.run.generation());
                state.crew.replace(crew)
            }
        };
    }

    /// The run takes no more work.
    pub(super) fn drain(&self, run: &Run) {
        self.state.lock().books.drain(run.generation());
    }

    /// The run begins no more work.
    pub(super) fn leave(&self, run: &Run) {
        self.state.lock().books.leave(run.generation());
    }

    pub(super) fn is_idle(&self) -> bool {
        self.state.lock().books.is_idle()
    }

    /// The present run has ended or was given up: who waits for work that is left hears of it, and the threads
    /// are let go.
    pub(super) fn shut(&self) {
        let left = self.state.lock().shut();
        left.announce();
    }

    /// As [`shut`](Self::shut), but only while the desk serves this run: it may have been given up, and the next
    /// one be there.
    pub(super) fn shut_run(&self, run: &Run) {
        let left = {
            let mut state = self.state.lock();
            let serves = state.books.serves(run.generation());
            serves.then(|| state.shut())
        };
        if let Some(left) = left {
            left.announce();
        }
    }
}

/// What a run has left behind.
struct Left {
    crew: Option<Arc<Crew>>,
    lost: u64,
    waiting: BTreeMap<u64, Arc<dyn Lose>>,
}

impl Left {
    fn announce(self) {
        for waiter in self.waiting.values() {
            waiter.lose();
        }
        if let (Some(crew), true) = (&self.crew, self.lost > 0) {
            let telemetry = crew.run.runtime().telemetry();
            telemetry.post(&kinds::POOL_LOST, |event| {
                event.measure("count", self.lost);
                event.tag("path", crew.run.path());
                event.tag("generation", crew.run.generation());
            });
        }
    }
}

impl State {
    fn admit(&mut self, waiter: Option<Arc<dyn Lose>>) -> Result<(Arc<Crew>, Ticket), PoolRefusal> {
        let Some(crew) = self.crew.clone() else {
            self.books.refuse();
            return Err(PoolRefusal::NotRunning);
        };
        self.books.admit()?;
        let number = self.next;
        self.next += 1;
        if let Some(waiter) = waiter {
            self.waiting.insert(number, waiter);
        }
        let ticket = Ticket {
            run: Arc::clone(&crew.run),
            number,
            context: ErrorContext::capture(),
        };
        Ok((crew, ticket))
    }

    fn shut(&mut self) -> Left {
        Left {
            crew: self.crew.take(),
            lost: self.books.shut(),
            waiting: std::mem::take(&mut self.waiting),
        }
    }
}

fn end_of<R>(result: &Result<R, Caught>) -> End {
    match result {
        Ok(_) => End::Completed,
        Err(Caught::Panic(_)) => End::Panicked,
        Err(Caught::Fenced) => End::Dropped,
    }
}

/// A panic that rayon has caught: of work that a piece of work has spawned beside itself.
pub(super) fn stray_panic(run: &Run, payload: Box<dyn Any + Send>) {
    if let Caught::Panic(report) = thrown(payload) {
        announce_panic(run, &report);
    }
}

pub(super) fn announce_panic(run: &Run, report: &PanicReport) {
    let telemetry = run.runtime().telemetry();
    telemetry.post(&kinds::POOL_PANICKED, |event| {
        event.tag("path", run.path());
        event.tag("generation", run.generation());
        event.tag("problem", report.to_string());
    });
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use rayon::ThreadPoolBuilder;

    use super::*;
    use crate::fault::{Generation, StopCause};
    use crate::supervision::Supervisor;
    use crate::supervision::tree::cell::Cell;
    use crate::supervision::tree::runtime::{Runtime, ThreadOptions};
    use crate::telemetry::Telemetry;
    use crate::time::Clock;

    struct Scene {
        cell: Arc<Cell>,
        unit: Arc<Unit>,
        desk: Desk,
    }

    fn scene() -> Scene {
        let options = ThreadOptions::default();
        let runtime = Runtime::new(Clock::system(), Telemetry::new(), options, 1);
        let root = Supervisor::new("t").begin_root(&runtime);
        let unit = Unit::new("pool".into());
        Scene {
            cell: root.cell().unwrap(),
            desk: Desk::new(Arc::clone(&unit), 8),
            unit,
        }
    }

    impl Scene {
        fn run(&self, generation: Generation) -> Arc<Run> {
            let key = self.cell.inspect(|machine, _, _| machine.next_key());
            Run::new(&self.unit, &self.cell, key, generation, 0)
        }

        fn open(&self, run: &Arc<Run>) {
            let pool = ThreadPoolBuilder::new().num_threads(1).build().unwrap();
            let run = Arc::clone(run);
            self.desk.open(Crew { run, pool });
        }

        /// The run whose work the desk takes.
        fn serves(&self) -> Result<Generation, PoolRefusal> {
            let admitted = self.desk.admit(None);
            admitted.map(|(_crew, ticket)| ticket.run.generation())
        }
    }

    // A keeper that is overtaken between its look at the fence and its last act used to shut the pool of the
    // next run.
    #[test]
    fn a_keeper_shuts_the_desk_for_its_own_run_only() {
        let scene = scene();
        let first = scene.run(Generation::first());
        let second = scene.run(Generation::first().next());
        scene.open(&first);
        scene.desk.shut();
        scene.open(&second);
        scene.desk.shut_run(&first);
        assert_eq!(scene.serves(), Ok(second.generation()));
        scene.desk.shut_run(&second);
        assert_eq!(scene.serves(), Err(PoolRefusal::NotRunning));
    }

    // A start that was given up while the pool was built used to open the desk all the same: for good, or in
    // the place of the next run.
    #[test]
    fn a_run_that_was_given_up_opens_nothing() {
        let scene = scene();
        let first = scene.run(Generation::first());
        first.token().fence(StopCause::Replaced);
        scene.open(&first);
        assert_eq!(scene.serves(), Err(PoolRefusal::NotRunning));
        let second = scene.run(Generation::first().next());
        scene.open(&second);
        scene.open(&first);
        assert_eq!(scene.serves(), Ok(second.generation()));
    }
}
