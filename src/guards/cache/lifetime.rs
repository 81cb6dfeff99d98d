//! How long entries live, as functions of the time: nanoseconds since the cache was made.

use std::time::Duration;

/// The time that never comes.
pub(super) const NEVER: u64 = u64::MAX;

/// An idle time begins again only when so large a part of it has gone: a hit rarely writes.
const TOUCH_PART: u64 = 16;

/// What is configured, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lifetime {
    ttl: u64,
    tti: u64,
    grace: u64,
    refresh_ahead: u64,
}

/// The two deadlines of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Deadlines {
    /// It expires then at the latest.
    pub(super) hard: u64,
    /// It expires then, unless it is used before.
    pub(super) until: u64,
}

impl Deadlines {
    /// Those of an entry that does not expire.
    pub(super) const NEVER: Self = Self {
        hard: NEVER,
        until: NEVER,
    };
}

/// What an entry is at some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Age {
    /// To be returned.
    Fresh,
    /// Expired, but kept for who asks for stale entries.
    Stale,
    /// Expired.
    Over,
}

/// A duration in nanoseconds; one that no clock can reach is for ever.
pub(super) fn nanoseconds(duration: Duration) -> u64 {
    let seconds = duration.as_secs().saturating_mul(1_000_000_000);
    seconds.saturating_add(u64::from(duration.subsec_nanos()))
}

impl Lifetime {
    pub(super) fn new(
        ttl: Option<Duration>,
        tti: Option<Duration>,
        grace: Duration,
        refresh_ahead: Duration,
    ) -> Self {
        Self {
            ttl: ttl.map_or(NEVER, nanoseconds),
            tti: tti.map_or(NEVER, nanoseconds),
            grace: nanoseconds(grace),
            refresh_ahead: nanoseconds(refresh_ahead),
        }
    }

    /// The shortest time in which an entry may expire.
    #[inline]
    pub(super) fn shortest(&self) -> u64 {
        self.ttl.min(self.tti)
    }

    /// The deadlines of an entry that is made now; its own `ttl` takes the place of the configured one.
    pub(super) fn begin(&self, now: u64, own: Option<u64>) -> Deadlines {
        let hard = now.saturating_add(own.unwrap_or(self.ttl));
        let until = hard.min(now.saturating_add(self.tti));
        Deadlines { hard, until }
    }

    /// Where the idle deadline moves when the entry is used; `None` while it is not worth a write.
    #[inline]
    pub(super) fn touch(&self, now: u64, until: u64, hard: u64) -> Option<u64> {
        if self.tti == NEVER {
            return None;
        }
        let later = now.saturating_add(self.tti).min(hard);
        (later.saturating_sub(until) > self.tti / TOUCH_PART).then_some(later)
    }

    /// What an entry with this deadline is now. The edge counts as expired.
    #[inline]
    pub(super) fn age(&self, now: u64, until: u64) -> Age {
        if until > now || until == NEVER {
            Age::Fresh
        } else if until.saturating_add(self.grace) > now && self.grace > 0 {
            Age::Stale
        } else {
            Age::Over
        }
    }

    /// The time before which nobody takes such an entry for over.
    pub(super) fn before_grace(&self, now: u64) -> u64 {
        now.saturating_sub(self.grace)
    }

    /// Whether entries are loaded anew at all.
    #[inline]
    pub(super) const fn refreshes(&self) -> bool {
        self.refresh_ahead > 0
    }

    /// Whether an entry is in the last part of its time, in which it is loaded anew.
    pub(super) fn wants_refresh(&self, now: u64, hard: u64) -> bool {
        self.refreshes() && hard != NEVER && hard.saturating_sub(self.refresh_ahead) <= now
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Age, Deadlines, Lifetime, NEVER, nanoseconds};

    const NS: Duration = Duration::from_nanos(1);

    fn lifetime(ttl: u32, tti: u32) -> Lifetime {
        let some = |ns: u32| (ns > 0).then(|| NS * ns);
        Lifetime::new(some(ttl), some(tti), Duration::ZERO, Duration::ZERO)
    }

    #[test]
    fn an_entry_expires_at_its_edge_and_not_before() {
        let it = lifetime(100, 0);
        let deadlines = it.begin(50, None);
        assert_eq!(
            deadlines,
            Deadlines {
                hard: 150,
                until: 150
            }
        );
        assert_eq!(it.age(149, 150), Age::Fresh);
        assert_eq!(it.age(150, 150), Age::Over);
    }

    #[test]
    fn an_own_time_to_live_takes_the_place_of_the_configured_one() {
        let it = lifetime(100, 0);
        assert_eq!(it.begin(50, Some(7)).until, 57);
        assert_eq!(it.begin(50, Some(NEVER)).until, NEVER);
        assert_eq!(lifetime(0, 0).begin(50, Some(7)).until, 57);
    }

    #[test]
    fn an_idle_time_moves_with_use_but_never_beyond_the_hard_end() {
        let it = lifetime(1000, 160);
        assert_eq!(it.begin(0, None).until, 160);
        assert_eq!(it.touch(10, 160, 1000), None, "not worth a write");
        assert_eq!(it.touch(11, 160, 1000), Some(171));
        assert_eq!(it.touch(950, 970, 1000), Some(1000));
        assert_eq!(it.touch(999, 1000, 1000), None);
        assert_eq!(lifetime(1000, 0).touch(500, 1000, 1000), None);
    }

    #[test]
    fn a_clock_that_steps_back_makes_no_entry_shorter_and_none_longer() {
        let it = lifetime(1000, 160);
        let until = it.begin(500, None).until;
        assert_eq!(it.touch(100, until, 1500), None);
        assert_eq!(it.age(100, until), Age::Fresh);
        assert_eq!(it.age(until, until), Age::Over);
        assert_eq!(it.before_grace(0), 0);
    }

    #[test]
    fn a_time_that_no_clock_reaches_is_for_ever() {
        let it = Lifetime::new(Some(Duration::MAX), None, Duration::MAX, Duration::ZERO);
        assert_eq!(nanoseconds(Duration::MAX), NEVER);
        assert_eq!(it.begin(5, None).until, NEVER);
        assert_eq!(it.age(u64::MAX, NEVER), Age::Fresh);
        assert_eq!(it.age(9, 5), Age::Stale);
    }

    #[test]
    fn an_expired_entry_is_stale_for_the_time_of_its_grace() {
        let it = Lifetime::new(Some(NS * 10), None, NS * 5, Duration::ZERO);
        let ages = [9, 10, 14, 15].map(|now| it.age(now, 10));
        assert_eq!(ages, [Age::Fresh, Age::Stale, Age::Stale, Age::Over]);
        assert_eq!((it.before_grace(15), it.before_grace(3)), (10, 0));
    }

    #[test]
    fn an_entry_wants_a_refresh_in_the_last_part_of_its_time() {
        let it = Lifetime::new(Some(NS * 100), None, Duration::ZERO, NS * 20);
        assert!(!it.wants_refresh(79, 100) && it.wants_refresh(80, 100));
        assert!(!it.wants_refresh(80, NEVER));
        assert!(!lifetime(100, 0).wants_refresh(99, 100));
    }
}
