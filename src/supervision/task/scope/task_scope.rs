//! A scope of tasks that borrow.

use std::fmt;
use std::sync::Arc;
use std::thread::Scope;

use super::crowd::{Crowd, Open};
use super::scope_error::ScopeError;
use super::summons::Summons;
use crate::fault::Failure;
use crate::fault::thread::{ThreadPlan, thread_name, with_scope};
use crate::supervision::DEFAULT_CALL;
use crate::supervision::context::WorkerContext;
use crate::supervision::task::errand::{Seat, Told, carry};
use crate::supervision::task::gate::{Patience, Slot};
use crate::supervision::task::one_shot::OneShot;
use crate::supervision::task::outcome::Outcome;
use crate::supervision::task::{SpawnRefusal, Task, TaskSupervisorRef};
use crate::time::Clock;

/// Where tasks that borrow are spawned; see [`TaskSupervisorRef::scope`].
#[derive(Clone)]
pub struct TaskScope<'scope, 'env: 'scope> {
    scope: &'scope Scope<'scope, 'env>,
    pub(super) tasks: TaskSupervisorRef,
    crowd: Arc<Crowd>,
}

impl TaskSupervisorRef {
    /// Runs a function that may spawn tasks which borrow what outlives the scope. The scope ends when they have
    /// ended.
    ///
    /// Scoped tasks are children of this supervisor like all others: they take its slots, stop with it, and are in
    /// its counters. Each has a thread of its own, though. The failures of those that nobody joined are returned,
    /// all of them, with the payloads of their panics.
    ///
    /// # Blocking
    /// Until all threads of the scope have ended, without a bound: what they borrow must outlive them. A scoped
    /// task that hangs is abandoned like others, and refused what it still tries, but the scope waits for it. When
    /// the calling unit is asked to stop, or the function panics, the tasks are asked to stop.
    ///
    /// # Errors
    /// [`ScopeError`]: the supervisor takes no tasks, then nothing has run; or tasks failed that nobody joined.
    ///
    /// # Examples
    /// ```
    /// # use steadfast::{System, TaskSupervisor};
    /// # let system = System::new("demo")?;
    /// let tasks = system.spawn(TaskSupervisor::new("tasks"))?;
    /// let words = vec!["borrowed", "not", "cloned"];
    /// let (first, rest) = words.split_at(1);
    /// let lengths = tasks.scope(|scope| {
    ///     let rest = scope.spawn(|_| Ok(rest.concat().len()))?;
    ///     Ok::<_, Box<dyn std::error::Error>>(first.concat().len() + rest.join()?)
    /// });
    /// assert_eq!(lengths??, 17);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn scope<'env, R>(
        &self,
        run: impl for<'scope> FnOnce(&TaskScope<'scope, 'env>) -> R,
    ) -> Result<R, ScopeError<R>> {
        if let Err(refusal) = Seat::open(self.supervisor()) {
            return Err(ScopeError::Refused(self.refused(refusal)));
        }
        let crowd = Crowd::new(self.clock());
        let value = with_scope(|scope| {
            let _open = Open(&crowd);
            run(&TaskScope {
                scope,
                tasks: self.clone(),
                crowd: Arc::clone(&crowd),
            })
        });
        let failures = crowd.failures();
        if failures.is_empty() {
            return Ok(value);
        }
        Err(ScopeError::Failed { value, failures })
    }
}

impl<'scope> TaskScope<'scope, '_> {
    /// As [`TaskSupervisorRef::spawn`], for a function that may borrow what outlives the scope.
    ///
    /// # Blocking
    /// While as many tasks run as may: for at most 5 seconds, or until the calling unit is asked to stop.
    ///
    /// # Errors
    /// [`SpawnRefusal`]: nothing has run.
    pub fn spawn<T, F>(&self, work: F) -> Result<Task<T>, SpawnRefusal>
    where
        F: FnOnce(&WorkerContext) -> Result<T, Failure> + Send + 'scope,
        T: Send + 'scope,
    {
        self.start(work, self.default_patience())
    }

    /// As [`spawn`](Self::spawn), without waiting for a slot. Never blocks.
    pub fn try_spawn<T, F>(&self, work: F) -> Result<Task<T>, SpawnRefusal>
    where
        F: FnOnce(&WorkerContext) -> Result<T, Failure> + Send + 'scope,
        T: Send + 'scope,
    {
        self.start(work, Patience::None)
    }

    pub(super) fn clock(&self) -> &Clock {
        self.crowd.clock()
    }

    pub(super) fn default_patience(&self) -> Patience {
        Patience::Until(self.crowd.clock().deadline(DEFAULT_CALL))
    }

    fn start<T, F>(&self, work: F, patience: Patience) -> Result<Task<T>, SpawnRefusal>
    where
        F: FnOnce(&WorkerContext) -> Result<T, Failure> + Send + 'scope,
        T: Send + 'scope,
    {
        let seat = self
            .tasks
            .seat(patience)
            .map_err(|why| self.tasks.refused(why))?;
        let (unit, cell) = (Arc::clone(seat.unit()), Arc::clone(seat.cell()));
        let outcome = Arc::new(Outcome::new());
        let account = self.tasks.account(outcome.ending(), &unit, &cell);
        let task = OneShot::new(work, &outcome, &account);
        let told = Arc::clone(&account) as Arc<dyn Told>;
        let sent = self.send(seat, told, move |ctx, _| task.run(ctx));
        if let Err(refusal) = sent {
            account.withdraw();
            return Err(self.tasks.refused(refusal));
        }
        account.begin(&cell);
        self.crowd.join(&unit, outcome.ending());
        Ok(self.tasks.task(unit, outcome))
    }

    /// Starts a thread for the seat, and makes it a child.
    pub(super) fn send(
        &self,
        seat: Seat,
        told: Arc<dyn Told>,
        work: impl FnOnce(&WorkerContext, &Slot) -> Result<(), Failure> + Send + 'scope,
    ) -> Result<(), SpawnRefusal> {
        let runtime = Arc::clone(seat.cell().runtime());
        let (summoner, summons) = Summons::new();
        let (inside, slot) = (self.crowd.enter(), Arc::clone(seat.slot()));
        let clock = runtime.clock().clone();
        let plan = ThreadPlan {
            name: thread_name(&seat.cell().path().join(seat.unit().id().as_str())),
            stack_size: None,
        };
        let life = move |index| {
            let _inside = inside;
            let Some(run) = summons.wait(&clock) else {
                return;
            };
            let reason = carry(&run, Some(index), &slot, |ctx| work(ctx, &slot));
            run.end_here(reason);
        };
        let started = runtime
            .steward()
            .ensure()
            .and_then(|()| runtime.roster().start_scoped(self.scope, plan, life));
        let index = started.map_err(|refused| SpawnRefusal::Thread(Arc::new(refused)))?;
        seat.admit(
            Box::new(move |run| {
                run.runtime().roster().lend(index, run);
                summoner.summon(run);
            }),
            told,
        )
    }
}

impl fmt::Debug for TaskScope<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskScope")
            .field("tasks", &self.tasks)
            .finish_non_exhaustive()
    }
}
