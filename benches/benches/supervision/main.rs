//! Restarts, starts and stops: what supervision costs beside threads without it.
//!
//! `cargo bench -p steadfast-benches --bench supervision`

mod children;
mod restart;
mod units;

use steadfast_benches::Suite;

fn main() {
    if let Some(bytes) = children::resident_answer(std::env::args().skip(1)) {
        println!("{bytes}");
        return;
    }
    restart::install_quiet_hook();
    let mut suite = Suite::begin("supervision");
    restart::rows(&mut suite);
    units::rows(&mut suite);
    children::rows(&mut suite);
    suite.end();
}
