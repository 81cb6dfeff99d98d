//! The phases of a stop as a value, and how the time of the stop is shared among them.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use crate::supervision::SpecError;
use crate::supervision::machine::gives_up_order_at;

/// The phases in which a system stops, in their order, and how long each may take.
///
/// A unit belongs to a phase by [`Child::stop_phase`](crate::supervision::Child::stop_phase). What belongs
/// to none stops after the last phase, in the reverse order of the start.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use steadfast::{Child, StopPhases, System, SystemConfig};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let phases = StopPhases::new()
///     .phase("intake", Duration::from_secs(2))
///     .phase("work", Duration::from_secs(5));
/// let system = System::with(SystemConfig::new("demo").stop_phases(phases))?;
/// system.spawn(Child::worker("acceptor", |ctx| Ok(())).stop_phase("intake"))?;
/// system.on_phase("work", |deadline| println!("flushing until {deadline:?}"))?;
/// let report = system.stop_within(Duration::from_secs(10));
/// assert_eq!(report.phases.len(), 2);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "phases do nothing until they are given to the configuration of a system"]
pub struct StopPhases {
    phases: Vec<(String, Duration)>,
}

impl StopPhases {
    /// No phases: a system then stops in the reverse order of the start.
    pub const fn new() -> Self {
        StopPhases { phases: Vec::new() }
    }

    /// Adds a phase after the others, and how long it may take. What it leaves goes on to the later ones.
    pub fn phase(mut self, name: impl Into<String>, time: Duration) -> Self {
        self.phases.push((name.into(), time));
        self
    }

    /// Checks the phases.
    ///
    /// # Errors
    /// All that is wrong with them.
    pub fn validate(&self) -> Result<(), Vec<SpecError>> {
        let mut errors = Vec::new();
        let (mut seen, mut twice) = (HashSet::new(), HashSet::new());
        for (name, time) in &self.phases {
            if name.is_empty() {
                errors.push(SpecError::EmptyPhase);
            }
            if !seen.insert(name) && twice.insert(name) {
                errors.push(SpecError::DuplicatePhase(name.clone()));
            }
            if time.is_zero() {
                errors.push(SpecError::ZeroPhase(name.clone()));
            }
        }
        if errors.is_empty() {
            Ok(())
        } else {
            Err(errors)
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.phases.is_empty()
    }

    /// How many phases there are.
    pub(crate) fn len(&self) -> usize {
        self.phases.len()
    }

    pub(crate) fn name(&self, place: usize) -> &str {
        &self.phases[place].0
    }

    pub(crate) fn place(&self, name: &str) -> Option<usize> {
        self.phases.iter().position(|(known, _)| known == name)
    }

    /// When all phases must be through in a stop that may take until `deadline`: what belongs to none has at
    /// least the last tenth, as all that is left has when a supervisor gives its order up.
    pub(crate) fn end(began: Instant, deadline: Option<Instant>) -> Option<Instant> {
        deadline.map(|deadline| gives_up_order_at(began, deadline))
    }

    /// Until when the phase at `place` may take that begins at `now`, if all phases must be through by `end`.
    ///
    /// Its own time; or, when that of this and of the later phases is more than is left, its share of what
    /// is left. So a phase that hangs takes time from itself only, and what one leaves is there for the next.
    pub(crate) fn limit(
        &self,
        place: usize,
        now: Instant,
        end: Option<Instant>,
    ) -> Option<Instant> {
        let own = self.phases[place].1;
        let Some(end) = end else {
            return now.checked_add(own);
        };
        let left = end.saturating_duration_since(now);
        let later = self.phases[place..].iter();
        let wanted = later.fold(Duration::ZERO, |sum, (_, time)| sum.saturating_add(*time));
        if wanted <= left {
            return now.checked_add(own);
        }
        let share = own.as_secs_f64() / wanted.as_secs_f64();
        Some(now + left.mul_f64(share).min(left))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::ManualClock;

    const SECOND: Duration = Duration::from_secs(1);

    fn origin() -> Instant {
        ManualClock::new().clock().now()
    }

    fn phases(times: &[u32]) -> StopPhases {
        let named = times.iter().enumerate();
        named.fold(StopPhases::new(), |phases, (at, &time)| {
            phases.phase(at.to_string(), SECOND * time)
        })
    }

    // decision 17
    #[test]
    fn a_phase_has_its_own_time_while_there_is_enough() {
        let (now, phases) = (origin(), phases(&[2, 5]));
        assert_eq!(
            phases.limit(0, now, Some(now + 7 * SECOND)),
            Some(now + 2 * SECOND)
        );
        assert_eq!(phases.limit(0, now, None), Some(now + 2 * SECOND));
        assert_eq!(
            phases.limit(1, now, Some(now + 6 * SECOND)),
            Some(now + 5 * SECOND)
        );
    }

    // decision 17
    #[test]
    fn time_that_is_short_is_shared_by_what_each_phase_asked_for() {
        let (now, phases) = (origin(), phases(&[2, 6]));
        assert_eq!(
            phases.limit(0, now, Some(now + 4 * SECOND)),
            Some(now + SECOND)
        );
        let later = now + SECOND / 2;
        let end = Some(now + 4 * SECOND);
        assert_eq!(phases.limit(1, later, end), Some(now + 4 * SECOND));
        assert_eq!(phases.limit(0, now, Some(now)), Some(now));
    }

    // decision 17
    #[test]
    fn phases_that_use_up_their_time_end_in_time_whatever_they_asked_for() {
        let mut rng = fastrand::Rng::with_seed(17);
        for _ in 0..2_000 {
            let times: Vec<_> = (0..rng.usize(1..6)).map(|_| rng.u32(1..50)).collect();
            let phases = phases(&times);
            let (begin, whole) = (origin(), SECOND * rng.u32(..100));
            let (mut now, end) = (begin, begin + whole);
            for (place, time) in times.iter().enumerate() {
                let limit = phases.limit(place, now, Some(end)).unwrap();
                assert!(now <= limit && limit <= end && limit - now <= SECOND * *time);
                assert!(
                    whole.is_zero() || limit > now,
                    "phase {place} of {times:?} has no time"
                );
                // It takes some of it, or all.
                now += (limit - now) / rng.u32(1..3);
            }
        }
    }

    // decision 7, decision 17
    #[test]
    fn all_that_is_wrong_with_phases_is_listed() {
        let wrong = phases(&[1, 0])
            .phase("0", SECOND)
            .phase("0", SECOND)
            .phase("", SECOND);
        let errors = [
            SpecError::ZeroPhase("1".into()),
            SpecError::DuplicatePhase("0".into()),
            SpecError::EmptyPhase,
        ];
        assert_eq!(wrong.validate(), Err(errors.into()));
        assert_eq!(phases(&[1, 2]).validate(), Ok(()));
    }
}
