//! The handle of a task supervisor: where tasks are spawned and counted.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use super::account::Account;
use super::ending::Ending;
use super::errand::{Errand, Follower, Place, Seat};
use super::gate::{Gate, Patience};
use super::handle::Task;
use super::one_shot::OneShot;
use super::options::TaskOptions;
use super::outcome::Outcome;
use super::spawn_error::{SpawnError, SpawnRefusal};
use super::stats::TaskStats;
use crate::fault::Failure;
use crate::supervision::context::WorkerContext;
use crate::supervision::handle::SupervisorRef;
use crate::supervision::tree::cell::Cell;
use crate::supervision::unit::current;
use crate::supervision::unit::logical::Unit;
use crate::supervision::unit::unit_ref::UnitRef;
use crate::supervision::{DEFAULT_CALL, ManageError, SpecError};
use crate::telemetry::kinds;
use crate::time::Deadline;

/// A handle of a task supervisor: what every [`UnitRef`] can be asked, and tasks.
///
/// Cheap to clone; all clones, and all that [`with`](Self::with) makes, share the supervisor's slots.
#[derive(Clone)]
pub struct TaskSupervisorRef {
    supervisor: SupervisorRef,
    gate: Arc<Gate>,
    options: TaskOptions,
}

impl TaskSupervisorRef {
    pub(super) fn new(supervisor: SupervisorRef, gate: Arc<Gate>, options: TaskOptions) -> Self {
        TaskSupervisorRef {
            supervisor,
            gate,
            options,
        }
    }

