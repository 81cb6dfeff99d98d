//! A piece of work with a beginning and an end.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::time::{Duration, Instant};

use super::event::{Event, EventKind};
use super::kinds;
use super::span_context::{self, Mark, SpanContext, SpanId, TraceId};
use super::telemetry::Telemetry;
use super::value::Value;

/// Attributes that a span keeps at most; later ones are ignored.
const MAX_ATTRIBUTES: usize = 64;

/// A piece of work that is going on. Dropping it ends it: with `span.stop`, or with `span.exception` if
/// a panic drops it.
///
/// It stays on its thread, and is the parent of the spans that are opened there while it lives.
///
/// ```compile_fail
/// let span = steadfast::telemetry::Telemetry::new().span("work");
/// std::thread::spawn(move || drop(span)); // a span ends on the thread where it began
/// ```
#[must_use = "the span ends when the guard is dropped"]
pub struct SpanGuard {
    telemetry: Telemetry,
    name: Cow<'static, str>,
    context: SpanContext,
    parent: Option<SpanId>,
    mark: Option<Mark>,
    began: Instant,
    began_unwinding: bool,
    status: Option<Value>,
    attributes: Vec<(Cow<'static, str>, Value)>,
    on_its_thread: PhantomData<*const ()>,
}

impl SpanGuard {
    pub(super) fn begin(telemetry: Telemetry, name: Cow<'static, str>) -> Self {
        let around = SpanContext::current();
        let trace = around.map_or_else(TraceId::random, SpanContext::trace);
        let context = SpanContext::new(trace, SpanId::random());
        let parent = around.map(SpanContext::span);
        let mut guard = Self {
            began: telemetry.clock().now(),
            began_unwinding: std::thread::panicking(),
            mark: span_context::push(context, parent),
            telemetry,
            name,
            context,
            parent,
            status: None,
            attributes: Vec::new(),
            on_its_thread: PhantomData,
        };
        guard.emit(&kinds::SPAN_START, |_| {});
        guard
    }

    /// Its ids, to hand to other threads.
    #[must_use]
    pub const fn context(&self) -> SpanContext {
        self.context
    }

    /// The span around it; `None` for the first of its trace.
    #[must_use]
    pub const fn parent(&self) -> Option<SpanId> {
        self.parent
    }

    /// Hangs a value on the span; its last event carries it. At most 64 are kept.
    pub fn attribute(
        &mut self,
        key: impl Into<Cow<'static, str>>,
        value: impl Into<Value>,
    ) -> &mut Self {
        if self.attributes.len() < MAX_ATTRIBUTES {
            self.attributes.push((key.into(), value.into()));
        }
        self
    }

    /// Says that something happened within the span.
    pub fn event(&mut self, what: impl Into<Value>) -> &mut Self {
        let what = what.into();
        self.emit(&kinds::SPAN_EVENT, |event| {
            event.tag("event", what);
        });
        self
    }

    /// Says that another span, of any trace, has to do with this one.
    pub fn link(&mut self, other: SpanContext) -> &mut Self {
        self.emit(&kinds::SPAN_LINK, |event| {
            event.tag("linked", format_args!("{other}"));
        });
        self
    }

    /// Says that the work failed: the status of its `span.stop`, instead of `ok`.
    pub fn fail(&mut self, problem: impl Into<Value>) -> &mut Self {
        self.status = Some(problem.into());
        self
    }

    /// Emits an event that is about this span, whatever span is the current one.
    fn emit(&mut self, kind: &'static EventKind, fill: impl FnOnce(&mut Event)) {
        self.telemetry.emit(kind, |event| {
            event.within(self.context, self.parent);
            event.tag("name", &*self.name);
            fill(event);
        });
    }

    fn end(&mut self) {
        let telemetry = self.telemetry.clone();
        // A span always took time, even if its clock did not move.
        let since = telemetry
            .clock()
            .now()
            .saturating_duration_since(self.began);
        let duration = since.max(Duration::from_nanos(1));
        let attributes = std::mem::take(&mut self.attributes);
        let status = self.status.take();
        let thrown = std::thread::panicking() && !self.began_unwinding;
        let kind = if thrown {
            &kinds::SPAN_EXCEPTION
        } else {
            &kinds::SPAN_STOP
        };
        self.emit(kind, |event| {
            event.measure("duration", duration);
            if !thrown {
                event.tag("status", status.unwrap_or(Value::fixed("ok")));
            }
            for (key, value) in attributes {
                event.attribute(key, value);
            }
        });
    }
}

impl Drop for SpanGuard {
    fn drop(&mut self) {
        if let Some(mark) = self.mark.take() {
            span_context::remove(mark);
        }
        self.end();
    }
}

impl fmt::Debug for SpanGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpanGuard")
            .field("name", &self.name)
            .field("context", &self.context)
            .field("parent", &self.parent)
            .finish_non_exhaustive()
    }
}
