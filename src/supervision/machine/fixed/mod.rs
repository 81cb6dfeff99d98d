//! The static machine: a list of children in start order, under any strategy.
//!
//! Each child is a *wish* (shall it run?) and a *fact* (what is it?). An event changes facts and
//! wishes (`runs.rs`, `calls.rs`), then `order.rs` reconciles them: of the children that must go down
//! the last is asked first, one at a time; then the first that shall run and is down starts, if all
//! before it that shall run are up. Initial start and group strategies are sequential; under
//! one-for-one, once all were up, children neither wait for each other nor stop for each other.
//!
//! A step costs time linear in the number of children: for thousands of alike children there is the
//! dynamic machine.

mod calls;
mod order;
mod runs;
mod static_machine;

pub(crate) use static_machine::StaticMachine;
