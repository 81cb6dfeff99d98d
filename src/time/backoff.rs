//! How long to wait before the next attempt. Pure: no clock, no thread, randomness is handed in.

use std::time::Duration;

use fastrand::Rng;

use super::backoff_error::{BackoffError, BackoffFault};

/// The cap of a backoff that sets none (but never less than its first delay).
const DEFAULT_CAP: Duration = Duration::from_secs(30);
/// The factor of an exponential backoff that sets none.
const DEFAULT_FACTOR: f64 = 2.0;
/// How far decorrelated jitter may go beyond the previous delay.
const DECORRELATED_SPREAD: u32 = 3;

/// How long to wait before the next attempt: a pure value, read as a sentence.
///
/// The delay is the *shape* (constant, linear, exponential), cut at the *cap*, then spread by the
/// *jitter*. No arithmetic overflows: a delay that is too large is the cap.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use steadfast::time::{Backoff, Jitter};
///
/// let backoff = Backoff::exponential(Duration::from_millis(50))
///     .cap(Duration::from_secs(1))
///     .jitter(Jitter::None);
/// let mut rng = fastrand::Rng::with_seed(7);
/// let delays: Vec<u128> = (0..6)
///     .map(|attempt| backoff.delay(attempt, Duration::ZERO, &mut rng).as_millis())
///     .collect();
/// assert_eq!(delays, [50, 100, 200, 400, 800, 1000]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Backoff {
    shape: Shape,
    cap: Option<Duration>,
    jitter: Jitter,
    immediate_first: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Shape {
    None,
    Constant(Duration),
    Linear(Duration),
    Exponential { base: Duration, factor: f64 },
}

/// How a delay is spread, so that many that failed together do not come back together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Jitter {
    /// Exactly the delay.
    #[default]
    None,
    /// Anything between zero and the delay.
    Full,
    /// Anything between the first delay and three times the previous delay, at most the cap. The
    /// shape gives the first delay only; the growth comes from the previous delay.
    Decorrelated,
}

impl Backoff {
    /// No delay at all.
    #[must_use]
    pub const fn none() -> Self {
        Self::of(Shape::None)
    }

    /// Always the same delay.
    #[must_use]
    pub const fn constant(delay: Duration) -> Self {
        Self::of(Shape::Constant(delay))
    }

    /// `step`, two steps, three steps, and so on.
    #[must_use]
    pub const fn linear(step: Duration) -> Self {
        Self::of(Shape::Linear(step))
    }

    /// `base`, `base * factor`, `base * factor^2`, and so on.
    #[must_use]
    pub const fn exponential(base: Duration) -> Self {
        Self::of(Shape::Exponential {
            base,
            factor: DEFAULT_FACTOR,
        })
    }

    const fn of(shape: Shape) -> Self {
        Self {
            shape,
            cap: None,
            jitter: Jitter::None,
            immediate_first: false,
        }
    }

    /// The growth of an exponential backoff per attempt; of no effect on the others. Default: 2.
    #[must_use]
    pub fn factor(mut self, factor: f64) -> Self {
        if let Shape::Exponential { factor: own, .. } = &mut self.shape {
            *own = factor;
        }
        self
    }

    /// The longest delay. Default: 30 s, or the first delay if that is longer.
    #[must_use]
    pub const fn cap(mut self, cap: Duration) -> Self {
        self.cap = Some(cap);
        self
    }

    /// How a delay is spread. Default: [`Jitter::None`].
    #[must_use]
    pub const fn jitter(mut self, jitter: Jitter) -> Self {
        self.jitter = jitter;
        self
    }

    /// Whether the first attempt comes at once, and the shape begins with the second. Default: false.
    #[must_use]
    pub const fn immediate_first(mut self, immediate: bool) -> Self {
        self.immediate_first = immediate;
        self
    }

    /// The delay before attempt number `attempt` (0 is the first retry), given the previous delay.
    ///
    /// `previous` matters to [`Jitter::Decorrelated`] only; zero where there was none. The result
    /// depends on the arguments and the state of `rng` alone.
    #[must_use]
    pub fn delay(&self, attempt: u32, previous: Duration, rng: &mut Rng) -> Duration {
        let step = if self.immediate_first {
            match attempt.checked_sub(1) {
                Some(step) => step,
                None => return Duration::ZERO,
            }
        } else {
            attempt
        };
        let cap = self.longest();
        match self.jitter {
            Jitter::None => self.shape.at(step).min(cap),
            Jitter::Full => between(Duration::ZERO, self.shape.at(step).min(cap), rng),
            Jitter::Decorrelated => {
                let first = self.shape.at(0).min(cap);
                let upper = previous.saturating_mul(DECORRELATED_SPREAD).min(cap);
                between(first, upper.max(first), rng)
            }
        }
    }

