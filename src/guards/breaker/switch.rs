//! The state of a breaker in shared memory: a word, and beside it the time that an open or half-open one waits for.
//!
//! The time belongs to a generation and says which. Whoever needs it and does not find it for the generation that it sees
//! puts it there: so nobody waits for the thread that has changed the state and was stopped before it could. An older
//! generation's time never replaces a newer one's. Which of two is older is known as long as fewer than 2^9 threads have
//! changed the state and were stopped before they could say its time.

use super::state::{Admission, Law, Outcome, Phase, State};
use crate::kernel::word::Word;

/// Times are kept in steps of so many nanoseconds, as a power of two: 64 ns, for 36 years.
const STEP: u32 = 6;

/// The bits of a time.
const TIME: u32 = 54;

/// The generations that a time can name.
const GENERATIONS: u32 = 1 << (u64::BITS - TIME);

/// The state of a breaker in shared memory.
pub(crate) struct Switch {
    state: Word,
    /// Bits 63 to 54: the generation, modulo 2^10. Below: the time, in steps.
    due: Word,
}

/// A change of state, for who has made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) from: State,
    pub(crate) to: State,
}

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It passes, for this generation.
    Pass(u32),
    /// It is refused in this phase until this time, in nanoseconds; `None`: until somebody says otherwise.
    Refuse(Phase, Option<u64>),
}

/// How long an open breaker stays so after opening so often in a row, and how long a probe may take.
pub(crate) trait Spans {
    fn open(&self, opens: u8) -> u64;
    fn lease(&self) -> u64;
}

impl Switch {
    pub(crate) fn new() -> Self {
        Self {
            state: Word::new(State::NEW.pack()),
            due: Word::new(0),
        }
    }

    #[inline]
    pub(crate) fn state(&self) -> State {
        State::unpack(self.state.load())
    }

    /// The generation of a call that passes without more: one load.
    #[inline]
    pub(crate) fn passes(&self) -> Option<u32> {
        let state = self.state();
        matches!(
            state.phase,
            Phase::Closed | Phase::ForcedClosed | Phase::Disabled
        )
        .then_some(state.generation)
    }

    /// What becomes of a call at this time.
    pub(crate) fn admit(
        &self,
        law: &Law,
        now: u64,
        spans: &impl Spans,
    ) -> (Answer, Option<Change>) {
        loop {
            let before = self.state();
            let due = self.due_of(before, now, spans);
            let is_due = due.is_some_and(|due| due <= now);
            let admission = before.admit(law, is_due);
            let after = match admission {
                Admission::Pass => before,
                Admission::Probe(after) | Admission::Refuse(after) => after,
            };
            if !self.change(before, after) {
                continue;
            }
            let change = changed(before, after);
            if matches!(admission, Admission::Refuse(_)) {
                // The new state's own time, where the probes were given up.
                let due = self.due_of(after, now, spans);
                return (Answer::Refuse(after.phase, due), change);
            }
            if matches!(admission, Admission::Probe(_)) {
                self.extend(after.generation, now.saturating_add(spans.lease()));
            }
            return (Answer::Pass(after.generation), change);
        }
    }

    /// Whether it is closed without a failure, so that one more success of this generation would change nothing.
    #[inline]
    pub(crate) fn is_quiet(&self, generation: u32) -> bool {
        self.state.load() == State::quiet(generation)
    }

    /// A call that was admitted by `generation` has ended. Who is told of a change asks for its time
    /// ([`due_of`](Self::due_of)).
    pub(crate) fn settle(
        &self,
        law: &Law,
        generation: u32,
        outcome: Outcome,
        trips: bool,
    ) -> Option<Change> {
        let settled = self.state.decide(|bits| {
            let before = State::unpack(bits);
            if !before.is_of(generation) {
                return Err(());
            }
            let after = before.settle(law, outcome, trips);
            Ok((after.pack(), (before, after)))
        });
        let (before, after) = settled.ok()?;
        changed(before.counting(outcome), after)
    }

    /// Somebody says what it is to be. As with [`settle`](Self::settle), its time is to be asked for.
    pub(crate) fn force(&self, phase: Phase) -> Option<Change> {
        let forced = self.state.decide(|bits| {
            let before = State::unpack(bits);
            let after = before.force(phase);
            Ok::<_, ()>((after.pack(), (before, after)))
        });
        let (before, after) = forced.ok()?;
        changed(before, after)
    }

    /// The time that this state waits for, if it waits for one. Whoever has made the state asks for it, so that it counts
    /// from then on; also where there is none, so that the times that are kept never fall far behind the generations.
    pub(crate) fn due_of(&self, state: State, now: u64, spans: &impl Spans) -> Option<u64> {
        // Only where it is missing: a backoff is worked out anew each time.
        let first = || match state.phase {
            Phase::Open => Some(now.saturating_add(spans.open(state.opens))),
            Phase::HalfOpen => Some(now.saturating_add(spans.lease())),
            _ => None,
        };
        let found = self.due.decide(|bits| match age(bits, state.generation) {
            Age::Older => {
                let bits = due_bits(state.generation, first().unwrap_or_default());
                Ok((bits, bits))
            }
            Age::Same | Age::Newer => Err(bits),
        });
        let bits = found.unwrap_or_else(|bits| bits);
        matches!(state.phase, Phase::Open | Phase::HalfOpen).then(|| time(bits))
    }

    /// Moves the time of this generation on to `at`, never back.
    fn extend(&self, generation: u32, at: u64) {
        let _extended = self.due.decide(|bits| match age(bits, generation) {
            Age::Newer => Err(()),
            Age::Same => Ok((bits.max(due_bits(generation, at)), ())),
            Age::Older => Ok((due_bits(generation, at), ())),
        });
    }

