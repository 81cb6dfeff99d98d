//! Maps beside a thread pool with a channel back, rayon, and a thread for each item.
//!
//! The goal of the house is `map of small items`: at most twice `threadpool`, which knows neither order, nor
//! failures, nor timeouts, nor a bound. A thread for each item must miss it by far.

use std::collections::HashSet;
use std::hint::black_box;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use rayon::iter::{IntoParallelIterator, ParallelBridge, ParallelIterator};
use steadfast::{Clock, System, SystemConfig, TaskSupervisor, TaskSupervisorRef};
use steadfast_benches::{Goal, Suite, nanoseconds};

/// How many items are in work at a time, whoever does it.
const LANES: usize = 2;

/// How much work an item is: multiplications, each of the product before it.
#[derive(Clone, Copy)]
struct Load {
    items: u64,
    turns: u32,
}

impl Load {
    fn work(self, item: u64) -> u64 {
        let mut product = black_box(item | 1);
        for _ in 0..self.turns {
            product = black_box(product.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        }
        product
    }

    /// Nanoseconds for each item of a run over all.
    fn time(self, run: impl FnOnce() -> u64) -> f64 {
        let clock = Clock::system();
        let begin = clock.now();
        black_box(run());
        nanoseconds(clock.now() - begin) / self.items as f64
    }

    fn ours(self, tasks: &TaskSupervisorRef, ordered: bool) -> f64 {
        self.time(|| {
            let map = tasks.map(0..self.items, move |item, _| Ok(self.work(*item)));
            let map = map.max_concurrency(LANES);
            let map = if ordered { map } else { map.unordered() };
            let results = map.start().expect("it runs");
            sum(results.map(|result| result.expect("no failure")))
        })
    }

    /// All jobs are queued at once; results come in any order.
    fn threadpool(self, pool: &threadpool::ThreadPool) -> f64 {
        self.time(|| {
            let (tx, rx) = sync_channel(self.items as usize);
            for item in 0..self.items {
                let tx = tx.clone();
                pool.execute(move || {
                    let _gone = tx.send(self.work(item));
                });
            }
            drop(tx);
            sum(rx.into_iter())
        })
    }

    /// An iterator of unknown length, results through a channel: what a map is given and gives.
    fn rayon_bridge(self, pool: &rayon::ThreadPool) -> f64 {
        self.time(|| {
            let (tx, rx) = sync_channel(self.items as usize);
            let feed = move || {
                let each = |tx: &mut SyncSender<u64>, item| {
                    let _gone = tx.send(self.work(item));
                };
                (0..self.items).par_bridge().for_each_with(tx, each);
            };
            pool.spawn(feed);
            sum(rx.into_iter())
        })
    }

    /// A range of known length that is only summed: nothing is handed over for an item.
    fn rayon_range(self, pool: &rayon::ThreadPool) -> f64 {
        self.time(|| {
            let items = (0..self.items).into_par_iter();
            let sum = || {
                items
                    .map(|item| self.work(item))
                    .reduce(|| 0, u64::wrapping_add)
            };
            pool.install(sum)
        })
    }

    fn thread_per_item(self) -> f64 {
        self.time(|| {
            sum((0..self.items).step_by(LANES).map(|first| {
                let row = first..self.items.min(first + LANES as u64);
                thread::scope(|scope| {
                    let run = |item| scope.spawn(move || self.work(item));
                    let running: Vec<_> = row.map(run).collect();
                    sum(running.into_iter().map(joined))
                })
            }))
        })
    }
}

fn sum(values: impl Iterator<Item = u64>) -> u64 {
    values.fold(0, u64::wrapping_add)
}

fn joined(thread: thread::ScopedJoinHandle<'_, u64>) -> u64 {
    thread.join().expect("no panic")
}

pub(crate) fn rows(suite: &mut Suite) {
    let config = SystemConfig::new("bench").without_log();
    let system = System::with(config).expect("a system");
    let tasks = system.spawn(TaskSupervisor::new("tasks"));
    let tasks = tasks.expect("started");
    let pool = threadpool::ThreadPool::new(LANES);
    let rayon = rayon::ThreadPoolBuilder::new().num_threads(LANES).build();
    let rayon = rayon.expect("threads");
    let small = Load {
        items: suite.of(100_000, 1_000),
        turns: 2,
    };
    let large = Load {
        items: suite.of(4_000, 100),
        turns: 30_000,
    };
    for (name, load) in [("small", small), ("large", large)] {
        let (ours, unordered) = (|| load.ours(&tasks, true), || load.ours(&tasks, false));
        let theirs = || load.threadpool(&pool);
        let row = |what: &str| format!("map of {name} items{what}");
        suite.compare(&row(""), Goal::Ratio(2.0), ours, "threadpool", theirs);
        let what = row(", unordered");
        suite.compare(&what, Goal::Ratio(2.0), unordered, "threadpool", theirs);
        let theirs = || load.rayon_bridge(&rayon);
        let what = row(", beside rayon");
        suite.compare(&what, Goal::Shown, ours, "par_bridge", theirs);
        let theirs = || load.rayon_range(&rayon);
        let what = row(", beside a sum in rayon");
        suite.compare(&what, Goal::Shown, ours, "par_iter", theirs);
    }
    let few = Load {
        items: suite.of(5_000, 100),
        ..small
    };
    let theirs = || few.threadpool(&pool);
    let each = || few.thread_per_item();
    let row = "not ours: a thread for each small item";
    suite.compare(row, Goal::Shown, each, "threadpool", theirs);
    if suite.wants("threads of a map") {
        let threads = Some(threads(&tasks, small.items) as f64);
        suite.figure(
            "threads of a map of small items",
            Goal::Most(LANES as f64),
            threads,
            "threads",
        );
    }
}

/// How many threads work on the items of one map.
fn threads(tasks: &TaskSupervisorRef, items: u64) -> usize {
    let map = tasks.map(0..items, |_, _| Ok(thread::current().id()));
    let results = map.max_concurrency(LANES).start().expect("it runs");
    results.flatten().collect::<HashSet<_>>().len()
}
