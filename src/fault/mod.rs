//! Exit reasons, panic reports, error classification and error context.
//!
//! * Who: [`UnitPath`] and [`Generation`].
//! * How a unit ended: [`ExitReason`], with a [`Failure`], a [`PanicReport`], or one of the reports
//!   ([`HangReport`], [`StartFailure`], [`BudgetReport`]). Why it was asked to: [`StopCause`].
//! * What kind of error it is: [`Classify`]. Where in the work it arose: [`ErrorContext`].
//!
//! `catch.rs` is the only file of the crate that catches unwinding; `hook.rs` holds the one panic hook,
//! chained in front of the hook that was there (`shared_notes.rs`: for threads that throw on what another has
//! caught); `thread.rs` is the only file that starts threads.

mod budget_report;
pub(crate) mod catch;
mod classify;
mod context;
mod context_snapshot;
mod exit_reason;
mod failure;
mod generation;
mod hang_report;
pub(crate) mod hook;
mod panic_report;
pub(crate) mod shared_notes;
mod start_failure;
mod stop_cause;
pub(crate) mod thread;
mod unit_path;

pub use budget_report::{BudgetReport, Exhausted};
pub use classify::{Category, Classify, Severity};
pub use context::{ContextGuard, ErrorContext};
pub use context_snapshot::ContextSnapshot;
pub use exit_reason::ExitReason;
pub use failure::Failure;
pub use generation::Generation;
pub use hang_report::{HangPhase, HangReport};
pub use hook::Backtraces;
pub use panic_report::{PanicLocation, PanicReport};
pub use start_failure::StartFailure;
pub use stop_cause::StopCause;
pub use unit_path::UnitPath;
