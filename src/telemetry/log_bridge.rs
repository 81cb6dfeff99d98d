//! Writes events through the `log` facade, with `key=value` in the text.
//!
//! `child.restarting path=demo/reader generation=2 attempt=3 delay=50ms`: the name, the metadata, the
//! measurements, and, where a span is open, `trace` and `span`. Values that are empty or hold white
//! space, quotes, `=` or control characters are quoted and escaped, so that a line stays a line and can
//! be taken apart again.
//!
//! Equal lines (the same kind and path) beyond ten in a second are folded into one line with their
//! number. It is written with the first event after that second, or when the bridge is detached.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use parking_lot::Mutex;

use super::event::{Event, EventKind};
use super::handlers::{AttachError, Filter};
use super::storm::{Folded, Storms};
use super::telemetry::Telemetry;

/// The id under which the bridge is attached.
pub const ID: &str = "steadfast.log";

/// Attaches the bridge, under [`ID`]. Events quieter than `log::max_level` cost it nothing; the logger
/// has the last word on targets and levels.
///
/// # Errors
///
/// [`AttachError::DuplicateId`]: it is attached already.
///
/// # Examples
///
/// ```
/// use steadfast::telemetry::{Telemetry, log_bridge};
///
/// let telemetry = Telemetry::new();
/// log_bridge::attach(&telemetry)?;
/// # Ok::<(), steadfast::telemetry::AttachError>(())
/// ```
pub fn attach(telemetry: &Telemetry) -> Result<(), AttachError> {
    let bridge = Bridge {
        storms: Mutex::new(Storms::new()),
        write: write_log,
    };
    let handle = Box::new(move |event: &Event| bridge.handle(event));
    telemetry.attach_up_to(ID.to_owned(), Filter::All, log::max_level, handle)
}

fn write_log(kind: &EventKind, line: &str) {
    log::log!(target: kind.target, kind.level, "{line}");
}

/// Folds, and writes what is left.
struct Bridge<W: Fn(&EventKind, &str)> {
    storms: Mutex<Storms<EventKind>>,
    write: W,
}

impl<W: Fn(&EventKind, &str)> Bridge<W> {
    fn handle(&self, event: &Event) {
        let path = event.text("path").unwrap_or_default();
        let (folded, is_written) = self.storms.lock().admit(event.kind(), &path, event.at());
        // The lock is free again: a logger is the user's code.
        self.write_folded(&folded);
        if is_written {
            (self.write)(event.kind(), &line(event));
        }
    }

    fn write_folded(&self, folded: &[Folded<EventKind>]) {
        for Folded { kind, path, lines } in folded {
            let mut line = kind.name.to_owned();
            if !path.is_empty() {
                push(&mut line, "path", path);
            }
            push(&mut line, "folded", &lines.to_string());
            (self.write)(kind, &line);
        }
    }
}

impl<W: Fn(&EventKind, &str)> Drop for Bridge<W> {
    fn drop(&mut self) {
        let folded = self.storms.get_mut().close_all();
        self.write_folded(&folded);
    }
}

/// The event in one line.
pub(super) fn line(event: &Event) -> String {
    let mut line = event.name().to_owned();
    for (key, value) in event.metadata() {
        push(&mut line, key, &value.text());
    }
    for (key, number) in event.measurements() {
        push(&mut line, key, &number.to_string());
    }
    for (key, value) in event.attributes() {
        push(&mut line, key, &value.text());
    }
    if let Some(span) = event.span() {
        push(&mut line, "trace", &span.trace().to_string());
        push(&mut line, "span", &span.span().to_string());
    }
    line
}

fn push(line: &mut String, key: &str, value: &str) {
    // Writing to a string cannot fail.
    let _written = write!(line, " {}={}", key_text(key), Quoted(value));
}

/// A key of the user's must not look like two.
fn key_text(key: &str) -> Cow<'_, str> {
    if !key.is_empty() && key.chars().all(is_plain) {
        return Cow::Borrowed(key);
    }
    let plain = key.chars().map(|c| if is_plain(c) { c } else { '_' });
    Cow::Owned(plain.collect())
}

/// A value as it stands in a line.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.0.is_empty() && self.0.chars().all(is_plain) {
            return f.write_str(self.0);
        }
        write!(f, "{:?}", self.0)
    }
}

fn is_plain(c: char) -> bool {
    !c.is_whitespace() && !c.is_control() && !matches!(c, '"' | '=' | '\\')
}
