//! The pure machines: what a supervisor decides, as a function over events.
//!
//! `step(event, now)` appends effects; nothing here starts a thread, takes a lock or reads a clock.
//! The shell turns what happens into [`Event`]s and carries the [`Effect`]s out in order.
//!
//! * `event.rs`, `effect.rs`: the seam to the shell.
//! * `fixed/`: [`StaticMachine`], a list of children in start order, under any strategy.
//! * `ledger.rs`, `child.rs`, `gone.rs`, `verdict.rs`, `stop_plan.rs`, `view.rs`: what the machines
//!   share.

mod any;
mod child;
mod effect;
mod event;
mod fixed;
mod gone;
mod ledger;
mod stop_plan;
mod verdict;
mod view;

#[cfg(test)]
mod tests;

#[expect(
    unused_imports,
    reason = "the shell that carries effects out comes next"
)]
pub(crate) use self::{
    any::AnyMachine,
    effect::{Done, Effect, Fate},
    event::{CallId, Event, Key, Request, Retune, Target},
    fixed::StaticMachine,
    ledger::Phase,
    view::ChildView,
};
