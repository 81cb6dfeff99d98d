//! Jobs: functions that a timer has run as tasks.
//!
//! The end of a job is told on any thread, maybe while its timer's lock is held on that very thread. So it is only
//! noted here, and the steward is asked for a look at the timer.

use std::sync::{Arc, Weak};
use std::time::Instant;

use parking_lot::Mutex;

use super::delivery::{Delivery, Outcome, Remains};
use super::index::TimerId;
use super::schedule::Tick;
use super::timetable::Timetable;
use crate::fault::Failure;
use crate::supervision::context::WorkerContext;
use crate::supervision::task::errand::Follower;
use crate::supervision::task::{SpawnError, SpawnRefusal, TaskSupervisorRef};

/// Runs its function once.
pub(super) struct OneJob<F> {
    tasks: TaskSupervisorRef,
    /// `None` once it is begun.
    work: Option<F>,
}

impl<F> OneJob<F> {
    pub(super) const fn new(tasks: TaskSupervisorRef, work: F) -> Self {
        Self {
            tasks,
            work: Some(work),
        }
    }
}

impl<F> Delivery for OneJob<F>
where
    F: FnOnce(&WorkerContext) -> Result<(), Failure> + Send + 'static,
{
    fn deliver(&mut self, _: Tick, _: &mut Remains) -> Outcome {
        let Some(work) = self.work.take() else {
            return Outcome::NotRunning;
        };
        match self.tasks.try_spawn(work) {
            Ok(task) => {
                task.detach();
                Outcome::Delivered
            }
            Err(refused) => {
                let outcome = outcome(&refused);
                self.work = Some(refused.into_inner());
                outcome
            }
        }
    }

    fn holds_values(&self) -> bool {
        self.work.is_some() && std::mem::needs_drop::<F>()
    }
}

/// Runs its function at each tick, once at a time.
pub(super) struct Jobs<F> {
    tasks: TaskSupervisorRef,
    work: Arc<F>,
    shift: Arc<Shift>,
}

impl<F> Jobs<F> {
    pub(super) fn new(
        tasks: TaskSupervisorRef,
        work: F,
        timer: TimerId,
        table: Weak<Timetable>,
    ) -> Self {
        Self {
            tasks,
            work: Arc::new(work),
            shift: Arc::new(Shift {
                timer,
                table,
                ended: Mutex::new(None),
            }),
        }
    }
}

impl<F> Delivery for Jobs<F>
where
    F: Fn(&WorkerContext) -> Result<(), Failure> + Send + Sync + 'static,
{
    fn deliver(&mut self, _: Tick, _: &mut Remains) -> Outcome {
        let work = Arc::clone(&self.work);
        let job = move |ctx: &WorkerContext| work(ctx);
        let begun = self
            .tasks
            .try_spawn_followed(job, Arc::clone(&self.shift) as _);
        begun.map_or_else(|refused| outcome(&refused), |()| Outcome::Began)
    }

    /// A run that is under way may let go of the function first.
    fn holds_values(&self) -> bool {
        true
    }

    fn has_ended(&self) -> bool {
        self.shift.ended.lock().is_some()
    }

    fn take_end(&mut self) -> Option<Instant> {
        self.shift.ended.lock().take()
    }
}

/// The end of a run of a job, on its way to the timer.
struct Shift {
    timer: TimerId,
    table: Weak<Timetable>,
    ended: Mutex<Option<Instant>>,
}

impl Follower for Shift {
    fn over(&self) {
        if let Some(table) = self.table.upgrade() {
            *self.ended.lock() = Some(table.now());
            table.look_at(self.timer);
        }
    }
}

fn outcome<F>(refused: &SpawnError<F>) -> Outcome {
    match refused.refusal() {
        SpawnRefusal::Full { .. } => Outcome::Full,
        SpawnRefusal::Thread(error) => Outcome::NoThread(error.kind()),
        _ => Outcome::NotRunning,
    }
}
