//! The rule that words are decided by: a few numbers that are replaced as a whole while threads decide.
//!
//! # State
//! ```text
//!   generation: counts the replacements       numbers[g mod 4]: the rule of generation g, of the last three
//!
//!   a word of these rules:   bit 63 ......... 1   0
//!                            [    position     ] [p]     p: the generation that the position is meant for, mod 2
//! ```
//!
//! # Invariants
//! * I1: the numbers of the present generation and of the one before do not change.
//! * I2: no word is of a later generation than the rules; after `replace` has returned, the words that it settled are of
//!   the present one.
//! * I3: a position is decided upon by the rule that it is meant for.
//!
//! # Protocol
//! * P1 `decide`: look at the generation, read its numbers. Then in one step of the word: look at the generation again;
//!   another one: begin anew. The word is of another generation: convert its position (P3). Ask the rule.
//! * P2 `replace`: one at a time, under the lock: write the next generation's numbers; publish the generation; have
//!   `settle` decide every word once, which converts it.
//! * P3 conversion: read the numbers of the generation before, look at the generation again; another one: begin anew. The
//!   word is swapped as a whole, so that whoever comes first converts it, and nobody waits for `replace`.
//!
//! No reading is torn: the numbers of generation g are overwritten for g + 4, after g + 3 was published, and those of the
//! generation before the present one after two more publications. A reader that sees one of the new numbers sees these
//! too (the numbers are stored with Release, loaded with Acquire), and its second look tells.
//!
//! No conversion is lost or done twice: it is a part of the swap of the word, together with its generation. A thread that
//! decides by rule g after g + 1 was published, and swaps before anyone has converted, has decided before the
//! replacement: its position is converted with the rest. One that swaps later fails, because the word has changed.
//!
//! No word of generation g + 2 is taken for one of g, which has the same parity: the second look comes after the look at
//! the word, and who sees the word of g + 2 sees that g is past. (This look is not one before the word's: a model found
//! that.) What is left: a thread that stands still between its second look and its swap, while two replacements pass
//! and leave the word with the very bits that it saw. It has then decided by a rule two replacements old, once.
//!
//! # Orderings
//! | site | ordering | pairs with | why |
//! |---|---|---|---|
//! | `rules.publish` | Release | `rules.look` | the numbers are there before their generation is |
//! | `rules.look` | Acquire | `rules.publish` | as above |
//! | `rules.write` | Release | `rules.number` | who reads an overwriting number sees the publication before it |
//! | `rules.number` | Acquire | `rules.write` | as above |

use std::fmt;

use super::word::Word;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Mutex, ord, recheck};

/// The greatest position that a word has room for.
pub(crate) const MAX_POSITION: u64 = u64::MAX >> 1;

/// How many numbers a rule has.
pub(crate) const NUMBERS: usize = 2;

/// How many generations have a place: the present one, the one before, one that slow readers may still read, and the next.
const KEPT: usize = 4;

/// A rule, as numbers: what they mean is the business of those who decide by it.
pub(crate) type Numbers = [u64; NUMBERS];

/// A position, and the parity of the generation that it is meant for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bits {
    position: u64,
    parity: u64,
}

impl Bits {
    #[inline]
    const fn pack(self) -> u64 {
        self.position << 1 | self.parity
    }

    #[inline]
    const fn unpack(bits: u64) -> Self {
        Self {
            position: bits >> 1,
            parity: bits & 1,
        }
    }
}

const _: () = assert!(
    Bits {
        position: MAX_POSITION,
        parity: 1
    }
    .pack()
        == u64::MAX
);

/// A generation, and its numbers if it is still the present one.
struct Look {
    generation: u64,
    numbers: Numbers,
}

/// Why a decision was not made.
enum Undecided<E> {
    /// The rule refuses.
    Refused(E),
    /// The rules have moved on.
    Stale,
}

/// The rule that words are decided by.
pub(crate) struct Rules {
    generation: AtomicU64,
    numbers: [[AtomicU64; NUMBERS]; KEPT],
    writer: Mutex<()>,
}

impl Rules {
    /// Rules that begin with these numbers.
    pub(crate) fn new(numbers: Numbers) -> Self {
        Self {
            generation: AtomicU64::new(0),
            numbers: std::array::from_fn(|_| numbers.map(AtomicU64::new)),
            writer: Mutex::new(()),
        }
    }

