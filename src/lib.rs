//! Supervised threads for **synchronous** Rust: what Erlang/OTP gives its users, for a program with a
//! plain `fn main`. No async, no runtime to start.
//!
//! A [`System`] starts [workers](Child::worker) on threads of their own under [`Supervisor`]s. A worker
//! that panics is restarted as its supervisor's [`Strategy`] and [`Intensity`] say; a stop drains what is
//! queued, ends the units in the reverse order of their start, and its [report](ShutdownReport) names
//! every thread that would not end.
//!
//! ```
//! use std::time::Duration;
//! use steadfast::{Child, Intensity, Strategy, Supervisor, System, channel};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let system = System::new("demo")?;
//!     let (lines, inbox) = channel::bounded::<String>(1024);
//!     let (lengths, results) = channel::bounded::<usize>(1024);
//!
//!     let readers = Supervisor::new("readers")
//!         .strategy(Strategy::OneForOne)
//!         .intensity(Intensity::new(3, Duration::from_secs(5)))
//!         .child(Child::worker("reader", move |ctx| {
//!             while let Some(line) = inbox.recv(ctx)? {   // None once asked to stop and drained
//!                 ctx.checkpoint("measuring");            // a panic from here on restarts the worker
//!                 lengths.send(line.len())?;
//!             }
//!             Ok(())
//!         }));
//!     system.supervise(readers)?;
//!
//!     lines.send("hello".into())?;
//!     assert_eq!(results.recv_timeout(Duration::from_secs(5))?, Some(5));
//!
//!     let report = system.stop_within(Duration::from_secs(5)); // drains, then stops
//!     println!("{report}");
//!     Ok(report.into_result()?)
//! }
//! ```
//!
//! # Where to go
//!
//! | you want | see |
//! |---|---|
//! | to run functions on supervised threads | [`Child::worker`], [`WorkerContext`] |
//! | to run functions once, with a bound and their results | [`TaskSupervisor`], [`Task`] |
//! | to say what a failure means for the others | [`Supervisor`], [`DynamicSupervisor`], [`Restart`], [`Backoff`] |
//! | to spread keys over copies of a child | [`PartitionSupervisor`] |
//! | to compute from all cores | [`Child::data_parallel`] |
//! | to pass values between threads | [`channel`] |
//! | to remember what is dear to compute, with a bound | [`Cache`] |
//! | to let no more pass than a quota says | [`guards::rate_limit`] |
//! | to be told at a time, or again and again | [`timer`] |
//! | to keep OS processes alive, and to run commands | [`process`] |
//! | to learn of the end of a unit | [`Monitor`], [`ExitReason`], [`telemetry`] |
//! | to stop, and to know what stopped | [`StopToken`], [`StopPhases`], [`System`], [`ShutdownReport`] |
//! | to decide how time passes in a test | [`time::ManualClock`] |
//!
//! # Features
//!
//! All are off by default. `signals`: run until SIGINT or SIGTERM. `testkit`: a system for each
//! test that finds what is left, a clock turned by hand, faults from a seed.
//!
//! # Not promised
//!
//! A thread cannot be killed; one that does not stop is fenced, named and counted. Nothing here survives
//! an abort, a stack overflow or the end of memory, or restarts anything under `panic = "abort"`. A panic
//! in a destructor that runs while another panic unwinds, or in the destructor of a thread-local, ends
//! the process: that is Rust's rule.

mod kernel;
mod sync;

#[cfg(not(all(test, loom)))]
pub mod fault;
#[cfg(not(all(test, loom)))]
pub mod guards;
#[cfg(not(all(test, loom)))]
pub mod guide;
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
pub use crate::supervision::{channel, process, timer};
#[cfg(not(all(test, loom)))]
pub use crate::{
    fault::{ExitReason, Failure, Generation, PanicReport, StopCause, UnitPath},
    guards::{
        breaker::CircuitBreaker,
        cache::Cache,
        rate_limit::{Quota, RateLimiter},
    },
    supervision::{
        AutoShutdown, Child, ChildId, ChildSpec, DataParallel, DataParallelRef, Down,
        DynamicSupervisor, Intensity, ManageError, Monitor, OnHang, PartitionSupervisor,
        PartitionsRef, Restart, Shutdown, ShutdownReport, StopAware, StopPhases, StopToken,
        Strategy, Supervisor, SupervisorRef, Task, TaskSupervisor, TaskSupervisorRef, Waited,
        WorkerContext, WorkerRef,
    },
    system::{StartError, System, SystemConfig, SystemHandle},
    telemetry::Telemetry,
    time::{Backoff, Clock, Deadline},
};

#[cfg(all(test, loom))]
#[path = "../loom-tests/mod.rs"]
mod loom_tests;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
