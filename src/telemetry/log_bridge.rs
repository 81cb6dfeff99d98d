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
    attach_writer(telemetry, log::max_level, write_log)
}

fn attach_writer(
    telemetry: &Telemetry,
    level: fn() -> log::LevelFilter,
    write: impl Fn(&EventKind, &str) + Send + Sync + 'static,
) -> Result<(), AttachError> {
    let bridge = Bridge {
        storms: Mutex::new(Storms::new()),
        write,
    };
    let handle = Box::new(move |event: &Event| bridge.handle(event));
    telemetry.attach_up_to(ID.to_owned(), Filter::All, level, handle)
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use parking_lot::Mutex;

    use super::{ID, attach, attach_writer};
    use crate::fault::{Generation, UnitPath};
    use crate::telemetry::{AttachError, Telemetry, kinds};
    use crate::time::ManualClock;

    type Lines = Arc<Mutex<Vec<String>>>;

    fn bridged(level: fn() -> log::LevelFilter) -> (ManualClock, Telemetry, Lines) {
        let manual = ManualClock::new();
        let telemetry = Telemetry::with_clock(manual.clock());
        let lines = Lines::default();
        let own = Arc::clone(&lines);
        let write = move |kind: &super::EventKind, line: &str| {
            let line = format!("{} {} {line}", kind.level, kind.target);
            own.lock().push(line);
        };
        attach_writer(&telemetry, level, write).unwrap();
        (manual, telemetry, lines)
    }

    fn everything() -> log::LevelFilter {
        log::LevelFilter::Trace
    }

    fn restarting(telemetry: &Telemetry, path: &str) {
        telemetry.emit(&kinds::CHILD_RESTARTING, |event| {
            event.measure("attempt", 3u64);
            event.measure("delay", Duration::from_millis(50));
            event.tag("path", UnitPath::new(path));
            event.tag("generation", Generation::first());
        });
    }

    #[test]
    fn an_event_becomes_a_line_of_keys_and_values() {
        let (_, telemetry, lines) = bridged(everything);
        restarting(&telemetry, "demo/reader");
        let line = "WARN steadfast::supervision child.restarting path=demo/reader generation=1 attempt=3 delay=50ms";
        assert_eq!(*lines.lock(), [line]);
    }

    #[test]
    fn a_value_cannot_break_its_line() {
        let (_, telemetry, lines) = bridged(everything);
        for warning in [
            "",
            "two words",
            "a=b",
            "a\"b",
            "line\nchild.exited path=x",
            "grün",
        ] {
            telemetry.emit(&kinds::SUPERVISOR_SPEC_WARNING, |event| {
                event.tag("path", "demo").tag("warning", warning);
            });
        }
        let lines = lines.lock();
        let values: Vec<_> = lines
            .iter()
            .map(|line| line.split_once("warning=").unwrap().1)
            .collect();
        let escaped = [
            r#""""#,
            r#""two words""#,
            r#""a=b""#,
            r#""a\"b""#,
            r#""line\nchild.exited path=x""#,
            "grün",
        ];
        assert_eq!(values, escaped);
    }

    #[test]
    fn a_key_of_the_user_cannot_look_like_two() {
        let (_, telemetry, lines) = bridged(everything);
        telemetry.span("work").attribute("a b=c", 1);
        let lines = lines.lock();
        assert!(lines[1].contains(" a_b_c=1 trace="), "{}", lines[1]);
    }

    #[test]
    fn a_storm_is_folded_and_told_after_its_second() {
        let (manual, telemetry, lines) = bridged(everything);
        (0..1000).for_each(|_| restarting(&telemetry, "demo/a b"));
        assert_eq!(lines.lock().len(), 10);
        manual.advance(Duration::from_secs(1));
        restarting(&telemetry, "demo/other");
        let lines = lines.lock();
        let folded = "WARN steadfast::supervision child.restarting path=\"demo/a b\" folded=990";
        assert_eq!(lines[10], folded);
        assert_eq!(lines.len(), 12);
    }

    #[test]
    fn what_is_still_folded_is_told_when_the_bridge_leaves() {
        let (_, telemetry, lines) = bridged(everything);
        (0..13).for_each(|_| restarting(&telemetry, "demo"));
        telemetry.detach(ID).unwrap();
        assert!(lines.lock()[10].ends_with("path=demo folded=3"));
    }

    #[test]
    fn an_event_below_the_level_is_not_made() {
        let (_, telemetry, lines) = bridged(|| log::LevelFilter::Warn);
        telemetry.emit(&kinds::CHILD_STARTED, |_| panic!("it is not made"));
        restarting(&telemetry, "demo");
        assert_eq!(lines.lock().len(), 1);
    }

    #[test]
    fn the_bridge_is_attached_once() {
        let telemetry = Telemetry::new();
        attach(&telemetry).unwrap();
        let id = ID.to_owned();
        assert_eq!(attach(&telemetry), Err(AttachError::DuplicateId { id }));
    }
}
