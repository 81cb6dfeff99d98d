//! Named pools of tasks, so that one class of work cannot starve another.
//!
//! A pool is a task supervisor under a supervisor of pools: its limit holds over all its callers, and a pool that
//! crashes is started again without harm to the others. Not for one class of work alone: that is one
//! [`TaskSupervisor`](super::TaskSupervisor).
//!
//! * `task_pools.rs`: what a program writes; `task_pools_ref.rs`: what it holds.
//! * `pool_error.rs`, `pool_report.rs`: what it is told.

mod pool_error;
mod pool_report;
mod task_pools;
mod task_pools_ref;

pub use pool_error::PoolError;
pub use pool_report::PoolReport;
pub use task_pools::TaskPools;
pub use task_pools_ref::TaskPoolsRef;
