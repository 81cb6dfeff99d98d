//! Help for tests of programs that use this library (feature `testkit`).
//!
//! | to | see |
//! |---|---|
//! | have a system of one's own, with a clock that stands still, and fail when anything is left | [`TestSystem`], made by [`System::for_test`](crate::System::for_test) |
//! | wait for what nobody tells of | [`eventually`], [`TestSystem::eventually`] |
//! | let things go wrong where and when a seed says | [`FaultPlan`], [`Faults`] |
//! | drive children without threads by hand | [`Script`] |
//! | crash things more often than production bears | [`lenient_supervision`] |
//! | find what grows with the number of cycles | [`LinearGrowth`] |
//!
//! Not for production: a scripted child does nothing by itself, and a test system panics where it ends.
//! How to test with it is told in [`guide::testing`](crate::guide::testing).
//!
//! * `test_system.rs`; `ending.rs`: how its end is bounded in real time; `leftovers.rs` looks for what is left,
//!   `contamination.rs` says it.
//! * `eventually.rs`, and `pulse.rs`: how it hears of events.
//! * `fault_plan.rs` decides (pure), `faults.rs` lets it happen; `seed.rs`: where a seed comes from.
//! * `script.rs`, `lenient.rs`, `growth.rs`.

mod contamination;
mod ending;
mod eventually;
mod fault_plan;
mod faults;
mod growth;
mod leftovers;
mod lenient;
mod pulse;
mod script;
mod seed;
mod test_system;

pub use contamination::{Contamination, Leftover};
pub use eventually::{Observation, eventually};
pub use fault_plan::{Fault, FaultPlan};
pub use faults::{Faults, Injected};
pub use growth::{Grown, Growth, LinearGrowth, open_descriptors, process_threads};
pub use lenient::lenient_supervision;
pub use script::{OnStart, OnStop, Script};
pub use seed::seed;
pub use test_system::TestSystem;
