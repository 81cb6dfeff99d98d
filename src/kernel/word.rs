//! One word that is checked and changed in one step, by a pure function of what it holds.
//!
//! # State
//! 64 bits. What they mean is the business of the function; the word knows no layout.
//!
//! # Invariants
//! * I1: the word changes only from the very value that a function was shown to the value that it answered with.
//! * I2: a refusal leaves no trace: it reads, and nothing else.
//!
//! # Protocol
//! * P1 `decide`: look at the word; ask the function; refused: give up. Unchanged: done, without a write. Else swap the
//!   value that was shown for the answer; if another thread came between, pause a little and begin again.
//! * P2 `load`: one look.
//!
//! The function may run many times and only its last answer counts, so it must be pure. What is refused is refused on
//! grounds of a value that the word held after the call began: a thread that keeps winning keeps others asking, but some
//! thread always gets on (lock-free).
//!
//! # Orderings
//! | site | ordering | pairs with | why |
//! |---|---|---|---|
//! | `word.look` | Acquire | `word.swap` | who sees a value sees what was done before it was put there |
//! | `word.swap` | AcqRel | `word.look`, `word.swap` | as above, to both sides |

use std::fmt;

#[cfg(not(all(test, loom)))]
use crossbeam_utils::Backoff;

use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::ord;

/// A word that is checked and changed in one step.
pub(crate) struct Word(AtomicU64);

impl Word {
    /// A word that holds `bits`.
    pub(crate) fn new(bits: u64) -> Self {
        Self(AtomicU64::new(bits))
    }

    /// What it holds (P2).
    #[inline]
    pub(crate) fn load(&self) -> u64 {
        // Acquire: P2, pairs with the AcqRel in `decide` (P1).
        self.0.load(ord!("word.look", Acquire))
    }

    /// Changes the word as `rule` says, or leaves it as it is where `rule` refuses (P1).
    ///
    /// `rule` is shown what the word holds and answers with what it is to hold, and a result. It must be pure: it may run
    /// several times.
    ///
    /// # Errors
    /// What `rule` refuses with.
    #[inline]
    pub(crate) fn decide<R, E>(
        &self,
        mut rule: impl FnMut(u64) -> Result<(u64, R), E>,
    ) -> Result<R, E> {
        match self.attempt(&mut rule) {
            Some(decided) => decided,
            None => self.insist(rule),
        }
    }

    /// As [`decide`](Self::decide), but begins only once (P1): `None` if another thread came between.
    #[inline]
    pub(crate) fn attempt<R, E>(
        &self,
        rule: impl FnOnce(u64) -> Result<(u64, R), E>,
    ) -> Option<Result<R, E>> {
        let before = self.load();
        match rule(before) {
            Ok((after, result)) if after == before || self.swap(before, after) => Some(Ok(result)),
            Ok(_) => None,
            Err(refusal) => Some(Err(refusal)),
        }
    }

    /// Begins again until nobody comes between. Out of line, so that what is decided at once is decided with little code.
    #[cold]
    fn insist<R, E>(&self, mut rule: impl FnMut(u64) -> Result<(u64, R), E>) -> Result<R, E> {
        #[cfg(not(all(test, loom)))]
        let pause = Backoff::new();
        loop {
            #[cfg(not(all(test, loom)))]
            pause.spin();
            if let Some(decided) = self.attempt(&mut rule) {
                return decided;
            }
        }
    }

    /// Puts `after` where `before` is (I1). False if something else is there.
    #[inline]
    fn swap(&self, before: u64, after: u64) -> bool {
        // AcqRel: P1, pairs with every look and swap. Relaxed: a loser looks again.
        let (won, lost) = (ord!("word.swap", AcqRel), Ordering::Relaxed);
        self.0
            .compare_exchange_weak(before, after, won, lost)
            .is_ok()
    }
}

impl fmt::Debug for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Relaxed: a picture for people publishes nothing.
        write!(f, "Word({:#x})", self.0.load(Ordering::Relaxed))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::sync::Barrier;

    use super::*;
    use crate::sync::on_threads;

    /// Adds one, up to a bound; the result is what was there.
    fn below(bound: u64) -> impl Fn(u64) -> Result<(u64, u64), u64> {
        move |bits| {
            if bits < bound {
                Ok((bits + 1, bits))
            } else {
                Err(bits)
            }
        }
    }

    #[test]
    fn a_refusal_leaves_no_trace_and_says_why() {
        let word = Word::new(1);
        assert_eq!(word.decide(below(2)), Ok(1));
        assert_eq!(word.decide(below(2)), Err(2));
        assert_eq!(word.load(), 2);
    }

    #[test]
    fn an_answer_that_changes_nothing_asks_once() {
        let (word, mut asked) = (Word::new(7), 0);
        let kept: Result<_, ()> = word.decide(|bits| {
            asked += 1;
            Ok((bits, "kept"))
        });
        assert_eq!((kept, asked, word.load()), (Ok("kept"), 1, 7));
    }

    // property 40
    #[test]
    fn threads_that_decide_at_once_take_each_value_once() {
        const EACH: u64 = 20_000;
        let (word, together) = (Word::new(0), Barrier::new(4));
        let each = on_threads(4, |_| {
            let mut asked = 0;
            let first = word.decide(|bits| {
                asked += 1;
                if asked == 1 {
                    // All four have seen the same value: three must be asked again.
                    together.wait();
                }
                below(3 * EACH)(bits)
            });
            let others = (1..EACH).map(|_| word.decide(below(3 * EACH)));
            let all = std::iter::once(first).chain(others);
            (all.filter_map(Result::ok).collect::<Vec<_>>(), asked)
        });
        let asked: u32 = each.iter().map(|(_, asked)| asked).sum();
        assert!(asked >= 4 + 3, "no contention");
        let mut taken: Vec<u64> = each.into_iter().flat_map(|(taken, _)| taken).collect();
        taken.sort_unstable();
        assert_eq!(taken, (0..3 * EACH).collect::<Vec<_>>());
    }
}
