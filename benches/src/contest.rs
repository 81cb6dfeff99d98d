//! Many in one row: ours, the rivals and the floors take turns.

use std::fmt;

use crate::figures::{median, time_text};
use crate::goal::Goal;
use crate::suite::{Suite, range};

/// Fewer than a row of two has: a round is that of all.
const ROUNDS: usize = 7;
const TAIL_ROUNDS: usize = 3;

/// One that takes part in a contest.
pub struct Entrant<'a> {
    name: String,
    is_floor: bool,
    round: Box<dyn FnMut() -> f64 + 'a>,
    tail: Box<dyn FnMut() -> f64 + 'a>,
}

impl<'a> Entrant<'a> {
    /// `round` is one round, and says how many nanoseconds an operation took; `tail` says how many nanoseconds one
    /// operation of a thousand takes at least. A floor does less than the others: it is shown, and is no rival.
    pub fn new(
        name: &str,
        is_floor: bool,
        round: impl FnMut() -> f64 + 'a,
        tail: impl FnMut() -> f64 + 'a,
    ) -> Self {
        Self {
            name: name.to_owned(),
            is_floor,
            round: Box::new(round),
            tail: Box::new(tail),
        }
    }
}

impl fmt::Debug for Entrant<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entrant")
            .field("name", &self.name)
            .field("is_floor", &self.is_floor)
            .finish_non_exhaustive()
    }
}

/// What one of them has reached.
struct Reached {
    rounds: Vec<f64>,
    tail: f64,
}

impl Reached {
    fn text(&self) -> String {
        let middle = time_text(median(&self.rounds));
        format!("{middle}, p99.9 {}", time_text(self.tail))
    }
}

impl Suite {
    /// Measures ours, the first of the entrants, beside all others. A row shows ours, the best rival and the ratio of the
    /// two; the lines below it show the others, and the row that `goal` asks for: it names a rival and what is to be
    /// reached beside it.
    ///
    /// Tails are measured on their own, after the rounds.
    pub fn contest(&mut self, row: &str, goal: Option<(&str, Goal)>, entrants: &mut [Entrant<'_>]) {
        let reached = self.run(entrants);
        let ours = &reached[0];
        let named = || entrants.iter().zip(&reached).skip(1);
        let best = named()
            .filter(|(entrant, _)| !entrant.is_floor)
            .min_by(|(_, a), (_, b)| median(&a.rounds).total_cmp(&median(&b.rounds)));
        if let Some((entrant, theirs)) = best {
            self.beside(row, Goal::Shown, ours, &entrant.name, theirs);
        }
        if let Some((name, goal)) = goal {
            let rival = named().find(|(entrant, _)| entrant.name == name);
            if let Some((entrant, theirs)) = rival {
                let row = format!("{row}, beside {name}");
                self.beside(&row, goal, ours, &entrant.name, theirs);
            }
        }
        let others = named().map(|(entrant, theirs)| format!("{} {}", entrant.name, theirs.text()));
        println!("  {}", others.collect::<Vec<_>>().join("; "));
    }

    fn run(&self, entrants: &mut [Entrant<'_>]) -> Vec<Reached> {
        let (rounds, tail_rounds) = self.of((ROUNDS, TAIL_ROUNDS), (1, 1));
        let count = entrants.len();
        let mut figures = vec![Vec::new(); count];
        // The round before them warms up.
        for round in 0..=rounds {
            for turn in 0..count {
                let at = (round + turn) % count;
                let figure = (entrants[at].round)();
                if round > 0 {
                    figures[at].push(figure);
                }
            }
        }
        let mut tails = vec![Vec::new(); count];
        for _ in 0..tail_rounds {
            for (entrant, tails) in entrants.iter_mut().zip(&mut tails) {
                tails.push((entrant.tail)());
            }
        }
        let reached = figures.into_iter().zip(tails);
        reached
            .map(|(rounds, tails)| Reached {
                rounds,
                tail: median(&tails),
            })
            .collect()
    }

    fn beside(&mut self, row: &str, goal: Goal, ours: &Reached, rival: &str, theirs: &Reached) {
        let pairs = ours.rounds.iter().zip(&theirs.rounds);
        let ratios: Vec<f64> = pairs.map(|(a, b)| a / b).collect();
        let (least, greatest) = range(&ratios);
        let ratio = median(&ratios);
        let verdict = self.judge(goal.is_met(median(&ours.rounds), Some(ratio)));
        println!(
            "{row} | {} | {rival} {} | {ratio:.2} ({least:.2} to {greatest:.2}) | {goal} | {verdict}",
            ours.text(),
            theirs.text(),
        );
    }
}
