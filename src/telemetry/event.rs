//! One event, and the kind that says what it carries.

use std::borrow::Cow;
use std::time::Instant;

use super::span_context::{SpanContext, SpanId};
use super::value::{Measure, Value};

/// A kind of event: its name, where and how loudly it is logged, and exactly what its events carry.
///
/// The kinds of the library are in [`kinds`](super::kinds); a program may declare its own as statics.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct EventKind {
    /// `child.restarting`: dotted, lower case.
    pub name: &'static str,
    /// The target of its log lines: `steadfast::supervision`.
    pub target: &'static str,
    /// The level of its log lines.
    pub level: log::Level,
    /// The names of its measurements, all of them always there.
    pub measurements: &'static [&'static str],
    /// The names of its metadata, all of them always there.
    pub metadata: &'static [&'static str],
    /// When it is emitted, in a sentence.
    pub doc: &'static str,
}

/// Something that happened.
#[derive(Clone, Debug)]
pub struct Event {
    kind: &'static EventKind,
    at: Instant,
    span: Option<SpanContext>,
    parent: Option<SpanId>,
    measurements: Vec<(&'static str, Measure)>,
    metadata: Vec<(&'static str, Value)>,
    attributes: Vec<(Cow<'static, str>, Value)>,
}

impl Event {
    pub(super) const fn new(kind: &'static EventKind, at: Instant) -> Self {
        Self {
            kind,
            at,
            span: None,
            parent: None,
            measurements: Vec::new(),
            metadata: Vec::new(),
            attributes: Vec::new(),
        }
    }

    /// Says in which span it happened.
    pub(super) const fn within(&mut self, span: SpanContext, parent: Option<SpanId>) {
        self.span = Some(span);
        self.parent = parent;
    }

    /// Adds what the user hung on a span; unlike metadata, no kind declares it.
    pub(super) fn attribute(&mut self, key: Cow<'static, str>, value: Value) {
        self.attributes.push((key, value));
    }

    /// Adds a number that the kind declares.
    pub fn measure(&mut self, key: &'static str, number: impl Into<Measure>) -> &mut Self {
        self.measurements.push((key, number.into()));
        self
    }

    /// Adds metadata that the kind declares. What has no conversion goes by `format_args!`.
    pub fn tag(&mut self, key: &'static str, value: impl Into<Value>) -> &mut Self {
        self.metadata.push((key, value.into()));
        self
    }

    /// What kind of event it is.
    #[must_use]
    pub const fn kind(&self) -> &'static EventKind {
        self.kind
    }

    /// The name of its kind.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.kind.name
    }

    /// When it happened, by the clock of its [`Telemetry`](super::Telemetry).
    #[must_use]
    pub const fn at(&self) -> Instant {
        self.at
    }

    /// The span that was open on the thread where it happened.
    #[must_use]
    pub const fn span(&self) -> Option<SpanContext> {
        self.span
    }

    /// The span around that one; `None` for the first of its trace.
    #[must_use]
    pub const fn parent(&self) -> Option<SpanId> {
        self.parent
    }

    /// The number with this name.
    #[must_use]
    pub fn measurement(&self, key: &str) -> Option<Measure> {
        let mut all = self.measurements.iter();
        all.find(|(name, _)| *name == key)
            .map(|(_, number)| *number)
    }

    /// The metadata with this name.
    #[must_use]
    pub fn value(&self, key: &str) -> Option<&Value> {
        let mut all = self.metadata.iter();
        all.find(|(name, _)| *name == key).map(|(_, value)| value)
    }

    /// The metadata with this name, as text.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<Cow<'_, str>> {
        self.value(key).map(Value::text)
    }

