//! One-shot commands: `desk.rs` decides who runs, waits or is answered from the cache, `runner.rs` carries it out.

mod command_error;
mod config;
mod desk;
#[cfg(test)]
mod desk_tests;
mod output;
mod runner;

pub use command_error::CommandError;
pub use config::CommandConfig;
pub use desk::CommandStats;
pub use output::CommandOutput;
pub use runner::CommandRunner;
