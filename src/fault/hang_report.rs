//! A unit that did not respond.

use std::fmt;
use std::time::Duration;

use super::generation::Generation;
use super::unit_path::UnitPath;

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
    /// What the operating system says the thread does (Linux): its state, and where in the kernel it waits.
    pub os_state: Option<String>,
}

impl HangReport {
    /// A report without a checkpoint and without what the operating system knows.
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
            os_state: None,
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
        if let Some(checkpoint) = self.checkpoint {
            write!(f, ", after checkpoint {checkpoint}")?;
        }
        if let Some(state) = &self.os_state {
            write!(f, ", {state}")?;
        }
        f.write_str(")")
    }
}
