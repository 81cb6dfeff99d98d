//! Leaks, found by linear growth: what has become more after four times as many cycles grows with their number.
//!
//! No tolerance hides a small leak: one thread per cycle makes hundreds of them by the end. And what a program
//! keeps once, however much it is, is no leak.

use std::fmt;
use std::time::Duration;

use super::pulse::Pulse;
use crate::time::Clock;

/// The default of [`LinearGrowth::settling`].
const SETTLING: Duration = Duration::from_secs(2);

/// The pause between two looks at a measure, which nobody tells of.
const PAUSE: Duration = Duration::from_millis(1);

/// What is measured wavers upwards only, by what is just in hand: so many looks find it at rest.
const LOOKS: u32 = 20;

/// Runs a cycle N times to warm up, N times, and 4 N times more, and compares what is counted before and after
/// the last.
///
/// # Examples
/// ```
/// use std::cell::Cell;
/// use std::time::Duration;
/// use steadfast::testkit::LinearGrowth;
///
/// let made = Cell::new(0_u64);
/// let growth = LinearGrowth::over(10).settling(Duration::ZERO);
/// let growth = growth.count("things", || made.get()).run(|_| made.set(made.get() + 1)).unwrap_err();
/// assert_eq!(growth.to_string(), "in 40 cycles grew: things by 40, from 20 to 60");
/// ```
#[must_use = "nothing is measured until it runs"]
pub struct LinearGrowth<'a> {
    cycles: u32,
    settling: Duration,
    measures: Vec<Measure<'a>>,
}

struct Measure<'a> {
    what: &'static str,
    kind: Kind,
    read: Box<dyn Fn() -> u64 + 'a>,
}

/// What counts as growth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// One more.
    Count,
    /// As much more as a leak of a quarter per cycle comes to.
    Amount,
}

impl Kind {
    /// Whether so much is a leak, when `cycles` (N) were run four times between the two.
    fn has_grown(self, before: u64, after: u64, cycles: u32) -> bool {
        let more = after.saturating_sub(before);
        match self {
            Kind::Count => more > 0,
            Kind::Amount => more >= u64::from(cycles.max(1)),
        }
    }
}

/// One of the measures that grew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Grown {
    /// What was measured.
    pub what: &'static str,
    /// The measure after N cycles.
    pub before: u64,
    /// The measure after 4 N cycles more.
    pub after: u64,
}

/// Something grew with the number of cycles: all that did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Growth {
    cycles: u64,
    grown: Vec<Grown>,
}

impl<'a> LinearGrowth<'a> {
    /// N cycles, then 4 N; at least one. Hundreds, where amounts are measured: what is less than a quarter of one
    /// per cycle counts as chance.
    pub const fn over(cycles: u32) -> Self {
        LinearGrowth {
            cycles: if cycles == 0 { 1 } else { cycles },
            settling: SETTLING,
            measures: Vec::new(),
        }
    }

    /// A number of things: threads, files, timers, monitors. It may not be one more in the end.
    pub fn count(self, what: &'static str, read: impl Fn() -> u64 + 'a) -> Self {
        self.measure(what, Kind::Count, Box::new(read))
    }

    /// An amount that wavers a little, as bytes do: it may not be a quarter of one per cycle more in the end.
    pub fn amount(self, what: &'static str, read: impl Fn() -> u64 + 'a) -> Self {
        self.measure(what, Kind::Amount, Box::new(read))
    }

    /// For how long after the last cycle a measure may come down to what it was: a thread that was joined stays
    /// on the kernel's list for a moment. Default: 2 s, of which nothing is used when nothing has grown.
    pub const fn settling(mut self, time: Duration) -> Self {
        self.settling = time;
        self
    }

    fn measure(mut self, what: &'static str, kind: Kind, read: Box<dyn Fn() -> u64 + 'a>) -> Self {
        self.measures.push(Measure { what, kind, read });
        self
    }

    /// Runs the cycle; it is given its number, counted from zero.
    ///
    /// # Blocking
    /// As long as the cycles take, and the measures to settle.
    ///
    /// # Errors
    /// [`Growth`]: all that grew.
    pub fn run(self, mut cycle: impl FnMut(u32)) -> Result<(), Growth> {
        let warm = self.cycles.saturating_mul(2);
        let last = self.cycles.saturating_mul(6);
        (0..warm).for_each(&mut cycle);
        let before: Vec<_> = self.measures.iter().map(Measure::least).collect();
        (warm..last).for_each(cycle);
        let measures = self.measures.iter().zip(before);
        let grown: Vec<_> = measures
            .filter_map(|(of, before)| of.grown(before, self.cycles, self.settling))
            .collect();
        if grown.is_empty() {
            return Ok(());
        }
        Err(Growth {
            cycles: u64::from(last - warm),
            grown,
        })
    }
}

