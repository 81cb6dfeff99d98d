//! What a limiter remembers of one key: a position under the limiter's rules, or the log of a sliding window.

use std::convert::Infallible;

use parking_lot::Mutex;

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
pub(super) struct Meter {
    state: State,
    /// Names what was taken since it was made or reset: what was taken under another name is not given back to it.
    era: Word,
}

enum State {
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
    /// The era that they were taken in, or one before it where a reset came between.
    era: u64,
}

/// How to make it so that they were never taken.
#[derive(Clone, Copy, Debug)]
enum Undo {
    Position(Place),
    Log(Grant),
}

/// The eras of all meters of a limiter, none of which comes twice. Who gives cells back and who resets a meter come one
/// after the other: a position says how many cells were taken, not whose they are, so that a reset between the look at the
/// era and the giving back would have the cells of somebody else given back.
pub(super) struct Eras(Mutex<u64>);

impl Eras {
    pub(super) const fn new() -> Self {
        Self(Mutex::new(0))
    }

    fn next(last: &mut u64) -> u64 {
        *last += 1;
        *last
    }
}

impl Meter {
    /// A meter that nothing was taken of, under the rules as they are now.
    pub(super) fn new(algorithm: Algorithm, rules: &Rules, eras: &Eras) -> Self {
        let state = match algorithm {
            Algorithm::SlidingWindow => {
                let FixedWindow { period, limit } = FixedWindow::unpack(&rules.present());
                State::Log(Box::new(WindowLog::new(period, limit)))
            }
            Algorithm::TokenBucket => State::Bucket(rules.word()),
            Algorithm::FixedWindow => State::Window(rules.word()),
        };
        let era = Word::new(Eras::next(&mut eras.0.lock()));
        Self { state, era }
    }

    /// Takes `cells` (at least one) that are asked for `now` and may be let through at `until` at the latest.
    pub(super) fn take(
        &self,
        rules: &Rules,
        now: u64,
        cells: u32,
        until: u64,
    ) -> Result<Taken, NotTaken> {
        // Before they are taken: where a reset comes between, they stay taken.
        let era = self.era.load();
        let (at, undo) = match &self.state {
            State::Bucket(word) => placed(position::take::<Gcra>(rules, word, now, cells, until)?),
            State::Window(word) => placed(position::take::<FixedWindow>(
                rules, word, now, cells, until,
            )?),
            State::Log(log) => take_logged(log, now, cells, until)?,
        };
        Ok(Taken { at, undo, era })
    }

    /// As [`take`](Self::take) for now or not at all, and for good.
    #[inline(always)]
    pub(super) fn pass(&self, rules: &Rules, now: u64, cells: u32) -> Result<(), NotTaken> {
        match &self.state {
            // In line: what is asked for most.
            State::Bucket(word) => position::pass::<Gcra>(rules, word, now, cells),
            State::Window(_) | State::Log(_) => self.take(rules, now, cells, now).map(drop),
        }
    }

    /// Why `cells` (at least one) would not be taken, and when they would be.
    pub(super) fn peek(&self, rules: &Rules, now: u64, cells: u32) -> NotTaken {
        match &self.state {
            State::Bucket(word) => position::peek::<Gcra>(rules, word, now, cells),
            State::Window(word) => position::peek::<FixedWindow>(rules, word, now, cells),
            State::Log(log) => {
                let limit = log.limit();
                let late = |at| NotTaken::Late { at, limit };
                log.place(now, cells)
                    .map_or(NotTaken::Impossible { limit }, late)
            }
        }
    }

    /// Makes it so that the cells were never taken. False, and nothing happens, if others were taken after them, or if it
    /// was reset since.
    pub(super) fn give_back(&self, rules: &Rules, eras: &Eras, taken: Taken, now: u64) -> bool {
        let _no_reset = eras.0.lock();
        if self.era.load() != taken.era {
            return false;
        }
        match (&self.state, taken.undo) {
            (State::Bucket(word), Undo::Position(place)) => {
                position::give_back::<Gcra>(rules, word, now, place)
            }
            (State::Window(word), Undo::Position(place)) => {
                position::give_back::<FixedWindow>(rules, word, now, place)
            }
            (State::Log(log), Undo::Log(grant)) => log.give_back(grant),
            (State::Bucket(_) | State::Window(_), Undo::Log(_))
            | (State::Log(_), Undo::Position(_)) => false,
        }
    }

    /// How many cells may pass now; `None` if the key was given up.
    pub(super) fn remaining(&self, rules: &Rules, now: u64) -> Option<u32> {
        match &self.state {
            State::Bucket(word) => position::remaining::<Gcra>(rules, word, now),
            State::Window(word) => position::remaining::<FixedWindow>(rules, word, now),
            State::Log(log) => log.remaining(now),
        }
    }

    /// Goes on under the rules as they are now.
    pub(super) fn settle(&self, rules: &Rules, now: u64) {
        match &self.state {
            State::Bucket(word) => position::settle::<Gcra>(rules, word, now),
            State::Window(word) => position::settle::<FixedWindow>(rules, word, now),
            State::Log(log) => {
                let FixedWindow { period, limit } = FixedWindow::unpack(&rules.present());
                log.replace(period, limit);
            }
        }
    }

    /// Gives the key up if it is as good as new. True if it is given up now.
    pub(super) fn retire(&self, rules: &Rules, now: u64) -> bool {
        match &self.state {
            State::Bucket(word) => position::retire::<Gcra>(rules, word, now),
            State::Window(word) => position::retire::<FixedWindow>(rules, word, now),
            State::Log(log) => log.retire(now),
        }
    }

    /// Forgets all cells.
    pub(super) fn reset(&self, rules: &Rules, eras: &Eras, now: u64) {
        let mut last = eras.0.lock();
        match &self.state {
            State::Bucket(word) => position::clear::<Gcra>(rules, word, now),
            State::Window(word) => position::clear::<FixedWindow>(rules, word, now),
            State::Log(log) => log.reset(),
        }
        // Afterwards: who reads the new era takes cells of what is cleared.
        let next = Eras::next(&mut last);
        let _raised = self.era.decide(|_| Ok::<_, Infallible>((next, ())));
    }
}

fn placed(place: Place) -> (u64, Undo) {
    (place.at, Undo::Position(place))
}

fn take_logged(log: &WindowLog, now: u64, cells: u32, until: u64) -> Result<(u64, Undo), NotTaken> {
    let limit = log.limit();
    match log.take(now, cells, until) {
        Outcome::Taken(grant) => Ok((grant.at, Undo::Log(grant))),
        Outcome::TooLate(at) => Err(NotTaken::Late { at, limit }),
        Outcome::Impossible => Err(NotTaken::Impossible { limit }),
        Outcome::Retired => Err(NotTaken::Retired),
    }
}
