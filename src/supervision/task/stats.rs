//! What a task supervisor has done, in one consistent picture.

use super::book::Book;

/// The numbers of a task supervisor, all from one moment: `started = completed + failed + timed_out + cancelled +
/// active`. They go on through restarts of the supervisor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TaskStats {
    /// How many tasks may run at a time.
    pub max_tasks: usize,
    /// Tasks that began, and items of maps.
    pub started: u64,
    /// Those that returned a value.
    pub completed: u64,
    /// Those that returned an error, panicked, or hung.
    pub failed: u64,
    /// Those that ran for longer than they might.
    pub timed_out: u64,
    /// Those that were asked to stop.
    pub cancelled: u64,
    /// Those that run: they began and have not come to their end.
    pub active: u64,
    /// Slots in use. A task that timed out keeps its slot until its thread is through with it or was abandoned.
    pub slots: usize,
    /// Callers that wait for a slot.
    pub waiting: usize,
    /// Abandoned threads that are alive: they have no slot any more.
    pub abandoned: usize,
    /// Spawns that were refused.
    pub refused: u64,
}

impl TaskStats {
    pub(super) fn of(book: &Book) -> Self {
        let tally = book.tally;
        Self {
            max_tasks: book.max(),
            started: tally.started,
            completed: tally.completed,
            failed: tally.failed,
            timed_out: tally.timed_out,
            cancelled: tally.cancelled,
            active: tally.active(),
            slots: book.taken(),
            waiting: book.waiting(),
            abandoned: book.abandoned(),
            refused: book.refused(),
        }
    }
}
