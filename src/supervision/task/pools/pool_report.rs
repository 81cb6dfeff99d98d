//! What became of the tasks of a pool that was shut down.

use std::fmt;

use crate::supervision::TaskStats;

/// What became of the tasks that a pool ran when it was shut down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "it says which tasks would not stop"]
#[non_exhaustive]
pub struct PoolReport {
    /// Tasks that came to an end of their own: with a value, an error, a panic, or because they ran too long.
    pub ended: u64,
    /// Tasks that were stopped before they had a value, with those that were abandoned.
    pub cancelled: u64,
    /// Threads that did not stop in time, of all that the pool has abandoned and that are alive.
    pub abandoned: usize,
}

impl PoolReport {
    pub(super) fn between(before: TaskStats, after: TaskStats) -> Self {
        let ended = |stats: TaskStats| stats.completed + stats.failed + stats.timed_out;
        PoolReport {
            ended: ended(after) - ended(before),
            cancelled: after.cancelled - before.cancelled,
            abandoned: after.abandoned,
        }
    }
}

impl fmt::Display for PoolReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let PoolReport {
            ended,
            cancelled,
            abandoned,
        } = self;
        write!(
            f,
            "{ended} ended, {cancelled} cancelled, {abandoned} abandoned"
        )
    }
}
