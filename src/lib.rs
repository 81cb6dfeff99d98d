//! Supervised threads, agents and guards for **synchronous** Rust.

mod kernel;
mod sync;

#[cfg(not(all(test, loom)))]
pub mod fault;
#[cfg(not(all(test, loom)))]
pub mod supervision;
#[cfg(not(all(test, loom)))]
pub mod system;
#[cfg(not(all(test, loom)))]
pub mod telemetry;
#[cfg(all(feature = "testkit", not(all(test, loom))))]
pub mod testkit;
#[cfg(not(all(test, loom)))]
pub mod time;

#[cfg(not(all(test, loom)))]
pub use crate::supervision::channel;
#[cfg(not(all(test, loom)))]
pub use crate::{
    fault::{ExitReason, Failure, Generation, PanicReport, StopCause, UnitPath},
    supervision::{
        AutoShutdown, Child, ChildId, ChildSpec, Down, DynamicSupervisor, Intensity, ManageError,
        Monitor, OnHang, Restart, Shutdown, ShutdownReport, StopToken, Strategy, Supervisor,
        SupervisorRef, WorkerContext, WorkerRef,
    },
    system::{StartError, System, SystemConfig, SystemHandle},
    telemetry::Telemetry,
    time::{Backoff, Clock, Deadline},
};

#[cfg(all(test, loom))]
#[path = "../loom-tests/mod.rs"]
mod loom_tests;
