//! How many of the look-ups hit, ours beside the rivals': one thread, insert on a miss, entries of weight one.
//!
//! `cargo bench -p steadfast-benches --bench hit_ratio -- FOLDER`
//!
//! `FOLDER` holds the traces: `OLTP.lis.gz` and `P3.lis.gz` of Megiddo and Modha (ARC, FAST 2003), the LIRS traces of Jiang
//! and Zhang (SIGMETRICS 2002), and a request log of the cache2k benchmarks. Without it only the patterns are run.

mod caches;
mod patterns;
mod traces;

use std::path::PathBuf;

use caches::{CACHES, hit_ratio};
use patterns::patterns;
use traces::{POINTS, read};

/// Ours is on no point more than so much below the best rival, in parts of a hundred.
const MOST_BELOW: f64 = 4.0;

/// The mean over the points of the traces that ours has to reach.
const GOAL: f64 = 45.7;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let is_quick = args.iter().any(|arg| arg == "--quick" || arg == "--test")
        || std::env::var_os("STEADFAST_BENCH_QUICK").is_some();
    let folder = args.iter().find(|arg| !arg.starts_with('-'));
    println!(
        "# hit_ratio{}",
        if is_quick { ", quick: no figures" } else { "" }
    );
    match folder.map(PathBuf::from) {
        None => println!("traces: skipped, give their folder as an argument"),
        Some(folder) if !folder.is_dir() => println!("traces: skipped, {folder:?} is no folder"),
        Some(folder) => {
            let inner = folder.join("traces");
            let folder = if inner.is_dir() { inner } else { folder };
            let mut table = Table::begin("trace");
            for (name, capacity) in POINTS {
                match read(&folder, name) {
                    Ok(keys) => table.row(name, *capacity, &keys[..cut(is_quick, keys.len())]),
                    Err(error) => println!("{name}: skipped, {error}"),
                }
            }
            let is_whole = table.rows as usize == POINTS.len();
            table.end(is_whole.then_some(GOAL));
        }
    }
    let mut table = Table::begin("pattern");
    for (name, capacity, keys) in patterns(cut(is_quick, 400_000)) {
        table.row(name, capacity, &keys);
    }
    table.end(None);
}

fn cut(is_quick: bool, length: usize) -> usize {
    if is_quick { length.min(2_000) } else { length }
}

struct Table {
    sums: Vec<f64>,
    rows: u32,
    worst: f64,
}

impl Table {
    fn begin(what: &str) -> Self {
        let names: Vec<_> = CACHES.iter().map(|(name, _)| *name).collect();
        println!(
            "\n{what}, capacity | {} | ours - best rival",
            names.join(" | ")
        );
        println!("---|{}---", "---|".repeat(names.len()));
        Self {
            sums: vec![0.0; CACHES.len()],
            rows: 0,
            worst: f64::INFINITY,
        }
    }

    fn row(&mut self, name: &str, capacity: u64, keys: &[u64]) {
        let ratios = CACHES
            .iter()
            .map(|(_, make)| hit_ratio(&mut *make(capacity), keys));
        let ratios: Vec<_> = ratios.collect();
        let best = ratios[1..].iter().copied().fold(0.0, f64::max);
        let texts: Vec<_> = ratios.iter().map(|it| format!("{it:.2}")).collect();
        println!(
            "{name} {capacity} | {} | {:+.2}",
            texts.join(" | "),
            ratios[0] - best
        );
        self.sums
            .iter_mut()
            .zip(&ratios)
            .for_each(|(sum, it)| *sum += it);
        self.rows += 1;
        self.worst = self.worst.min(ratios[0] - best);
    }

    fn end(self, goal: Option<f64>) {
        if self.rows == 0 {
            return println!("no row, no mean");
        }
        let means: Vec<_> = self
            .sums
            .iter()
            .map(|sum| sum / f64::from(self.rows.max(1)))
            .collect();
        let texts: Vec<_> = means.iter().map(|it| format!("{it:.2}")).collect();
        println!("mean | {} | worst {:+.2}", texts.join(" | "), self.worst);
        if let Some(goal) = goal {
            let met = |is_met| if is_met { "yes" } else { "NO" };
            println!("mean >= {goal}: {}", met(means[0] >= goal));
            println!(
                "nowhere more than {MOST_BELOW} below: {}",
                met(self.worst >= -MOST_BELOW)
            );
        }
    }
}
