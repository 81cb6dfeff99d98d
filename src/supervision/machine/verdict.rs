//! Whether a child that is gone starts again. The one place that knows the restart types.

use crate::fault::ExitReason;
use crate::supervision::Restart;

/// Whether a child whose run ended by itself starts again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It does, if the budgets allow it.
    Again,
    /// It does not: it ended for good.
    Over,
}

/// The verdict on a run that was up.
pub(super) fn of_exit(restart: Restart, reason: &ExitReason) -> Verdict {
    match restart {
        Restart::Permanent => Verdict::Again,
        Restart::Transient if reason.is_clean() => Verdict::Over,
        Restart::Transient => Verdict::Again,
        Restart::Temporary => Verdict::Over,
    }
}

/// The verdict on a restart that did not come up: whatever it said, it is tried again.
pub(super) fn of_start(restart: Restart) -> Verdict {
    match restart {
        Restart::Permanent | Restart::Transient => Verdict::Again,
        Restart::Temporary => Verdict::Over,
    }
}
