//! What a worker returns when it failed.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use super::catch::catch_drop;
use super::context::ErrorContext;
use super::context_snapshot::ContextSnapshot;

/// What a worker returns when it failed: any error, cheap to clone, with the context it arose in.
///
/// It is made by `?` from every `Error + Send + Sync`, and from strings; it is no [`Error`] itself, so
/// that this conversion can exist. The [`ErrorContext`] of the thread is captured at that moment.
///
/// # Examples
///
/// ```
/// use steadfast::fault::Failure;
///
/// fn parse(text: &str) -> Result<u32, Failure> {
///     if text.is_empty() {
///         return Err("nothing to parse".into());
///     }
///     Ok(text.parse()?)
/// }
///
/// let failure = parse("x").unwrap_err();
/// assert!(failure.downcast_ref::<std::num::ParseIntError>().is_some());
/// assert_eq!(parse("").unwrap_err().to_string(), "nothing to parse");
/// ```
#[derive(Clone)]
pub struct Failure {
    error: Arc<Guarded>,
    context: ContextSnapshot,
}

/// The user's error; a panic of its drop must not take down whoever drops the last copy of the failure.
struct Guarded(Option<Box<dyn Error + Send + Sync>>);

impl Drop for Guarded {
    fn drop(&mut self) {
        let _its_panic = catch_drop(self.0.take());
    }
}

impl Guarded {
    fn error(&self) -> &(dyn Error + Send + Sync + 'static) {
        match &self.0 {
            Some(error) => &**error,
            // Taken by the drop alone.
            None => &fmt::Error,
        }
    }
}

impl Failure {
    /// The error itself, with its sources.
    #[must_use]
    pub fn error(&self) -> &(dyn Error + Send + Sync + 'static) {
        self.error.error()
    }

    /// The error, if it is an `E`.
    #[must_use]
    pub fn downcast_ref<E: Error + 'static>(&self) -> Option<&E> {
        self.error().downcast_ref()
    }

    /// What the thread was doing when the error became a failure.
    #[must_use]
    pub fn context(&self) -> &ContextSnapshot {
        &self.context
    }
}

impl<E: Into<Box<dyn Error + Send + Sync>>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self {
            error: Arc::new(Guarded(Some(error.into()))),
            context: ErrorContext::capture(),
        }
    }
}

impl fmt::Display for Failure {
    /// The error; with `{:#}` also its sources and its context.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.error())?;
        if f.alternate() {
            let mut source = self.error().source();
            while let Some(error) = source {
                write!(f, ": {error}")?;
                source = error.source();
            }
            if !self.context.is_empty() {
                write!(f, " (while {})", self.context)?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failure")
            .field("error", &self.error())
            .field("context", &self.context)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::Failure;
    use crate::fault::ErrorContext;

    // property 47
    #[test]
    fn a_plain_error_value_carries_the_context_it_left() {
        fn inner() -> Result<(), Failure> {
            let _operation = ErrorContext::enter("parse header");
            "x".parse::<u8>()?;
            Ok(())
        }
        let _outer = ErrorContext::enter("load");
        let failure = inner().unwrap_err();
        assert_eq!(
            format!("{failure:#}"),
            "invalid digit found in string (while load > parse header)"
        );
        assert_eq!(ErrorContext::capture().to_string(), "load");
    }

    #[test]
    fn the_sources_of_a_failure_are_shown_on_request() {
        #[derive(Debug, thiserror::Error)]
        #[error("reading failed")]
        struct Reading(#[source] std::num::ParseIntError);
        let cause = "x".parse::<u8>().unwrap_err();
        let failure = Failure::from(Reading(cause));
        assert_eq!(failure.to_string(), "reading failed");
        assert_eq!(
            format!("{failure:#}"),
            "reading failed: invalid digit found in string"
        );
        assert!(failure.downcast_ref::<Reading>().is_some());
    }
}
