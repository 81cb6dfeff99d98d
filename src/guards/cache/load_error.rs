//! Why a load brought no value.

use std::fmt;

use crate::fault::{Category, Classify, Severity};

/// Why a look-up with a loader brought no value. `E` is what the loader itself failed with.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoadError<E> {
    /// This caller's loader failed.
    Failed(E),
    /// The loader of another caller, which this one waited for, failed.
    FailedElsewhere,
    /// The loader of another caller, which this one waited for, panicked.
    PanickedElsewhere,
    /// The loader of another caller took longer than this one would wait.
    TimedOut,
    /// The unit that waited was asked to stop.
    Stopped,
    /// A loader asked for the key that it loads, or for one with the very same hash: it would wait for itself.
    Recursive,
}

impl<E: fmt::Display> fmt::Display for LoadError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(error) => write!(f, "the load failed: {error}"),
            Self::FailedElsewhere => f.write_str("the load of another caller failed"),
            Self::PanickedElsewhere => f.write_str("the load of another caller panicked"),
            Self::TimedOut => f.write_str("the load of another caller took too long"),
            Self::Stopped => f.write_str("asked to stop while another caller loaded"),
            Self::Recursive => f.write_str("a loader asked for the key that it loads"),
        }
    }
}

impl<E: std::error::Error + 'static> std::error::Error for LoadError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Failed(error) => Some(error),
            _ => None,
        }
    }
}

impl<E> Classify for LoadError<E> {
    fn category(&self) -> Category {
        match self {
            Self::Failed(_) | Self::FailedElsewhere => Category::Application,
            Self::PanickedElsewhere | Self::Recursive => Category::Fault,
            Self::TimedOut => Category::Deadline,
            Self::Stopped => Category::Unavailable,
        }
    }

    fn severity(&self) -> Severity {
        match self.category() {
            Category::Fault => Severity::High,
            _ => Severity::Low,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Failed(_) => "cache.load_failed",
            Self::FailedElsewhere => "cache.load_failed_elsewhere",
            Self::PanickedElsewhere => "cache.load_panicked_elsewhere",
            Self::TimedOut => "cache.load_timed_out",
            Self::Stopped => "cache.load_stopped",
            Self::Recursive => "cache.load_recursive",
        }
    }
}