impl Measure<'_> {
    /// The growth, once the measure has settled.
    fn grown(&self, before: u64, cycles: u32, settling: Duration) -> Option<Grown> {
        let clock = Clock::system();
        let until = clock.deadline(settling);
        loop {
            let is_last = until.is_past(clock.now());
            let after = self.least();
            if !self.kind.has_grown(before, after, cycles) {
                return None;
            }
            if is_last {
                let what = self.what;
                return Some(Grown {
                    what,
                    before,
                    after,
                });
            }
        }
    }

    /// The least of some looks.
    fn least(&self) -> u64 {
        let nothing = Pulse::new();
        let look = |_| {
            nothing.wait(nothing.beats(), PAUSE);
            (self.read)()
        };
        (0..LOOKS).map(look).min().unwrap_or_default()
    }
}

impl Growth {
    /// All that grew, at least one thing.
    #[must_use]
    pub fn grown(&self) -> &[Grown] {
        &self.grown
    }
}

impl fmt::Display for Growth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "in {} cycles grew:", self.cycles)?;
        for (index, grown) in self.grown.iter().enumerate() {
            let Grown {
                what,
                before,
                after,
            } = grown;
            let comma = if index > 0 { "," } else { "" };
            let more = after - before;
            write!(f, "{comma} {what} by {more}, from {before} to {after}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Growth {}

impl fmt::Debug for LinearGrowth<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let measured: Vec<_> = self.measures.iter().map(|of| of.what).collect();
        f.debug_struct("LinearGrowth")
            .field("cycles", &self.cycles)
            .field("measured", &measured)
            .finish()
    }
}

/// How many threads the process has, by the operating system's count.
///
/// It counts all of them, those of tests that run beside it too: measure it in a test binary with one test.
///
/// # Errors
/// The operating system does not tell: only Linux does.
pub fn process_threads() -> std::io::Result<u64> {
    entries("/proc/self/task")
}

/// How many file descriptors the process has open, by the operating system's count.
///
/// # Errors
/// As [`process_threads`].
pub fn open_descriptors() -> std::io::Result<u64> {
    // The one for the look itself is among them.
    entries("/proc/self/fd").map(|count| count.saturating_sub(1))
}

fn entries(folder: &str) -> std::io::Result<u64> {
    let entries = std::fs::read_dir(folder)?;
    Ok(u64::try_from(entries.count()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::time::Duration;

    use super::{Grown, Kind, LinearGrowth};

    // property 94, S66: a leak of one per cycle in a short loop is found
    #[test]
    fn one_more_per_cycle_is_found_however_few_the_cycles_are() {
        let things = Cell::new(0);
        let growth = LinearGrowth::over(1).settling(Duration::ZERO);
        let growth = growth.count("things", || things.get());
        let growth = growth.run(|_| things.set(things.get() + 1)).unwrap_err();
        let grown = Grown {
            what: "things",
            before: 2,
            after: 6,
        };
        assert_eq!(growth.grown(), [grown]);
    }

    // S66
    #[test]
    fn what_is_kept_once_is_no_growth() {
        let things = Cell::new(0);
        let growth = LinearGrowth::over(10)
            .count("things", || things.get())
            .amount("bytes", || things.get() * 4096);
        assert_eq!(
            growth.run(|cycle| things.set(u64::from(cycle.min(15)))),
            Ok(())
        );
    }

    // S66
    #[test]
    fn a_count_may_come_down_after_the_last_cycle() {
        let things = Cell::new(0_u64);
        let late = || {
            let seen = things.get();
            things.set(seen.saturating_sub(1));
            seen
        };
        let growth = LinearGrowth::over(5).count("things", late);
        assert_eq!(growth.run(|_| things.set(things.get() + 2)), Ok(()));
    }

    // S66
    #[test]
    fn an_amount_that_doubles_now_and_then_is_found() {
        for cycles in [10, 100, 333, 1000] {
            // As the buffer of a list grows to which each cycle adds a byte.
            let bytes = Cell::new(0_u64);
            let growth = LinearGrowth::over(cycles).settling(Duration::ZERO);
            let growth = growth.amount("bytes", || bytes.get());
            let add = |cycle: u32| bytes.set(u64::from(cycle + 1).next_power_of_two());
            assert!(growth.run(add).is_err(), "{cycles} cycles");
        }
        assert!(!Kind::Amount.has_grown(1000, 1099, 100));
        assert!(Kind::Amount.has_grown(1000, 1100, 100));
    }
}
