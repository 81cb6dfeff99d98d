//! Waiting for a condition of which nobody tells.

use std::fmt;
use std::panic::Location;
use std::time::Duration;

use super::pulse::{Beat, Pulse};
use crate::time::Clock;

/// The time between two looks grows by as much with each look, up to the bound.
const PAUSE: Duration = Duration::from_micros(200);
const LONGEST_PAUSE: Duration = Duration::from_millis(10);

/// What one look at a condition came to: found, or not yet.
///
/// Three types say it: a `bool`, an `Option`, and a `Result` whose error is what was seen instead. Of these
/// only the last tells a reader of the failed test how far it was.
pub trait Observation {
    /// What a wait returns once it is there.
    type Found;
    /// What was seen instead.
    type Instead: fmt::Debug;

    /// Tells the two apart.
    ///
    /// # Errors
    /// What was seen instead.
    fn look(self) -> Result<Self::Found, Self::Instead>;
}

impl Observation for bool {
    type Found = ();
    type Instead = bool;

    fn look(self) -> Result<(), bool> {
        if self { Ok(()) } else { Err(false) }
    }
}

impl<T> Observation for Option<T> {
    type Found = T;
    type Instead = Option<()>;

    fn look(self) -> Result<T, Option<()>> {
        self.ok_or(None)
    }
}

impl<T, E: fmt::Debug> Observation for Result<T, E> {
    type Found = T;
    type Instead = E;

    fn look(self) -> Result<T, E> {
        self
    }
}

/// Looks again and again until it is there, and returns it.
///
/// The first look is at once, the last one after the time is over. In between it pauses: at first for a
/// fraction of a millisecond, later for ten. For what a system does, [`TestSystem::eventually`] looks again
/// at every event.
///
/// # Blocking
/// For `timeout` of real time and one look, whatever the clock of what is looked at.
///
/// # Panics
/// If it was not there in time, or if the calling unit was asked to stop; the message names the caller, the
/// time, the number of looks and what the last one saw.
///
/// # Examples
/// ```
/// use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
/// use std::time::Duration;
/// use steadfast::testkit::eventually;
///
/// let calls = AtomicU32::new(0);
/// let enough = eventually(Duration::from_secs(5), || {
///     let calls = calls.fetch_add(1, Relaxed);
///     if calls >= 3 { Ok(calls) } else { Err(calls) }
/// });
/// assert_eq!(enough, 3);
/// ```
///
/// [`TestSystem::eventually`]: super::TestSystem::eventually
#[track_caller]
pub fn eventually<O: Observation>(timeout: Duration, look: impl FnMut() -> O) -> O::Found {
    watch(&Pulse::new(), timeout, look)
}

/// As [`eventually`], looking again at each beat of the pulse too.
#[track_caller]
pub(super) fn watch<O: Observation>(
    pulse: &Pulse,
    timeout: Duration,
    mut look: impl FnMut() -> O,
) -> O::Found {
    let clock = Clock::system();
    let deadline = clock.deadline(timeout);
    let mut looks = 0_u32;
    let mut is_stopped = false;
    loop {
        let seen = pulse.beats();
        // Asked before the look: what comes true in the last pause is found.
        let is_last = is_stopped || deadline.is_past(clock.now());
        looks = looks.saturating_add(1);
        match look().look() {
            Ok(found) => return found,
            Err(instead) if is_last => fail(timeout, looks, is_stopped, &instead),
            Err(_) => {}
        }
        let left = deadline.remaining(clock.now());
        let pause = PAUSE.saturating_mul(looks).min(LONGEST_PAUSE).min(left);
        is_stopped = pulse.wait(seen, pause) == Beat::Stopped;
    }
}

#[track_caller]
fn fail(timeout: Duration, looks: u32, is_stopped: bool, instead: &dyn fmt::Debug) -> ! {
    let caller = Location::caller();
    let why = if is_stopped {
        "the unit was asked to stop"
    } else {
        "the time is over"
    };
    panic!("{caller}: not within {timeout:?} ({looks} looks, {why}); the last one saw {instead:?}")
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::sync::Arc;
    use std::time::Duration;

    use super::{eventually, watch};
    use crate::fault::catch::{Caught, catch};
    use crate::kernel::stop::{Level, StopSignal, enter_stop};
    use crate::testkit::pulse::Pulse;
    use crate::time::Clock;

    const LONG: Duration = Duration::from_secs(10);

    fn message_of(failing: impl FnOnce()) -> String {
        match catch(failing) {
            Err(Caught::Panic(report)) => report.message().to_owned(),
            other => panic!("no panic: {other:?}"),
        }
    }

    // S62
    #[test]
    fn what_is_there_is_found_at_the_first_look() {
        let looks = Cell::new(0);
        let look = || {
            looks.set(looks.get() + 1);
            Some(looks.get())
        };
        assert_eq!(eventually(Duration::ZERO, look), 1);
    }

    // S62: false and none keep waiting
    #[test]
    fn what_is_not_there_yet_is_looked_for_again() {
        let looks = Cell::new(0);
        eventually(LONG, || {
            looks.set(looks.get() + 1);
            looks.get() == 5
        });
        assert_eq!(looks.get(), 5);
    }

    // S62: the last look is after the deadline
    #[test]
    fn what_comes_true_in_the_last_pause_is_found() {
        let (clock, time) = (Clock::system(), Duration::from_millis(1));
        // True from the deadline on, so only a look after it finds it.
        let due = clock.deadline(time);
        eventually(time, || due.is_past(clock.now()));
    }

    // property 90, S62
    #[test]
    fn a_failed_wait_names_its_caller_its_time_and_what_it_saw_last() {
        let line = line!() + 1;
        let message = message_of(|| eventually(Duration::ZERO, || Err::<(), _>("2 of 3 are up")));
        let place = format!("{}:{line}:", file!());
        assert!(message.contains(&place), "{message}");
        for part in ["not within 0ns", "1 looks", "saw \"2 of 3 are up\""] {
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn a_unit_that_is_asked_to_stop_looks_once_more_and_gives_up() {
        let signal = Arc::new(StopSignal::new());
        signal.raise(Level::Drain, 0);
        let _entered = enter_stop(signal);
        let looks = Cell::new(0);
        let message = message_of(|| {
            eventually(LONG, || {
                looks.set(looks.get() + 1);
                false
            });
        });
        assert!(message.contains("asked to stop"), "{message}");
        assert_eq!(looks.get(), 2);
    }

    // S62
    #[test]
    fn a_beat_ends_a_pause() {
        let pulse = Pulse::new();
        let looks = Cell::new(0);
        watch(&pulse, LONG, || {
            looks.set(looks.get() + 1);
            // As if something had happened during each look.
            pulse.beat();
            looks.get() == 1000
        });
        // With pauses it would have taken ten seconds.
        assert_eq!(looks.get(), 1000);
    }
}
