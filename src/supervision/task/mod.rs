//! Tasks: functions that run once under a supervisor, on threads that are used again.
//!
//! A task is a temporary child of a dynamic supervisor. So it is asked to stop, abandoned, fenced, reported
//! and seen in snapshots as every child is; only its thread comes from the crew of the system, and goes back.
//! A task supervisor bounds how many run at a time over all its callers, and counts what became of them.
//!
//! | to see | read |
//! |---|---|
//! | what a program writes and holds | `task_supervisor.rs`, `task_supervisor_ref.rs`, `options.rs`, `handle.rs` |
//! | what it is told | `spawn_error.rs`, `task_error.rs`, `stats.rs` |
//! | what is decided: slots, order, the tally | `book.rs`, and `gate.rs` around it |
//! | how a task is a child, and what its thread does | `errand.rs`, `one_shot.rs`, `outcome.rs`, `ending.rs`, `account.rs` |
//! | tasks that borrow | `scope/` |
//! | several supervisors of tasks, by name | `pools/` |
//! | how a function is applied to many items | `stream/` |
//!
//! Not for work that lives as long as the program: that is a worker, which is started again.

mod account;
pub(crate) mod book;
mod ending;
pub(crate) mod errand;
pub(crate) mod gate;
mod handle;
mod one_shot;
mod options;
mod outcome;
mod pools;
mod scope;
mod spawn_error;
mod stats;
mod stream;
mod task_error;
mod task_supervisor;
mod task_supervisor_ref;

pub use handle::Task;
pub use options::TaskOptions;
pub use pools::{PoolError, PoolReport, TaskPools, TaskPoolsRef};
pub use scope::{ScopeError, ScopeFailure, TaskScope};
pub use spawn_error::{SpawnError, SpawnRefusal};
pub use stats::TaskStats;
pub use stream::{ItemFailure, Map, MapStream, OnTimeout};
pub use task_error::{JoinError, TaskError};
pub use task_supervisor::TaskSupervisor;
pub use task_supervisor_ref::TaskSupervisorRef;
