//! Reports of what ended a unit from outside: a hang, a failed start, an exhausted budget.

use std::fmt;
use std::time::Duration;

use super::exit_reason::ExitReason;
use super::unit_path::{Generation, UnitPath};

/// In which part of its life a unit hung.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HangPhase {
    /// It did not finish its start.
    Starting,
    /// It stopped showing signs of life.
    Running,
    /// It was asked to stop and did not.
    Stopping,
}

impl HangPhase {
    /// Its name in events and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Stopping => "stopping",
        }
    }
}

impl fmt::Display for HangPhase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A unit that did not respond: who, where, for how long.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HangReport {
    /// The unit.
    pub path: UnitPath,
    /// Its run.
    pub generation: Generation,
    /// In which part of its life it hung.
    pub phase: HangPhase,
    /// The last checkpoint that it passed.
    pub checkpoint: Option<&'static str>,
    /// How long it has shown no sign of life.
    pub silent_for: Duration,
    /// The name of its thread.
    pub thread: String,
}

impl HangReport {
    /// A report without a checkpoint.
    #[must_use]
    pub fn new(
        path: UnitPath,
        generation: Generation,
        phase: HangPhase,
        silent_for: Duration,
        thread: impl Into<String>,
    ) -> Self {
        Self {
            path,
            generation,
            phase,
            checkpoint: None,
            silent_for,
            thread: thread.into(),
        }
    }
}

impl fmt::Display for HangReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} hung while {} (generation {}, thread {}, silent for {:?}",
            self.path, self.phase, self.generation, self.thread, self.silent_for
        )?;
        match self.checkpoint {
            Some(checkpoint) => write!(f, ", after checkpoint {checkpoint})"),
            None => f.write_str(")"),
        }
    }
}

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
