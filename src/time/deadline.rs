//! A point in time after which an answer is no longer wanted.

use std::time::{Duration, Instant};

/// A point in time after which an answer is no longer wanted; or never.
///
/// It is absolute, so it can be handed down through nested calls without growing: each of them waits
/// for what is left. All arithmetic saturates: a duration that no clock can reach means *never*.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use steadfast::time::{Clock, Deadline};
///
/// let clock = Clock::system();
/// let outer = clock.deadline(Duration::from_secs(5));
/// let inner = Deadline::earliest(outer, clock.deadline(Duration::MAX));
/// assert_eq!(inner, outer);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Deadline(Option<Instant>);

impl Deadline {
    /// The deadline that never passes.
    pub const NEVER: Self = Self(None);

    /// The deadline at this instant.
    #[must_use]
    pub const fn at(instant: Instant) -> Self {
        Self(Some(instant))
    }

    /// The deadline that is this long after `now`; never, if no clock can reach it.
    #[must_use]
    pub fn after(now: Instant, duration: Duration) -> Self {
        Self(now.checked_add(duration))
    }

    /// What is left of it: zero once it has passed, [`Duration::MAX`] when it never passes.
    #[must_use]
    pub fn remaining(self, now: Instant) -> Duration {
        self.0
            .map_or(Duration::MAX, |at| at.saturating_duration_since(now))
    }

    /// Whether it has passed. The edge counts as passed.
    #[must_use]
    pub fn is_past(self, now: Instant) -> bool {
        self.0.is_some_and(|at| at <= now)
    }

    /// As much later; a deadline that never comes stays so.
    #[must_use]
    pub fn later(self, by: Duration) -> Self {
        Self(self.0.and_then(|at| at.checked_add(by)))
    }

    /// The earlier of two deadlines; any instant is earlier than never.
    #[must_use]
    pub fn earliest(a: Self, b: Self) -> Self {
        match (a.0, b.0) {
            (Some(x), Some(y)) => Self(Some(x.min(y))),
            (x, y) => Self(x.or(y)),
        }
    }

    /// The instant at which it passes; `None` when it never does.
    #[must_use]
    pub const fn instant(self) -> Option<Instant> {
        self.0
    }
}

impl From<Instant> for Deadline {
    fn from(instant: Instant) -> Self {
        Self::at(instant)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Deadline;
    use crate::time::Clock;

    #[test]
    fn a_deadline_is_past_from_its_edge_on() {
        let now = Clock::system().now();
        let deadline = Deadline::after(now, Duration::from_nanos(2));
        assert!(!deadline.is_past(now + Duration::from_nanos(1)));
        assert!(deadline.is_past(now + Duration::from_nanos(2)));
        assert_eq!(deadline.remaining(now), Duration::from_nanos(2));
        assert_eq!(
            deadline.remaining(now + Duration::from_secs(1)),
            Duration::ZERO
        );
    }

    #[test]
    fn a_duration_that_no_clock_can_reach_means_never() {
        let now = Clock::system().now();
        let deadline = Deadline::after(now, Duration::MAX);
        assert_eq!(deadline, Deadline::NEVER);
        assert_eq!(deadline.remaining(now), Duration::MAX);
        assert!(!deadline.is_past(now));
    }

    #[test]
    fn the_earliest_of_two_deadlines_wins_in_either_order() {
        let now = Clock::system().now();
        let soon = Deadline::after(now, Duration::from_secs(1));
        let late = Deadline::after(now, Duration::from_secs(2));
        for (a, b, earliest) in [
            (soon, late, soon),
            (late, soon, soon),
            (soon, Deadline::NEVER, soon),
            (Deadline::NEVER, soon, soon),
            (Deadline::NEVER, Deadline::NEVER, Deadline::NEVER),
        ] {
            assert_eq!(Deadline::earliest(a, b), earliest);
        }
    }
}
