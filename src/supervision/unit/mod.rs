//! A unit and its runs: what a handle names, and what a thread carries.
//!
//! * `logical.rs`: the logical unit, through all restarts; `unit_ref.rs`: its handle; `monitor.rs`: who
//!   waits for its end.
//! * `run.rs`: one run; `life.rs`: how a thread carries it; `activity.rs`: what it does now; `hooks.rs`: what
//!   wakes it for a stop; `stop_token.rs`: how it is asked to stop; `current.rs`: how a thread knows its run.

pub(crate) mod activity;
pub(crate) mod current;
pub(crate) mod hooks;
pub(crate) mod life;
pub(crate) mod logical;
pub(crate) mod monitor;
pub(crate) mod run;
pub(crate) mod stop_token;
pub(crate) mod unit_ref;
