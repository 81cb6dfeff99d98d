//! Keeps events, for tests and reports.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::event::Event;
use super::handlers::Filter;
use super::telemetry::Telemetry;
use crate::time::Clock;

/// An event that a [`Recorder`] kept. Cheap to clone.
#[derive(Clone)]
pub struct RecordedEvent(Arc<Event>);

impl Deref for RecordedEvent {
    type Target = Event;

    fn deref(&self) -> &Event {
        &self.0
    }
}

impl fmt::Debug for RecordedEvent {
    /// One line, as in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&super::log_bridge::line(self))
    }
}

/// Keeps the events that pass a filter, from the moment when it is attached until it is dropped.
///
/// It keeps the newest 16 384 events; [`count`](Self::count) and [`kinds_seen`](Self::kinds_seen) know of
/// all. It is bound to one [`Telemetry`], so that tests do not see each other's events. Telemetry only
/// observes: a program must not wait for events to do its work, a test may.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use steadfast::telemetry::{Filter, Recorder, Telemetry};
///
/// let telemetry = Telemetry::new();
/// let recorder = Recorder::attach(&telemetry, Filter::prefix("span"));
/// drop(telemetry.span("load"));
/// let took = recorder.wait_until(Duration::from_secs(5), |events| {
///     events.iter().find_map(|event| event.measurement("duration"))
/// });
/// assert!(took.as_f64() > 0.0);
/// assert_eq!(recorder.count("span.start"), 1);
/// ```
#[must_use = "it records until it is dropped"]
pub struct Recorder {
    telemetry: Telemetry,
    id: String,
    tape: Arc<Tape>,
}

struct Tape {
    kept: Mutex<Kept>,
    more: Condvar,
}

#[derive(Default)]
struct Kept {
    events: VecDeque<RecordedEvent>,
    counts: BTreeMap<&'static str, u64>,
    /// How many were seen, which says whether there is anything new.
    seen: u64,
}

impl Recorder {
    /// How many events it keeps; beyond it the oldest go.
    pub const CAPACITY: usize = 16_384;

    /// Begins to record.
    pub fn attach(telemetry: &Telemetry, filter: Filter) -> Self {
        let tape = Arc::new(Tape {
            kept: Mutex::new(Kept::default()),
            more: Condvar::new(),
        });
        // No other recorder has this address while the handler below keeps the tape.
        let mut id = format!("recorder.{:p}", Arc::as_ptr(&tape));
        loop {
            let own = Arc::clone(&tape);
            let handler = move |event: &Event| own.keep(event);
            if telemetry.attach(&*id, filter.clone(), handler).is_ok() {
                break;
            }
            // Somebody took the id on purpose.
            id.push('+');
        }
        Self {
            telemetry: telemetry.clone(),
            id,
            tape,
        }
    }

    /// The events so far, the oldest first.
    #[must_use]
    pub fn events(&self) -> Vec<RecordedEvent> {
        self.tape.kept.lock().events.iter().cloned().collect()
    }

    /// How many events of the kind with this name there were.
    #[must_use]
    pub fn count(&self, name: &str) -> u64 {
        let kept = self.tape.kept.lock();
        kept.counts.get(name).copied().unwrap_or(0)
    }

    /// The names of all kinds that were seen.
    #[must_use]
    pub fn kinds_seen(&self) -> BTreeSet<&'static str> {
        self.tape.kept.lock().counts.keys().copied().collect()
    }

    /// Forgets the events so far, with their counts.
    pub fn clear(&self) {
        let mut kept = self.tape.kept.lock();
        let events = std::mem::take(&mut kept.events);
        kept.counts.clear();
        drop(kept);
        drop(events);
    }

    /// Calls `find` with all events so far, again whenever there is a new one, until it finds something.
    ///
    /// # Blocking
    ///
    /// For `timeout` of real time at most, whatever the clock of the telemetry.
    ///
    /// # Panics
    ///
    /// If nothing was found in time; the message lists the last events.
    #[track_caller]
    pub fn wait_until<T>(
        &self,
        timeout: Duration,
        mut find: impl FnMut(&[RecordedEvent]) -> Option<T>,
    ) -> T {
        let until = Clock::system().deadline(timeout).instant();
        let mut seen = None;
        loop {
            let events = self.tape.next(seen, until);
            let Some((events, number)) = events else {
                panic!("not found within {timeout:?}; {}", self.last_events());
            };
            if let Some(found) = find(&events) {
                return found;
            }
            seen = Some(number);
        }
    }

    /// Waits until this many events of a kind were seen.
    ///
    /// # Panics
    ///
    /// If they did not come in time.
    #[track_caller]
    pub fn wait_for(&self, timeout: Duration, name: &str, number: u64) {
        self.wait_until(timeout, |_| (self.count(name) >= number).then_some(()));
    }

    fn last_events(&self) -> String {
        const SHOWN: usize = 50;
        let events = self.events();
        let skipped = events.len().saturating_sub(SHOWN);
        let mut text = format!("{} events, the last of them:", events.len());
        for event in &events[skipped..] {
            text.push_str("\n  ");
            text.push_str(&format!("{event:?}"));
        }
        text
    }
}

