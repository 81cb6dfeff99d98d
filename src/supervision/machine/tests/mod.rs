//! Named scenarios: what the machines do, told as sequences of events.

mod budgets;
mod calls;
mod dynamics;
mod hanging;
mod random;
mod restarting;
mod starting;
mod stopping;
mod world;

pub(super) use world::origin;
