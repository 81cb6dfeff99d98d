//! What the static machine makes of events about runs.

use std::sync::Arc;
use std::time::Instant;

use super::static_machine::{Slot, StaticMachine};
use crate::fault::{Exhausted, ExitReason, Generation, HangReport, StopCause};
use crate::supervision::machine::child::{Child, Fact, Opening, earliest, later};
use crate::supervision::machine::effect::{Done, Effect, Fate};
use crate::supervision::machine::event::Key;
use crate::supervision::machine::gone::Gone;
use crate::supervision::machine::ledger::{self, HangAction, Outcome, Phase};
use crate::supervision::{AutoShutdown, ChildKind, ManageError, Restart};

impl StaticMachine {
    pub(super) fn started(
        &mut self,
        key: Key,
        generation: Generation,
        now: Instant,
        out: &mut Vec<Effect>,
    ) {
        let Some(at) = self.place_of_run(key, generation) else {
            return;
        };
        let slot = &mut self.slots[at];
        // A run that was asked to stop while it started goes down all the same.
        if !matches!(slot.child.fact, Fact::Starting { .. }) {
            return;
        }
        slot.initial = false;
        slot.child.come_up(now, out);
        if let Some(opening) = slot.child.opening.take() {
            let done = Done::Started { key, generation };
            ledger::answer(opening.call(), Ok(done), out);
        }
    }

