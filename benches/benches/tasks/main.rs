//! Timers: what it costs to arm, to cancel and to fire them.
//!
//! `cargo bench -p steadfast-benches --bench tasks`

mod timers;

use steadfast_benches::Suite;

fn main() {
    let mut suite = Suite::begin("tasks");
    timers::rows(&mut suite);
    suite.end();
}
