//! Partitions: one child in many copies, so that work on different keys does not meet.
//!
//! A [`PartitionSupervisor`] is a static supervisor whose children are made from one closure. Each key
//! belongs to one partition ([`PartitionsRef::route`]), and nobody is asked for the way: routing is a
//! calculation. Not for children that differ, or that come and go: those are a
//! [`Supervisor`](super::Supervisor)'s and a [`DynamicSupervisor`](super::DynamicSupervisor)'s.
//!
//! * `partition_supervisor.rs`: the specification; `partitions_ref.rs`: the handle.
//! * `resize_error.rs`: why there is no partition, and why a resize was refused.
//! * `routing.rs`: which key goes where (pure).

mod partition_supervisor;
mod partitions_ref;
mod resize_error;
mod routing;

pub use partition_supervisor::PartitionSupervisor;
pub use partitions_ref::PartitionsRef;
pub use resize_error::{NoPartition, ResizeError};
