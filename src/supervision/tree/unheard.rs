//! Failures of which nobody heard: no monitor, no owner of a task, no supervisor that answers. A test that ends well although a unit panicked has not seen what it is to see.

use std::fmt;

use parking_lot::Mutex;

use crate::fault::{ExitReason, Generation, UnitPath};
use crate::supervision::machine::Fate;

/// So many are kept; one is enough to fail a test.
const MAX_KEPT: usize = 32;

/// The end of a run that failed, that nothing was started after, and that no monitor heard of.
#[derive(Clone, Debug)]
pub(crate) struct Unheard {
    pub(crate) path: UnitPath,
    pub(crate) generation: Generation,
    pub(crate) reason: ExitReason,
}

impl fmt::Display for Unheard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, run {}: {}", self.path, self.generation, self.reason)
    }
}

/// The first of them in a system; kept with the feature `testkit` only.
#[derive(Debug, Default)]
pub(crate) struct UnheardEnds(Mutex<Vec<Unheard>>);

impl UnheardEnds {
    /// Notes an end of which no monitor and no owner heard, if it is a failure; `then` says what comes after.
    pub(crate) fn note(
        &self,
        then: &Fate,
        path: &UnitPath,
        generation: Generation,
        reason: &ExitReason,
    ) {
        if cfg!(not(feature = "testkit")) || !is_last_word(then, reason) {
            return;
        }
        let unheard = Unheard {
            path: path.clone(),
            generation,
            reason: reason.clone(),
        };
        let mut kept = self.0.lock();
        if kept.len() < MAX_KEPT {
            kept.push(unheard);
        }
    }

    #[cfg(feature = "testkit")]
    pub(crate) fn all(&self) -> Vec<Unheard> {
        self.0.lock().clone()
    }
}

/// A failure that is neither answered by a restart nor handed on to the supervisor above. An error is a unit's own
/// answer, and an abandoned one is found by its thread.
fn is_last_word(then: &Fate, reason: &ExitReason) -> bool {
    matches!(then, Fate::Keep | Fate::Forget)
        && matches!(
            reason,
            ExitReason::Panic(_) | ExitReason::BudgetExhausted(_)
        )
}
