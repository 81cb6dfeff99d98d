//! Why there is no partition to give, and why a resize was refused.

use crate::fault::{Category, Classify, Severity};
use crate::supervision::ManageError;

/// There is no such partition at the moment: the index is too large, or all partitions were taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("no such partition among {partitions}")]
#[non_exhaustive]
pub struct NoPartition {
    /// How many partitions there are.
    pub partitions: usize,
}

impl Classify for NoPartition {
    fn category(&self) -> Category {
        Category::Unavailable
    }

    fn severity(&self) -> Severity {
        Severity::Low
    }

    fn code(&self) -> &'static str {
        "partition.none"
    }
}

/// Why the partitions are not as many as was asked for.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResizeError {
    /// More than there were at the start.
    #[error("{asked} partitions are more than the {initial} at the start")]
    BeyondInitial {
        /// What was asked for.
        asked: usize,
        /// The most that there can be.
        initial: usize,
    },
    /// A partition did not start, or its end was not heard of in time. Those below it are as asked.
    #[error("partition {index}: {error}")]
    Partition {
        /// Which one.
        index: usize,
        /// What its supervisor answered.
        error: ManageError,
    },
    /// Nothing was changed.
    #[error(transparent)]
    Refused(#[from] ManageError),
}

impl Classify for ResizeError {
    fn category(&self) -> Category {
        match self {
            Self::BeyondInitial { .. } => Category::Validation,
            Self::Partition { error, .. } | Self::Refused(error) => error.category(),
        }
    }

    fn severity(&self) -> Severity {
        match self {
            Self::BeyondInitial { .. } => Severity::Low,
            Self::Partition { error, .. } | Self::Refused(error) => error.severity(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::BeyondInitial { .. } => "partition.beyond_initial",
            Self::Partition { error, .. } | Self::Refused(error) => error.code(),
        }
    }
}
