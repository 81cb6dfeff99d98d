//! Timers: deliveries at a time, kept by the steward of a system.
//!
//! A timer delivers into a [channel](super::channel), or runs a job as a [task](super::TaskSupervisor): once
//! ([`Timers::after`], [`Timers::at`]), or again and again ([`Timers::every`]), at a fixed rate or with a fixed delay.
//! It belongs to an owner and ends with it: a run
//! of a unit ([`WorkerContext::timers`](super::WorkerContext::timers)), whose timers never reach the next run, or the
//! system ([`SystemHandle::timers`](crate::system::SystemHandle::timers)). Code of the user does not run when a timer
//! fires; the receiver decides when it looks.
//!
//! | to see | read |
//! |---|---|
//! | what a program writes | `timers.rs`, `handle.rs`, `timer_error.rs` |
//! | when a timer fires, and which there are (pure) | `schedule.rs`, `index.rs` |
//! | who delivers, and what | `timetable.rs`, `entry.rs`, `delivery.rs`, `job.rs` |
//! | where the user's destructors run | `undertaker.rs` |
//!
//! # Promises
//! * After [`Timer::cancel`] has returned, or the arming of another timer with the same key, the old timer delivers
//!   nothing. So it is with the end of its owner: when a run ends, is given up, or the system begins to stop, its
//!   timers are over before anybody hears of that end. A unit that is asked to stop keeps its timers until it ends.
//! * A timer never fires early. A time in the past fires at once.
//! * Timers that are due together fire in the order of their times; at the same time, in that of their arming.
//! * Ticks that come due together, because the steward or the whole machine was late, are delivered as one that says
//!   how many it stands for. `delivered + missed + refused` is the number of ticks that have come due.
//!
//! # When the machine is suspended
//! Timers go by the monotonic clock of the operating system (or by that of [`SystemConfig::clock`]). On Linux and on
//! Apple's systems this clock stands still while the machine is suspended: every timer is late by the time of the
//! suspension as a clock on the wall sees it, and no tick is missed or bunched. On Windows it goes on: what came due
//! meanwhile fires at once after the resumption, the ticks of one timer as one. Changes of the wall clock move nothing.
//!
//! [`SystemConfig::clock`]: crate::system::SystemConfig::clock
//!
//! # Cost
//! To arm and to cancel is O(log n) in the number of pending timers, and a timer that is over leaves nothing behind. A
//! timer takes some hundred bytes and no thread. Not for what a worker waits for anyway: a receive with a deadline,
//! or [`WorkerContext::wait`](super::WorkerContext::wait), is simpler.

mod delivery;
mod entry;
mod handle;
mod index;
mod job;
mod schedule;
mod timer_error;
mod timers;
mod timetable;
mod undertaker;

pub use handle::Timer;
pub use schedule::{Every, Tick, TimerStats};
pub use timer_error::{ArmError, TimerError};
pub use timers::{OneShot, Periodic, Timers};
pub(crate) use timetable::Timetable;
