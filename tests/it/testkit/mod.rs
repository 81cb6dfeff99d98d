//! The test kit: what it finds, what it lets go wrong, and that it stands still.

mod faults;
mod leftovers;
mod test_system;
