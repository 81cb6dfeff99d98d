//! What is wrong with a program, or with the way it is to be kept.

use std::ffi::OsString;
use std::fmt;

use crate::fault::{Category, Classify, Severity};

/// A [`Program`](super::Program) or [`Process`](super::Process) that makes no sense, with all its faults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramError {
    faults: Vec<ProgramFault>,
}

/// One fault of a [`Program`](super::Program) or a [`Process`](super::Process).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProgramFault {
    /// There is nothing to execute.
    #[error("the executable is empty")]
    EmptyExecutable,
    /// A text holds a zero byte, which no program can be given: the text, or the name of the variable.
    #[error("{0:?} holds a zero byte")]
    NulByte(OsString),
    /// The name of a variable is empty, or holds a `=`.
    #[error("{0:?} is no name of a variable")]
    VariableName(OsString),
    /// A probe without a pause would never let the processor go.
    #[error("the interval of the probe is zero")]
    ZeroInterval,
    /// Lines of zero bytes hold nothing.
    #[error("lines are bounded to zero bytes")]
    ZeroMaxLine,
    /// A standard input that holds nothing could never be written to.
    #[error("the standard input holds zero bytes")]
    ZeroStdin,
    /// It is to be written to, and it has its whole input already.
    #[error("a standard input that is written to has no input of its own")]
    StdinTwice,
    /// It is to be stopped by closing a standard input that it does not have.
    #[error("there is no standard input to close")]
    NothingToClose,
}

impl ProgramError {
    pub(super) fn check(faults: Vec<ProgramFault>) -> Result<(), Self> {
        if faults.is_empty() {
            Ok(())
        } else {
            Err(Self { faults })
        }
    }

    /// All faults, at least one.
    #[must_use]
    pub fn faults(&self) -> &[ProgramFault] {
        &self.faults
    }
}

impl fmt::Display for ProgramError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<_> = self.faults.iter().map(ToString::to_string).collect();
        write!(f, "invalid program: {}", texts.join("; "))
    }
}

impl std::error::Error for ProgramError {}

impl Classify for ProgramError {
    fn category(&self) -> Category {
        Category::Validation
    }

    fn severity(&self) -> Severity {
        Severity::Medium
    }

    fn code(&self) -> &'static str {
        "program.invalid"
    }
}
