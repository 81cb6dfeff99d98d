//! The states of a breaker and what leads from one to the next. Pure.
//!
//! ```text
//!              enough failures                    the time has come
//!    Closed ---------------------> Open -----------------------------> HalfOpen
//!      ^                            ^                                    |  |
//!      |                            '-- a failure, or a probe that is ---'  |
//!      |                                not heard of in time                |
//!      '---------------- enough successes of probes -----------------------'
//!
//!    ForcedOpen, ForcedClosed, Disabled: entered and left by hand only
//! ```
//!
//! Each change is a new *generation*. A result counts for the generation that admitted its call, and for no other.
//!
//! ```text
//!   bit 63 | 62 ...... 43 | 42 .. 40 | 39 ... 32 | 31 ................ 16 | 15 ....... 0
//!   [  0   |  generation  |   phase  |   opens   |  failures, or out      |  successes  ]
//! ```

use std::fmt;

/// What a breaker does with calls.
///
/// # Examples
///
/// ```
/// use steadfast::CircuitBreaker;
/// use steadfast::guards::breaker::{Phase, Trip};
///
/// let breaker = CircuitBreaker::new(Trip::consecutive(5))?;
/// assert_eq!(breaker.phase(), Phase::Closed);
/// breaker.force_open(); // while the other side is being repaired
/// assert_eq!(breaker.phase().as_str(), "forced_open");
/// breaker.reset();
/// # Ok::<(), steadfast::guards::breaker::BreakerError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// Calls pass and are counted.
    Closed,
    /// Calls are refused until the time has come for a probe.
    Open,
    /// A few calls pass, as probes.
    HalfOpen,
    /// Calls are refused until somebody says otherwise.
    ForcedOpen,
    /// Calls pass and are counted, and nothing comes of it until somebody says otherwise.
    ForcedClosed,
    /// Calls pass and are not counted until somebody says otherwise.
    Disabled,
}

impl Phase {
    /// Its name in events. `Display` writes it in words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
            Self::ForcedOpen => "forced_open",
            Self::ForcedClosed => "forced_closed",
            Self::Disabled => "disabled",
        }
    }

    #[inline]
    const fn of(bits: u64) -> Self {
        match bits & 7 {
            0 => Self::Closed,
            1 => Self::Open,
            2 => Self::HalfOpen,
            3 => Self::ForcedOpen,
            4 => Self::ForcedClosed,
            _ => Self::Disabled,
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HalfOpen => "half open",
            Self::ForcedOpen => "forced open",
            Self::ForcedClosed => "forced closed",
            Self::Closed | Self::Open | Self::Disabled => self.as_str(),
        })
    }
}

/// How a call ended, as far as a breaker is concerned.
///
/// # Examples
///
/// ```
/// use std::io::{Error, ErrorKind};
/// use steadfast::CircuitBreaker;
/// use steadfast::guards::breaker::{Outcome, Phase, Trip};
///
/// let disk = CircuitBreaker::new(Trip::consecutive(1))?;
/// let classify = |result: &Result<(), Error>| match result {
///     Ok(()) => Outcome::Success,
///     Err(error) if error.kind() == ErrorKind::NotFound => Outcome::Ignored,
///     Err(_) => Outcome::Failure,
/// };
/// let missing = disk.call_by(classify, || Err(ErrorKind::NotFound.into()));
/// assert!(missing.is_err() && disk.phase() == Phase::Closed);
/// # Ok::<(), steadfast::guards::breaker::BreakerError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// The other side works.
    Success,
    /// The other side does not work.
    Failure,
    /// It says nothing about the other side: the caller was wrong, or gave up.
    Ignored,
}

const GENERATIONS: u32 = (1 << 20) - 1;

