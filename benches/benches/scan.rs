//! The main job without chaos: the supervised pipeline of `examples/scan` beside the same work written by
//! hand, with scoped threads and flume channels. Both read, parse and hash each file with the same code.
//!
//! `cargo bench -p steadfast-benches --bench scan`; `STEADFAST_BENCH_DIR` names another directory than
//! the sources of the dependencies.

#[expect(
    unused_imports,
    reason = "programs without a harness see the modules of tests, and no test in them"
)]
#[path = "../../examples/scan/by_hand.rs"]
mod by_hand;
#[expect(
    dead_code,
    unused_imports,
    reason = "the example is mounted whole; the bench leaves its chaos, checkpoints and tests out"
)]
#[path = "../../examples/scan/job/mod.rs"]
mod job;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use job::book::Book;
use job::chaos::Chaos;
use job::pipeline;
use job::plan::{CAPACITY, Plan};
use job::totals::Totals;
use steadfast_benches::{Goal, Suite, per_operation, processor_time};

fn main() {
    let mut suite = Suite::begin("scan");
    let directory = directory(&suite);
    let files = by_hand::scan(&directory, 1, CAPACITY).results();
    println!("{files} files below {}", directory.display());
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    for workers in [1, cores, 2 * cores] {
        let row = format!("scan, {workers} parsers");
        suite.compare(
            &row,
            Goal::Ratio(1.15),
            || per_operation(1, || supervised(&directory, workers, files)),
            "by hand",
            || per_operation(1, || unsupervised(&directory, workers, files)),
        );
        // What other programs on the machine cannot stretch.
        suite.compare(
            &format!("{row}, processor time"),
            Goal::Shown,
            || processor_time(|| supervised(&directory, workers, files)),
            "by hand",
            || processor_time(|| unsupervised(&directory, workers, files)),
        );
    }
    suite.end();
}

fn supervised(directory: &Path, workers: usize, files: u64) {
    let plan = Plan {
        dir: directory.to_owned(),
        own: None,
        workers,
        chaos: Chaos::default(),
        restarts: None,
        max_abandoned: 0,
    };
    let on = |_| ControlFlow::Continue(());
    let finished = pipeline::run(plan, Book::new(None, false), on);
    check(finished.expect("the tree starts").book.totals(), files);
}

fn unsupervised(directory: &Path, workers: usize, files: u64) {
    check(&by_hand::scan(directory, workers, CAPACITY), files);
}

fn check(totals: &Totals, files: u64) {
    assert_eq!(totals.results(), files, "both read all there is");
}

/// Thousands of real files; in quick mode those of the library itself.
fn directory(suite: &Suite) -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../src");
    if let Some(named) = std::env::var_os("STEADFAST_BENCH_DIR") {
        return named.into();
    }
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::home_dir().map(|home| home.join(".cargo")));
    let sources = home.map(|home| home.join("registry/src"));
    let sources = sources.filter(|directory| directory.is_dir());
    suite.of(sources.unwrap_or_else(|| own.clone()), own)
}
