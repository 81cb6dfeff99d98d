//! Supervisors, workers and orderly stop: what OTP's supervision trees give, on OS threads.
//!
//! A supervisor is a value, not a thread: a pure machine that decides, in a cell that applies its
//! decisions. Its children are workers on threads of their own, other supervisors, or anything else
//! that has a `Body`.
//!
//! | to see | read |
//! |---|---|
//! | what a program writes | `child.rs`, `supervisor.rs`, `worker.rs`, `context.rs` |
//! | what it holds, asks and is told | `handle.rs`, `management.rs`, `info.rs`, `snapshot.rs`, `report.rs` |
//! | what is specified | `spec/` |
//! | what is decided | `machine/` |
//! | how work is computed from all cores | `data_parallel/` |
//! | how work on many keys is spread | `partition/` |
//! | in which steps a system stops | `phases/` |
//! | how decisions are applied | `tree/`, `unit/` |
//! | how functions run once | `task/` |
//! | how threads pass values | [`channel`] |
//! | what is delivered at a time | [`timer`] |
//! | how OS processes are kept and run | [`process`] |
//!
//! A tree of a thousand supervisors costs no thread; a system with workers has one, the steward,
//! beside theirs. Not for work that needs no restart: a scoped thread is simpler.

pub mod channel;
mod child;
mod context;
mod data_parallel;
mod handle;
mod info;
mod machine;
mod manage;
mod management;
mod partition;
mod phases;
pub mod process;
mod report;
mod snapshot;
mod spec;
mod supervisor;
mod task;
pub mod timer;
mod tree;
mod unit;
mod worker;

#[cfg(feature = "testkit")]
pub(crate) use {child::Body, machine::Event, unit::logical::Unit, unit::run::Run};

pub use child::{Child, ChildSpec};
pub use context::{Waited, WorkerContext};
pub use data_parallel::{DataParallel, DataParallelRef, InstallError, PoolCounters, PoolRefusal};
pub use handle::{SupervisorRef, WorkerRef};
pub use info::ChildInfo;
pub use machine::Phase;
pub use manage::{ChildState, Counts, ManageError};
pub use management::{ChildError, DEFAULT_CALL};
pub use partition::{NoPartition, PartitionSupervisor, PartitionsRef, ResizeError};
pub(crate) use phases::{Members, PhaseBoard, PhaseHook};
pub use phases::{PhaseError, StopPhases};
pub use report::{Outcome, PhaseEnd, ShutdownReport, Unclean, UnitEnd};
pub use snapshot::{Snapshot, SupervisorSnapshot, UnitSnapshot};
pub use spec::child_id::ChildId;
pub use spec::intensity::Intensity;
pub use spec::policy::{ChildKind, OnHang, Restart, Shutdown};
pub(crate) use spec::policy::{ChildPolicy, Flavor, SupervisorPolicy};
pub use spec::spec_error::{SpecError, SpecWarning};
pub use spec::strategy::{AutoShutdown, Strategy};
pub use spec::tuning::{ChildTuning, SupervisorTuning};
pub use supervisor::{DynamicSupervisor, Supervisor};
pub use task::{
    ItemFailure, JoinError, Map, MapStream, OnTimeout, PoolError, PoolReport, ScopeError,
    ScopeFailure, SpawnError, SpawnRefusal, Task, TaskError, TaskOptions, TaskPools, TaskPoolsRef,
    TaskScope, TaskStats, TaskSupervisor, TaskSupervisorRef,
};
pub use tree::roster::ThreadLeft;
pub(crate) use tree::runtime::{Runtime, ThreadOptions};
pub(crate) use unit::current::refuses;
pub use unit::hooks::HookGuard;
pub use unit::logical::Standing;
pub use unit::monitor::{Down, Monitor};
pub use unit::stop_token::{StopAware, StopToken};
pub use unit::unit_ref::UnitRef;
pub use worker::Init;
