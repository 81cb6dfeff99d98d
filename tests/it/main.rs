//! The library from outside: one binary, a file per area, the public face only.

mod send_sync;
mod supervision;
mod telemetry;
