//! What a limiter remembers of one key: a position under the limiter's rules, or the log of a sliding window.

use super::fixed_window::FixedWindow;
use super::gcra::Gcra;
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
    /// Of a token bucket.
    Bucket(Word),
    /// Of a fixed window.
    Window(Word),
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
                let FixedWindow { period, limit } = FixedWindow::unpack(&rules.present());
                Self::Log(Box::new(WindowLog::new(period, limit)))
            }
            Algorithm::TokenBucket => Self::Bucket(rules.word()),
            Algorithm::FixedWindow => Self::Window(rules.word()),
        }
    }

    /// Takes `cells` (at least one) that are asked for `now` and may be let through at `until` at the latest.
    pub(super) fn take(
        &self,
        rules: &Rules,
        now: u64,
        cells: u32,
        until: u64,
    ) -> Result<Taken, NotTaken> {
        match self {
            Self::Bucket(word) => {
                position::take::<Gcra>(rules, word, now, cells, until).map(placed)
            }
            Self::Window(word) => {
                position::take::<FixedWindow>(rules, word, now, cells, until).map(placed)
            }
            Self::Log(log) => take_logged(log, now, cells, until),
        }
    }

    /// As [`take`](Self::take) for now or not at all, and for good.
    #[inline(always)]
    pub(super) fn pass(&self, rules: &Rules, now: u64, cells: u32) -> Result<(), NotTaken> {
        match self {
            // In line: what is asked for most.
            Self::Bucket(word) => position::pass::<Gcra>(rules, word, now, cells),
            Self::Window(_) | Self::Log(_) => self.take(rules, now, cells, now).map(drop),
        }
    }

    /// Why `cells` (at least one) would not be taken, and when they would be.
    pub(super) fn peek(&self, rules: &Rules, now: u64, cells: u32) -> NotTaken {
        match self {
            Self::Bucket(word) => position::peek::<Gcra>(rules, word, now, cells),
            Self::Window(word) => position::peek::<FixedWindow>(rules, word, now, cells),
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
            (Self::Bucket(word), Undo::Position(place)) => {
                position::give_back::<Gcra>(rules, word, now, place)
            }
            (Self::Window(word), Undo::Position(place)) => {
                position::give_back::<FixedWindow>(rules, word, now, place)
            }
            (Self::Log(log), Undo::Log(grant)) => log.give_back(grant),
            (Self::Bucket(_) | Self::Window(_), Undo::Log(_))
            | (Self::Log(_), Undo::Position(_)) => false,
        }
    }

    /// How many cells may pass now; `None` if the key was given up.
    pub(super) fn remaining(&self, rules: &Rules, now: u64) -> Option<u32> {
        match self {
            Self::Bucket(word) => position::remaining::<Gcra>(rules, word, now),
            Self::Window(word) => position::remaining::<FixedWindow>(rules, word, now),
            Self::Log(log) => log.remaining(now),
        }
    }

    /// Goes on under the rules as they are now.
    pub(super) fn settle(&self, rules: &Rules, now: u64) {
        match self {
            Self::Bucket(word) => position::settle::<Gcra>(rules, word, now),
            Self::Window(word) => position::settle::<FixedWindow>(rules, word, now),
            Self::Log(log) => {
                let FixedWindow { period, limit } = FixedWindow::unpack(&rules.present());
                log.replace(period, limit);
            }
        }
    }

    /// Gives the key up if it is as good as new. True if it is given up now.
    pub(super) fn retire(&self, rules: &Rules, now: u64) -> bool {
        match self {
            Self::Bucket(word) => position::retire::<Gcra>(rules, word, now),
            Self::Window(word) => position::retire::<FixedWindow>(rules, word, now),
            Self::Log(log) => log.retire(now),
        }
    }

    /// Forgets all cells.
    pub(super) fn reset(&self, rules: &Rules, now: u64) {
        match self {
            Self::Bucket(word) => position::clear::<Gcra>(rules, word, now),
            Self::Window(word) => position::clear::<FixedWindow>(rules, word, now),
            Self::Log(log) => log.reset(),
        }
    }
}

fn placed(place: Place) -> Taken {
    let (at, undo) = (place.at, Undo::Position(place));
    Taken { at, undo }
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