    /// The present rule.
    #[cfg(not(all(test, loom)))]
    pub(crate) fn present(&self) -> Numbers {
        loop {
            let present = self.look();
            if self.generation() == present.generation {
                return present.numbers;
            }
        }
    }

    /// A word of these rules at the position zero.
    pub(crate) fn word(&self) -> Word {
        // Whatever the generation: zero is what every rule begins with, and each converts it to itself.
        Word::new(0)
    }

    /// Decides about a word by the present rule (P1). `ask` is shown the rule and the word's position, and answers with
    /// the next position (at most [`MAX_POSITION`]) and a result; `convert` moves a position from the rule before (the
    /// first numbers) to the present one. Both functions must be pure.
    ///
    /// # Errors
    /// What `ask` refuses with.
    #[inline]
    pub(crate) fn decide<R, E>(
        &self,
        word: &Word,
        convert: impl Fn(&Numbers, &Numbers, u64) -> u64,
        mut ask: impl FnMut(&Numbers, u64) -> Result<(u64, R), E>,
    ) -> Result<R, E> {
        match self.attempt(word, &mut ask) {
            Some(decided) => decided,
            None => self.insist(word, convert, ask),
        }
    }

    /// As most decisions are made: nobody comes between, and the word is of the present generation. `None` if not.
    #[inline]
    fn attempt<R, E>(
        &self,
        word: &Word,
        ask: impl FnOnce(&Numbers, u64) -> Result<(u64, R), E>,
    ) -> Option<Result<R, E>> {
        let present = self.look();
        match word.attempt(|bits| self.judge(&present, bits, |_| None, ask))? {
            Ok(result) => Some(Ok(result)),
            Err(Undecided::Refused(error)) => Some(Err(error)),
            Err(Undecided::Stale) => None,
        }
    }

    /// Begins anew until the rules stay as they are. Out of line, as in the word.
    #[cold]
    fn insist<R, E>(
        &self,
        word: &Word,
        convert: impl Fn(&Numbers, &Numbers, u64) -> u64,
        mut ask: impl FnMut(&Numbers, u64) -> Result<(u64, R), E>,
    ) -> Result<R, E> {
        loop {
            let present = self.look();
            let converted = |position| {
                let before = self.before(present.generation)?;
                Some(convert(&before, &present.numbers, position))
            };
            match word.decide(|bits| self.judge(&present, bits, converted, &mut ask)) {
                Ok(result) => return Ok(result),
                Err(Undecided::Refused(error)) => return Err(error),
                Err(Undecided::Stale) => {}
            }
        }
    }

    /// Decides about what a word holds, with another look at the generation. `converted` moves a position of the
    /// generation before to the present one.
    #[inline]
    fn judge<R, E>(
        &self,
        present: &Look,
        bits: u64,
        converted: impl FnOnce(u64) -> Option<u64>,
        ask: impl FnOnce(&Numbers, u64) -> Result<(u64, R), E>,
    ) -> Result<(u64, R), Undecided<E>> {
        if recheck!("rules.again", self.generation() != present.generation) {
            return Err(Undecided::Stale);
        }
        let (found, parity) = (Bits::unpack(bits), present.generation & 1);
        let position = if found.parity == parity {
            found.position
        } else {
            converted(found.position).ok_or(Undecided::Stale)?
        };
        let (position, result) = ask(&present.numbers, position).map_err(Undecided::Refused)?;
        debug_assert!(position <= MAX_POSITION);
        Ok((Bits { position, parity }.pack(), result))
    }

    /// Replaces the rule (P2). `settle` must decide every word of these rules once; it may not replace.
    pub(crate) fn replace(&self, next: Numbers, settle: impl FnOnce()) {
        let _one_at_a_time = self.writer.lock();
        let generation = self.generation() + 1;
        for (place, number) in self.at(generation).iter().zip(next) {
            // Release: P2, pairs with the Acquire in `load` (P1).
            place.store(number, ord!("rules.write", Release));
        }
        // Release: P2, pairs with the Acquire in `generation` (P1).
        self.generation
            .store(generation, ord!("rules.publish", Release));
        settle();
    }

    /// The numbers of the generation before this one; `None` if this one is the present one no more.
    #[cold]
    fn before(&self, generation: u64) -> Option<Numbers> {
        let numbers = self.load(generation.wrapping_sub(1));
        let is_stale = recheck!("rules.before", self.generation() != generation);
        (!is_stale).then_some(numbers)
    }

    #[inline]
    fn look(&self) -> Look {
        let generation = self.generation();
        let numbers = self.load(generation);
        Look {
            generation,
            numbers,
        }
    }

