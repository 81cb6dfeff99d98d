//! Where the time comes from: the one file that reads the real clock.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::deadline::Deadline;
use super::manual::ManualClock;
use crate::kernel::waiter::{Waiter, Wake};
use crate::kernel::waiters::Alarm;

/// Where the time comes from. Cheap to clone; clones of a manual clock show the same time.
///
/// Every part of the library that waits or measures takes one, so that a test can decide how time
/// passes ([`ManualClock`]).
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use steadfast::time::ManualClock;
///
/// let manual = ManualClock::new();
/// let clock = manual.clock();
/// let before = clock.now();
/// manual.advance(Duration::from_secs(60));
/// assert_eq!(clock.now() - before, Duration::from_secs(60));
/// ```
#[derive(Clone)]
pub struct Clock(Source);

#[derive(Clone)]
enum Source {
    System,
    Coarse(CoarseBase),
    Manual(ManualClock),
}

impl Clock {
    /// The operating system's monotonic clock: exact, 18 to 29 ns per reading on common machines.
    #[must_use]
    pub const fn system() -> Self {
        Self(Source::System)
    }

    /// The monotonic clock as of the kernel's last tick: some 4 ns per reading.
    ///
    /// It lags behind [`Clock::system`] by up to [`Clock::resolution`] (1 to 10 ms, by the kernel's
    /// configuration), is never ahead of it and never goes back. A deadline made from it may thus lie that
    /// much too early, and its passing be noticed that much too late. Where there is no such clock (other
    /// systems than Linux and Android, or a kernel that refuses) this is [`Clock::system`], and
    /// [`Clock::is_coarse`] says so.
    #[must_use]
    pub fn coarse() -> Self {
        CoarseBase::new().map_or(Self::system(), |base| Self(Source::Coarse(base)))
    }

    /// Whether an instant of the one means the same on the other: all real clocks, or clones of one that is
    /// turned by hand.
    pub(crate) fn shares_time_with(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Source::Manual(one), Source::Manual(other)) => one.is_the_same_as(other),
            (Source::Manual(_), _) | (_, Source::Manual(_)) => false,
            _ => true,
        }
    }

    /// The cheapest clock that goes with this one: coarse beside a real one, a manual one itself.
    pub(crate) fn coarse_twin(&self) -> Self {
        match self.0 {
            Source::System => Self::coarse(),
            Source::Coarse(_) | Source::Manual(_) => self.clone(),
        }
    }

    pub(super) const fn manual(manual: ManualClock) -> Self {
        Self(Source::Manual(manual))
    }

    /// A beginning to count nanoseconds from: now.
    pub(crate) fn begin(&self) -> Beginning {
        match &self.0 {
            Source::System => begin_system(),
            Source::Coarse(base) => {
                let reading = base.reading();
                Beginning::new(base.instant_of(reading), nanoseconds(reading))
            }
            Source::Manual(manual) => {
                let reading = manual.elapsed_ns();
                Beginning::new(manual.instant_of(reading), reading)
            }
        }
    }

    /// How many nanoseconds have passed since the beginning, which must be one of this clock: what
    /// [`now`](Self::now) says, without the way over an `Instant` where the clock counts itself.
    #[inline]
    pub(crate) fn nanoseconds_since(&self, beginning: &Beginning) -> u64 {
        let reading = match &self.0 {
            Source::Manual(manual) => manual.elapsed_ns(),
            Source::System | Source::Coarse(_) => self.reading(beginning),
        };
        reading.saturating_sub(beginning.reading)
    }

    /// What the clock counts. Out of line, because asking the kernel takes longer than a call.
    #[inline(never)]
    fn reading(&self, beginning: &Beginning) -> u64 {
        match &self.0 {
            Source::System => system_reading(beginning),
            Source::Coarse(base) => base.nanoseconds(),
            Source::Manual(manual) => manual.elapsed_ns(),
        }
    }

    /// The current time.
    #[must_use]
    pub fn now(&self) -> Instant {
        match &self.0 {
            Source::System => read_system(),
            Source::Coarse(base) => base.now(),
            Source::Manual(manual) => manual.now(),
        }
    }

    /// The deadline that is `duration` from now; never, if the clock cannot reach it.
    #[must_use]
    pub fn deadline(&self, duration: Duration) -> Deadline {
        Deadline::after(self.now(), duration)
    }

    /// The step in which its time moves: 1 ns, but for the coarse clock.
    #[must_use]
    pub fn resolution(&self) -> Duration {
        match &self.0 {
            Source::System | Source::Manual(_) => Duration::from_nanos(1),
            Source::Coarse(base) => base.resolution(),
        }
    }

    /// Whether it reads the kernel's last tick; `false` where [`Clock::coarse`] fell back.
    #[must_use]
    pub const fn is_coarse(&self) -> bool {
        matches!(self.0, Source::Coarse(_))
    }
}

