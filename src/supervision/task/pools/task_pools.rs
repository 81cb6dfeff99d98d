//! Supervisors of task pools as specifications: inert values.

use std::fmt;

use super::task_pools_ref::TaskPoolsRef;
use crate::supervision::child::{Child, ChildSpec};
use crate::supervision::task::TaskSupervisor;
use crate::supervision::{ChildId, Intensity, Supervisor};

/// Named pools of tasks under one supervisor.
///
/// A pool is a [`TaskSupervisor`], named by its id. Those that are given here are there again after a restart of
/// the whole; others are [created](TaskPoolsRef::create) and [deleted](TaskPoolsRef::delete) while it runs.
///
/// ```
/// use std::time::Duration;
/// use steadfast::{System, TaskSupervisor};
/// use steadfast::supervision::TaskPools;
///
/// let system = System::new("demo")?;
/// let pools = TaskPools::new("pools")
///     .pool(TaskSupervisor::new("general").max_tasks(10).timeout(Duration::from_secs(30)))
///     .pool(TaskSupervisor::new("monitoring").max_tasks(5).timeout(Duration::from_secs(10)));
/// let pools = system.spawn(pools)?;
/// let task = pools.get("general")?.spawn(|_| Ok(6 * 7))?;
/// assert_eq!(task.join()?, 42);
/// assert_eq!(pools.stats("general")?.completed, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "pools do nothing until they are given to a system or a supervisor"]
pub struct TaskPools {
    supervisor: Supervisor,
}

impl TaskPools {
    /// A supervisor without pools, with a budget of 3 restarts of pools in 5 seconds.
    pub fn new(id: impl Into<ChildId>) -> Self {
        TaskPools {
            supervisor: Supervisor::new(id),
        }
    }

    /// Adds a pool, named by its id.
    pub fn pool(mut self, pool: TaskSupervisor) -> Self {
        self.supervisor = self.supervisor.child(pool);
        self
    }

    /// How many restarts of pools in which time are tolerated. Default: 3 in 5 seconds.
    pub fn intensity(mut self, intensity: Intensity) -> Self {
        self.supervisor = self.supervisor.intensity(intensity);
        self
    }

    /// The pools as a child: with their handle, and the setters of a child.
    pub fn into_child(self) -> Child<TaskPoolsRef> {
        let child = self.supervisor.into_child();
        let handle = TaskPoolsRef::new(child.handle());
        child.reached_by(handle)
    }
}

impl From<TaskPools> for Child<TaskPoolsRef> {
    fn from(pools: TaskPools) -> Self {
        pools.into_child()
    }
}

impl From<TaskPools> for ChildSpec {
    fn from(pools: TaskPools) -> Self {
        pools.into_child().into()
    }
}

impl fmt::Debug for TaskPools {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskPools")
            .field("supervisor", &self.supervisor)
            .finish()
    }
}