    /// Puts `after` where `before` is.
    fn change(&self, before: State, after: State) -> bool {
        let (before, after) = (before.pack(), after.pack());
        let changed = self.state.decide(|bits| {
            if bits == before {
                Ok((after, ()))
            } else {
                Err(())
            }
        });
        changed.is_ok()
    }
}

#[inline]
fn changed(before: State, after: State) -> Option<Change> {
    (before.generation != after.generation).then_some(Change {
        from: before,
        to: after,
    })
}

/// How a time's generation stands to another one.
enum Age {
    Older,
    Same,
    Newer,
}

fn age(bits: u64, generation: u32) -> Age {
    let ahead = ((bits >> TIME) as u32).wrapping_sub(generation) % GENERATIONS;
    match ahead {
        0 => Age::Same,
        _ if ahead < GENERATIONS / 2 => Age::Newer,
        _ => Age::Older,
    }
}

/// A time of a generation, rounded up to a whole step.
fn due_bits(generation: u32, at: u64) -> u64 {
    let steps = at.div_ceil(1 << STEP).min(MOST_STEPS);
    u64::from(generation % GENERATIONS) << TIME | steps
}

const MOST_STEPS: u64 = (1 << TIME) - 1;

fn time(bits: u64) -> u64 {
    (bits & MOST_STEPS) << STEP
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    struct Fixed;

    impl Spans for Fixed {
        fn open(&self, opens: u8) -> u64 {
            u64::from(opens) << 20
        }

        fn lease(&self) -> u64 {
            1 << 18
        }
    }

    const LAW: Law = Law {
        failures: 1,
        probes: 1,
        successes: 1,
    };

    fn phases(change: Change) -> (Phase, Phase) {
        (change.from.phase, change.to.phase)
    }

    /// A failure at the beginning of time.
    fn fail(switch: &Switch, generation: u32) -> Option<Change> {
        let change = switch.settle(&LAW, generation, Outcome::Failure, false)?;
        switch.due_of(change.to, 0, &Fixed);
        Some(change)
    }

    // property 37
    #[test]
    fn the_first_call_after_the_time_has_come_is_a_probe_and_the_next_is_refused() {
        let switch = Switch::new();
        assert!(fail(&switch, 0).is_some());
        let due = 1 << 20;
        assert_eq!(
            switch.admit(&LAW, 0, &Fixed),
            (Answer::Refuse(Phase::Open, Some(due)), None)
        );
        let early = switch.admit(&LAW, due - 1, &Fixed);
        assert_eq!(early, (Answer::Refuse(Phase::Open, Some(due)), None));
        let (answer, change) = switch.admit(&LAW, due, &Fixed);
        assert_eq!(answer, Answer::Pass(2));
        assert_eq!(change.map(phases), Some((Phase::Open, Phase::HalfOpen)));
        let lease = due + (1 << 18);
        assert_eq!(
            switch.admit(&LAW, due, &Fixed),
            (Answer::Refuse(Phase::HalfOpen, Some(lease)), None)
        );
    }

    // property 38
    #[test]
    fn a_result_of_a_generation_that_is_over_counts_for_nothing() {
        let switch = Switch::new();
        assert!(fail(&switch, 0).is_some());
        assert_eq!(fail(&switch, 0), None);
        let (probe, _) = switch.admit(&LAW, 1 << 30, &Fixed);
        assert_eq!(probe, Answer::Pass(2));
        assert_eq!(switch.settle(&LAW, 0, Outcome::Success, false), None);
        assert_eq!(switch.state().phase, Phase::HalfOpen);
        let closed = switch.settle(&LAW, 2, Outcome::Success, false);
        assert_eq!(closed.map(phases), Some((Phase::HalfOpen, Phase::Closed)));
    }

    #[test]
    fn a_probe_that_is_not_heard_of_opens_it_again_for_longer() {
        let switch = Switch::new();
        fail(&switch, 0);
        let begin = 1 << 30;
        assert_eq!(switch.admit(&LAW, begin, &Fixed).0, Answer::Pass(2));
        let over = begin + (1 << 18);
        let (answer, change) = switch.admit(&LAW, over, &Fixed);
        assert_eq!(change.map(phases), Some((Phase::HalfOpen, Phase::Open)));
        let again = over + (2 << 20);
        assert_eq!(answer, Answer::Refuse(Phase::Open, Some(again)));
        assert_eq!(switch.settle(&LAW, 2, Outcome::Success, false), None);
    }

    #[test]
    fn changes_without_a_time_do_not_wear_it_out() {
        let switch = Switch::new();
        for _ in 0..3 * GENERATIONS {
            let change = switch.force(Phase::Closed).expect("a change");
            assert_eq!(switch.due_of(change.to, 1 << 10, &Fixed), None);
            let opened = switch.force(Phase::Open).expect("a change");
            let due = switch.due_of(opened.to, 1 << 10, &Fixed);
            assert_eq!(due, Some((1 << 10) + (1 << 20)));
            let _closed = switch.force(Phase::Disabled);
        }
    }

    #[test]
    fn a_time_is_never_earlier_than_it_was_said_and_a_generation_keeps_its_first() {
        let mut rng = fastrand::Rng::with_seed(1);
        for _ in 0..1_000 {
            let (generation, at) = (rng.u32(0..1 << 20), rng.u64(0..1 << 55));
            let bits = due_bits(generation, at);
            assert!(matches!(age(bits, generation), Age::Same));
            assert!(matches!(age(bits, generation.wrapping_add(1)), Age::Older));
            assert!(matches!(age(bits, generation.wrapping_sub(1)), Age::Newer));
            assert!(time(bits) >= at && time(bits) - at < 1 << STEP);
        }
    }
}
