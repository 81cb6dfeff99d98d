//! What the dynamic machine makes of events about runs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::dynamic_machine::DynamicMachine;
use crate::fault::{Exhausted, ExitReason, Generation, HangReport, StopCause};
use crate::supervision::machine::child::{Fact, earliest, later};
use crate::supervision::machine::effect::{Done, Effect, Fate};
use crate::supervision::machine::event::Key;
use crate::supervision::machine::gone::Gone;
use crate::supervision::machine::ledger::{self, HangAction, Outcome};
use crate::supervision::{ManageError, Restart};

impl DynamicMachine {
    pub(super) fn started(
        &mut self,
        key: Key,
        generation: Generation,
        now: Instant,
        out: &mut Vec<Effect>,
    ) {
        let Some(Fact::Starting { .. }) = self.fact_of_run(key, generation) else {
            return;
        };
        self.change(key, |_, child| {
            child.come_up(now, out);
            if let Some(opening) = child.opening.take() {
                let done = Done::Started { key, generation };
                ledger::answer(opening.call(), Ok(done), out);
            }
        });
    }

    fn fact_of_run(&self, key: Key, generation: Generation) -> Option<Fact> {
        self.child_of_run(key, generation).map(|child| child.fact)
    }

    /// A child that ignores its start is not kept, at its first start as at a later one.
    pub(super) fn ignored(
        &mut self,
        key: Key,
        generation: Generation,
        now: Instant,
        out: &mut Vec<Effect>,
    ) {
        match self.fact_of_run(key, generation) {
            None => {}
            Some(Fact::Starting { .. }) if !self.ledger.is_ending() => {
                out.push(Effect::Ignored { key, generation });
                let opening = self.change(key, |_, child| child.opening.take());
                self.remove(key, out);
                if let Some(opening) = opening.flatten() {
                    ledger::answer(opening.call(), Ok(Done::Ignored), out);
                }
            }
            Some(_) => self.gone(key, Gone::Ignored, now, out),
        }
    }

    pub(super) fn ended(
        &mut self,
        key: Key,
        generation: Generation,
        reason: ExitReason,
        now: Instant,
        out: &mut Vec<Effect>,
    ) {
        match self.child_of_run(key, generation) {
            Some(_) => self.gone(key, Gone::Ended(reason), now, out),
            // It crossed with its abandonment.
            None => self.ledger.forget_abandoned(key, generation),
        }
    }

    /// The current run of this child is gone: as expected, or as a failure.
    fn gone(&mut self, key: Key, gone: Gone, now: Instant, out: &mut Vec<Effect>) {
        let Some(child) = self.child(key) else {
            return;
        };
        match child.fact {
            _ if self.ledger.is_ending() => self.leave(key, gone, now, out),
            Fact::Starting { .. } => self.start_failed(key, gone, now, out),
            Fact::Stopping { .. } if child.late && child.want => {
                self.start_failed(key, gone, now, out);
            }
            Fact::Stopping { .. } => self.leave(key, gone, now, out),
            Fact::Up { .. } => self.failed(key, gone, now, out),
            Fact::Down | Fact::Waiting { .. } => {}
        }
    }

    /// A run is gone that was asked to go.
    fn leave(&mut self, key: Key, gone: Gone, now: Instant, out: &mut Vec<Effect>) {
        let Some((again, leaving)) = self.change(key, |ledger, child| {
            let again =
                child.want && !ledger.is_ending() && child.policy.restart != Restart::Temporary;
            // Only a run that hung is wanted again; its failure has set the time.
            let delay = child
                .retry
                .take()
                .map_or(Duration::ZERO, |due| due.saturating_duration_since(now));
            child.fact = Fact::Down;
            let then = if again {
                let attempt = child.streak.failures();
                Fate::Restart { attempt, delay }
            } else {
                Fate::Forget
            };
            let opening = child.opening.take_if(|_| !again).map(|opening| {
                let failure = child.start_failure(&ledger.policy.path, gone.reason());
                (opening, failure)
            });
            gone.tell(child, true, then, out);
            let closing = std::mem::take(&mut child.closing);
            (again.then_some(delay), (closing, opening))
        }) else {
            return;
        };
        match again {
            Some(delay) => self.start_after(key, delay, now, out),
            None => self.remove(key, out),
        }
        let (closing, opening) = leaving;
        ledger::answer_closing(closing, out);
        if let Some((opening, failure)) = opening {
            ledger::answer(opening.call(), Err(ManageError::Start(failure)), out);
        }
    }

    /// A run that was up ended by itself.
    fn failed(&mut self, key: Key, gone: Gone, now: Instant, out: &mut Vec<Effect>) {
        let reason = gone.reason();
        let outcome = self.change(key, |ledger, child| ledger.judge_exit(child, &reason, now));
        if let Some(outcome) = outcome {
            self.fall(key, gone, outcome, now, out);
        }
    }

    /// A run did not come up. The first one is who asked for it told; a later one is tried again.
    fn start_failed(&mut self, key: Key, gone: Gone, now: Instant, out: &mut Vec<Effect>) {
        let reason = gone.reason();
        let opening = self.change(key, |_, child| child.opening.take()).flatten();
        if let (Some(opening), Some(child)) = (opening, self.child(key)) {
            let failure = child.start_failure(&self.ledger.policy.path, reason);
            gone.tell(child, false, Fate::Forget, out);
            self.remove(key, out);
            return ledger::answer(opening.call(), Err(ManageError::Start(failure)), out);
        }
        let outcome = self.change(key, |ledger, child| ledger.judge_start(child, &reason, now));
        if let Some(outcome) = outcome {
            self.fall(key, gone, outcome, now, out);
        }
    }

