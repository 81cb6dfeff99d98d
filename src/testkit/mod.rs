//! Help for tests of programs that use this library (feature `testkit`).
//!
//! * `script.rs`: [`Script`], a child without a thread that a test starts, crashes and stops by hand.
//!
//! Not for production: a scripted child does nothing by itself.

mod script;

pub use script::{OnStart, OnStop, Script};
