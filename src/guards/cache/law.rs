//! What decides about the entries of one cache: its times, its eras, and the clock they are measured by.

use std::sync::atomic::{AtomicBool, Ordering};

use super::cause::RemovalCause;
use super::entry::Entry;
use super::lifetime::{Age, Deadlines, Lifetime, NEVER, nanoseconds};
use crate::kernel::era::Eras;
use crate::kernel::shard::Item;
use crate::time::{Beginning, Clock};

/// A coarse clock is used where the shortest time to live is so many times its resolution.
const COARSE_FROM: u64 = 100;

/// What decides about the entries of one cache.
#[derive(Debug)]
pub(super) struct Law {
    pub(super) lifetime: Lifetime,
    pub(super) eras: Eras,
    clock: Clock,
    beginning: Beginning,
    /// How far the clock may be behind.
    lag: u64,
    has_pins: AtomicBool,
    /// The shortest time that a coarse clock is good enough for, where nobody chose the clock.
    good_from: Option<u64>,
    /// An entry has a shorter one: the time is the operating system's from then on.
    is_exact: AtomicBool,
}

/// What an entry is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Worth {
    /// It may be returned.
    Valid,
    /// It has expired, and may be returned to who asks for stale entries.
    Stale,
    /// It is over: it may be taken out, for this cause.
    Nothing(RemovalCause),
}

impl Law {
    pub(super) fn new(lifetime: Lifetime, groups: usize, clock: Option<Clock>) -> Self {
        let is_chosen = clock.is_some();
        let clock = clock.unwrap_or_else(|| fitting_clock(&lifetime));
        let lag = if clock.is_coarse() {
            nanoseconds(clock.resolution())
        } else {
            0
        };
        Self {
            lifetime,
            eras: Eras::new(groups),
            beginning: clock.begin(),
            clock,
            lag,
            has_pins: AtomicBool::new(false),
            good_from: (lag > 0 && !is_chosen).then(|| lag.saturating_mul(COARSE_FROM)),
            is_exact: AtomicBool::new(false),
        }
    }

    /// Whether anything was pinned, ever: else nobody has to look for it.
    pub(super) fn has_pins(&self) -> bool {
        // Relaxed: a hint; who pins at this very moment may be missed as its pin may.
        self.has_pins.load(Ordering::Relaxed)
    }

    /// Something is about to be pinned.
    pub(super) fn expect_pins(&self) {
        if !self.has_pins() {
            // Relaxed: as above.
            self.has_pins.store(true, Ordering::Relaxed);
        }
    }

    /// The clock of this cache.
    pub(super) const fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The time from which deadlines are counted: never later than it is.
    #[inline]
    pub(super) fn begin_now(&self) -> u64 {
        if self.is_exact() {
            // What a coarse clock counts from is a time of the system's clock too.
            Clock::system().nanoseconds_since(&self.beginning)
        } else {
            self.clock.nanoseconds_since(&self.beginning)
        }
    }

    /// The time that deadlines are compared with: by a coarse clock a step later than it shows, so that nothing is returned
    /// too late for as long as the machine does not hold its ticks back.
    #[inline]
    pub(super) fn now(&self) -> u64 {
        let lag = if self.is_exact() { 0 } else { self.lag };
        self.begin_now().saturating_add(lag)
    }

    #[inline]
    fn is_exact(&self) -> bool {
        // Relaxed: who still reads the coarse clock has its lag too.
        self.is_exact.load(Ordering::Relaxed)
    }

    /// The deadlines of an entry that is made now. The clock is read only if it can expire.
    #[inline]
    pub(super) fn deadlines(&self, own: Option<u64>) -> Deadlines {
        match own {
            None if self.lifetime.shortest() == NEVER => Deadlines::NEVER,
            None => self.lifetime.begin(self.begin_now(), None),
            Some(own) => self.own_deadlines(own),
        }
    }

    /// The deadlines of an entry with a time to live of its own.
    fn own_deadlines(&self, own: u64) -> Deadlines {
        if self.good_from.is_some_and(|good| own < good) {
            // Relaxed: as in `is_exact`.
            self.is_exact.store(true, Ordering::Relaxed);
        }
        let shortest = own.min(self.lifetime.shortest());
        let now = if shortest == NEVER {
            0
        } else {
            self.begin_now()
        };
        self.lifetime.begin(now, Some(own))
    }

    /// What an entry is worth, and the time that was read for it; zero if none had to be, because it cannot expire.
    #[inline]
    pub(super) fn worth<K, V>(&self, entry: &Entry<K, V>) -> (Worth, u64) {
        if !self.is_valid(entry) {
            return (Worth::Nothing(RemovalCause::Invalidated), 0);
        }
        let until = entry.expiry.at();
        if until == NEVER {
            return (Worth::Valid, 0);
        }
        let now = self.now();
        (self.worth_until(until, now), now)
    }

