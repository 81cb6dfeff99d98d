//! When a timer fires, and how often it did: pure.
//!
//! A look at a chain comes whenever the steward has the time for it. However late that is, it yields one tick at
//! most: what came due in between is *missed*, and the tick says how many those were.

use std::time::{Duration, Instant};

use super::timer_error::TimerError;

const NANOS_PER_SECOND: u128 = 1_000_000_000;

/// How a periodic timer goes on.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use steadfast::timer::Every;
///
/// let beat = Every::rate(Duration::from_secs(1));
/// assert_eq!(beat.interval(), Duration::from_secs(1));
/// assert_ne!(beat, Every::delay(Duration::from_secs(1)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Every {
    pace: Pace,
    interval: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Pace {
    Rate,
    Delay,
}

impl Every {
    /// At a fixed rate: at one, two, three periods after the arming, however late one tick was. For what counts time.
    #[must_use]
    pub const fn rate(period: Duration) -> Self {
        Self {
            pace: Pace::Rate,
            interval: period,
        }
    }

    /// With a fixed delay: so long after the delivery before, or after the end of the job that it began. For what must
    /// not come in a burst; no tick is ever missed, all are later.
    #[must_use]
    pub const fn delay(delay: Duration) -> Self {
        Self {
            pace: Pace::Delay,
            interval: delay,
        }
    }

    /// The period or the delay.
    #[must_use]
    pub const fn interval(self) -> Duration {
        self.interval
    }

    pub(super) const fn validate(self) -> Result<(), TimerError> {
        if self.interval.is_zero() {
            return Err(TimerError::ZeroInterval);
        }
        Ok(())
    }

    /// What a look at `now` finds, `due` being the first tick that has not been seen.
    fn seen(self, due: Instant, now: Instant) -> Seen {
        let late = now.saturating_duration_since(due);
        match self.pace {
            Pace::Rate if late >= self.interval => {
                let (missed, behind) = divided(late, self.interval);
                let latest = now.checked_sub(behind).unwrap_or(due);
                Seen {
                    missed,
                    latest,
                    next: latest.checked_add(self.interval),
                }
            }
            Pace::Rate => Seen::alone(due, due.checked_add(self.interval)),
            Pace::Delay => Seen::alone(due, now.checked_add(self.interval)),
        }
    }
}

/// How many whole intervals there are in the time, and what is left of it.
fn divided(time: Duration, interval: Duration) -> (u64, Duration) {
    let (time, interval) = (time.as_nanos(), interval.as_nanos().max(1));
    let (whole, rest) = (time / interval, time % interval);
    let seconds = u64::try_from(rest / NANOS_PER_SECOND).unwrap_or(u64::MAX);
    let nanos = u32::try_from(rest % NANOS_PER_SECOND).unwrap_or(0);
    (
        u64::try_from(whole).unwrap_or(u64::MAX),
        Duration::new(seconds, nanos),
    )
}

/// The ticks that one look finds due.
struct Seen {
    /// Those before the latest one.
    missed: u64,
    latest: Instant,
    /// `None` is beyond the end of the clock.
    next: Option<Instant>,
}

impl Seen {
    const fn alone(due: Instant, next: Option<Instant>) -> Self {
        Self {
            missed: 0,
            latest: due,
            next,
        }
    }
}

/// One delivery of a periodic timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tick {
    /// Which tick of its timer it is: 1, 2, …, those counted that never arrived.
    pub number: u64,
    /// When it was due. Of ticks that came due together, the latest is delivered.
    pub due: Instant,
    /// How many ticks before this one, since the last that arrived, did not arrive: they were missed or refused.
    pub missed: u64,
}

/// What a timer has done so far.
///
/// `delivered + missed + refused` is the number of ticks that have come due, those asked for by hand among them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TimerStats {
    /// Ticks that arrived, or began a job.
    pub delivered: u64,
    /// Ticks for which a later one stands, because several had come due at one look, or the job before still ran.
    pub missed: u64,
    /// Ticks that the receiver did not take, or for which no job could be begun.
    pub refused: u64,
    /// When the last one was delivered.
    pub last: Option<Instant>,
}

impl TimerStats {
    /// All ticks that have come due.
    #[must_use]
    pub const fn ticks(&self) -> u64 {
        self.delivered
            .saturating_add(self.missed)
            .saturating_add(self.refused)
    }
}

