//! The rounds and the table.

use crate::figures::{median, time_text};
use crate::goal::Goal;

/// Something that is measured: each call is one round, and says how many nanoseconds an operation took.
type Contender<'a> = &'a mut dyn FnMut() -> f64;

const ROUNDS: usize = 11;
const QUICK_ROUNDS: usize = 2;

/// One program of benches: its mode, and the table that it prints.
#[derive(Debug)]
pub struct Suite {
    quick: bool,
    only: Vec<String>,
    judged: u32,
    met: u32,
}

impl Suite {
    /// Begins the table of this program.
    ///
    /// `--test` or `--quick` on the command line, or `STEADFAST_BENCH_QUICK` in the environment, ask for
    /// small numbers: to see that all of it works, not how fast. Other words name rows: only those
    /// that contain one of them are run.
    #[must_use]
    pub fn begin(name: &str) -> Self {
        let args: Vec<String> = std::env::args().skip(1).collect();
        let quick = args.iter().any(|arg| arg == "--test" || arg == "--quick")
            || std::env::var_os("STEADFAST_BENCH_QUICK").is_some();
        let only = args.into_iter().filter(|arg| !arg.starts_with('-'));
        println!("# {name}{}", if quick { ", quick: no figures" } else { "" });
        println!("row | ours | rival | ratio (least to greatest) | goal | met?");
        println!("---|---|---|---|---|---");
        Self {
            quick,
            only: only.collect(),
            judged: 0,
            met: 0,
        }
    }

    /// The number for a full run or, in quick mode, the small one.
    pub fn of<N>(&self, full: N, quick: N) -> N {
        if self.quick { quick } else { full }
    }

    /// Whether this row was asked for.
    #[must_use]
    pub fn wants(&self, row: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|word| row.contains(word))
    }

    /// Measures ours and the rival in turns.
    pub fn compare(
        &mut self,
        row: &str,
        goal: Goal,
        mut ours: impl FnMut() -> f64,
        rival: &str,
        mut theirs: impl FnMut() -> f64,
    ) {
        if !self.wants(row) {
            return;
        }
        let (mine, other) = self.rounds(&mut ours, &mut theirs);
        let ratios: Vec<f64> = mine.iter().zip(&other).map(|(a, b)| a / b).collect();
        let (least, greatest) = range(&ratios);
        let (ours, theirs, ratio) = (median(&mine), median(&other), median(&ratios));
        let ratios = format!("{ratio:.2} ({least:.2} to {greatest:.2})");
        let verdict = self.judge(goal.is_met(ours, Some(ratio)));
        println!(
            "{row} | {} | {rival} {} | {ratios} | {goal} | {verdict}",
            time_text(ours),
            time_text(theirs),
        );
    }

    /// Measures what has no rival.
    pub fn time(&mut self, row: &str, goal: Goal, mut ours: impl FnMut() -> f64) {
        if !self.wants(row) {
            return;
        }
        let _warm = ours();
        let figures: Vec<f64> = (0..self.rounds_to_run()).map(|_| ours()).collect();
        let (least, greatest) = range(&figures);
        let middle = median(&figures);
        let verdict = self.judge(goal.is_met(middle, None));
        println!(
            "{row} | {} ({} to {}) | - | - | {goal} | {verdict}",
            time_text(middle),
            time_text(least),
            time_text(greatest),
        );
    }

    /// Shows a figure that is no time; `None` where the operating system does not tell it.
    pub fn figure(&mut self, row: &str, goal: Goal, ours: Option<f64>, unit: &str) {
        let Some(ours) = ours else {
            println!("{row} | not told here | - | - | {goal} | -");
            return;
        };
        let verdict = self.judge(goal.is_met(ours, None));
        println!("{row} | {ours:.4} {unit} | - | - | {goal} {unit} | {verdict}");
    }

    /// Closes the table.
    pub fn end(self) {
        println!("\n{} of {} goals met", self.met, self.judged);
    }

    /// Each round runs both; who goes first changes. The round before them warms up.
    fn rounds(&self, ours: Contender<'_>, theirs: Contender<'_>) -> (Vec<f64>, Vec<f64>) {
        let _warm = (ours(), theirs());
        let mut figures = (Vec::new(), Vec::new());
        for round in 0..self.rounds_to_run() {
            if round % 2 == 0 {
                figures.0.push(ours());
                figures.1.push(theirs());
            } else {
                figures.1.push(theirs());
                figures.0.push(ours());
            }
        }
        figures
    }

    fn rounds_to_run(&self) -> usize {
        self.of(ROUNDS, QUICK_ROUNDS)
    }

    /// Quick figures mean nothing, so nothing is said of them.
    pub(crate) fn judge(&mut self, met: Option<bool>) -> &'static str {
        match met.filter(|_| !self.quick) {
            None => "-",
            Some(met) => {
                self.judged += 1;
                self.met += u32::from(met);
                if met { "yes" } else { "NO" }
            }
        }
    }
}

/// The least and the greatest.
pub(crate) fn range(figures: &[f64]) -> (f64, f64) {
    figures
        .iter()
        .fold((f64::INFINITY, 0.0), |(least, greatest), &figure| {
            (figure.min(least), figure.max(greatest))
        })
}