/// The whole state: one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct State {
    /// Modulo 2^20.
    pub(crate) generation: u32,
    pub(crate) phase: Phase,
    /// How often in a row it has opened without closing in between, at most 255.
    pub(crate) opens: u8,
    /// Closed, by hand or not: failures in a row. Half-open: probes that are out.
    pub(crate) count: u16,
    /// Half-open: probes that succeeded.
    pub(crate) successes: u16,
}

/// What a breaker goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Law {
    /// So many failures in a row open it; zero: they do not.
    pub(crate) failures: u16,
    /// So many probes may be out at once, at least one.
    pub(crate) probes: u16,
    /// So many successful probes close it, at least one.
    pub(crate) successes: u16,
}

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It passes, and nothing changes.
    Pass,
    /// It passes as a probe.
    Probe(State),
    /// It is refused; perhaps the probes that are out are given up with it.
    Refuse(State),
}

impl State {
    /// Closed, for the first time.
    pub(crate) const NEW: Self = Self {
        generation: 0,
        phase: Phase::Closed,
        opens: 0,
        count: 0,
        successes: 0,
    };

    #[inline]
    pub(crate) const fn pack(self) -> u64 {
        (self.generation as u64) << 43
            | (self.phase as u64) << 40
            | (self.opens as u64) << 32
            | (self.count as u64) << 16
            | self.successes as u64
    }

    #[inline]
    pub(crate) const fn unpack(bits: u64) -> Self {
        Self {
            generation: (bits >> 43) as u32 & GENERATIONS,
            phase: Phase::of(bits >> 40),
            opens: (bits >> 32) as u8,
            count: (bits >> 16) as u16,
            successes: bits as u16,
        }
    }

    /// The bits of a closed breaker without a failure, which one more success leaves as they are.
    #[inline]
    pub(crate) const fn quiet(generation: u32) -> u64 {
        Self {
            generation,
            ..Self::NEW
        }
        .pack()
    }

    /// What becomes of a call. `is_due` says that the time of an open breaker, or of the probes that are out, is over.
    pub(crate) const fn admit(self, law: &Law, is_due: bool) -> Admission {
        match self.phase {
            Phase::Closed | Phase::ForcedClosed | Phase::Disabled => Admission::Pass,
            Phase::ForcedOpen => Admission::Refuse(self),
            Phase::Open if !is_due => Admission::Refuse(self),
            Phase::Open => {
                let half_open = self.enter(Phase::HalfOpen, self.opens);
                Admission::Probe(Self {
                    count: 1,
                    ..half_open
                })
            }
            Phase::HalfOpen if self.count < law.probes => Admission::Probe(Self {
                count: self.count + 1,
                ..self
            }),
            Phase::HalfOpen if is_due => Admission::Refuse(self.open()),
            Phase::HalfOpen => Admission::Refuse(self),
        }
    }

    /// The state after a call of this generation has ended; `trips` says that a window finds it is enough.
    #[inline]
    pub(crate) const fn settle(self, law: &Law, outcome: Outcome, trips: bool) -> Self {
        match (self.phase, outcome) {
            (Phase::Closed, _) if trips => self.open(),
            (Phase::Closed | Phase::ForcedClosed, Outcome::Success) => Self { count: 0, ..self },
            (Phase::Closed | Phase::ForcedClosed, Outcome::Failure) => {
                let failed = self.counting(outcome);
                let is_enough = law.failures > 0 && failed.count >= law.failures;
                if is_enough && matches!(self.phase, Phase::Closed) {
                    return self.open();
                }
                failed
            }
            (Phase::HalfOpen, Outcome::Failure) => self.open(),
            (Phase::HalfOpen, Outcome::Success) => {
                let successes = self.successes.saturating_add(1);
                if successes >= law.successes {
                    return self.enter(Phase::Closed, 0);
                }
                Self {
                    count: self.count.saturating_sub(1),
                    successes,
                    ..self
                }
            }
            (Phase::HalfOpen, Outcome::Ignored) => Self {
                count: self.count.saturating_sub(1),
                ..self
            },
            _ => self,
        }
    }

