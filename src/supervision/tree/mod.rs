//! The shell around the pure machines: who applies their decisions, and on which thread.
//!
//! * `cell.rs`: one running supervisor, and how an event turns it; `carry.rs`: what each effect does;
//!   `call.rs`: where an answer arrives.
//! * `steward.rs`: the thread that monitors the others; `watchdog.rs`: how it looks for hangs.
//! * `runtime.rs`: what all supervisors of a system share; `roster.rs`: which threads are there; `unheard.rs`: which
//!   failures nobody heard of; `crew.rs`: the threads that carry one task after the other.

pub(crate) mod call;
mod carry;
pub(crate) mod cell;
pub(crate) mod crew;
pub(crate) mod roster;
pub(crate) mod runtime;
pub(crate) mod steward;
pub(crate) mod unheard;
pub(crate) mod watchdog;