    /// A failure was judged.
    fn fall(
        &mut self,
        key: Key,
        gone: Gone,
        outcome: Outcome,
        now: Instant,
        out: &mut Vec<Effect>,
    ) {
        self.change(key, |_, child| {
            child.fact = Fact::Down;
            let attempt = child.streak.failures();
            let then = match &outcome {
                Outcome::Again(delay) => Fate::Restart {
                    attempt,
                    delay: *delay,
                },
                Outcome::Over => Fate::Forget,
                Outcome::Exhausted(_) => Fate::Escalate,
            };
            gone.tell(child, false, then, out);
        });
        match outcome {
            Outcome::Again(delay) => self.start_after(key, delay, now, out),
            Outcome::Over => self.remove(key, out),
            Outcome::Exhausted(exhausted) => self.give_up(exhausted, now, out),
        }
    }

    fn start_after(&mut self, key: Key, delay: Duration, now: Instant, out: &mut Vec<Effect>) {
        self.change(key, |_, child| {
            if delay.is_zero() {
                child.launch(now, out);
            } else {
                child.fact = Fact::Waiting {
                    due: later(now, delay),
                };
            }
        });
    }

    fn give_up(&mut self, exhausted: Exhausted, now: Instant, out: &mut Vec<Effect>) {
        let reason = self.ledger.give_up(exhausted);
        self.end(reason, StopCause::Escalation, None, now, out);
    }

    pub(super) fn progress(&mut self, key: Key, generation: Generation) {
        if let Some(Fact::Up { .. }) = self.fact_of_run(key, generation) {
            self.change(key, |_, child| child.streak.progress());
        }
    }

    pub(super) fn hung(
        &mut self,
        key: Key,
        generation: Generation,
        report: &Arc<HangReport>,
        now: Instant,
        out: &mut Vec<Effect>,
    ) {
        let Some(child) = self.child_of_run(key, generation) else {
            return;
        };
        if !child.is_up() || !self.ledger.is_working() {
            return;
        }
        match ledger::on_hang(child, report) {
            HangAction::Leave => {}
            HangAction::Stop => self.replace(key, report, now, out),
            HangAction::Abandon => self.abandon(key, Some(report), now, out),
            HangAction::Escalate => {
                let child_path = child.path(&self.ledger.policy.path);
                let reason = ExitReason::Abandoned(Arc::clone(report));
                self.change(key, |ledger, child| ledger.remember(child, reason));
                self.give_up(Exhausted::Hang { child: child_path }, now, out);
            }
            HangAction::AbortProcess(report) => out.push(Effect::AbortProcess { key, report }),
        }
    }

    /// A run that hangs has failed already; it is asked to stop before the next one starts.
    fn replace(&mut self, key: Key, report: &Arc<HangReport>, now: Instant, out: &mut Vec<Effect>) {
        let reason = ExitReason::Abandoned(Arc::clone(report));
        let outcome = self.change(key, |ledger, child| {
            let outcome = ledger.judge_exit(child, &reason, now);
            match outcome {
                Outcome::Again(delay) => child.retry = Some(later(now, delay)),
                Outcome::Over => child.want = false,
                Outcome::Exhausted(_) => {}
            }
            outcome
        });
        match outcome {
            Some(Outcome::Exhausted(exhausted)) => self.give_up(exhausted, now, out),
            Some(_) => self.ask(key, StopCause::Replaced, now, out),
            None => {}
        }
    }

    /// Asks a run to stop. One that is not waited for is abandoned at once.
    pub(super) fn ask(&mut self, key: Key, cause: StopCause, now: Instant, out: &mut Vec<Effect>) {
        self.ask_by(key, cause, None, now, out);
    }

    /// As `ask`, at the latest at `deadline`.
    pub(super) fn ask_by(
        &mut self,
        key: Key,
        cause: StopCause,
        deadline: Option<Instant>,
        now: Instant,
        out: &mut Vec<Effect>,
    ) {
        let at_once = self.change(key, |ledger, child| {
            let bound = earliest(ledger.stop_bound(), deadline);
            child.ask_stop(cause, bound, now, out);
            child.is_not_waited_for()
        });
        if at_once == Some(true) {
            self.abandon(key, None, now, out);
        }
    }

    /// Writes a run off.
    fn abandon(
        &mut self,
        key: Key,
        report: Option<&Arc<HangReport>>,
        now: Instant,
        out: &mut Vec<Effect>,
    ) {
        let gone = self.change(key, |ledger, child| {
            ledger.count_abandoned(child);
            child.abandon(&ledger.policy.path, report.cloned(), out)
        });
        if let Some(gone) = gone {
            self.gone(key, gone, now, out);
        }
        if let Some(exhausted) = self.ledger.too_many_abandoned()
            && self.ledger.is_working()
        {
            self.give_up(exhausted, now, out);
        }
    }

    /// Time has come for those that wait for it.
    pub(super) fn due(&mut self, now: Instant, out: &mut Vec<Effect>) {
        while let Some(key) = self.first_due(now) {
            let Some(child) = self.child(key) else {
                return;
            };
            match child.fact {
                Fact::Waiting { .. } => {
                    self.change(key, |_, child| child.launch(now, out));
                }
                // The start of a supervisor took too long. It abandons what hangs, and ends.
                Fact::Starting { .. } if !child.can_be_abandoned() => {
                    self.change(key, |_, child| {
                        child.late = true;
                        child.ask_stop(StopCause::StartFailed, Some(now), now, out);
                    });
                }
                _ => self.abandon(key, None, now, out),
            }
        }
    }
}
