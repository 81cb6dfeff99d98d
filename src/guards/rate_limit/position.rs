//! A position in shared memory: a word of the kernel, under rules that can be replaced.

use super::place::{END, Place};
use super::rule::Rule;
use crate::kernel::rules::{Numbers, Rules};
use crate::kernel::word::Word;

/// The position of a key that was given up: it never changes again.
const RETIRED: u64 = END;

/// Cells that were not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotTaken {
    /// They could be, at this time; `limit` can pass at once.
    Late { at: u64, limit: u32 },
    /// As many never pass at once.
    Impossible { limit: u32 },
    /// The key was given up: ask again about the one in its place.
    Retired,
}

/// Takes `cells` (at least one) of a word of these rules, which are all of the kind `R`.
pub(crate) fn take<R: Rule>(
    rules: &Rules,
    word: &Word,
    now: u64,
    cells: u32,
    until: u64,
) -> Result<Place, NotTaken> {
    rules.decide(word, converted_at::<R>(now), move |numbers, position| {
        let rule = R::unpack(numbers);
        match rule.place(position, now, cells) {
            Some(place) if place.at <= until.max(now) => Ok((place.next, place)),
            place => Err(not_taken(rule, position, place)),
        }
    })
}

/// As [`take`] for now or not at all, and for good: what nearly all requests ask for, with the least code.
#[inline]
pub(crate) fn pass<R: Rule>(
    rules: &Rules,
    word: &Word,
    now: u64,
    cells: u32,
) -> Result<(), NotTaken> {
    rules.decide(word, converted_at::<R>(now), move |numbers, position| {
        let rule = R::unpack(numbers);
        match rule.place(position, now, cells) {
            Some(place) if place.at <= now => Ok((place.next, ())),
            place => Err(not_taken(rule, position, place)),
        }
    })
}

#[inline]
fn not_taken(rule: impl Rule, position: u64, place: Option<Place>) -> NotTaken {
    let limit = rule.most();
    match place {
        _ if position == RETIRED => NotTaken::Retired,
        Some(Place { at, .. }) => NotTaken::Late { at, limit },
        None => NotTaken::Impossible { limit },
    }
}

/// Gives a word up if it is as good as new. True if it is given up now.
pub(crate) fn retire<R: Rule>(rules: &Rules, word: &Word, now: u64) -> bool {
    let retire = |numbers: &Numbers, position| {
        let is_fresh = position != RETIRED && R::unpack(numbers).is_fresh(position, now);
        is_fresh.then_some((RETIRED, ())).ok_or(())
    };
    rules.decide(word, converted_at::<R>(now), retire).is_ok()
}

/// When `cells` (at least one) that are asked for `now` would be let through.
pub(crate) fn peek<R: Rule>(rules: &Rules, word: &Word, now: u64, cells: u32) -> NotTaken {
    look(rules, word, now, |rule: R, position| {
        not_taken(rule, position, rule.place(position, now, cells))
    })
}

/// How many cells may pass now; `None` if the word was given up.
pub(crate) fn remaining<R: Rule>(rules: &Rules, word: &Word, now: u64) -> Option<u32> {
    look(rules, word, now, |rule: R, position| {
        (position != RETIRED).then(|| rule.remaining(position, now))
    })
}

/// Asks about a word of these rules and changes nothing.
fn look<R: Rule, T>(rules: &Rules, word: &Word, now: u64, mut ask: impl FnMut(R, u64) -> T) -> T {
    let looked = rules.decide(word, converted_at::<R>(now), |numbers, position| {
        Err::<(u64, ()), T>(ask(R::unpack(numbers), position))
    });
    match looked {
        Ok(()) => unreachable!("it refuses always"),
        Err(answer) => answer,
    }
}

/// Brings a word to the present rule.
pub(crate) fn settle<R: Rule>(rules: &Rules, word: &Word, now: u64) {
    let kept = |_: &Numbers, position| Ok::<_, ()>((position, ()));
    let _settled = rules.decide(word, converted_at::<R>(now), kept);
}

/// Makes a word as good as new, unless it was given up.
pub(crate) fn clear<R: Rule>(rules: &Rules, word: &Word, now: u64) {
    let clear = |_: &Numbers, position| match position {
        RETIRED => Err(()),
        _ => Ok((0, ())),
    };
    let _cleared = rules.decide(word, converted_at::<R>(now), clear);
}

/// Makes it so that the cells of a place were never taken. False, and nothing happens, if others were taken after them.
pub(crate) fn give_back<R: Rule>(rules: &Rules, word: &Word, now: u64, place: Place) -> bool {
    let undo = |_: &Numbers, position| {
        if position == place.next {
            Ok((place.before, ()))
        } else {
            Err(())
        }
    };
    rules.decide(word, converted_at::<R>(now), undo).is_ok()
}

/// Moves a position from one rule to the next: one that was given up stays so, and what is closed has no debts.
fn converted_at<R: Rule>(now: u64) -> impl Fn(&Numbers, &Numbers, u64) -> u64 {
    move |before, present, position| {
        let (before, present) = (R::unpack(before), R::unpack(present));
        match position {
            RETIRED => RETIRED,
            _ if before.most() == 0 || present.most() == 0 => 0,
            _ => present.convert(before, position, now),
        }
    }
}