    /// All measurements, in the order in which they were added.
    #[must_use]
    pub fn measurements(&self) -> &[(&'static str, Measure)] {
        &self.measurements
    }

    /// All metadata, in the order in which it was added.
    #[must_use]
    pub fn metadata(&self) -> &[(&'static str, Value)] {
        &self.metadata
    }

    /// What the user hung on the span that this event is about.
    #[must_use]
    pub fn attributes(&self) -> &[(Cow<'static, str>, Value)] {
        &self.attributes
    }

    /// Whether it carries exactly what its kind declares, each once, in any order.
    pub(super) fn keeps_to_its_kind(&self) -> bool {
        same_names(&self.measurements, self.kind.measurements)
            && same_names(&self.metadata, self.kind.metadata)
    }
}

/// A kind declares no name twice, so as many names that are all there are each there once.
fn same_names<T>(carried: &[(&'static str, T)], declared: &[&'static str]) -> bool {
    let is_carried = |name: &&str| carried.iter().any(|(carried, _)| carried == name);
    carried.len() == declared.len() && declared.iter().all(is_carried)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Event, EventKind};
    use crate::fault::{ExitReason, Failure, Generation, StopCause, UnitPath};
    use crate::telemetry::Measure;
    use crate::time::Clock;

    static KIND: EventKind = EventKind {
        name: "test.event",
        target: "test",
        level: log::Level::Info,
        measurements: &["count", "delay"],
        metadata: &["path", "reason"],
        doc: "A test emits it.",
    };

    fn event(measured: &[&'static str], tagged: &[&'static str]) -> Event {
        let mut event = Event::new(&KIND, Clock::system().now());
        for key in measured {
            event.measure(key, 1u64);
        }
        for key in tagged {
            event.tag(key, "a");
        }
        event
    }

    #[test]
    fn an_event_keeps_to_its_kind_if_it_carries_each_name_once() {
        assert!(event(&["count", "delay"], &["path", "reason"]).keeps_to_its_kind());
        assert!(event(&["delay", "count"], &["reason", "path"]).keeps_to_its_kind());
    }

    #[test]
    fn an_event_strays_from_its_kind_by_a_name_too_few_too_many_or_wrong() {
        for (measured, tagged) in [
            (&["count"][..], &["path", "reason"][..]),
            (&["count", "delay", "more"], &["path", "reason"]),
            (&["count", "delay"], &["path", "path"]),
            (&["count", "delay"], &["path", "raeson"]),
            (&["path", "reason"], &["count", "delay"]),
        ] {
            assert!(!event(measured, tagged).keeps_to_its_kind(), "{measured:?}");
        }
    }

    #[test]
    fn what_was_put_in_is_found_by_its_name() {
        let mut event = Event::new(&KIND, Clock::system().now());
        event.measure("delay", Duration::from_millis(50));
        event.tag("path", UnitPath::new("demo/w"));
        event.tag("reason", ExitReason::Stopped(StopCause::Sibling));
        assert_eq!(event.text("path").unwrap(), "demo/w");
        assert_eq!(*event.value("reason").unwrap(), "stopped (sibling)");
        let delay = event.measurement("delay").unwrap();
        assert_eq!(delay, Measure::Duration(Duration::from_millis(50)));
        assert_eq!(event.text("delay"), None);
    }

    #[test]
    fn values_become_the_text_of_what_they_are() {
        let mut event = Event::new(&KIND, Clock::system().now());
        event.tag("generation", Generation::first());
        event.tag("cause", StopCause::AutoShutdown);
        event.tag("expected", true);
        event.tag("warning", format_args!("{} of {}", 1, 2));
        let texts: Vec<_> = event
            .metadata()
            .iter()
            .map(|(_, v)| v.to_string())
            .collect();
        assert_eq!(texts, ["1", "auto_shutdown", "true", "1 of 2"]);
    }

    #[test]
    fn an_error_whose_text_panics_does_not_hurt_the_reader() {
        #[derive(Debug, thiserror::Error)]
        #[error("{}", Self::fail())]
        struct Rude;
        impl Rude {
            fn fail() -> &'static str {
                std::panic::resume_unwind(Box::new("no text"))
            }
        }
        let mut event = Event::new(&KIND, Clock::system().now());
        event.tag("reason", ExitReason::Error(Failure::from(Rude)));
        assert_eq!(event.text("reason").unwrap(), "error (its text panicked)");
    }
}