/// A point in time from which nanoseconds are counted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Beginning {
    pub(crate) instant: Instant,
    /// What the clock itself counted then, if it counts.
    reading: u64,
}

impl Beginning {
    const fn new(instant: Instant, reading: u64) -> Self {
        Self { instant, reading }
    }
}

/// All of a duration, as far as a word has room for it: 584 years.
#[inline]
const fn nanoseconds(duration: Duration) -> u64 {
    let seconds = duration.as_secs().saturating_mul(1_000_000_000);
    seconds.saturating_add(duration.subsec_nanos() as u64)
}

impl Alarm for Clock {
    fn now(&self) -> Instant {
        Self::now(self)
    }

    fn park(&self, waiter: &Arc<Waiter>, at: Option<Instant>) {
        match (&self.0, at) {
            (_, None) => waiter.park(),
            (Source::Manual(manual), Some(at)) => manual.park(waiter, at),
            (Source::System | Source::Coarse(_), Some(at)) => self.park_until(waiter, at),
        }
    }
}

impl Clock {
    /// Parks in real time, once; the wait comes back after a wake-up without a cause.
    fn park_until(&self, waiter: &Waiter, at: Instant) {
        let left = at.saturating_duration_since(self.now());
        if left.is_zero() {
            waiter.wake(Wake::TimedOut);
        } else {
            waiter.park_timeout(left);
        }
    }
}

impl Default for Clock {
    /// [`Clock::system`].
    fn default() -> Self {
        Self::system()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Source::System => "Clock::System",
            Source::Coarse(_) => "Clock::Coarse",
            Source::Manual(_) => "Clock::Manual",
        })
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the real clock"
)]
pub(super) fn read_system() -> Instant {
    Instant::now()
}

/// Ties the kernel's readings to an [`Instant`].
///
/// `instant` is read *before* `begin`, so that `instant + (coarse - begin)` is never ahead of the
/// real clock; it is behind by the time between the two reads, some 50 ns.
#[cfg(any(target_os = "linux", target_os = "android"))]
#[derive(Clone, Copy)]
struct CoarseBase {
    instant: Instant,
    begin: Duration,
    resolution: Duration,
}

#[cfg(any(target_os = "linux", target_os = "android"))]
impl CoarseBase {
    fn new() -> Option<Self> {
        use rustix::time::{ClockId, clock_getres};
        let resolution = to_duration(clock_getres(ClockId::MonotonicCoarse));
        if resolution.is_zero() || read_kernel(ClockId::MonotonicCoarse).is_zero() {
            return None;
        }
        let instant = read_system();
        let begin = read_kernel(ClockId::Monotonic);
        Some(Self {
            instant,
            begin,
            resolution,
        })
    }

    const fn resolution(&self) -> Duration {
        self.resolution
    }

    fn now(&self) -> Instant {
        self.instant_of(self.reading())
    }

    /// What the kernel counts.
    fn reading(&self) -> Duration {
        read_kernel(rustix::time::ClockId::MonotonicCoarse)
    }

    /// As [`reading`](Self::reading), in nanoseconds.
    #[inline]
    fn nanoseconds(&self) -> u64 {
        kernel_nanoseconds(rustix::time::ClockId::MonotonicCoarse)
    }

    fn instant_of(&self, coarse: Duration) -> Instant {
        match coarse.checked_sub(self.begin) {
            Some(since) => self.instant + since,
            // The tick before the base was made: less than one resolution back.
            None => self
                .instant
                .checked_sub(self.begin - coarse)
                .unwrap_or(self.instant),
        }
    }
}

/// The reading first: what is counted is then never behind the instants, and a wait for an instant never ends too early.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn begin_system() -> Beginning {
    let reading = kernel_nanoseconds(rustix::time::ClockId::Monotonic);
    Beginning::new(read_system(), reading)
}

