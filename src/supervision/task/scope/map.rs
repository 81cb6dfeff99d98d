//! Many borrowed items by a few threads of a scope.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::task_scope::TaskScope;
use crate::fault::catch::{Caught, catch, catch_drop, unwind_fenced};
use crate::fault::{Classify, ExitReason, Failure, StopCause};
use crate::kernel::waiters::wait_for;
use crate::supervision::SpecError;
use crate::supervision::context::WorkerContext;
use crate::supervision::task::book::{Fate, Tally};
use crate::supervision::task::ending::Ending;
use crate::supervision::task::errand::Told;
use crate::supervision::task::gate::{Gate, Patience, Slot};
use crate::supervision::task::{SpawnRefusal, TaskError};
use crate::supervision::unit::current;
use crate::supervision::unit::logical::Unit;
use crate::sync::cores;
use crate::telemetry::kinds;
use crate::time::Deadline;

impl<'scope> TaskScope<'scope, '_> {
    /// Applies a function to all items, on as many threads as the process has cores; results in the order of the
    /// items.
    ///
    /// Each item counts as a task of the supervisor: one that fails or panics is an error in its place, and the
    /// others go on. A thread takes one item after the other, and lets callers that wait for a slot go first.
    ///
    /// # Blocking
    /// Until all items are done. When the calling unit is asked to stop, so are the threads; items that were not
    /// begun are [`TaskError::Cancelled`].
    ///
    /// # Errors
    /// [`SpawnRefusal`]: there was no slot; no item was begun.
    ///
    /// # Examples
    /// ```
    /// # use steadfast::{System, TaskSupervisor};
    /// # let system = System::new("demo")?;
    /// let tasks = system.spawn(TaskSupervisor::new("tasks"))?;
    /// let texts = ["1", "2", "three"];
    /// let numbers = tasks.scope(|scope| scope.map(&texts, |text, _| Ok(text.parse::<u32>()?)))??;
    /// let good: u32 = numbers.iter().flatten().sum();
    /// assert_eq!(good, 3);
    /// assert!(numbers[2].is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn map<T, R, F>(
        &self,
        items: &'scope [T],
        work: F,
    ) -> Result<Vec<Result<R, TaskError>>, SpawnRefusal>
    where
        T: Sync,
        R: Send + 'scope,
        F: Fn(&T, &WorkerContext) -> Result<R, Failure> + Send + Sync + 'scope,
    {
        self.map_at_most(cores(), items, work)
    }

    /// As [`map`](Self::map), on at most so many threads.
    ///
    /// # Errors
    /// As `map`, and [`SpawnRefusal::Invalid`] for no thread at all.
    pub fn map_at_most<T, R, F>(
        &self,
        threads: usize,
        items: &'scope [T],
        work: F,
    ) -> Result<Vec<Result<R, TaskError>>, SpawnRefusal>
    where
        T: Sync,
        R: Send + 'scope,
        F: Fn(&T, &WorkerContext) -> Result<R, Failure> + Send + Sync + 'scope,
    {
        if threads == 0 {
            return Err(SpawnRefusal::Invalid(vec![SpecError::ZeroMaxTasks]));
        }
        let job = Arc::new(Job::new(items, work, self.tasks.gate()));
        let lanes = self.start_lanes(&job, threads.min(items.len()))?;
        self.wait_for(&lanes);
        Ok(job.results(&lanes))
    }

    /// The first lane waits for a slot; the others are started where there is room, for it does what they do not.
    fn start_lanes<T, R, F>(
        &self,
        job: &Arc<Job<'scope, T, R, F>>,
        threads: usize,
    ) -> Result<Vec<Arc<Lane>>, SpawnRefusal>
    where
        T: Sync,
        R: Send + 'scope,
        F: Fn(&T, &WorkerContext) -> Result<R, Failure> + Send + Sync + 'scope,
    {
        let mut lanes = Vec::new();
        while lanes.len() < threads {
            let patience = if lanes.is_empty() {
                self.default_patience()
            } else {
                Patience::None
            };
            match self.start_lane(job, patience) {
                Ok(lane) => lanes.push(lane),
                Err(refusal) if lanes.is_empty() => return Err(self.tasks.refused(refusal)),
                Err(_) => break,
            }
        }
        Ok(lanes)
    }

    fn start_lane<T, R, F>(
        &self,
        job: &Arc<Job<'scope, T, R, F>>,
        patience: Patience,
    ) -> Result<Arc<Lane>, SpawnRefusal>
    where
        T: Sync,
        R: Send + 'scope,
        F: Fn(&T, &WorkerContext) -> Result<R, Failure> + Send + Sync + 'scope,
    {
        let seat = self.tasks.seat(patience)?;
        let lane = Arc::new(Lane {
            unit: Arc::clone(seat.unit()),
            ending: Ending::new(),
            hand: Mutex::new(None),
        });
        let (job, own) = (Arc::clone(job), Arc::clone(&lane));
        let told = Arc::clone(&lane) as Arc<dyn Told>;
        self.send(seat, told, move |ctx, slot| {
            job.work_off(&own, ctx, slot);
            Ok(())
        })?;
        Ok(lane)
    }

    /// Waits until all lanes have ended or were given up; they are asked to stop when the calling unit is.
    fn wait_for(&self, lanes: &[Arc<Lane>]) {
        let ended = |lane: &Lane| lane.ending.is_told().then_some(());
        let clock = self.clock();
        for lane in lanes {
            let changed = &lane.ending.changed;
            if current::wait(changed, clock, Deadline::NEVER, || ended(lane)).is_err() {
                for lane in lanes {
                    // It may have ended meanwhile: then there is nobody to ask.
                    let _gone = lane.unit.ask_stop();
                }
                let _ended = wait_for(changed, None, clock, None, || ended(lane));
            }
        }
    }
}

