//! Why a call about a pool was refused.

use crate::fault::{Category, Classify, Severity};
use crate::supervision::{ChildId, ManageError, SpecError};

/// Why a call about a pool was refused.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PoolError {
    /// There is no pool with this name.
    #[error("there is no pool {0:?}")]
    NotFound(ChildId),
    /// There is a pool with this name already.
    #[error("there is a pool {0:?} already")]
    Exists(ChildId),
    /// The specification of the pool is invalid; all errors.
    #[error("invalid pool: {}", SpecError::list(.0))]
    Invalid(Vec<SpecError>),
    /// The supervisor of the pools gave no answer, or refused.
    #[error("the pools do not answer: {0}")]
    Pools(#[source] ManageError),
}

impl PoolError {
    /// What the supervisor's refusal of a call about this pool means.
    pub(super) fn of(name: &ChildId, error: ManageError) -> Self {
        match error {
            ManageError::NotFound => Self::NotFound(name.clone()),
            ManageError::AlreadyStarted | ManageError::AlreadyPresent => Self::Exists(name.clone()),
            ManageError::Invalid(errors) => Self::Invalid(errors),
            other => Self::Pools(other),
        }
    }
}

impl Classify for PoolError {
    fn category(&self) -> Category {
        match self {
            Self::NotFound(_) => Category::Unavailable,
            Self::Exists(_) | Self::Invalid(_) => Category::Validation,
            Self::Pools(error) => error.category(),
        }
    }

    fn severity(&self) -> Severity {
        match self {
            Self::NotFound(_) | Self::Exists(_) => Severity::Low,
            Self::Invalid(_) => Severity::Medium,
            Self::Pools(error) => error.severity(),
        }
    }

    fn is_retryable(&self) -> bool {
        matches!(self, Self::Pools(error) if error.is_retryable())
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NotFound(_) => "pool.not_found",
            Self::Exists(_) => "pool.exists",
            Self::Invalid(_) => "pool.invalid",
            Self::Pools(error) => error.code(),
        }
    }
}
