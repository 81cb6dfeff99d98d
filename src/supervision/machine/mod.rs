//! The pure machines: what a supervisor decides, as a function over events.
//!
//! `step(event, now)` appends effects; nothing here starts a thread, takes a lock or reads a clock.
//! The shell turns what happens into [`Event`]s and carries the [`Effect`]s out in order.
//!
//! * `event.rs`, `effect.rs`: the seam to the shell.
//! * `fixed/`: `StaticMachine`, a list of children in start order, under any strategy.
//! * `dynamic/`: `DynamicMachine`, many alike children, unordered.
//! * `ledger.rs`, `child.rs`, `gone.rs`, `verdict.rs`, `stop_plan.rs`, `view.rs`: what the machines
//!   share.

mod any;
mod child;
mod dynamic;
mod effect;
mod event;
mod fixed;
mod gone;
mod ledger;
mod stop_plan;
mod streak;
mod verdict;
mod view;

#[cfg(test)]
mod tests;

pub use self::ledger::Phase;
pub(crate) use self::stop_plan::gives_up_order_at;
pub(crate) use self::{
    any::AnyMachine,
    effect::{Done, Effect, Fate},
    event::{CallId, Event, Key, Request, Retune, StopBy, Target},
    view::ChildView,
};
