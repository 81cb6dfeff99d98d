//! The dynamic machine: many alike children that come and go, unordered, one-for-one.
//!
//! Every event costs constant time, or time logarithmic in the number of children that wait for a
//! time; the number of children is known without counting. A child that ends for good leaves nothing
//! behind, and a stop asks all children at once.
//!
//! Unlike OTP's dynamic supervisors, which ignore ids, children here are found by id as well as by
//! key, so ids are unique among the children that a machine has: a path must name one unit. Who wants
//! none of it makes ids up.

mod calls;
mod dynamic_machine;
mod runs;
mod slab;

pub(crate) use dynamic_machine::DynamicMachine;
