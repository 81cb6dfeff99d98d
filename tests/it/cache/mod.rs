//! The cache from outside.

mod bad_input;
mod bounds;
mod bulk;
mod loads;
mod lookups;
mod pins;
mod random;
mod reference;
mod refreshes;
mod removal;
mod times;
