//! Benchmarks of steadfast beside its rivals: the programs are in `benches/`, what they share is here.
//!
//! Only ratios count: ours and the rivals take turns, round by round, in one run of one process, and a
//! row shows the medians of the rounds, the median of their ratios, and the least and greatest ratio.
//!
//! * `suite.rs`: [`Suite`], the rounds and the table.
//! * `contest.rs`: [`Entrant`], one of many in a row.
//! * `goal.rs`: [`Goal`], what a row has to reach.
//! * `figures.rs`: medians, and numbers as text.
//! * `process.rs`: what the operating system says of this process.

mod contest;
mod figures;
mod goal;
mod process;
mod suite;

pub use contest::Entrant;
pub use figures::{median, nanoseconds, per_operation, processor_time};
pub use goal::Goal;
pub use process::{cpu_time, resident_bytes, resident_of, thread_count};
pub use suite::Suite;
