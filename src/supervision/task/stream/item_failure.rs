//! An item that has no result, with the item.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use crate::fault::{Category, Classify, Severity};
use crate::supervision::task::task_error::TaskError;

/// An item of a map that has no result: which, the item itself, and why.
pub struct ItemFailure<T> {
    // Boxed, so that results are as small as the values of those that succeed.
    inner: Box<Inner<T>>,
}

struct Inner<T> {
    index: u64,
    input: Arc<T>,
    error: TaskError,
}

impl<T> ItemFailure<T> {
    pub(super) fn new(index: u64, input: Arc<T>, error: TaskError) -> Self {
        ItemFailure {
            inner: Box::new(Inner {
                index,
                input,
                error,
            }),
        }
    }

    /// The place of the item in its source, from zero.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.inner.index
    }

    /// The item.
    #[must_use]
    pub fn input(&self) -> &T {
        &self.inner.input
    }

    /// Why it has no result.
    #[must_use]
    pub fn error(&self) -> &TaskError {
        &self.inner.error
    }

    /// The item, to be tried again perhaps. A thread that did not stop may still look at it.
    #[must_use]
    pub fn into_inner(self) -> Arc<T> {
        self.inner.input
    }
}

impl<T> fmt::Debug for ItemFailure<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ItemFailure")
            .field("index", &self.index())
            .field("error", self.error())
            .finish_non_exhaustive()
    }
}

impl<T> fmt::Display for ItemFailure<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "item {}: {}", self.index(), self.error())
    }
}

impl<T> Error for ItemFailure<T> {}

impl<T> Classify for ItemFailure<T> {
    fn category(&self) -> Category {
        self.error().category()
    }

    fn severity(&self) -> Severity {
        self.error().severity()
    }

    fn is_retryable(&self) -> bool {
        self.error().is_retryable()
    }

    fn code(&self) -> &'static str {
        self.error().code()
    }
}
