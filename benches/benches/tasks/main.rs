//! Timers and maps: what it costs to arm, to cancel and to fire the ones, and what an item of the others costs.
//!
//! `cargo bench -p steadfast-benches --bench tasks`

mod map;
mod timers;

use steadfast_benches::Suite;

fn main() {
    let mut suite = Suite::begin("tasks");
    map::rows(&mut suite);
    timers::rows(&mut suite);
    suite.end();
}
