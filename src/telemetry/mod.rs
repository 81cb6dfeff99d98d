//! Events, handlers, spans and the log bridge.
//!
//! Telemetry observes and never steers: no code of the library waits for an event, and removing every
//! handler changes no result.
//!
//! * [`Telemetry`]: where events go. One per system, or one of your own; there is no global one.
//! * [`Event`] of an [`EventKind`], with measurements (numbers, [`Measure`]) and metadata ([`Value`]).
//!   [`kinds`] is the table of all kinds that the library emits.
//! * Handlers are attached under an id with a [`Filter`]. They run outside of all locks, on the thread
//!   that emits, or on the one drainer thread for events that are *posted*. One that panics is detached,
//!   and that is an event.
//! * [`SpanGuard`]: a piece of work with a beginning and an end; [`SpanContext`] takes its ids to other
//!   threads, by hand only.
//! * [`Recorder`]: keeps events, for tests and reports. [`log_bridge`]: writes them through `log`.
//!
//! Costs: an event that nobody listens to is one relaxed load. With listeners: the read lock of the
//! list, one reference count, one reading of the clock, the event's two vectors, then the handlers.

mod drainer;
#[cfg(test)]
mod drainer_tests;
mod event;
mod handlers;
pub mod kinds;
pub mod log_bridge;
mod recorder;
mod span;
mod span_context;
#[cfg(test)]
mod span_tests;
mod storm;
#[expect(
    clippy::module_inception,
    reason = "the file is named after its type, like every other"
)]
mod telemetry;
#[cfg(test)]
mod telemetry_tests;
mod value;

pub use event::{Event, EventKind};
pub use handlers::{AttachError, DetachError, Filter, HandlerInfo};
pub use recorder::{RecordedEvent, Recorder};
pub use span::SpanGuard;
pub use span_context::{AttachGuard, SpanContext, SpanId, TraceId};
pub use telemetry::Telemetry;
pub use value::{Measure, Value};