/// A thread that works on one item after the other.
struct Lane {
    unit: Arc<Unit>,
    ending: Ending,
    /// The item that it works on.
    hand: Mutex<Option<usize>>,
}

/// What is to be done, and what has been done.
struct Job<'scope, T, R, F> {
    items: &'scope [T],
    work: F,
    next: AtomicUsize,
    done: Mutex<Done<R>>,
    gate: Arc<Gate>,
}

struct Done<R> {
    results: Vec<Option<Result<R, TaskError>>>,
    /// The results were taken: what comes now, of a lane that was given up, is late.
    is_taken: bool,
}

impl<'scope, T, R, F> Job<'scope, T, R, F>
where
    F: Fn(&T, &WorkerContext) -> Result<R, Failure>,
{
    fn new(items: &'scope [T], work: F, gate: &Arc<Gate>) -> Self {
        let results = items.iter().map(|_| None).collect();
        Job {
            items,
            work,
            next: AtomicUsize::new(0),
            done: Mutex::new(Done {
                results,
                is_taken: false,
            }),
            gate: Arc::clone(gate),
        }
    }

    /// On a lane's thread: takes items until none is left, or the lane is to end.
    fn work_off(&self, lane: &Lane, ctx: &WorkerContext, slot: &Slot) {
        while !ctx.is_stopping() && slot.lend(ctx, Deadline::NEVER).is_ok() {
            // Relaxed: a number that is given once.
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = self.items.get(index) else {
                return;
            };
            *lane.hand.lock() = Some(index);
            self.gate.count(Tally::start);
            let result = match catch(|| (self.work)(item, ctx)) {
                Ok(Ok(value)) => Ok(value),
                Ok(Err(failure)) => Err(TaskError::returned(failure, ctx)),
                Err(Caught::Panic(report)) => Err(TaskError::Panicked(report)),
                // The lane was given up.
                Err(Caught::Fenced) => unwind_fenced(),
            };
            self.keep(index, result, ctx);
            *lane.hand.lock() = None;
        }
    }

    fn keep(&self, index: usize, result: Result<R, TaskError>, ctx: &WorkerContext) {
        if let Err(error) = &result {
            ctx.telemetry().post(&kinds::MAP_ITEM_FAILED, |event| {
                event.tag("path", ctx.path());
                event.tag("index", index as u64);
                event.tag("why", error.code());
            });
        }
        let mut done = self.done.lock();
        if done.is_taken {
            drop(done);
            // Counted when it was given up.
            let _its_panic = catch_drop(result);
            return;
        }
        self.gate.count_end(fate(&result));
        done.results[index] = Some(result);
    }

    /// All results, once the lanes have ended; what has none was not begun, or given up.
    fn results(&self, lanes: &[Arc<Lane>]) -> Vec<Result<R, TaskError>> {
        let results = {
            let mut done = self.done.lock();
            done.is_taken = true;
            std::mem::take(&mut done.results)
        };
        let ends: Vec<_> = lanes.iter().map(|lane| lane.end()).collect();
        let abandoned = |index| {
            let of_item = ends.iter().find(|(hand, _)| *hand == Some(index));
            of_item.map(|(_, why)| why.clone())
        };
        let without = |index| {
            let why = abandoned(index).inspect(|why| self.gate.count_end(why.fate()));
            why.unwrap_or_else(|| not_begun(&ends))
        };
        let results = results.into_iter().enumerate();
        results
            .map(|(index, result)| result.unwrap_or_else(|| Err(without(index))))
            .collect()
    }
}

impl Told for Lane {
    /// The items count, not the lanes.
    fn over(&self, reason: &ExitReason) {
        self.ending.tell(|| TaskError::of(reason), |_| {});
    }
}

impl Lane {
    /// What it had in hand when it ended, and why it ended.
    fn end(&self) -> (Option<usize>, TaskError) {
        let why = self.ending.learn().and_then(Result::err);
        let why = why.unwrap_or(TaskError::Cancelled(StopCause::Requested));
        (*self.hand.lock(), why)
    }
}

fn fate<R>(result: &Result<R, TaskError>) -> Fate {
    result
        .as_ref()
        .err()
        .map_or(Fate::Completed, TaskError::fate)
}

/// Why an item was not begun: because the lanes ended before.
fn not_begun(ends: &[(Option<usize>, TaskError)]) -> TaskError {
    let (_, why) = ends.first().expect("an item has a lane");
    match why {
        TaskError::Cancelled(_) | TaskError::Panicked(_) => why.clone(),
        _ => TaskError::Cancelled(StopCause::Requested),
    }
}
