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
#[cfg(not(all(test, loom)))]
pub mod time;

#[cfg(all(test, loom))]
#[path = "../loom-tests/mod.rs"]
mod loom_tests;
