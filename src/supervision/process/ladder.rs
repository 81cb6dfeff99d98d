//! The steps by which a process is brought to its end: a pure part.

use std::time::Instant;

/// How far the end of a process has been brought about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ladder {
    is_asked: bool,
    is_killed: bool,
}

/// What is to be done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Ask it to end.
    Ask,
    /// Wait for its end, until then at most.
    Wait(Option<Instant>),
    /// Kill it.
    Kill,
}

impl Ladder {
    /// The next step for a process that is still there: it is asked once, killed once when `kill_at` has come, and waited
    /// for in between and after that. Without a `kill_at` it has all the time in the world, until it is given one.
    pub(super) fn next(&mut self, now: Instant, kill_at: Option<Instant>) -> Step {
        if self.is_killed {
            return Step::Wait(None);
        }
        if kill_at.is_some_and(|at| at <= now) {
            self.is_killed = true;
            return Step::Kill;
        }
        if !self.is_asked {
            self.is_asked = true;
            return Step::Ask;
        }
        Step::Wait(kill_at)
    }

    /// Whether it had to be killed.
    pub(super) fn is_killed(self) -> bool {
        self.is_killed
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Ladder, Step};
    use crate::time::ManualClock;

    const SECOND: Duration = Duration::from_secs(1);

    /// The steps at these seconds, each with the time of the kill as it is told then.
    fn steps(told: &[(u32, Option<u32>)]) -> Vec<&'static str> {
        let start = ManualClock::new().now();
        let at = |seconds: u32| -> Instant { start + SECOND * seconds };
        let mut ladder = Ladder::default();
        let mut name = |&(now, kill_at): &(u32, Option<u32>)| {
            let kill_at = kill_at.map(at);
            match ladder.next(at(now), kill_at) {
                Step::Ask => "ask",
                Step::Kill => "kill",
                Step::Wait(None) => "wait",
                Step::Wait(until) => {
                    assert_eq!(until, kill_at);
                    "wait until"
                }
            }
        };
        told.iter().map(&mut name).collect()
    }

    #[test]
    fn a_process_is_asked_once_then_waited_for_then_killed_once() {
        let told = [
            (0, Some(5)),
            (0, Some(5)),
            (4, Some(5)),
            (5, Some(5)),
            (6, Some(5)),
        ];
        let expected = ["ask", "wait until", "wait until", "kill", "wait"];
        assert_eq!(steps(&told), expected);
    }

    #[test]
    fn without_a_deadline_it_is_waited_for_until_one_comes() {
        let told = [(0, None), (9, None), (9, Some(10)), (10, Some(10))];
        assert_eq!(steps(&told), ["ask", "wait", "wait until", "kill"]);
    }

    #[test]
    fn without_time_it_is_killed_unasked() {
        assert_eq!(steps(&[(1, Some(1)), (1, Some(1))]), ["kill", "wait"]);
    }
}
