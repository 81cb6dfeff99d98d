//! How a task is run: an inert value.

use std::time::Duration;

use crate::supervision::spec::validate::validate_id;
use crate::supervision::{ChildId, ChildPolicy, Restart, Shutdown, SpecError};

/// How the tasks of a handle are run; see [`TaskSupervisorRef::with`](super::TaskSupervisorRef::with).
#[derive(Clone, Debug, PartialEq)]
#[must_use = "options change nothing until they are given back"]
pub struct TaskOptions {
    name: ChildId,
    timeout: Duration,
    shutdown: Shutdown,
}

impl TaskOptions {
    pub(super) fn new() -> Self {
        TaskOptions {
            name: ChildId::from("task"),
            timeout: Duration::MAX,
            shutdown: Shutdown::DEFAULT,
        }
    }

    /// What the ids of the tasks begin with; a number follows. Default: `task`.
    pub fn name(mut self, name: impl Into<ChildId>) -> Self {
        self.name = name.into();
        self
    }

    /// How long a task may run, counted from when it has its slot. After that its owner is told that it timed out, and it is asked to
    /// stop; its slot stays taken until its thread is through with it or was abandoned. Default: for as long as it
    /// likes, which is `Duration::MAX`.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How long a task may take to end after it was asked to. Default: 5 s.
    pub fn shutdown(mut self, shutdown: Shutdown) -> Self {
        self.shutdown = shutdown;
        self
    }

    /// What the supervisor is told of the task with this number.
    pub(super) fn policy(&self, number: u64) -> ChildPolicy {
        let id = format!("{}-{number}", self.name);
        ChildPolicy {
            restart: Restart::Temporary,
            shutdown: self.shutdown,
            ..ChildPolicy::worker(id)
        }
    }

    pub(super) const fn run_timeout(&self) -> Duration {
        self.timeout
    }

    /// How long its end may take once it was asked to stop.
    pub(super) const fn stop_limit(&self) -> Option<Duration> {
        match self.shutdown {
            Shutdown::Deadline(limit) => Some(limit),
            Shutdown::Abandon => Some(Duration::ZERO),
            Shutdown::Wait => None,
        }
    }

    /// All that is wrong with them.
    pub(super) fn errors(&self) -> Vec<SpecError> {
        let mut errors = validate_id(&self.name);
        if self.timeout.is_zero() {
            errors.push(SpecError::ZeroTimeout(self.name.clone()));
        }
        errors
    }
}