/// The ticks of one timer: one, or one after the other.
#[derive(Clone, Debug)]
pub(super) struct Chain {
    /// `None` fires once.
    every: Option<Every>,
    /// `None` is never: fired, or beyond the end of the clock.
    due: Option<Instant>,
    stats: TimerStats,
    /// Ticks since the last that arrived.
    unseen: u64,
    /// The job that the last tick began still runs.
    is_busy: bool,
}

/// What became of a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Settled {
    /// It arrived.
    Arrived,
    /// It began a job, which runs until the chain is told its [end](Chain::finish).
    Began,
    Refused,
}

/// What a look at a chain finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    Nothing,
    /// To be delivered, and then [settled](Chain::settle).
    Due(Tick),
    /// Ticks came due, the last of them with this number, while the job ran: they are missed.
    Missed {
        number: u64,
    },
}

impl Chain {
    /// Fires at `due`, once.
    pub(super) fn once(due: Option<Instant>) -> Self {
        Self {
            every: None,
            due,
            stats: TimerStats::default(),
            unseen: 0,
            is_busy: false,
        }
    }

    /// Fires one interval after `now`, and so on.
    pub(super) fn every(every: Every, now: Instant) -> Self {
        Self {
            every: Some(every),
            ..Self::once(now.checked_add(every.interval))
        }
    }

    pub(super) const fn due(&self) -> Option<Instant> {
        self.due
    }

    pub(super) const fn interval(&self) -> Option<Every> {
        self.every
    }

    pub(super) const fn stats(&self) -> TimerStats {
        self.stats
    }

    /// Whether it has fired its one time.
    pub(super) const fn is_spent(&self) -> bool {
        self.every.is_none() && self.stats.ticks() > 0
    }

    /// Whether the job that the last tick began still runs.
    pub(super) const fn is_busy(&self) -> bool {
        self.is_busy
    }

    /// Looks whether a tick is due at `now`.
    pub(super) fn fire(&mut self, now: Instant) -> Look {
        let Some(due) = self.due.filter(|due| *due <= now) else {
            return Look::Nothing;
        };
        let seen = match self.every {
            Some(every) => every.seen(due, now),
            None => Seen::alone(due, None),
        };
        self.due = seen.next;
        if !self.is_busy {
            self.miss(seen.missed);
            return Look::Due(self.tick(seen.latest));
        }
        if self.counts_from_ends() {
            self.due = None;
            return Look::Nothing;
        }
        self.miss(seen.missed.saturating_add(1));
        let number = self.stats.ticks();
        Look::Missed { number }
    }

    fn miss(&mut self, ticks: u64) {
        self.stats.missed = self.stats.missed.saturating_add(ticks);
        self.unseen = self.unseen.saturating_add(ticks);
    }

    fn counts_from_ends(&self) -> bool {
        self.every.is_some_and(|every| every.pace == Pace::Delay)
    }

    /// A tick beside the schedule, which stays as it is; of a chain that fires once it is the one.
    pub(super) fn force(&mut self, now: Instant) -> Tick {
        if self.every.is_none() {
            self.due = None;
        }
        self.tick(now)
    }

    fn tick(&self, due: Instant) -> Tick {
        Tick {
            number: self.stats.ticks().saturating_add(1),
            due,
            missed: self.unseen,
        }
    }

    /// What became of the tick.
    pub(super) fn settle(&mut self, settled: Settled, now: Instant) {
        if settled == Settled::Refused {
            self.stats.refused = self.stats.refused.saturating_add(1);
            self.unseen = self.unseen.saturating_add(1);
            return;
        }
        self.stats.delivered = self.stats.delivered.saturating_add(1);
        self.stats.last = Some(now);
        self.unseen = 0;
        self.is_busy = settled == Settled::Began;
        if self.is_busy && self.counts_from_ends() {
            self.due = None;
        }
    }

    /// The job that the last tick began has ended.
    pub(super) fn finish(&mut self, at: Instant) {
        self.is_busy = false;
        if let Some(every) = self.every
            && self.counts_from_ends()
            && self.due.is_none()
        {
            self.due = at.checked_add(every.interval);
        }
    }

    /// Goes on in another interval, counted from `now`.
    pub(super) fn retime(&mut self, every: Every, now: Instant) {
        self.every = Some(every);
        self.due = now.checked_add(every.interval);
    }
}

#[cfg(test)]
#[path = "schedule_tests.rs"]
mod tests;
