//! The handle of task pools: where pools are found, made, resized and ended.

use std::fmt;
use std::ops::Deref;
use std::time::Duration;

use super::pool_error::PoolError;
use super::pool_report::PoolReport;
use crate::supervision::handle::SupervisorRef;
use crate::supervision::task::{TaskStats, TaskSupervisor, TaskSupervisorRef};
use crate::supervision::unit::unit_ref::UnitRef;
use crate::supervision::{ChildId, ManageError, Shutdown};

/// What the answer to a stop may take beyond the time of the stop.
const GRACE: Duration = Duration::from_millis(500);

/// A handle of named task pools: what every [`UnitRef`] can be asked, and the pools.
#[derive(Clone)]
pub struct TaskPoolsRef {
    supervisor: SupervisorRef,
}

impl TaskPoolsRef {
    pub(super) fn new(supervisor: SupervisorRef) -> Self {
        TaskPoolsRef { supervisor }
    }

    /// The pool with this name: where its tasks are spawned. The handle is good through restarts and shutdowns of the
    /// pool.
    ///
    /// # Errors
    /// [`PoolError::NotFound`].
    pub fn get(&self, name: impl Into<ChildId>) -> Result<TaskSupervisorRef, PoolError> {
        let name = name.into();
        self.supervisor
            .child(&name)
            .map_err(|_| PoolError::NotFound(name))
    }

    /// Adds a pool, named by its id.
    ///
    /// # Blocking
    /// For the answer of the supervisor, at most 5 seconds.
    ///
    /// # Errors
    /// [`PoolError`]: there is one with this name, its specification is invalid, or the pools do not run.
    pub fn create(&self, pool: TaskSupervisor) -> Result<TaskSupervisorRef, PoolError> {
        let child = pool.into_child();
        let name = child.handle().id().clone();
        self.supervisor
            .start_child(child)
            .map_err(|error| PoolError::of(&name, error))
    }

    /// Another number of tasks that may run at a time, from now on.
    ///
    /// # Errors
    /// [`PoolError`]: there is no such pool, the number is zero, or the calling unit was abandoned.
    pub fn resize(&self, name: impl Into<ChildId>, max_tasks: usize) -> Result<(), PoolError> {
        let name = name.into();
        self.get(name.clone())?
            .resize(max_tasks)
            .map_err(|error| PoolError::of(&name, error))
    }

    /// What the pool has done so far.
    ///
    /// # Errors
    /// [`PoolError::NotFound`].
    pub fn stats(&self, name: impl Into<ChildId>) -> Result<TaskStats, PoolError> {
        Ok(self.get(name)?.stats())
    }

    /// The names of all pools, with what each has done so far, in the order in which they were added.
    pub fn all_stats(&self) -> Vec<(ChildId, TaskStats)> {
        let mut children = self.supervisor.children();
        // They come the newest first.
        children.reverse();
        let names = children.into_iter().map(|child| child.id);
        names
            .filter_map(|name| Some((name.clone(), self.stats(&name).ok()?)))
            .collect()
    }

    /// Stops all tasks of the pool, and those who wait for a slot; the pool itself stays, empty. A task that has
    /// not stopped within the time is abandoned.
    ///
    /// # Blocking
    /// For at most `within`, and a grace of half a second for the answer.
    ///
    /// # Errors
    /// [`PoolError`]: there is no such pool, or no answer came in time.
    pub fn shutdown(
        &self,
        name: impl Into<ChildId>,
        within: Duration,
    ) -> Result<PoolReport, PoolError> {
        let name = &name.into();
        self.stop(name, within, |pools| pools.restart_child(name).map(drop))
    }

    /// As [`shutdown`](Self::shutdown), and the pool is gone: its name is free, its handles find nothing running.
    ///
    /// # Blocking
    /// As `shutdown`.
    ///
    /// # Errors
    /// As `shutdown`.
    pub fn delete(
        &self,
        name: impl Into<ChildId>,
        within: Duration,
    ) -> Result<PoolReport, PoolError> {
        let name = &name.into();
        self.stop(name, within, |pools| pools.delete_child(name))
    }

    /// Ends the pool's run within the time; `then` says what becomes of the pool.
    fn stop(
        &self,
        name: &ChildId,
        within: Duration,
        then: impl FnOnce(&SupervisorRef) -> Result<(), ManageError>,
    ) -> Result<PoolReport, PoolError> {
        let of = |error| PoolError::of(name, error);
        let pool = self.get(name)?;
        let before = pool.stats();
        let deadline = Shutdown::Deadline(within);
        self.supervisor
            .update_child(name, |pool| pool.shutdown(deadline))
            .map_err(of)?;
        let answer = within.saturating_add(GRACE);
        let stopped = self.supervisor.terminate_child_timeout(name, answer);
        // From here on its time is again what is left of that of the pools.
        self.supervisor
            .update_child(name, |pool| pool.shutdown(Shutdown::Wait))
            .map_err(of)?;
        stopped.map_err(of)?;
        let report = PoolReport::between(before, pool.stats());
        then(&self.supervisor).map_err(of)?;
        Ok(report)
    }
}

impl Deref for TaskPoolsRef {
    type Target = UnitRef;

    fn deref(&self) -> &UnitRef {
        &self.supervisor
    }
}

impl fmt::Debug for TaskPoolsRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskPoolsRef")
            .field("id", self.id())
            .finish_non_exhaustive()
    }
}
