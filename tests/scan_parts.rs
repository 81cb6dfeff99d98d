//! The parts of `examples/scan`, each tested where it stands. `cargo test` builds the example itself as the program that
//! `tests/it/scan` runs, so its tests need a crate of their own.

#![expect(
    dead_code,
    reason = "the program in examples/scan/main.rs is the user of these parts"
)]

#[path = "../examples/scan/args.rs"]
mod args;
#[path = "../examples/scan/by_hand.rs"]
mod by_hand;
#[path = "../examples/scan/exit.rs"]
mod exit;
#[path = "../examples/scan/interrupt.rs"]
mod interrupt;
#[path = "../examples/scan/job/mod.rs"]
mod job;
#[path = "../examples/scan/progress.rs"]
mod progress;
#[path = "../examples/scan/state.rs"]
mod state;
#[path = "../examples/scan/table.rs"]
mod table;
#[path = "../examples/scan/terminal.rs"]
mod terminal;
