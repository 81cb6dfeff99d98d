//! How an OS process ended, and the signals that it may be sent.

use std::fmt;
use std::process::ExitStatus;

use super::lines::OutputLine;
use crate::fault::{Category, Classify, Severity};

/// A signal that a process may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Signal {
    /// `SIGTERM`: end in order.
    Term,
    /// `SIGINT`: what Ctrl-C sends.
    Int,
    /// `SIGQUIT`: for some programs, to end after what they have in hand.
    Quit,
    /// `SIGHUP`: for many programs, to read their configuration again.
    Hup,
    /// `SIGUSR1`.
    Usr1,
    /// `SIGUSR2`.
    Usr2,
    /// `SIGKILL`: no program can refuse it.
    Kill,
}

/// How an OS process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProcessStatus {
    /// It ended by itself, with this code; zero is success.
    Exited(i32),
    /// A signal ended it, by its number.
    Signaled(i32),
    /// It is gone, and how it ended was not told: this process ignores `SIGCHLD`, or waits for children elsewhere.
    Unknown,
}

impl ProcessStatus {
    /// Whether it ended by itself with the code zero.
    #[must_use]
    pub const fn is_success(self) -> bool {
        matches!(self, Self::Exited(0))
    }

    pub(super) fn of(status: ExitStatus) -> Self {
        match status.code() {
            Some(code) => Self::Exited(code),
            None => signal_of(status).map_or(Self::Unknown, Self::Signaled),
        }
    }
}

#[cfg(unix)]
fn signal_of(status: ExitStatus) -> Option<i32> {
    std::os::unix::process::ExitStatusExt::signal(&status)
}

#[cfg(not(unix))]
fn signal_of(_status: ExitStatus) -> Option<i32> {
    None
}

impl fmt::Display for ProcessStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(code) => write!(f, "exited with code {code}"),
            Self::Signaled(number) => write!(f, "was ended by signal {number}"),
            Self::Unknown => f.write_str("is gone, nobody told how"),
        }
    }
}

/// A kept process ended when it should not have: what its unit returns as its error.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub struct ProcessExit {
    /// The executable.
    pub program: String,
    /// How it ended.
    pub status: ProcessStatus,
    /// Whether it had become ready.
    pub was_ready: bool,
    /// The last lines that it wrote, of both streams, the newest last.
    pub tail: Vec<OutputLine>,
}

impl fmt::Display for ProcessExit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.program, self.status)?;
        if !self.was_ready {
            f.write_str(" before it was ready")?;
        }
        match self.tail.last() {
            Some(line) => write!(f, "; it wrote last: {}", line.text),
            None => Ok(()),
        }
    }
}

impl Classify for ProcessExit {
    fn category(&self) -> Category {
        Category::Infrastructure
    }

    fn severity(&self) -> Severity {
        Severity::High
    }

    /// Never: an end is a fact. Whether the program runs again is its supervisor's decision.
    fn is_retryable(&self) -> bool {
        false
    }

    fn code(&self) -> &'static str {
        "process.exited"
    }
}