    pub(super) fn ignored(
        &mut self,
        key: Key,
        generation: Generation,
        now: Instant,
        out: &mut Vec<Effect>,
    ) {
        let Some(at) = self.place_of_run(key, generation) else {
            return;
        };
        let slot = &mut self.slots[at];
        let starting = matches!(slot.child.fact, Fact::Starting { .. });
        if !starting || slot.member || self.ledger.is_ending() {
            return self.gone(at, Gone::Ignored, now, out);
        }
        slot.child.want = false;
        slot.child.fact = Fact::Down;
        out.push(Effect::Ignored { key, generation });
        let opening = slot.child.opening.take();
        if slot.child.policy.restart == Restart::Temporary {
            self.forget(at, out);
        }
        if let Some(opening) = opening {
            ledger::answer(opening.call(), Ok(Done::Ignored), out);
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
        match self.place_of_run(key, generation) {
            Some(at) => self.gone(at, Gone::Ended(reason), now, out),
            // It crossed with its abandonment.
            None => self.ledger.forget_abandoned(key, generation),
        }
    }

    /// The current run of this child is gone: as expected, or as a failure.
    fn gone(&mut self, at: usize, gone: Gone, now: Instant, out: &mut Vec<Effect>) {
        let Slot { child, member, .. } = &self.slots[at];
        let expected = *member || self.ledger.is_ending();
        match child.fact {
            _ if expected => self.leave(at, gone, now, out),
            Fact::Starting { .. } => self.start_failed(at, gone, now, out),
            Fact::Stopping { .. } if child.late && child.want => {
                self.start_failed(at, gone, now, out);
            }
            Fact::Stopping { .. } => self.leave(at, gone, now, out),
            Fact::Up { .. } => self.failed(at, gone, now, out),
            Fact::Down | Fact::Waiting { .. } => {}
        }
    }

    /// A run is gone that was asked to go, or was about to be.
    fn leave(&mut self, at: usize, gone: Gone, now: Instant, out: &mut Vec<Effect>) {
        let ending = self.ledger.is_ending();
        let Slot { child, member, .. } = &mut self.slots[at];
        child.settle(now);
        let again = child.want && !ending && child.policy.restart != Restart::Temporary;
        let due = child.retry.take();
        child.fact = match due {
            Some(due) if again => Fact::Waiting { due },
            _ => Fact::Down,
        };
        let opening = if again { None } else { child.opening.take() };
        let dropped = child.policy.restart == Restart::Temporary
            || matches!(opening, Some(Opening::Start(_)));
        let fate = match (again, dropped) {
            (true, _) => Fate::Restart {
                attempt: child.streak.failures(),
                delay: due.map_or_else(Default::default, |due| due.saturating_duration_since(now)),
            },
            (false, true) => Fate::Forget,
            (false, false) => Fate::Keep,
        };
        *member &= again;
        let failed = opening.map(|opening| {
            let failure = child.start_failure(&self.ledger.policy.path, gone.reason());
            (opening, failure)
        });
        gone.tell(child, true, fate, out);
        let closing = std::mem::take(&mut child.closing);
        if !again && dropped {
            self.forget(at, out);
        }
        ledger::answer_closing(closing, out);
        if let Some((opening, failure)) = failed {
            ledger::answer(opening.call(), Err(ManageError::Start(failure)), out);
        }
    }

    /// A run that was up ended by itself.
    fn failed(&mut self, at: usize, gone: Gone, now: Instant, out: &mut Vec<Effect>) {
        let reason = gone.reason();
        let outcome = self
            .ledger
            .judge_exit(&mut self.slots[at].child, &reason, now);
        match outcome {
            Outcome::Again(_) | Outcome::Exhausted(_) => {
                self.fall(at, gone, outcome, now, out);
            }
            Outcome::Over => self.over(at, gone, now, out),
        }
    }

    /// A run did not come up.
    fn start_failed(&mut self, at: usize, gone: Gone, now: Instant, out: &mut Vec<Effect>) {
        let reason = gone.reason();
        let Slot { child, initial, .. } = &mut self.slots[at];
        if let Some(opening) = child.opening.take() {
            let failure = child.start_failure(&self.ledger.policy.path, reason);
            let dropped =
                matches!(opening, Opening::Start(_)) || child.policy.restart == Restart::Temporary;
            self.settle_without_run(at, dropped, gone, out);
            return ledger::answer(opening.call(), Err(ManageError::Start(failure)), out);
        }
        if *initial && self.ledger.phase == Phase::Starting {
            let failure = child.start_failure(&self.ledger.policy.path, reason);
            child.fact = Fact::Down;
            gone.tell(child, false, Fate::Escalate, out);
            let reason = ExitReason::StartFailed(failure);
            return self.end(reason, StopCause::StartFailed, None, now, out);
        }
        match self.ledger.judge_start(child, &reason, now) {
            Outcome::Over => self.settle_without_run(at, true, gone, out),
            outcome => self.fall(at, gone, outcome, now, out),
        }
    }

    /// A failure that was charged: the child and its group start again, or the supervisor ends.
    fn fall(
        &mut self,
        at: usize,
        gone: Gone,
        outcome: Outcome,
        now: Instant,
        out: &mut Vec<Effect>,
    ) {
        let child = &mut self.slots[at].child;
        child.fact = Fact::Down;
        match outcome {
            Outcome::Again(delay) => {
                child.fact = Fact::Waiting {
                    due: later(now, delay),
                };
                let attempt = child.streak.failures();
                gone.tell(child, false, Fate::Restart { attempt, delay }, out);
                self.gather(at);
            }
            Outcome::Exhausted(exhausted) => {
                gone.tell(child, false, Fate::Escalate, out);
                self.give_up(exhausted, now, out);
            }
            Outcome::Over => {}
        }
    }

    /// A child ended for good by itself.
    fn over(&mut self, at: usize, gone: Gone, now: Instant, out: &mut Vec<Effect>) {
        let Child { key, policy, .. } = &self.slots[at].child;
        let (key, significant) = (*key, policy.significant);
        let dropped = policy.restart == Restart::Temporary;
        self.settle_without_run(at, dropped, gone, out);
        if significant {
            self.auto_shutdown(key, now, out);
        }
    }

    /// The child has no run and shall have none.
    fn settle_without_run(&mut self, at: usize, dropped: bool, gone: Gone, out: &mut Vec<Effect>) {
        let child = &mut self.slots[at].child;
        child.want = false;
        child.fact = Fact::Down;
        let fate = if dropped { Fate::Forget } else { Fate::Keep };
        gone.tell(child, false, fate, out);
        if dropped {
            self.forget(at, out);
        }
    }

    /// A significant child ended for good by itself.
    fn auto_shutdown(&mut self, key: Key, now: Instant, out: &mut Vec<Effect>) {
        let lives = |slot: &Slot| {
            let child = &slot.child;
            child.key != key && child.policy.significant && (child.want || child.is_alive())
        };
        let ends = match self.ledger.policy.auto_shutdown {
            AutoShutdown::Never => false,
            AutoShutdown::AnySignificant => true,
            AutoShutdown::AllSignificant => !self.slots.iter().any(lives),
        };
        if ends {
            let cause = StopCause::AutoShutdown;
            self.end(ExitReason::Stopped(cause), cause, None, now, out);
        }
    }

    pub(super) fn give_up(&mut self, exhausted: Exhausted, now: Instant, out: &mut Vec<Effect>) {
        let reason = self.ledger.give_up(exhausted);
        self.end(reason, StopCause::Escalation, None, now, out);
    }

    /// Marks the strategy's range around a child that has to start again.
    fn gather(&mut self, at: usize) {
        let strategy = self.ledger.policy.strategy;
        if !strategy.is_group() {
            return;
        }
        for place in strategy.range(at, self.slots.len()) {
            let Slot { child, member, .. } = &mut self.slots[place];
            if place == at || child.policy.restart != Restart::Temporary {
                child.want = true;
                *member = true;
            } else if child.is_alive() {
                child.want = false;
                *member = true;
            }
        }
    }

    pub(super) fn progress(&mut self, key: Key, generation: Generation) {
        if let Some(at) = self.place_of_run(key, generation)
            && self.slots[at].child.is_up()
        {
            self.slots[at].child.streak.progress();
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
        let Some(at) = self.place_of_run(key, generation) else {
            return;
        };
        let Slot { child, member, .. } = &self.slots[at];
        if !child.is_up() || *member || !self.ledger.is_working() {
            return;
        }
        match ledger::on_hang(child, report) {
            HangAction::Leave => {}
            HangAction::Stop => self.replace(at, report, now, out),
            HangAction::Abandon => self.abandon(at, Some(report), now, out),
            HangAction::Escalate => {
                let path = child.path(&self.ledger.policy.path);
                let reason = ExitReason::Abandoned(Arc::clone(report));
                self.ledger.remember(child, reason);
                self.give_up(Exhausted::Hang { child: path }, now, out);
            }
            HangAction::AbortProcess(report) => out.push(Effect::AbortProcess { key, report }),
        }
    }

    /// A run that hangs has failed already; it is asked to stop before the next one starts.
    fn replace(
        &mut self,
        at: usize,
        report: &Arc<HangReport>,
        now: Instant,
        out: &mut Vec<Effect>,
    ) {
        let reason = ExitReason::Abandoned(Arc::clone(report));
        let child = &mut self.slots[at].child;
        match self.ledger.judge_exit(child, &reason, now) {
            Outcome::Again(delay) => {
                child.retry = Some(later(now, delay));
                self.gather(at);
                self.ask(at, StopCause::Replaced, now, out);
            }
            Outcome::Exhausted(exhausted) => self.give_up(exhausted, now, out),
            Outcome::Over => {
                child.want = false;
                if child.policy.significant {
                    let key = child.key;
                    self.auto_shutdown(key, now, out);
                }
                if self.ledger.is_working() {
                    self.ask(at, StopCause::Replaced, now, out);
                }
            }
        }
    }

    /// Asks a run to stop. One that is not waited for is abandoned at once.
    pub(super) fn ask(&mut self, at: usize, cause: StopCause, now: Instant, out: &mut Vec<Effect>) {
        self.ask_by(at, cause, None, now, out);
    }

    /// As `ask`, at the latest at `deadline`.
    pub(super) fn ask_by(
        &mut self,
        at: usize,
        cause: StopCause,
        deadline: Option<Instant>,
        now: Instant,
        out: &mut Vec<Effect>,
    ) {
        let bound = earliest(self.ledger.stop_bound(), deadline);
        let child = &mut self.slots[at].child;
        child.ask_stop(cause, bound, now, out);
        if child.is_not_waited_for() {
            self.abandon(at, None, now, out);
        }
    }

    /// Writes a run off.
    fn abandon(
        &mut self,
        at: usize,
        report: Option<&Arc<HangReport>>,
        now: Instant,
        out: &mut Vec<Effect>,
    ) {
        let child = &self.slots[at].child;
        let gone = child.abandon(&self.ledger.policy.path, report.cloned(), out);
        self.ledger.count_abandoned(child);
        self.gone(at, gone, now, out);
        if let Some(exhausted) = self.ledger.too_many_abandoned()
            && self.ledger.is_working()
        {
            self.give_up(exhausted, now, out);
        }
    }

    /// Time has come: what took too long to start or to stop is not waited for any longer.
    pub(super) fn due(&mut self, now: Instant, out: &mut Vec<Effect>) {
        let overdue = |child: &Child| {
            let at = child.due().filter(|_| child.is_alive());
            at.is_some_and(|at| at <= now)
        };
        // From the last to the first: what leaves the list does not move those that come next.
        for at in (0..self.slots.len()).rev() {
            if self.slots.get(at).is_some_and(|slot| overdue(&slot.child)) {
                self.overdue(at, now, out);
            }
        }
    }

    fn overdue(&mut self, at: usize, now: Instant, out: &mut Vec<Effect>) {
        let child = &mut self.slots[at].child;
        if child.policy.kind == ChildKind::Supervisor {
            // Its start took too long. It abandons what hangs, and ends; at once, whoever's turn it is.
            let ending = self.ledger.ending.as_ref();
            let cause = ending.map_or(StopCause::StartFailed, |ending| ending.cause);
            child.late = true;
            child.ask_stop(cause, Some(now), now, out);
        } else {
            self.abandon(at, None, now, out);
        }
    }
}
