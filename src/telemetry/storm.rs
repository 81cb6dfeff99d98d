//! Which of many equal lines are written, and which are folded into a number. Pure: the time comes in.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// How long a window is.
pub(super) const WINDOW: Duration = Duration::from_secs(1);
/// Equal lines that are written within a window; the others are counted.
pub(super) const WRITTEN: u64 = 10;
/// Windows that are kept at once; before another is opened all of them are closed.
const MAX_WINDOWS: usize = 256;

/// What makes lines equal: the kind of their event and the path that it is about.
type Key<K> = (&'static K, String);

/// A window that has ended: how many lines of this key it folded.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Folded<K: 'static> {
    pub(super) kind: &'static K,
    pub(super) path: String,
    pub(super) lines: u64,
}

struct Window {
    opened: Instant,
    lines: u64,
}

/// The windows that are open, at most 256.
pub(super) struct Storms<K: 'static> {
    windows: HashMap<Key<K>, Window>,
    /// Not before this is any window over.
    next_end: Option<Instant>,
}

impl<K: Eq + std::hash::Hash> Storms<K> {
    pub(super) fn new() -> Self {
        Self {
            windows: HashMap::new(),
            next_end: None,
        }
    }

    /// Whether a line is to be written; before it, what the windows that are over have folded.
    pub(super) fn admit(
        &mut self,
        kind: &'static K,
        path: &str,
        now: Instant,
    ) -> (Vec<Folded<K>>, bool) {
        let key = (kind, path.to_owned());
        let mut folded = self.close_until(now);
        if self.windows.len() >= MAX_WINDOWS && !self.windows.contains_key(&key) {
            folded.extend(self.close_all());
        }
        let window = self.windows.entry(key).or_insert(Window {
            opened: now,
            lines: 0,
        });
        window.lines = window.lines.saturating_add(1);
        self.next_end.get_or_insert(now + WINDOW);
        (folded, window.lines <= WRITTEN)
    }

    /// Closes the windows that are over.
    fn close_until(&mut self, now: Instant) -> Vec<Folded<K>> {
        if self.next_end.is_none_or(|end| now < end) {
            return Vec::new();
        }
        let is_over = |window: &Window| now.saturating_duration_since(window.opened) >= WINDOW;
        let over = self.windows.extract_if(|_, window| is_over(window));
        let folded = over.filter_map(fold).collect();
        let earliest = self.windows.values().map(|window| window.opened).min();
        self.next_end = earliest.map(|opened| opened + WINDOW);
        sorted(folded)
    }

    /// Closes all windows.
    pub(super) fn close_all(&mut self) -> Vec<Folded<K>> {
        self.next_end = None;
        sorted(self.windows.drain().filter_map(fold).collect())
    }
}

fn fold<K>(((kind, path), window): (Key<K>, Window)) -> Option<Folded<K>> {
    let lines = window.lines.saturating_sub(WRITTEN);
    (lines > 0).then_some(Folded { kind, path, lines })
}

/// The largest number first, so that the order does not depend on hashes.
fn sorted<K>(mut folded: Vec<Folded<K>>) -> Vec<Folded<K>> {
    folded.sort_by(|a, b| b.lines.cmp(&a.lines).then_with(|| a.path.cmp(&b.path)));
    folded
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Folded, MAX_WINDOWS, Storms, WINDOW};
    use crate::time::Clock;

    static KIND: &str = "child.exited";
    static OTHER: &str = "child.started";

    fn start() -> Instant {
        Clock::system().now()
    }

    fn written(storms: &mut Storms<&'static str>, path: &str, now: Instant, lines: u64) -> usize {
        let admitted = (0..lines).map(|_| storms.admit(&KIND, path, now).1);
        admitted.filter(|written| *written).count()
    }

    #[test]
    fn a_storm_is_folded_into_its_number() {
        let (mut storms, now) = (Storms::new(), start());
        assert_eq!(written(&mut storms, "a", now, 100), 10);
        let (folded, is_written) = storms.admit(&OTHER, "b", now + WINDOW);
        assert!(is_written);
        let of_a = Folded {
            kind: &KIND,
            path: "a".to_owned(),
            lines: 90,
        };
        assert_eq!(folded, [of_a]);
        assert_eq!(storms.close_all(), []);
    }

    #[test]
    fn lines_of_other_kinds_and_paths_are_not_part_of_a_storm() {
        let (mut storms, now) = (Storms::new(), start());
        assert_eq!(written(&mut storms, "a", now, 11), 10);
        assert_eq!(written(&mut storms, "b", now, 11), 10);
        assert!(storms.admit(&OTHER, "a", now).1);
        let folded: Vec<_> = storms.close_all();
        assert_eq!(folded.len(), 2);
    }

    #[test]
    fn a_window_ends_at_its_edge_and_another_begins() {
        let (mut storms, now) = (Storms::new(), start());
        assert_eq!(written(&mut storms, "a", now, 10), 10);
        let before = now + WINDOW - Duration::from_nanos(1);
        assert_eq!(written(&mut storms, "a", before, 1), 0);
        assert_eq!(written(&mut storms, "a", now + WINDOW, 10), 10);
    }

    #[test]
    fn a_later_window_does_not_end_with_an_earlier_one() {
        let (mut storms, now) = (Storms::new(), start());
        assert_eq!(written(&mut storms, "a", now, 1), 1);
        let half = now + WINDOW / 2;
        assert_eq!(written(&mut storms, "b", half, 10), 10);
        assert_eq!(written(&mut storms, "b", now + WINDOW, 1), 0);
        assert_eq!(written(&mut storms, "b", half + WINDOW, 1), 1);
    }

    #[test]
    fn the_number_of_windows_is_bounded_and_nothing_is_lost_at_the_bound() {
        let (mut storms, now) = (Storms::new(), start());
        written(&mut storms, "first", now, 15);
        let mut lines = 0;
        for n in 0..10 * MAX_WINDOWS {
            let (folded, is_written) = storms.admit(&KIND, &n.to_string(), now);
            assert!(is_written);
            lines += folded.iter().map(|one| one.lines).sum::<u64>();
            assert!(storms.windows.len() <= MAX_WINDOWS);
        }
        assert_eq!(lines, 5);
    }
}
