//! A supervisor that gave up.

use std::fmt;
use std::time::Duration;

use super::exit_reason::ExitReason;
use super::unit_path::UnitPath;

/// A supervisor that gave up: which budget was exhausted, and by what.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BudgetReport {
    /// The supervisor.
    pub path: UnitPath,
    /// The budget.
    pub exhausted: Exhausted,
    /// The last failures, at most three, the newest last.
    pub last: Vec<(UnitPath, ExitReason)>,
}

impl BudgetReport {
    /// The report of this supervisor; of `last` the newest three are kept.
    #[must_use]
    pub fn new(
        path: UnitPath,
        exhausted: Exhausted,
        mut last: Vec<(UnitPath, ExitReason)>,
    ) -> Self {
        const KEPT: usize = 3;
        last.drain(..last.len().saturating_sub(KEPT));
        Self {
            path,
            exhausted,
            last,
        }
    }
}

impl fmt::Display for BudgetReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} gave up: {}", self.path, self.exhausted)?;
        for (index, (path, reason)) in self.last.iter().enumerate() {
            let lead = if index == 0 { "; last: " } else { "; " };
            write!(f, "{lead}{path}: {reason}")?;
        }
        Ok(())
    }
}

impl std::error::Error for BudgetReport {}

/// The budget that a supervisor exhausted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Exhausted {
    /// More restarts within the period than the supervisor allows.
    Restarts {
        /// The bound.
        max: u32,
        /// The window.
        period: Duration,
    },
    /// More restarts of one child within the period than its own budget allows.
    ChildRestarts {
        /// The child.
        child: UnitPath,
        /// The bound.
        max: u32,
        /// The window.
        period: Duration,
    },
    /// One child failed again and again without progress.
    Consecutive {
        /// The child.
        child: UnitPath,
        /// How often.
        failures: u32,
    },
    /// More threads had to be abandoned than the supervisor allows.
    AbandonedThreads {
        /// The bound.
        max: u32,
    },
    /// A child hung, and its policy is to escalate.
    Hang {
        /// The child.
        child: UnitPath,
    },
}

impl fmt::Display for Exhausted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Restarts { max, period } => write!(f, "more than {max} restarts in {period:?}"),
            Self::ChildRestarts { child, max, period } => {
                write!(f, "more than {max} restarts of {child} in {period:?}")
            }
            Self::Consecutive { child, failures } => {
                write!(f, "{child} failed {failures} times without progress")
            }
            Self::AbandonedThreads { max } => write!(f, "more than {max} abandoned threads"),
            Self::Hang { child } => write!(f, "{child} hung"),
        }
    }
}
