//! Task supervisors as specifications: inert values.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::gate::Gate;
use super::options::TaskOptions;
use super::task_supervisor_ref::TaskSupervisorRef;
use crate::supervision::child::{Child, ChildSpec};
use crate::supervision::{ChildId, DynamicSupervisor, Shutdown, SpecError};

/// A supervisor of tasks: functions that run once, on threads that are used again (OTP's `Task.Supervisor`).
///
/// Tasks are temporary children: none is started again, and what becomes of one harms no other. At most
/// [`max_tasks`](Self::max_tasks) run at a time, whoever spawns them.
///
/// ```
/// use std::time::Duration;
/// use steadfast::{System, TaskSupervisor};
///
/// let system = System::new("demo")?;
/// let tasks = system.spawn(TaskSupervisor::new("tasks").max_tasks(8))?;
/// let bad = tasks.spawn(|_| -> Result<u32, _> { Err("no such file".into()) })?;
/// assert_eq!(bad.join().unwrap_err().to_string(), "the task failed: no such file");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a supervisor does nothing until it is given to a system or another supervisor"]
pub struct TaskSupervisor {
    supervisor: DynamicSupervisor,
    max_tasks: usize,
    options: TaskOptions,
}

impl TaskSupervisor {
    /// How many tasks may run at a time, unless it is said otherwise.
    pub const MAX_TASKS: usize = 1024;

    /// A supervisor of at most [`MAX_TASKS`](Self::MAX_TASKS) tasks that may run for as long as they like.
    pub fn new(id: impl Into<ChildId>) -> Self {
        TaskSupervisor {
            supervisor: DynamicSupervisor::new(id),
            max_tasks: Self::MAX_TASKS,
            options: TaskOptions::new(),
        }
    }

    /// How many tasks may run at a time, over all callers. Default: [`MAX_TASKS`](Self::MAX_TASKS).
    pub fn max_tasks(mut self, tasks: usize) -> Self {
        self.max_tasks = tasks;
        self
    }

    /// How long a task may run, see [`TaskOptions::timeout`]. Default: `Duration::MAX`, for as long as it likes.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.options = self.options.timeout(timeout);
        self
    }

    /// How long a task may take to end after it was asked to. Default: 5 s.
    pub fn shutdown(mut self, shutdown: Shutdown) -> Self {
        self.options = self.options.shutdown(shutdown);
        self
    }

    /// How many abandoned threads may be alive before the supervisor escalates. Default: 8.
    pub fn max_abandoned(mut self, threads: u32) -> Self {
        self.supervisor = self.supervisor.max_abandoned(threads);
        self
    }

    /// The supervisor as a child: with its handle, and the setters of a child.
    pub fn into_child(self) -> Child<TaskSupervisorRef> {
        let gate = Gate::new(self.max_tasks);
        let mut faults = self.options.errors();
        if self.max_tasks == 0 {
            faults.push(SpecError::ZeroMaxTasks);
        }
        let attended = self.supervisor.attended(Arc::clone(&gate) as _, faults);
        let child = attended.into_child();
        let handle = TaskSupervisorRef::new(child.handle(), gate, self.options);
        child.reached_by(handle)
    }
}

impl From<TaskSupervisor> for Child<TaskSupervisorRef> {
    fn from(supervisor: TaskSupervisor) -> Self {
        supervisor.into_child()
    }
}

impl From<TaskSupervisor> for ChildSpec {
    fn from(supervisor: TaskSupervisor) -> Self {
        supervisor.into_child().into()
    }
}

impl fmt::Debug for TaskSupervisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskSupervisor")
            .field("supervisor", &self.supervisor)
            .field("max_tasks", &self.max_tasks)
            .field("options", &self.options)
            .finish()
    }
}
