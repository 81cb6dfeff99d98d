//! The library from outside: one binary, a file per area, the public face only.

mod cache;
mod channel;
mod data_parallel;
mod guards;
mod map;
mod partition;
mod phases;
#[cfg(target_os = "linux")]
mod processes;
mod recovery;
#[cfg(test)]
#[cfg(unix)]
mod scan;
mod send_sync;
mod supervision;
mod support;
mod system;
mod tasks;
mod telemetry;
#[cfg(feature = "testkit")]
mod testkit;
mod timers;
