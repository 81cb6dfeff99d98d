//! Tasks on the threads of a crew: what their owners, their supervisors and the counters say of them.

mod ends;
mod limits;
mod pools;
mod scope;
mod storm;
mod threads;

use steadfast::{System, Task, TaskSupervisor, TaskSupervisorRef};

use crate::support::Gate;

/// A task supervisor under the root.
#[track_caller]
pub(crate) fn tasks(system: &System, tasks: TaskSupervisor) -> TaskSupervisorRef {
    system.spawn(tasks).expect("started")
}

/// A task that waits for the gate, and hears no stop.
#[track_caller]
pub(crate) fn held(tasks: &TaskSupervisorRef, gate: &Gate) -> Task<()> {
    let gate = gate.clone();
    let work = move |_: &_| {
        gate.pass();
        Ok(())
    };
    tasks.spawn(work).expect("spawned")
}
