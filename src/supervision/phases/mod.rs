//! Stop phases: named steps in which a whole system stops, wherever in the tree its units are.
//!
//! Intake first, then the work, then what flushes: an order between units that is not the reverse of their
//! start. Units say which phase they belong to, the configuration of the system says in which order the
//! phases come and how long each may take. Not needed where the reverse order of the start will do.
//!
//! * `stop_phases.rs`: the configuration, and how long a phase may take (pure).
//! * `board.rs`: which phases have begun, and their hooks; `members.rs`: who belongs to a phase.
//! * `phase_error.rs`: why a hook was refused. The phases are driven by the system.

mod board;
mod members;
mod phase_error;
mod stop_phases;

pub(crate) use board::{PhaseBoard, PhaseHook};
pub(crate) use members::Members;
pub use phase_error::PhaseError;
pub use stop_phases::StopPhases;
