//! The main job, `examples/scan`, as its user meets it: the program, its table, its exit codes.
//!
//! * `inputs.rs`: what is on the command line and in the directory.
//! * `faults.rs`: panics, hangs, budgets.
//! * `resume.rs`: Ctrl-C and checkpoints.
//! * `run.rs`, `tree.rs`: the program and its directories.

mod faults;
mod inputs;
mod resume;
mod run;
mod tree;
