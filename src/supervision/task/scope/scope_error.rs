//! Why a scope has no clean end.

use std::error::Error;
use std::fmt;

use crate::fault::{Category, Classify, Severity, UnitPath};
use crate::supervision::task::{SpawnRefusal, TaskError};

/// A task of a scope that ended without a value, and that nobody joined.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{path}: {error}")]
#[non_exhaustive]
pub struct ScopeFailure {
    /// The task.
    pub path: UnitPath,
    /// Why it has no value.
    pub error: TaskError,
}

/// Why a scope did not begin, or what failed in it without being joined.
pub enum ScopeError<R> {
    /// The supervisor takes no tasks; nothing of the scope has run.
    Refused(SpawnRefusal),
    /// The scope ran to its end, but some tasks failed and nobody joined them.
    Failed {
        /// What the scope's function returned.
        value: R,
        /// All of them, in the order of their spawns.
        failures: Vec<ScopeFailure>,
    },
}

impl<R> ScopeError<R> {
    /// The failures of tasks that nobody joined.
    pub fn failures(&self) -> &[ScopeFailure] {
        match self {
            Self::Refused(_) => &[],
            Self::Failed { failures, .. } => failures,
        }
    }

    /// What the scope's function returned, if it ran.
    pub fn into_inner(self) -> Option<R> {
        match self {
            Self::Refused(_) => None,
            Self::Failed { value, .. } => Some(value),
        }
    }
}

impl<R> fmt::Debug for ScopeError<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => f.debug_tuple("Refused").field(refusal).finish(),
            Self::Failed { failures, .. } => f
                .debug_struct("Failed")
                .field("failures", failures)
                .finish_non_exhaustive(),
        }
    }
}

impl<R> fmt::Display for ScopeError<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => write!(f, "the scope did not begin: {refusal}"),
            Self::Failed { failures, .. } => {
                let texts: Vec<_> = failures.iter().map(ToString::to_string).collect();
                write!(f, "tasks failed unseen: {}", texts.join("; "))
            }
        }
    }
}

impl<R> Error for ScopeError<R> {}

impl<R> Classify for ScopeError<R> {
    fn category(&self) -> Category {
        match self {
            Self::Refused(refusal) => refusal.category(),
            Self::Failed { failures, .. } => {
                worst(failures).map_or(Category::Fault, TaskError::category)
            }
        }
    }

    fn severity(&self) -> Severity {
        match self {
            Self::Refused(refusal) => refusal.severity(),
            Self::Failed { failures, .. } => {
                worst(failures).map_or(Severity::Low, TaskError::severity)
            }
        }
    }

    /// Only a scope that did not begin.
    fn is_retryable(&self) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.is_retryable())
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.code(),
            Self::Failed { .. } => "scope.failed",
        }
    }
}

/// The failure that says most about the scope.
fn worst(failures: &[ScopeFailure]) -> Option<&TaskError> {
    let errors = failures.iter().map(|failure| &failure.error);
    errors.max_by_key(|error| error.severity())
}