impl Tape {
    fn keep(&self, event: &Event) {
        let event = RecordedEvent(Arc::new(event.clone()));
        let mut kept = self.kept.lock();
        let oldest = (kept.events.len() >= Recorder::CAPACITY).then(|| kept.events.pop_front());
        *kept.counts.entry(event.name()).or_default() += 1;
        kept.seen += 1;
        kept.events.push_back(event);
        drop(kept);
        drop(oldest);
        self.more.notify_all();
    }

    /// The events and their number, once there are others than the `seen` ones; `None` when the time is
    /// over. The lock is not held while they are looked at.
    fn next(&self, seen: Option<u64>, until: Option<Instant>) -> Option<(Vec<RecordedEvent>, u64)> {
        let mut kept = self.kept.lock();
        while Some(kept.seen) == seen {
            let timed_out = match until {
                Some(until) => self.more.wait_until(&mut kept, until).timed_out(),
                None => {
                    self.more.wait(&mut kept);
                    false
                }
            };
            if timed_out && Some(kept.seen) == seen {
                return None;
            }
        }
        Some((kept.events.iter().cloned().collect(), kept.seen))
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        // It may have been detached by its id before.
        let _gone = self.telemetry.detach(&self.id);
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Recorder;
    use crate::telemetry::{EventKind, Filter, Telemetry};

    static NUMBER: EventKind = EventKind {
        name: "test.number",
        target: "test",
        level: log::Level::Info,
        measurements: &["n"],
        metadata: &[],
        doc: "A test emits it.",
    };

    fn emit(telemetry: &Telemetry, n: u64) {
        telemetry.emit(&NUMBER, |event| {
            event.measure("n", n);
        });
    }

    // S63, property 90, S62
    #[test]
    fn a_wait_looks_again_at_every_event_from_elsewhere() {
        const ROUNDS: usize = 200;
        let telemetry = Telemetry::new();
        let recorder = Recorder::attach(&telemetry, Filter::All);
        let mut answered = 0;
        recorder.wait_until(Duration::MAX, |events| {
            assert_eq!(events.len(), answered);
            answered += 1;
            // It comes from the drainer thread, as a rule when this one waits already.
            telemetry.post(&NUMBER, |event| {
                event.measure("n", answered);
            });
            (events.len() == ROUNDS).then_some(())
        });
    }

    // S63
    #[test]
    fn a_wait_finds_what_came_before_it() {
        let telemetry = Telemetry::new();
        let recorder = Recorder::attach(&telemetry, Filter::All);
        emit(&telemetry, 1);
        let found = recorder.wait_until(Duration::ZERO, |events| events.first().cloned());
        assert_eq!(found.measurement("n"), Some(1u64.into()));
    }

    // S63, property 90, S62
    #[test]
    #[should_panic(
        expected = "not found within 0ns; 2 events, the last of them:\n  test.number n=1\n  test.number n=2"
    )]
    fn a_wait_in_vain_tells_what_it_saw() {
        let telemetry = Telemetry::new();
        let recorder = Recorder::attach(&telemetry, Filter::All);
        emit(&telemetry, 1);
        emit(&telemetry, 2);
        recorder.wait_until(Duration::ZERO, |_| None::<()>);
    }

    #[test]
    fn the_newest_events_are_kept_and_all_are_counted() {
        let telemetry = Telemetry::new();
        let recorder = Recorder::attach(&telemetry, Filter::All);
        let last = Recorder::CAPACITY as u64 + 10;
        (1..=last).for_each(|n| emit(&telemetry, n));
        let events = recorder.events();
        assert_eq!(events.len(), Recorder::CAPACITY);
        assert_eq!(events[0].measurement("n"), Some(11u64.into()));
        assert_eq!(recorder.count("test.number"), last);
        assert_eq!(
            recorder.kinds_seen().into_iter().collect::<Vec<_>>(),
            ["test.number"]
        );
        recorder.clear();
        assert!(recorder.events().is_empty() && recorder.kinds_seen().is_empty());
    }

    #[test]
    fn a_recorder_leaves_with_its_guard() {
        let telemetry = Telemetry::new();
        let one = Recorder::attach(&telemetry, Filter::All);
        let other = Recorder::attach(&telemetry, Filter::All);
        drop(one);
        emit(&telemetry, 1);
        assert_eq!(other.count("test.number"), 1);
        assert_eq!(telemetry.handlers().len(), 1);
    }
}