    /// The state after somebody has said so.
    pub(crate) const fn force(self, phase: Phase) -> Self {
        match phase {
            Phase::Open => self.open(),
            _ => self.enter(phase, 0),
        }
    }

    /// The state with a call that has just ended among its failures in a row.
    pub(crate) const fn counting(self, outcome: Outcome) -> Self {
        match (self.phase, outcome) {
            (Phase::Closed | Phase::ForcedClosed, Outcome::Failure) => Self {
                count: self.count.saturating_add(1),
                ..self
            },
            _ => self,
        }
    }

    /// The probes that are out.
    pub(crate) const fn probes_out(self) -> u16 {
        match self.phase {
            Phase::HalfOpen => self.count,
            _ => 0,
        }
    }

    /// The failures in a row.
    pub(crate) const fn failures(self) -> u16 {
        match self.phase {
            Phase::Closed | Phase::ForcedClosed => self.count,
            _ => 0,
        }
    }

    /// Whether a result of that generation counts.
    #[inline]
    pub(crate) const fn is_of(self, generation: u32) -> bool {
        self.generation == generation
    }

    #[inline]
    const fn open(self) -> Self {
        self.enter(Phase::Open, self.opens.saturating_add(1))
    }

    #[inline]
    const fn enter(self, phase: Phase, opens: u8) -> Self {
        Self {
            generation: (self.generation + 1) & GENERATIONS,
            phase,
            opens,
            count: 0,
            successes: 0,
        }
    }
}

const _: () = assert!(
    State {
        generation: GENERATIONS,
        phase: Phase::Disabled,
        opens: u8::MAX,
        count: u16::MAX,
        successes: u16::MAX
    }
    .pack()
        < 1 << 63
);

#[cfg(all(test, not(loom)))]
mod tests {
    use fastrand::Rng;

    use super::*;

    const PHASES: [Phase; 6] = [
        Phase::Closed,
        Phase::Open,
        Phase::HalfOpen,
        Phase::ForcedOpen,
        Phase::ForcedClosed,
        Phase::Disabled,
    ];

    const LAW: Law = Law {
        failures: 3,
        probes: 2,
        successes: 2,
    };

    #[test]
    fn a_state_survives_packing() {
        let mut rng = Rng::with_seed(1);
        for phase in PHASES {
            for _ in 0..200 {
                let state = State {
                    generation: rng.u32(..) & GENERATIONS,
                    phase,
                    opens: rng.u8(..),
                    count: rng.u16(..),
                    successes: rng.u16(..),
                };
                assert_eq!(State::unpack(state.pack()), state);
            }
        }
    }

    #[test]
    fn a_success_leaves_the_quiet_state_as_it_is() {
        for generation in [0, 7, GENERATIONS] {
            let quiet = State::unpack(State::quiet(generation));
            assert!(quiet.is_of(generation) && quiet.phase == Phase::Closed);
            assert_eq!(quiet.settle(&LAW, Outcome::Success, false), quiet);
        }
    }

    fn after(outcomes: &[Outcome]) -> State {
        let settle = |state: State, outcome: &Outcome| state.settle(&LAW, *outcome, false);
        outcomes.iter().fold(State::NEW, settle)
    }

    // S13
    #[test]
    fn only_failures_in_a_row_open_it() {
        use Outcome::{Failure, Ignored, Success};
        let rows = [
            (vec![Failure, Failure], Phase::Closed),
            (
                vec![Failure, Failure, Success, Failure, Failure],
                Phase::Closed,
            ),
            (
                vec![Failure, Ignored, Failure, Ignored, Failure],
                Phase::Open,
            ),
            (vec![Failure, Failure, Failure], Phase::Open),
        ];
        for (outcomes, phase) in rows {
            assert_eq!(after(&outcomes).phase, phase, "{outcomes:?}");
        }
        let windowed = Law { failures: 0, ..LAW };
        let mut state = State::NEW;
        for _ in 0..70_000 {
            state = state.settle(&windowed, Failure, false);
        }
        assert_eq!(state.phase, Phase::Closed);
        assert_eq!(state.settle(&windowed, Success, true).phase, Phase::Open);
    }

