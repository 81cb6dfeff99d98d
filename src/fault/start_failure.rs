//! A unit that did not start.

use std::fmt;

use super::exit_reason::ExitReason;
use super::unit_path::UnitPath;

/// A unit that did not start; for a supervisor, because of the child named here.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StartFailure {
    /// The unit that failed.
    pub path: UnitPath,
    /// Why. [`ExitReason::StartFailed`] when it failed because of a child of its own.
    pub reason: ExitReason,
}

impl StartFailure {
    /// The failure of this unit.
    #[must_use]
    pub const fn new(path: UnitPath, reason: ExitReason) -> Self {
        Self { path, reason }
    }

    /// The failure that began it all: the deepest one.
    #[must_use]
    pub fn origin(&self) -> &Self {
        let mut origin = self;
        while let ExitReason::StartFailed(deeper) = &origin.reason {
            origin = deeper;
        }
        origin
    }
}

impl fmt::Display for StartFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origin = self.origin();
        write!(f, "{} did not start: {}", origin.path, origin.reason)
    }
}

impl std::error::Error for StartFailure {}