    /// No delay is longer than this.
    #[must_use]
    pub fn longest(&self) -> Duration {
        self.cap
            .unwrap_or_else(|| DEFAULT_CAP.max(self.shape.at(0)))
    }

    /// Checks the whole value.
    ///
    /// # Errors
    ///
    /// All faults at once: a factor that is below one or not a number, a first delay of zero, a cap
    /// below the first delay. An invalid backoff still computes delays within its cap.
    pub fn validate(&self) -> Result<(), BackoffError> {
        let mut faults = Vec::new();
        if let Shape::Exponential { factor, .. } = self.shape
            && !(factor.is_finite() && factor >= 1.0)
        {
            faults.push(BackoffFault::Factor { factor });
        }
        let first = self.shape.at(0);
        if self.shape != Shape::None && first.is_zero() {
            faults.push(BackoffFault::ZeroDelay);
        }
        if let Some(cap) = self.cap
            && cap < first
        {
            faults.push(BackoffFault::CapBelowFirst { cap, first });
        }
        if faults.is_empty() {
            Ok(())
        } else {
            Err(BackoffError::new(faults))
        }
    }
}

impl Default for Backoff {
    /// What supervision uses: the first attempt at once, then exponentially from 50 ms to 30 s with
    /// full jitter.
    fn default() -> Self {
        Self::exponential(Duration::from_millis(50))
            .cap(DEFAULT_CAP)
            .jitter(Jitter::Full)
            .immediate_first(true)
    }
}

impl Shape {
    fn at(self, step: u32) -> Duration {
        match self {
            Self::None => Duration::ZERO,
            Self::Constant(delay) => delay,
            Self::Linear(delay) => delay.saturating_mul(step.saturating_add(1)),
            Self::Exponential { base, factor } => grown(base, factor, step),
        }
    }
}

/// `base * factor^step`, saturating.
fn grown(base: Duration, factor: f64, step: u32) -> Duration {
    if base.is_zero() {
        return Duration::ZERO;
    }
    let growth = factor.powi(i32::try_from(step).unwrap_or(i32::MAX));
    Duration::try_from_secs_f64(base.as_secs_f64() * growth).unwrap_or(Duration::MAX)
}

/// A duration between the two, both included.
fn between(low: Duration, high: Duration, rng: &mut Rng) -> Duration {
    let spread = high.saturating_sub(low).as_nanos();
    low.saturating_add(nanos(rng.u128(0..=spread)))
}