    // property 38
    #[test]
    fn half_open_has_as_many_probes_out_as_the_law_says_and_gets_ignored_ones_back() {
        let open = State::NEW.force(Phase::Open);
        assert_eq!(open.admit(&LAW, false), Admission::Refuse(open));
        let Admission::Probe(one) = open.admit(&LAW, true) else {
            panic!("due");
        };
        let Admission::Probe(two) = one.admit(&LAW, false) else {
            panic!("room for two");
        };
        assert_eq!(two.admit(&LAW, false), Admission::Refuse(two));
        let back = two.settle(&LAW, Outcome::Ignored, false);
        assert_eq!(back, one);
        let nearly = two.settle(&LAW, Outcome::Success, false);
        assert_eq!((nearly.phase, nearly.successes), (Phase::HalfOpen, 1));
        let closed = nearly.settle(&LAW, Outcome::Success, false);
        assert_eq!((closed.phase, closed.opens), (Phase::Closed, 0));
        let again = two.settle(&LAW, Outcome::Failure, false);
        assert_eq!((again.phase, again.opens), (Phase::Open, 2));
    }

    #[test]
    fn what_has_opened_very_often_is_not_taken_for_what_never_has() {
        let open = (0..300).fold(State::NEW, |state, _| state.force(Phase::Open));
        assert_eq!((open.phase, open.opens), (Phase::Open, u8::MAX));
    }

    #[test]
    fn probes_that_are_not_heard_of_in_time_count_as_a_failure() {
        let stuck = State {
            phase: Phase::HalfOpen,
            count: 2,
            opens: 1,
            ..State::NEW
        };
        let Admission::Refuse(next) = stuck.admit(&LAW, true) else {
            panic!("all are out");
        };
        assert_eq!(
            (next.phase, next.opens, next.generation),
            (Phase::Open, 2, 1)
        );
    }

    #[test]
    fn what_was_said_by_hand_is_left_by_hand_only() {
        for phase in [Phase::ForcedOpen, Phase::ForcedClosed, Phase::Disabled] {
            let state = State::NEW.force(phase);
            for outcome in [Outcome::Success, Outcome::Failure, Outcome::Ignored] {
                let settled = state.settle(&LAW, outcome, true);
                let settled = settled.settle(&Law { failures: 1, ..LAW }, outcome, false);
                assert_eq!(settled.generation, state.generation);
            }
            let refuses =
                matches!(state.admit(&LAW, true), Admission::Refuse(same) if same == state);
            assert_eq!(refuses, phase == Phase::ForcedOpen);
        }
    }

    // property 38
    #[test]
    fn every_change_of_phase_is_a_new_generation_and_nothing_else_is() {
        for seed in 0..500 {
            let mut rng = Rng::with_seed(seed);
            let mut state = State::NEW;
            for _ in 0..200 {
                let outcome =
                    [Outcome::Success, Outcome::Failure, Outcome::Ignored][rng.usize(0..3)];
                let next = match rng.u32(0..4) {
                    0 => match state.admit(&LAW, rng.bool()) {
                        Admission::Pass => state,
                        Admission::Probe(next) | Admission::Refuse(next) => next,
                    },
                    1 if rng.u32(0..20) == 0 => state.force(PHASES[rng.usize(0..6)]),
                    _ => state.settle(&LAW, outcome, rng.u32(0..10) == 0),
                };
                let is_new = u32::from(next.generation != state.generation);
                assert!(is_new == 1 || next.phase == state.phase, "seed {seed}");
                assert_eq!(next.generation, (state.generation + is_new) & GENERATIONS);
                assert!(next.phase != Phase::HalfOpen || next.count <= LAW.probes);
                state = next;
            }
        }
    }
}
