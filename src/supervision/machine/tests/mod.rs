//! Named scenarios: what the machines do, told as sequences of events.

mod restarting;
mod world;

pub(super) use world::origin;
