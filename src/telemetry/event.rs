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

fn same_names<T>(carried: &[(&'static str, T)], declared: &[&'static str]) -> bool {
    let is_carried_once = |name: &&str| {
        carried
            .iter()
            .filter(|(carried, _)| carried == name)
            .count()
            == 1
    };
    carried.len() == declared.len() && declared.iter().all(is_carried_once)
}
