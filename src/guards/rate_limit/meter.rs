//! What a limiter remembers of one key: a position under the limiter's rules, or the log of a sliding window.

use super::place::Place;
use super::position::{self, NotTaken};
use super::quota::Algorithm;
use super::rule::Rule;
use super::sliding_window::{Grant, Outcome};
use super::window_log::WindowLog;
use crate::kernel::rules::Rules;
use crate::kernel::word::Word;

/// What a limiter remembers of one key. The rules are shared by all meters of a limiter.
pub(super) enum Meter {
    /// Of a token bucket or a fixed window, or of nothing that passes.
    Position(Word),
    /// Of a sliding window.
    Log(Box<WindowLog>),
}

/// Cells that were taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taken {
    /// When they are let through.
    pub(super) at: u64,
    undo: Undo,
}

/// How to make it so that they were never taken.
#[derive(Clone, Copy, Debug)]
enum Undo {
    Position(Place),
    Log(Grant),
}

impl Meter {
    /// A meter that nothing was taken of, under the rules as they are now.
    pub(super) fn new(algorithm: Algorithm, rules: &Rules) -> Self {
        match algorithm {
            Algorithm::SlidingWindow => {
                let (period, limit) = window(Rule::unpack(&rules.present()));
                Self::Log(Box::new(WindowLog::new(period, limit)))
            }
            Algorithm::TokenBucket | Algorithm::FixedWindow => Self::Position(rules.word()),
        }
    }

    /// Takes `cells` (at least one) that are asked for `now` and may be let through at `until` at the latest.
    #[inline]
    pub(super) fn take(
        &self,
        rules: &Rules,
        now: u64,
        cells: u32,
        until: u64,
    ) -> Result<Taken, NotTaken> {
        match self {
            Self::Position(word) => {
                let place = position::take(rules, word, now, cells, until)?;
                let (at, undo) = (place.at, Undo::Position(place));
                Ok(Taken { at, undo })
            }
            Self::Log(log) => take_logged(log, now, cells, until),
        }
    }

    /// As [`take`](Self::take) for now or not at all, and for good.
    #[inline]
    pub(super) fn pass(&self, rules: &Rules, now: u64, cells: u32) -> Result<(), NotTaken> {
        match self {
            Self::Position(word) => position::take(rules, word, now, cells, now).map(drop),
            Self::Log(log) => take_logged(log, now, cells, now).map(drop),
        }
    }

    /// Why `cells` (at least one) would not be taken, and when they would be.
    pub(super) fn peek(&self, rules: &Rules, now: u64, cells: u32) -> NotTaken {
        match self {
            Self::Position(word) => position::peek(rules, word, now, cells),
            Self::Log(log) => {
                let limit = log.limit();
                let late = |at| NotTaken::Late { at, limit };
                log.place(now, cells)
                    .map_or(NotTaken::Impossible { limit }, late)
            }
        }
    }

    /// Makes it so that the cells were never taken. False, and nothing happens, if others were taken after them.
    pub(super) fn give_back(&self, rules: &Rules, taken: Taken, now: u64) -> bool {
        match (self, taken.undo) {
            (Self::Position(word), Undo::Position(place)) => {
                position::give_back(rules, word, now, place)
            }
            (Self::Log(log), Undo::Log(grant)) => log.give_back(grant),
            (Self::Position(_), Undo::Log(_)) | (Self::Log(_), Undo::Position(_)) => false,
        }
    }

    /// How many cells may pass now; `None` if the key was given up.
    pub(super) fn remaining(&self, rules: &Rules, now: u64) -> Option<u32> {
        match self {
            Self::Position(word) => position::remaining(rules, word, now),
            Self::Log(log) => log.remaining(now),
        }
    }

    /// Goes on under the rules as they are now.
    pub(super) fn settle(&self, rules: &Rules, now: u64) {
        match self {
            Self::Position(word) => position::settle(rules, word, now),
            Self::Log(log) => {
                let (period, limit) = window(Rule::unpack(&rules.present()));
                log.replace(period, limit);
            }
        }
    }

    /// Gives the key up if it is as good as new. True if it is given up now.
    pub(super) fn retire(&self, rules: &Rules, now: u64) -> bool {
        match self {
            Self::Position(word) => position::retire(rules, word, now),
            Self::Log(log) => log.retire(now),
        }
    }

    /// Forgets all cells.
    pub(super) fn reset(&self, rules: &Rules, now: u64) {
        match self {
            Self::Position(word) => position::clear(rules, word, now),
            Self::Log(log) => log.reset(),
        }
    }
}

/// Period and limit of a sliding window; nothing passes where the rule is closed.
const fn window(rule: Rule) -> (u64, u32) {
    match rule {
        Rule::Window(window) => (window.period, window.limit),
        Rule::Closed | Rule::Bucket(_) => (1, 0),
    }
}

fn take_logged(log: &WindowLog, now: u64, cells: u32, until: u64) -> Result<Taken, NotTaken> {
    let limit = log.limit();
    match log.take(now, cells, until) {
        Outcome::Taken(grant) => {
            let (at, undo) = (grant.at, Undo::Log(grant));
            Ok(Taken { at, undo })
        }
        Outcome::TooLate(at) => Err(NotTaken::Late { at, limit }),
        Outcome::Impossible => Err(NotTaken::Impossible { limit }),
        Outcome::Retired => Err(NotTaken::Retired),
    }
}
