//! The composition root: a [`System`] owns a clock, telemetry, the steward and a root supervisor.
//!
//! There is no global system and no static state: a program makes as many systems as it likes, tests
//! make one each. An idle system has no thread at all; the steward starts with the first unit.
//!
//! * [`config`](SystemConfig): what can be set up.
//! * `handle.rs`: what can be asked of a running system, from any thread.
//! * `owner.rs`: the owner, whose drop stops the system in order.
//! * `phased_stop.rs`, `phase_hooks.rs`: how a stop goes through its phases.
//! * `signals.rs` (feature `signals`): run until SIGINT or SIGTERM.

mod config;
mod handle;
mod owner;
mod phase_hooks;
mod phased_stop;
#[cfg(feature = "signals")]
mod signals;

pub use config::SystemConfig;
pub use handle::{StartError, SystemHandle};
pub use owner::System;
#[cfg(feature = "signals")]
pub use signals::RunReport;
