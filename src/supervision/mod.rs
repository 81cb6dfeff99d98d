//! Supervisors, workers and orderly stop: what OTP's supervision trees give, on OS threads.
//!
//! A supervisor is a value, not a thread: a pure machine (`machine/`) that decides, in a cell
//! (`tree.rs`) that applies its decisions. Its children are workers on threads of their own, other
//! supervisors, or anything else that has a `Body`.
//!
//! | to see | read |
//! |---|---|
//! | what a program writes | `child.rs`, `supervisor.rs`, `worker.rs`, `context.rs`, `handle.rs`, `management.rs` |
//! | what is decided | `strategy.rs`, `intensity.rs`, `streak.rs`, `validate.rs`, `machine/` |
//! | how decisions are applied | `tree.rs`, `carry.rs`, `steward.rs`, `unit.rs`, `run.rs` |
//! | how a stop ends | `stop_token.rs`, `hooks.rs`, `roster.rs`, `report.rs` |
//! | how workers hand work to each other | `channel/` |
//! | who watches for hangs | `activity.rs`, `watchdog.rs` |
//!
//! A tree of a thousand supervisors costs no thread; a system with workers has one, the steward,
//! beside theirs. Not for work that needs no restart: a scoped thread is simpler.

mod activity;
mod call;
mod carry;
pub mod channel;
mod child;
mod child_id;
mod context;
mod current;
mod handle;
mod hooks;
mod info;
mod intensity;
mod machine;
mod manage;
mod management;
mod monitor;
mod policy;
mod report;
mod roster;
mod run;
mod runtime;
mod snapshot;
mod spec_error;
mod steward;
mod stop_token;
mod strategy;
mod streak;
mod supervisor;
mod tree;
mod tuning;
mod unit;
mod unit_ref;
mod validate;
mod watchdog;
mod worker;

#[cfg(feature = "testkit")]
pub(crate) use {child::Body, machine::Event, run::Run, unit::Unit};

pub use child::{Child, ChildSpec};
pub use child_id::ChildId;
pub use context::{Waited, WorkerContext};
pub(crate) use current::refuses;
pub use handle::{SupervisorRef, WorkerRef};
pub use hooks::HookGuard;
pub use info::ChildInfo;
pub use intensity::Intensity;
pub use machine::Phase;
pub use manage::{ChildState, Counts, ManageError};
pub use management::{ChildError, DEFAULT_CALL};
pub use monitor::{Down, Monitor};
pub use policy::{ChildKind, OnHang, Restart, Shutdown};
pub(crate) use policy::{ChildPolicy, Flavor, SupervisorPolicy};
pub use report::{Outcome, ShutdownReport, Unclean, UnitEnd};
pub use roster::ThreadLeft;
pub(crate) use runtime::{Runtime, ThreadOptions};
pub use snapshot::{Snapshot, SupervisorSnapshot, UnitSnapshot};
pub use spec_error::{SpecError, SpecWarning};
pub use stop_token::{StopAware, StopToken};
pub use strategy::{AutoShutdown, Strategy};
pub use supervisor::{DynamicSupervisor, Supervisor};
pub use tuning::{ChildTuning, SupervisorTuning};
pub use unit::Standing;
pub use unit_ref::UnitRef;
pub use worker::Init;