    #[inline]
    fn generation(&self) -> u64 {
        // Acquire: P1, pairs with the Release in `replace` (P2).
        self.generation.load(ord!("rules.look", Acquire))
    }

    #[inline]
    fn load(&self, generation: u64) -> Numbers {
        // Acquire: P1, pairs with the Release in `replace` (P2).
        let load = |at: usize| self.at(generation)[at].load(ord!("rules.number", Acquire));
        std::array::from_fn(load)
    }

    #[inline]
    const fn at(&self, generation: u64) -> &[AtomicU64; NUMBERS] {
        &self.numbers[generation as usize % KEPT]
    }
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Relaxed: a picture for people publishes nothing.
        let generation = self.generation.load(Ordering::Relaxed);
        f.debug_struct("Rules")
            .field("generation", &generation)
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::convert::Infallible;
    use std::sync::Barrier;

    use super::*;
    use crate::sync::on_threads;

    /// Doubles a position for each replacement: the numbers say how often.
    fn doubled(before: &Numbers, present: &Numbers, position: u64) -> u64 {
        assert_eq!(present[0], before[0] + 1, "a replacement was skipped");
        2 * position
    }

    fn add(rules: &Rules, word: &Word, amount: u64) -> u64 {
        let added: Result<u64, Infallible> = rules.decide(word, doubled, |_, position| {
            Ok((position + amount, position))
        });
        added.unwrap()
    }

    fn replace(rules: &Rules, word: &Word, number: u64) {
        rules.replace([number, number], || {
            add(rules, word, 0);
        });
    }

    #[test]
    fn bits_survive_packing() {
        for position in [0, 1, 77, MAX_POSITION] {
            for parity in [0, 1] {
                let bits = Bits { position, parity };
                assert_eq!(Bits::unpack(bits.pack()), bits);
            }
        }
    }

    #[test]
    fn a_word_is_converted_once_per_replacement() {
        let rules = Rules::new([1, 1]);
        let word = rules.word();
        add(&rules, &word, 5);
        replace(&rules, &word, 2);
        assert_eq!(add(&rules, &word, 1), 10);
        replace(&rules, &word, 3);
        replace(&rules, &word, 4);
        assert_eq!(add(&rules, &word, 0), 44);
    }

    #[test]
    fn a_refusal_converts_nothing_and_shows_the_converted_position() {
        let rules = Rules::new([1, 1]);
        let word = rules.word();
        add(&rules, &word, 3);
        rules.replace([2, 2], || {});
        for _ in 0..2 {
            let refused: Result<(), u64> =
                rules.decide(&word, doubled, |_, position| Err(position));
            assert_eq!(refused, Err(6));
        }
    }

    #[test]
    fn a_replacement_between_the_look_and_the_swap_is_noticed() {
        let rules = Rules::new([1, 1]);
        let (word, together) = (rules.word(), Barrier::new(2));
        let asked = on_threads(2, |number| {
            if number == 0 {
                together.wait();
                replace(&rules, &word, 2);
                together.wait();
                return Vec::new();
            }
            let mut asked = Vec::new();
            let added: Result<(), Infallible> =
                rules.decide(&word, doubled, |numbers, position| {
                    if asked.is_empty() {
                        together.wait();
                        together.wait();
                    }
                    asked.push((numbers[0], position));
                    Ok((position + 1, ()))
                });
            added.unwrap();
            asked
        });
        assert_eq!(asked[1], [(1, 0), (2, 0)]);
    }

    #[test]
    fn threads_see_whole_rules_and_lose_nothing_while_they_are_replaced() {
        const TIMES: u64 = 5_000;
        let rules = Rules::new([0, 0]);
        let (word, start) = (rules.word(), Barrier::new(3));
        let same = |_: &Numbers, _: &Numbers, position| position;
        let count = |numbers: &Numbers, position| {
            assert_eq!(numbers[0], numbers[1], "torn");
            Ok::<_, Infallible>((position + 1, ()))
        };
        on_threads(3, |number| {
            start.wait();
            for time in 1..=TIMES {
                let settle = || rules.decide(&word, same, count).unwrap();
                if number == 0 {
                    rules.replace([time, time], settle);
                } else {
                    settle();
                }
            }
        });
        let read: Result<(), u64> = rules.decide(&word, same, |_, position| Err(position));
        assert_eq!(read, Err(3 * TIMES));
    }
}
