//! What is known of a panic.

use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::fmt;

use parking_lot::Mutex;

use super::catch;
use super::context_snapshot::ContextSnapshot;
use super::generation::Generation;
use super::hook::Recorded;
use super::unit_path::UnitPath;

/// What a panic carries that is no text.
const UNKNOWN_PAYLOAD: &str = "panic payload of an unknown type";

/// Where in the source a panic arose.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct PanicLocation {
    /// The source file.
    pub file: String,
    /// The line, counted from one.
    pub line: u32,
    /// The column, counted from one.
    pub column: u32,
}

impl fmt::Display for PanicLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// What is known of a panic: its message and payload, where it arose, and in which unit.
///
/// A panic is a bug; a report of it is deliberately no [`std::error::Error`], so that `?` cannot turn
/// it into a failure like any other.
pub struct PanicReport {
    message: String,
    payload: Mutex<Option<Box<dyn Any + Send>>>,
    recorded: Recorded,
}

impl PanicReport {
    pub(super) fn new(payload: Box<dyn Any + Send>, recorded: Option<Recorded>) -> Self {
        Self {
            message: message_of(&*payload).unwrap_or(UNKNOWN_PAYLOAD).to_owned(),
            payload: Mutex::new(Some(payload)),
            recorded: recorded.unwrap_or_else(Recorded::unseen),
        }
    }

    /// The report of a panic that never was, for tests and scripted units.
    #[cfg(any(test, feature = "testkit"))]
    #[must_use]
    pub fn scripted(message: impl Into<String>) -> Self {
        Self::new(Box::new(message.into()), Some(Recorded::unseen()))
    }

    /// The text of the panic; for a payload that is no text, a sentence that says so.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Lends the payload to the closure, if it is a `P` and still here.
    pub fn with_payload<P: 'static, T>(&self, look: impl FnOnce(&P) -> T) -> Option<T> {
        let payload = self.payload.lock();
        payload.as_deref()?.downcast_ref::<P>().map(look)
    }

    /// Takes the payload, for [`std::panic::resume_unwind`]. Only the first caller gets it.
    #[must_use]
    pub fn take_payload(&self) -> Option<Box<dyn Any + Send>> {
        self.payload.lock().take()
    }

    /// Where the panic arose; `None` when no hook saw it ([`std::panic::resume_unwind`], or a hook
    /// that was set later and does not call ours).
    #[must_use]
    pub const fn location(&self) -> Option<&PanicLocation> {
        self.recorded.location.as_ref()
    }

    /// The stack at the panic, captured as [`Backtraces`](super::Backtraces) says. Frames are
    /// resolved to names when it is displayed, not before; that may take a while.
    #[must_use]
    pub fn backtrace(&self) -> Option<&Backtrace> {
        self.recorded
            .backtrace
            .as_ref()
            .filter(|trace| trace.status() == BacktraceStatus::Captured)
    }

    /// The unit that panicked; `None` on a thread that no unit runs on.
    #[must_use]
    pub const fn path(&self) -> Option<&UnitPath> {
        self.recorded.path.as_ref()
    }

    /// Which of the unit's runs panicked.
    #[must_use]
    pub const fn generation(&self) -> Option<Generation> {
        self.recorded.generation
    }

    /// The name of the thread.
    #[must_use]
    pub fn thread(&self) -> Option<&str> {
        self.recorded.thread.as_deref()
    }

    /// What was being handled: the type of a message, or the last checkpoint.
    #[must_use]
    pub const fn handling(&self) -> Option<&'static str> {
        self.recorded.handling
    }

    /// What the thread was doing.
    #[must_use]
    pub const fn context(&self) -> &ContextSnapshot {
        &self.recorded.context
    }
}

/// The text of a payload, if it is one.
pub(super) fn message_of(payload: &(dyn Any + Send)) -> Option<&str> {
    let literal = payload.downcast_ref::<&'static str>().copied();
    literal.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
}

impl Drop for PanicReport {
    /// A payload whose own drop panics must not take down whoever drops the last copy of the report.
    fn drop(&mut self) {
        if let Some(payload) = self.payload.get_mut().take() {
            catch::drop_payload(payload);
        }
    }
}

impl fmt::Display for PanicReport {
    /// One line; with `{:#}` also the context and, if there is one, the backtrace.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "panic: {}", self.message)?;
        if let Some(location) = self.location() {
            write!(f, " at {location}")?;
        }
        if let Some(handling) = self.handling() {
            write!(f, " while handling {handling}")?;
        }
        if !f.alternate() {
            return Ok(());
        }
        if !self.context().is_empty() {
            write!(f, " (while {})", self.context())?;
        }
        match self.backtrace() {
            Some(trace) => write!(f, "\n{trace}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for PanicReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PanicReport")
            .field("message", &self.message)
            .field("location", &self.location())
            .field("path", &self.path())
            .field("generation", &self.generation())
            .field("thread", &self.thread())
            .field("handling", &self.handling())
            .field("context", self.context())
            .finish_non_exhaustive()
    }
}