/// What the kernel counts behind an `Instant`.
#[cfg(any(target_os = "linux", target_os = "android"))]
#[inline]
fn system_reading(_: &Beginning) -> u64 {
    kernel_nanoseconds(rustix::time::ClockId::Monotonic)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn begin_system() -> Beginning {
    Beginning::new(read_system(), 0)
}

/// Counted from the beginning: nobody says what is behind an `Instant`.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn system_reading(beginning: &Beginning) -> u64 {
    nanoseconds(read_system().saturating_duration_since(beginning.instant))
}

/// What the kernel counts, since the machine was started.
#[cfg(any(target_os = "linux", target_os = "android"))]
#[inline]
fn kernel_nanoseconds(id: rustix::time::ClockId) -> u64 {
    let time = rustix::time::clock_gettime(id);
    // Neither is negative, and there is room for 584 years.
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

#[cfg(any(target_os = "linux", target_os = "android"))]
#[inline]
fn read_kernel(id: rustix::time::ClockId) -> Duration {
    to_duration(rustix::time::clock_gettime(id))
}

#[cfg(any(target_os = "linux", target_os = "android"))]
#[inline]
fn to_duration(time: rustix::time::Timespec) -> Duration {
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanos = u32::try_from(time.tv_nsec).unwrap_or(0);
    Duration::new(seconds, nanos)
}

/// There is none here.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
#[derive(Clone, Copy)]
enum CoarseBase {}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
impl CoarseBase {
    const fn new() -> Option<Self> {
        None
    }

    const fn resolution(&self) -> Duration {
        match *self {}
    }

    const fn now(&self) -> Instant {
        match *self {}
    }

    const fn reading(&self) -> Duration {
        match *self {}
    }

    const fn instant_of(&self, _: Duration) -> Instant {
        match *self {}
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Clock;
    use crate::kernel::waiter::Wake;
    use crate::kernel::waiters::{WaitList, wait_for};

    #[test]
    fn a_wait_in_real_time_does_not_end_before_its_deadline() {
        let system = Clock::system();
        for clock in [Clock::system(), Clock::coarse()] {
            let until = system.now() + Duration::from_millis(3);
            let ended = wait_for(&WaitList::new(), None, &clock, Some(until), || None::<()>);
            assert_eq!(ended, Err(Wake::TimedOut));
            assert!(system.now() >= until, "{clock:?} ended the wait early");
        }
    }

    #[test]
    fn the_coarse_clock_is_never_ahead_and_never_goes_back() {
        let (coarse, system) = (Clock::coarse(), Clock::system());
        // Far more than the resolution: a virtual machine may hold back its ticks.
        let slack = Duration::from_secs(1);
        let mut last = coarse.now();
        for _ in 0..100_000 {
            let before = system.now();
            let now = coarse.now();
            assert!(now >= last, "the coarse clock went back");
            assert!(now <= system.now(), "the coarse clock is ahead");
            // A preempted thread reads `before` long before `now`; that only makes this weaker.
            assert!(before <= now + slack, "the coarse clock lags too much");
            last = now;
        }
    }

    #[test]
    fn nanoseconds_since_a_beginning_are_what_the_instants_say() {
        let manual = super::ManualClock::new();
        manual.advance(Duration::from_secs(7));
        for clock in [Clock::system(), Clock::coarse(), manual.clock()] {
            let earlier = clock.now();
            let beginning = clock.begin();
            manual.advance(Duration::from_secs(3));
            let before = (clock.now() - beginning.instant).as_nanos();
            let counted = u128::from(clock.nanoseconds_since(&beginning));
            // The instant of a beginning may be a little later than what is counted from.
            let after = (clock.now() - earlier).as_nanos();
            assert!((before..=after).contains(&counted), "{clock:?}");
        }
    }

    #[test]
    fn only_clocks_of_one_time_share_it() {
        let (one, other) = (super::ManualClock::new(), super::ManualClock::new());
        assert!(Clock::system().shares_time_with(&Clock::coarse()));
        assert!(one.clock().shares_time_with(&one.clock()));
        assert!(!one.clock().shares_time_with(&other.clock()));
        assert!(!one.clock().shares_time_with(&Clock::system()));
    }

    #[test]
    fn the_coarse_clock_says_whether_it_is_one() {
        let coarse = Clock::coarse();
        assert_eq!(coarse.is_coarse(), cfg!(target_os = "linux"));
        assert!(coarse.resolution() >= Duration::from_nanos(1));
        assert!(!Clock::system().is_coarse());
    }
}