    /// As [`worth`](Self::worth), at a time that was read before.
    #[inline]
    pub(super) fn worth_at<K, V>(&self, entry: &Entry<K, V>, now: u64) -> Worth {
        if !self.is_valid(entry) {
            return Worth::Nothing(RemovalCause::Invalidated);
        }
        self.worth_until(entry.expiry.at(), now)
    }

    #[inline]
    fn worth_until(&self, until: u64, now: u64) -> Worth {
        match self.lifetime.age(now, until) {
            Age::Fresh => Worth::Valid,
            Age::Stale => Worth::Stale,
            Age::Over => Worth::Nothing(RemovalCause::Expired),
        }
    }

    /// Moves the idle deadline of an entry that is used at `now`. False if it was found expired meanwhile.
    #[inline]
    pub(super) fn touch<K, V>(&self, entry: &Entry<K, V>, now: u64) -> bool {
        let until = entry.expiry.at();
        match self.lifetime.touch(now, until, entry.hard) {
            Some(later) if !entry.expiry.extend(until, later) => !entry.expiry.is_taken(),
            _ => true,
        }
    }

    /// Whether this caller may take the entry out for this cause: an idle deadline that moved meanwhile forbids it.
    pub(super) fn may_take<K, V>(
        &self,
        entry: &Entry<K, V>,
        cause: RemovalCause,
        now: u64,
    ) -> bool {
        cause != RemovalCause::Expired || entry.expiry.take(self.lifetime.before_grace(now))
    }

    #[inline]
    fn is_valid<K, V>(&self, entry: &Entry<K, V>) -> bool {
        self.eras.is_valid(entry.stamp(), entry.group())
    }
}

/// The coarse clock, unless times are so short that its steps would show.
fn fitting_clock(lifetime: &Lifetime) -> Clock {
    let coarse = Clock::coarse();
    let steps = nanoseconds(coarse.resolution()).saturating_mul(COARSE_FROM);
    if lifetime.shortest() >= steps {
        coarse
    } else {
        Clock::system()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::entry::Making;
    use super::{Clock, Entry, Law, Lifetime, RemovalCause, Worth, nanoseconds};
    use crate::time::ManualClock;

    fn law(ttl: Duration, clock: Option<Clock>) -> Law {
        let lifetime = Lifetime::new(Some(ttl), None, Duration::ZERO, Duration::ZERO);
        Law::new(lifetime, 0, clock)
    }

    #[test]
    fn a_coarse_clock_is_taken_for_long_times_only() {
        assert!(!law(Duration::from_millis(1), None).clock().is_coarse());
        let coarse = law(Duration::from_secs(60), None);
        assert_eq!(coarse.clock().is_coarse(), Clock::coarse().is_coarse());
    }

    // property 28
    #[test]
    fn an_idle_entry_that_is_used_meanwhile_is_not_taken_for_expired() {
        let manual = ManualClock::new();
        let (ttl, tti) = (Duration::from_secs(100), Duration::from_secs(10));
        let lifetime = Lifetime::new(Some(ttl), Some(tti), Duration::ZERO, Duration::ZERO);
        let law = Law::new(lifetime, 0, Some(manual.clock()));
        let making = Making {
            deadlines: law.deadlines(None),
            stamp: law.eras.stamp(),
            weight: 1,
            group: 0,
            pinned: false,
        };
        let entry = Entry::new(1, 1, making);
        manual.advance(Duration::from_secs(9));
        let just_before = law.now();
        manual.advance(Duration::from_secs(1));
        let (worth, now) = law.worth(&entry);
        assert_eq!(worth, Worth::Nothing(RemovalCause::Expired));
        assert!(law.touch(&entry, just_before), "it was used in time");
        assert!(!law.may_take(&entry, RemovalCause::Expired, now));
        manual.advance(Duration::from_secs(9));
        assert!(law.may_take(&entry, RemovalCause::Expired, law.now()));
        assert!(!law.touch(&entry, just_before), "it was taken");
    }

    #[test]
    fn an_entry_whose_own_time_is_too_short_for_the_coarse_clock_makes_it_exact() {
        let is_exact = |clock: Option<Clock>, own: Duration| {
            let law = law(Duration::from_secs(60), clock);
            law.deadlines(None);
            assert!(!law.is_exact());
            law.deadlines(Some(nanoseconds(own)));
            law.is_exact()
        };
        let short = Duration::from_millis(4);
        assert_eq!(is_exact(None, short), Clock::coarse().is_coarse());
        assert!(!is_exact(None, Duration::from_secs(10)));
        assert!(!is_exact(Some(Clock::coarse()), short), "it was chosen");
    }

    #[test]
    fn by_a_coarse_clock_time_is_taken_for_a_step_later_than_it_shows() {
        let law = law(Duration::from_secs(60), Some(Clock::coarse()));
        for _ in 0..1000 {
            let (before, now, after) = (law.begin_now(), law.now(), law.begin_now());
            assert!((before + law.lag..=after + law.lag).contains(&now));
        }
        assert_eq!(law.lag > 0, Clock::coarse().is_coarse());
    }
}
