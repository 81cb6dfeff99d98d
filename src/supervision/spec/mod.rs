//! What is specified: inert values, and their validation as a whole. Pure.
//!
//! * `child_id.rs`, `policy.rs`, `strategy.rs`, `intensity.rs`: the values.
//! * `tuning.rs`: their setters, shared by a child to be and a live change.
//! * `validate.rs`, `spec_error.rs`: all that is wrong with a specification.

pub(crate) mod child_id;
pub(crate) mod intensity;
pub(crate) mod policy;
pub(crate) mod spec_error;
pub(crate) mod strategy;
pub(crate) mod tuning;
pub(crate) mod validate;
