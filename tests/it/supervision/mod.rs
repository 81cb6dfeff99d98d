//! Workers and supervisors on real threads: what the decisions of the machines look like from outside.

mod abandon;
mod budgets;
mod dynamic;
mod ends;
mod events;
mod groups;
mod management;
mod monitors;
mod rude;
mod starts;
mod stop;
mod watchdog;