fn nanos(total: u128) -> Duration {
    const PER_SECOND: u128 = 1_000_000_000;
    let seconds = u64::try_from(total / PER_SECOND).unwrap_or(u64::MAX);
    let below = u32::try_from(total % PER_SECOND).unwrap_or(0);
    Duration::new(seconds, below)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use fastrand::Rng;

    use super::{Backoff, BackoffFault, Jitter};

    const MS: fn(u64) -> Duration = Duration::from_millis;

    fn any_duration(rng: &mut Rng) -> Duration {
        let magnitude = 1 << rng.u32(1..60);
        match rng.u32(0..10) {
            0 => Duration::ZERO,
            1 => Duration::MAX,
            2 => Duration::from_nanos(rng.u64(0..10)),
            _ => Duration::from_nanos(rng.u64(0..magnitude)),
        }
    }

    fn any_backoff(rng: &mut Rng) -> Backoff {
        let first = any_duration(rng);
        let backoff = match rng.u32(0..4) {
            0 => Backoff::none(),
            1 => Backoff::constant(first),
            2 => Backoff::linear(first),
            _ => Backoff::exponential(first).factor(match rng.u32(0..10) {
                0 => f64::NAN,
                1 => f64::INFINITY,
                2 => -2.0,
                _ => rng.f64() * 4.0,
            }),
        };
        let backoff = if rng.bool() {
            backoff.cap(any_duration(rng))
        } else {
            backoff
        };
        backoff
            .jitter([Jitter::None, Jitter::Full, Jitter::Decorrelated][rng.usize(0..3)])
            .immediate_first(rng.bool())
    }

    fn delays(backoff: &Backoff, count: u32, rng: &mut Rng) -> Vec<Duration> {
        let mut previous = Duration::ZERO;
        (0..count)
            .map(|attempt| {
                previous = backoff.delay(attempt, previous, rng);
                previous
            })
            .collect()
    }

    // property 44
    #[test]
    fn no_backoff_whatever_its_numbers_exceeds_its_longest_delay() {
        let mut rng = Rng::with_seed(44);
        for _ in 0..20_000 {
            let backoff = any_backoff(&mut rng);
            let attempt = if rng.bool() {
                rng.u32(0..70)
            } else {
                rng.u32(..)
            };
            let previous = any_duration(&mut rng);
            let delay = backoff.delay(attempt, previous, &mut rng);
            assert!(delay <= backoff.longest(), "{delay:?} of {backoff:?}");
        }
    }

    // property 44
    #[test]
    fn full_jitter_stays_within_the_delay_and_uses_all_of_it() {
        let plain = Backoff::exponential(MS(50)).cap(MS(2_000));
        let jittered = plain.clone().jitter(Jitter::Full);
        let mut rng = Rng::with_seed(1);
        for attempt in 0..10 {
            let bound = plain.delay(attempt, Duration::ZERO, &mut rng);
            let drawn: Vec<_> = (0..1_000)
                .map(|_| jittered.delay(attempt, Duration::ZERO, &mut rng))
                .collect();
            assert!(drawn.iter().all(|delay| *delay <= bound));
            assert!(drawn.iter().any(|delay| *delay < bound / 20));
            assert!(drawn.iter().any(|delay| *delay > bound / 20 * 19));
        }
    }

    // property 44
    #[test]
    fn decorrelated_jitter_stays_between_the_first_delay_and_thrice_the_previous() {
        let backoff = Backoff::exponential(MS(10))
            .cap(MS(500))
            .jitter(Jitter::Decorrelated);
        let mut rng = Rng::with_seed(2);
        let mut longest = Duration::ZERO;
        for _ in 0..200 {
            let mut previous = Duration::ZERO;
            for delay in delays(&backoff, 20, &mut rng) {
                let upper = (previous * 3).clamp(MS(10), MS(500));
                assert!(
                    (MS(10)..=upper).contains(&delay),
                    "{delay:?} after {previous:?}"
                );
                previous = delay;
                longest = longest.max(delay);
            }
        }
        assert!(longest > MS(450), "it never grew");
    }

    // property 44
    #[test]
    fn each_shape_grows_as_it_says_and_stops_at_its_cap() {
        let mut rng = Rng::with_seed(3);
        let cases = [
            (Backoff::none(), [0, 0, 0, 0]),
            (Backoff::constant(MS(7)), [7, 7, 7, 7]),
            (Backoff::linear(MS(10)).cap(MS(35)), [10, 20, 30, 35]),
            (
                Backoff::exponential(MS(10)).factor(3.0).cap(MS(200)),
                [10, 30, 90, 200],
            ),
            (
                Backoff::exponential(MS(10)).immediate_first(true),
                [0, 10, 20, 40],
            ),
        ];
        for (backoff, expected) in cases {
            assert_eq!(
                delays(&backoff, 4, &mut rng),
                expected.map(MS),
                "{backoff:?}"
            );
        }
    }

    // decision 10
    #[test]
    fn supervision_restarts_at_once_then_within_a_growing_bound() {
        let backoff = Backoff::default();
        assert!(backoff.validate().is_ok());
        assert_eq!(backoff.longest(), Duration::from_secs(30));
        let mut rng = Rng::with_seed(4);
        for _ in 0..200 {
            let drawn = delays(&backoff, 12, &mut rng);
            assert_eq!(drawn[0], Duration::ZERO);
            for (delay, doublings) in drawn[1..].iter().zip(0..) {
                let bound = (MS(50) * 2_u32.pow(doublings)).min(Duration::from_secs(30));
                assert!(*delay <= bound);
            }
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_delays() {
        let backoff = Backoff::default();
        let drawn = |seed| delays(&backoff, 10, &mut Rng::with_seed(seed));
        assert_eq!(drawn(5), drawn(5));
        assert_ne!(drawn(5), drawn(6));
    }

    // property 62
    #[test]
    fn all_faults_are_listed_at_once() {
        let error = Backoff::exponential(MS(20))
            .factor(0.5)
            .cap(MS(10))
            .validate()
            .unwrap_err();
        assert_eq!(
            error.faults(),
            [
                BackoffFault::Factor { factor: 0.5 },
                BackoffFault::CapBelowFirst {
                    cap: MS(10),
                    first: MS(20)
                },
            ]
        );
        assert_eq!(
            error.to_string(),
            "invalid backoff: the factor 0.5 is not at least one; \
             the cap 10ms is below the first delay 20ms"
        );
        let zero = Backoff::linear(Duration::ZERO).validate().unwrap_err();
        assert_eq!(zero.faults(), [BackoffFault::ZeroDelay]);
    }

    #[test]
    fn a_valid_backoff_of_every_shape_passes() {
        for backoff in [
            Backoff::none(),
            Backoff::constant(Duration::from_secs(60)),
            Backoff::linear(MS(1)),
            Backoff::exponential(MS(1)).factor(1.0),
        ] {
            assert!(backoff.validate().is_ok(), "{backoff:?}");
        }
        let long = Backoff::constant(Duration::from_secs(60));
        assert_eq!(long.longest(), Duration::from_secs(60));
    }
}
