//! Why a hook of a phase was refused.

use crate::fault::{Category, Classify, Severity};

/// Why a hook of a stop phase was not registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum PhaseError {
    /// The system has no phase of this name.
    #[error("no such stop phase")]
    Unknown,
    /// The phase has begun, or is over.
    #[error("the stop phase has begun")]
    Begun,
    /// The calling unit was given up: it may not act any more.
    #[error("the calling unit was abandoned")]
    Fenced,
}

impl Classify for PhaseError {
    fn category(&self) -> Category {
        match self {
            Self::Unknown => Category::Validation,
            Self::Begun | Self::Fenced => Category::Unavailable,
        }
    }

    fn severity(&self) -> Severity {
        match self {
            Self::Unknown => Severity::Medium,
            Self::Begun | Self::Fenced => Severity::Low,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Unknown => "phase.unknown",
            Self::Begun => "phase.begun",
            Self::Fenced => "phase.fenced",
        }
    }
}