    /// A handle whose tasks are run with other options.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use steadfast::{System, TaskSupervisor};
    /// # let system = System::new("demo")?;
    /// let tasks = system.spawn(TaskSupervisor::new("tasks"))?;
    /// let imports = tasks.with(|task| task.name("import").timeout(Duration::from_secs(60)));
    /// assert_eq!(imports.spawn(|ctx| Ok(ctx.path().to_string()))?.join()?, "demo/tasks/import-1");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn with(&self, change: impl FnOnce(TaskOptions) -> TaskOptions) -> Self {
        TaskSupervisorRef {
            options: change(self.options.clone()),
            ..self.clone()
        }
    }

    /// Runs a function once, as a task: a temporary child of this supervisor, on a thread that is used again.
    ///
    /// It is asked to stop as a worker is, by its context; what it still returns counts. A task that panics or
    /// fails harms neither its caller nor other tasks. Its thread has a stack of the usual size, and what other
    /// tasks left in thread-locals: do not count on either.
    ///
    /// # Blocking
    /// While as many tasks run as may, in the order of the callers: for at most 5 seconds, or until the calling
    /// unit is asked to stop.
    ///
    /// # Errors
    /// [`SpawnError`], with the function: nothing has run.
    pub fn spawn<T, F>(&self, work: F) -> Result<Task<T>, SpawnError<F>>
    where
        F: FnOnce(&WorkerContext) -> Result<T, Failure> + Send + 'static,
        T: Send + 'static,
    {
        self.spawn_timeout(work, DEFAULT_CALL)
    }

    /// As [`spawn`](Self::spawn), waiting for a slot for at most `timeout`.
    pub fn spawn_timeout<T, F>(&self, work: F, timeout: Duration) -> Result<Task<T>, SpawnError<F>>
    where
        F: FnOnce(&WorkerContext) -> Result<T, Failure> + Send + 'static,
        T: Send + 'static,
    {
        self.spawn_deadline(work, self.supervisor.clock().deadline(timeout))
    }

    /// As [`spawn`](Self::spawn), waiting for a slot until the deadline.
    pub fn spawn_deadline<T, F>(
        &self,
        work: F,
        deadline: Deadline,
    ) -> Result<Task<T>, SpawnError<F>>
    where
        F: FnOnce(&WorkerContext) -> Result<T, Failure> + Send + 'static,
        T: Send + 'static,
    {
        self.spawn_patiently(work, Patience::Until(deadline), None)
    }

    /// As [`spawn`](Self::spawn), without waiting for a slot. Never blocks.
    pub fn try_spawn<T, F>(&self, work: F) -> Result<Task<T>, SpawnError<F>>
    where
        F: FnOnce(&WorkerContext) -> Result<T, Failure> + Send + 'static,
        T: Send + 'static,
    {
        self.spawn_patiently(work, Patience::None, None)
    }

    /// As [`try_spawn`](Self::try_spawn), for who wants to know when it is over and does not want its value.
    pub(crate) fn try_spawn_followed<F>(
        &self,
        work: F,
        follower: Arc<dyn Follower>,
    ) -> Result<(), SpawnError<F>>
    where
        F: FnOnce(&WorkerContext) -> Result<(), Failure> + Send + 'static,
    {
        self.spawn_patiently(work, Patience::None, Some(follower))
            .map(Task::detach)
    }

    /// Whether tasks can be spawned with the options of this handle.
    pub(crate) fn is_valid(&self) -> bool {
        self.options.errors().is_empty()
    }

    fn spawn_patiently<T, F>(
        &self,
        work: F,
        patience: Patience,
        follower: Option<Arc<dyn Follower>>,
    ) -> Result<Task<T>, SpawnError<F>>
    where
        F: FnOnce(&WorkerContext) -> Result<T, Failure> + Send + 'static,
        T: Send + 'static,
    {
        match self.place(patience) {
            Err(refusal) => Err(SpawnError::new(self.refused(refusal), work)),
            Ok(place) => self.send(place, work, follower),
        }
    }

    /// The task begins, unless the supervisor ends meanwhile.
    fn send<T, F>(
        &self,
        place: Place,
        work: F,
        follower: Option<Arc<dyn Follower>>,
    ) -> Result<Task<T>, SpawnError<F>>
    where
        F: FnOnce(&WorkerContext) -> Result<T, Failure> + Send + 'static,
        T: Send + 'static,
    {
        let (unit, cell) = (Arc::clone(place.unit()), Arc::clone(place.cell()));
        let outcome = Arc::new(Outcome::new());
        let account = self.account(outcome.ending(), &unit, &cell);
        let errand = Arc::new(OneShot::new(work, &outcome, &account).followed_by(follower));
        if let Err(refusal) = place.send(Arc::clone(&errand) as Arc<dyn Errand>) {
            account.withdraw();
            let work = errand.take_work();
            let work = work.expect("a task that was not sent has its function");
            return Err(SpawnError::new(self.refused(refusal), work));
        }
        account.begin(&cell);
        Ok(self.task(unit, outcome))
    }

    /// Counts a task that is about to begin.
    pub(super) fn account(
        &self,
        ending: &Arc<Ending>,
        unit: &Arc<Unit>,
        cell: &Cell,
    ) -> Arc<Account> {
        Account::open(ending, &self.gate, unit, cell, self.options.run_timeout())
    }

    pub(super) fn task<T>(&self, unit: Arc<Unit>, outcome: Arc<Outcome<T>>) -> Task<T> {
        Task::new(unit, outcome, self.options.stop_limit())
    }

    /// A slot and a thread for one errand: a task, or a lane of a map.
    pub(crate) fn place(&self, patience: Patience) -> Result<Place, SpawnRefusal> {
        Place::take(&self.supervisor, &self.gate, patience, &self.options)
    }

    /// As [`place`](Self::place), for an errand with a thread of its own.
    pub(super) fn seat(&self, patience: Patience) -> Result<Seat, SpawnRefusal> {
        Seat::take(&self.supervisor, &self.gate, patience, &self.options)
    }

    /// The slots, and the count of what became of the tasks.
    pub(crate) fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }

    /// Counts a refusal, and tells of it.
    pub(super) fn refused(&self, refusal: SpawnRefusal) -> SpawnRefusal {
        self.gate.count_refused();
        if let Some(cell) = self.supervisor.cell() {
            cell.runtime()
                .telemetry()
                .post(&kinds::TASK_REFUSED, |event| {
                    event.tag("path", self.path());
                    event.tag("why", refusal.why());
                });
        }
        refusal
    }

    pub(super) fn options(&self) -> &TaskOptions {
        &self.options
    }

    /// What the supervisor has done so far, from one moment. Asks nobody; tasks that hang do not delay it.
    pub fn stats(&self) -> TaskStats {
        self.gate.stats()
    }

    /// Another number of tasks that may run at a time, from now on. Tasks beyond it go on; those that wait for a
    /// slot get the new ones.
    ///
    /// # Errors
    /// [`ManageError::Invalid`] for no tasks at all, [`ManageError::Fenced`] where the calling unit was abandoned.
    pub fn resize(&self, max_tasks: usize) -> Result<(), ManageError> {
        if current::refuses("resize") {
            return Err(ManageError::Fenced);
        }
        if max_tasks == 0 {
            return Err(ManageError::Invalid(vec![SpecError::ZeroMaxTasks]));
        }
        self.gate.resize(max_tasks);
        if let Some(cell) = self.supervisor.cell() {
            cell.changed(&format!("max_tasks {max_tasks}"));
        }
        Ok(())
    }

    /// The supervisor that the tasks are children of, for management calls.
    pub fn supervisor(&self) -> &SupervisorRef {
        &self.supervisor
    }
}

impl Deref for TaskSupervisorRef {
    type Target = UnitRef;

    fn deref(&self) -> &UnitRef {
        &self.supervisor
    }
}

impl fmt::Debug for TaskSupervisorRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskSupervisorRef")
            .field("id", self.id())
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
