//! A naive model: it learns from the effects what runs there are, and refuses what must not be.

use std::time::Instant;

use super::rules::{self, Class, Due, MustEnd};
use crate::fault::{ExitReason, Generation, HangPhase, StopCause};
use crate::supervision::machine::{AnyMachine, CallId, Effect, Event, Fate, Key, Target};
use crate::supervision::{
    AutoShutdown, ChildPolicy, Flavor, ManageError, Restart, SupervisorPolicy,
};

/// What is wrong, in words.
pub(super) type Checked = Result<(), String>;

/// Refuses with words if the condition does not hold.
macro_rules! ensure {
    ($holds:expr, $($words:tt)*) => {
        if !$holds {
            return Err(format!($($words)*));
        }
    };
}
pub(super) use ensure;

/// A run that was launched and is not over.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) generation: Generation,
    /// `Some` when it is up.
    pub(super) up_since: Option<Instant>,
    pub(super) start_deadline: Option<Instant>,
    pub(super) asked: Option<(StopCause, Option<Instant>)>,
    /// A call wants it to end by then.
    pub(super) stop_by: Option<Instant>,
    /// Its group restarts: it is expected to end.
    pub(super) doomed: bool,
    /// It was asked to stop because its start took too long.
    pub(super) late: bool,
}

/// A child.
#[derive(Clone, Debug)]
pub(super) struct Kid {
    pub(super) key: Key,
    pub(super) policy: ChildPolicy,
    pub(super) wanted: bool,
    pub(super) run: Option<Run>,
    pub(super) generation: Generation,
    /// A call waits for it to come up; true: it is to be started, false: restarted.
    pub(super) opening: Option<(CallId, bool)>,
    pub(super) streak: u32,
    pub(super) charges: Vec<Instant>,
    pub(super) initial: bool,
    pub(super) member: bool,
    pub(super) not_before: Option<Instant>,
}

/// How the supervisor ends.
#[derive(Clone, Debug)]
pub(super) struct Ending {
    pub(super) cause: StopCause,
    pub(super) deadline: Option<Instant>,
    pub(super) began: Instant,
}

/// What the model knows.
#[derive(Clone, Debug)]
pub(super) struct Model {
    pub(super) policy: SupervisorPolicy,
    pub(super) kids: Vec<Kid>,
    pub(super) charges: Vec<Instant>,
    pub(super) abandoned: Vec<(Key, Generation)>,
    pub(super) calls: Vec<CallId>,
    pub(super) begun: bool,
    pub(super) announced: bool,
    pub(super) ending: Option<Ending>,
    pub(super) ended: bool,
    pub(super) must_end: Option<MustEnd>,
    /// The strategy was changed live: the order of what goes on is between the two.
    pub(super) order_is_open: bool,
}

impl Model {
    pub(super) fn new(policy: SupervisorPolicy, children: &[(Key, ChildPolicy)]) -> Self {
        let kids = children
            .iter()
            .map(|(key, policy)| Kid {
                initial: true,
                ..Kid::new(*key, policy.clone(), Generation::NONE)
            })
            .collect();
        Self {
            policy,
            kids,
            charges: Vec::new(),
            abandoned: Vec::new(),
            calls: Vec::new(),
            begun: false,
            announced: false,
            ending: None,
            ended: false,
            must_end: None,
            order_is_open: false,
        }
    }

    pub(super) fn is_dynamic(&self) -> bool {
        self.policy.flavor != Flavor::Static
    }

    pub(super) fn is_working(&self) -> bool {
        self.begun && self.ending.is_none()
    }

    pub(super) fn at(&self, key: Key) -> Option<usize> {
        self.kids.iter().position(|kid| kid.key == key)
    }

    fn known(&self, key: Key) -> Result<usize, String> {
        self.at(key).ok_or_else(|| format!("{key:?} is unknown"))
    }

    pub(super) fn target(&self, target: &Target) -> Option<usize> {
        match target {
            Target::Key(key) => self.at(*key),
            Target::Id(id) => self.kids.iter().position(|kid| kid.policy.id == *id),
        }
    }

    /// What one effect means.
    pub(super) fn learn(&mut self, effect: &Effect, event: &Event, now: Instant) -> Checked {
        let only_answers = matches!(effect, Effect::Answer { .. });
        ensure!(
            !self.ended || only_answers,
            "an effect after the end: {effect:?}"
        );
        let ends = matches!(effect, Effect::Ending { .. });
        let before_end = matches!(
            effect,
            Effect::Answer { .. } | Effect::Forget { .. } | Effect::Settled { .. }
        );
        ensure!(
            self.must_end.is_none() || ends || before_end,
            "{effect:?} although the supervisor must end: {:?}",
            self.must_end
        );
        match effect {
            Effect::Launch {
                key,
                generation,
                attempt,
            } => self.launched(*key, *generation, *attempt, now),
            Effect::AskStop {
                key,
                generation,
                cause,
                deadline,
            } => self.asked(*key, *generation, (*cause, *deadline), now),
            Effect::Abandon {
                key,
                generation,
                phase,
            } => self.abandon(*key, *generation, *phase, event, now),
            Effect::Exited {
                key,
                generation,
                reason,
                while_stopping,
                then,
            } => self.exited(*key, *generation, reason, (*while_stopping, *then), now),
            Effect::Running { key, generation } => self.running(*key, *generation, now),
            Effect::Ignored { key, generation } => self.ignored(*key, *generation, now),
            Effect::Settled { key } => {
                let at = self.known(*key)?;
                let kid = &self.kids[at];
                ensure!(kid.run.is_none(), "{key:?} is settled with a run");
                let waits = kid.wanted && self.is_working() && self.must_end.is_none();
                ensure!(!waits, "{key:?} is settled although it shall start");
                Ok(())
            }
            Effect::Forget { key } => {
                let at = self.known(*key)?;
                ensure!(
                    self.kids[at].run.is_none(),
                    "{key:?} is dropped with its run"
                );
                self.kids.remove(at);
                Ok(())
            }
            Effect::Answer { call, answer } => self.answered(*call, answer, event),
            Effect::Up => self.up(),
            Effect::Ending { reason } => self.begin_ending(reason, event, now),
            Effect::AbortProcess { .. } => Ok(()),
            Effect::Ended { .. } => self.end(),
        }
    }

    fn launched(
        &mut self,
        key: Key,
        generation: Generation,
        attempt: u32,
        now: Instant,
    ) -> Checked {
        let at = self.known(key)?;
        ensure!(
            self.is_working(),
            "{key:?} is started although nothing works"
        );
        let kid = &self.kids[at];
        ensure!(kid.run.is_none(), "{key:?} has two live generations");
        ensure!(kid.wanted, "{key:?} is started although it shall be down");
        ensure!(
            generation == kid.generation.next(),
            "{key:?} skips a generation"
        );
        ensure!(
            attempt == kid.streak,
            "{key:?}: attempt {attempt} after {} failures in a row",
            kid.streak
        );
        rules::start_is_in_order(self, at, now)?;
        let kid = &mut self.kids[at];
        kid.generation = generation;
        kid.member = false;
        kid.not_before = None;
        kid.run = Some(Run {
            generation,
            up_since: None,
            start_deadline: kid.policy.start_deadline.map(|limit| now + limit),
            asked: None,
            stop_by: None,
            doomed: false,
            late: false,
        });
        Ok(())
    }

    fn run_of(&mut self, key: Key, generation: Generation) -> Result<usize, String> {
        let at = self.known(key)?;
        match &self.kids[at].run {
            Some(run) if run.generation == generation => Ok(at),
            other => Err(format!(
                "{key:?} {generation} is not the live run: {other:?}"
            )),
        }
    }

    fn asked(
        &mut self,
        key: Key,
        generation: Generation,
        ask: (StopCause, Option<Instant>),
        now: Instant,
    ) -> Checked {
        let at = self.run_of(key, generation)?;
        let Some(run) = self.kids[at].run.clone() else {
            return Ok(());
        };
        if let Some((cause, before)) = run.asked {
            ensure!(cause == ask.0, "{key:?} is asked again for another reason");
            ensure!(
                rules::is_earlier(ask.1, before),
                "{key:?} is asked again, but not earlier"
            );
        } else {
            rules::ask_is_right(self, at, ask, now)?;
            self.settle(at, &run, now);
        }
        if let Some(run) = &mut self.kids[at].run {
            run.late |= ask.0 == StopCause::StartFailed && self.ending.is_none();
            run.asked = Some(ask);
        }
        Ok(())
    }

    /// A run that was up for long enough ends the streak of failures.
    pub(super) fn settle(&mut self, at: usize, run: &Run, now: Instant) {
        let kid = &mut self.kids[at];
        if let Some(since) = run.up_since
            && run.asked.is_none()
            && now - since >= kid.policy.stable_after
        {
            kid.streak = 0;
        }
    }

    fn abandon(
        &mut self,
        key: Key,
        generation: Generation,
        phase: HangPhase,
        event: &Event,
        now: Instant,
    ) -> Checked {
        let at = self.run_of(key, generation)?;
        let Some(run) = self.kids[at].run.clone() else {
            return Ok(());
        };
        ensure!(
            !rules::is_supervisor(&self.kids[at].policy),
            "the supervisor {key:?} is abandoned"
        );
        let due = match (&run.asked, run.up_since) {
            (Some((_, deadline)), _) => Due(HangPhase::Stopping, *deadline),
            (None, None) => Due(HangPhase::Starting, run.start_deadline),
            (None, Some(_)) => {
                let hangs = matches!(event, Event::Hung { .. });
                Due(HangPhase::Running, hangs.then_some(now))
            }
        };
        ensure!(
            due.0 == phase,
            "{key:?} is abandoned while {phase}, not {due:?}"
        );
        ensure!(
            due.1.is_some_and(|at| at <= now),
            "{key:?} is abandoned too early"
        );
        self.abandoned.push((key, generation));
        let reason = rules::abandoned(&self.kids[at]);
        self.depart(at, &reason, now);
        Ok(())
    }

    fn exited(
        &mut self,
        key: Key,
        generation: Generation,
        reason: &ExitReason,
        told: (bool, Fate),
        now: Instant,
    ) -> Checked {
        let at = self.run_of(key, generation)?;
        let opening = self.kids[at].opening;
        let class = self.depart(at, reason, now);
        let kid = &mut self.kids[at];
        let (while_stopping, then) = told;
        ensure!(
            while_stopping == (class == Class::Leave),
            "{key:?} went as {class:?}, but while_stopping is {while_stopping}"
        );
        if let Fate::Restart { delay, .. } = then {
            kid.not_before = Some(now + delay);
        }
        let starting = opening.is_some_and(|(_, start)| start);
        let fate = rules::fate(self, at, class, starting);
        ensure!(
            std::mem::discriminant(&fate) == std::mem::discriminant(&then),
            "{key:?} went as {class:?}, told as {then:?}, not {fate:?}"
        );
        Ok(())
    }

    /// A run is gone: what it counts as, and what it costs.
    fn depart(&mut self, at: usize, reason: &ExitReason, now: Instant) -> Class {
        let class = rules::class(self, at, reason);
        let Some(run) = self.kids[at].run.take() else {
            return class;
        };
        self.settle(at, &run, now);
        match class {
            Class::Leave => {
                let kid = &mut self.kids[at];
                kid.member &= kid.wanted;
                class
            }
            Class::CallFailed => {
                self.kids[at].wanted = false;
                class
            }
            Class::InitialFailed => {
                self.must_end = Some(MustEnd::StartFailed);
                class
            }
            Class::Final => {
                self.kids[at].wanted = false;
                // Only a run that was up ends for good by itself.
                if run.up_since.is_some() {
                    self.finally(at);
                }
                class
            }
            Class::Again | Class::Exhausted => {
                if self.charge(at, now) {
                    Class::Again
                } else {
                    Class::Exhausted
                }
            }
        }
    }

    /// A child ended for good by itself.
    pub(super) fn finally(&mut self, at: usize) {
        let other = |(place, kid): (usize, &Kid)| {
            place != at && kid.policy.significant && (kid.wanted || kid.run.is_some())
        };
        let last = !self.kids.iter().enumerate().any(other);
        let ends = match self.policy.auto_shutdown {
            AutoShutdown::Never => false,
            AutoShutdown::AnySignificant => true,
            AutoShutdown::AllSignificant => last,
        };
        if ends && self.kids[at].policy.significant {
            self.must_end = Some(MustEnd::AutoShutdown);
        }
    }

    /// One restart, recounted from the full list of failures. Says whether it is allowed.
    pub(super) fn charge(&mut self, at: usize, now: Instant) -> bool {
        self.must_end = rules::charge(self, at, now);
        if self.must_end.is_some() {
            return false;
        }
        if !self.policy.strategy.is_group() {
            return true;
        }
        for place in self.policy.strategy.range(at, self.kids.len()) {
            let kid = &mut self.kids[place];
            if place == at || kid.policy.restart != Restart::Temporary {
                kid.wanted = true;
                kid.member = true;
            } else if kid.run.is_some() {
                kid.wanted = false;
                kid.member = true;
            }
            if let Some(run) = &mut kid.run {
                run.doomed = true;
            }
        }
        true
    }

    fn running(&mut self, key: Key, generation: Generation, now: Instant) -> Checked {
        let at = self.run_of(key, generation)?;
        let kid = &mut self.kids[at];
        kid.initial = false;
        if let Some(run) = &mut kid.run {
            ensure!(run.up_since.is_none(), "{key:?} comes up twice");
            ensure!(
                run.asked.is_none(),
                "{key:?} comes up although it shall stop"
            );
            run.up_since = Some(now);
        }
        Ok(())
    }

    fn ignored(&mut self, key: Key, generation: Generation, now: Instant) -> Checked {
        let at = self.run_of(key, generation)?;
        let kid = &mut self.kids[at];
        let expected = kid
            .run
            .as_ref()
            .is_some_and(|run| run.up_since.is_some() || run.asked.is_some() || run.doomed);
        if expected || self.ending.is_some() {
            self.depart(at, &ExitReason::Normal, now);
            // Even a start that took too long is over when it says so.
            self.kids[at].not_before = None;
        } else {
            kid.run = None;
            kid.wanted = false;
            kid.member = false;
        }
        Ok(())
    }

    fn answered(
        &mut self,
        call: CallId,
        answer: &Result<crate::supervision::machine::Done, ManageError>,
        event: &Event,
    ) -> Checked {
        let place = self.calls.iter().position(|waits| *waits == call);
        let Some(place) = place else {
            return Err(format!("{call:?} is answered twice, or was never asked"));
        };
        self.calls.swap_remove(place);
        let refused = matches!(
            answer,
            Err(ManageError::Invalid(_) | ManageError::MaxChildren { .. })
        );
        if refused {
            self.kids.retain(|kid| kid.opening != Some((call, true)));
        }
        for kid in &mut self.kids {
            kid.opening = kid.opening.filter(|opening| opening.0 != call);
        }
        if let Event::Call { request, .. } = event
            && answer.is_ok()
        {
            self.changed(request);
        }
        Ok(())
    }

    fn up(&mut self) -> Checked {
        ensure!(!self.announced, "up is said twice");
        for kid in &self.kids {
            let up = kid.run.as_ref().is_some_and(Run::is_up);
            ensure!(
                up || !kid.wanted || self.is_dynamic(),
                "up is said before {:?} is",
                kid.policy.id
            );
        }
        self.announced = true;
        Ok(())
    }

    fn begin_ending(&mut self, reason: &ExitReason, event: &Event, now: Instant) -> Checked {
        ensure!(self.ending.is_none(), "the end begins twice");
        let asked = match event {
            Event::Stop { cause, deadline } => Some((*cause, *deadline)),
            _ => None,
        };
        let (cause, deadline) = rules::why_ending(self, reason, asked)?;
        self.must_end = None;
        self.ending = Some(Ending {
            cause,
            deadline,
            began: now,
        });
        for kid in &mut self.kids {
            kid.member = false;
        }
        Ok(())
    }

    fn end(&mut self) -> Checked {
        ensure!(self.ending.is_some(), "the end comes before it begins");
        ensure!(
            self.kids.iter().all(|kid| kid.run.is_none()),
            "the end comes before all runs are over"
        );
        ensure!(
            self.calls.is_empty(),
            "calls are not answered: {:?}",
            self.calls
        );
        self.ended = true;
        Ok(())
    }

    /// What must hold between two steps.
    pub(super) fn after(&self, machine: &AnyMachine, now: Instant) -> Checked {
        ensure!(
            self.must_end.is_none(),
            "the supervisor should end: {:?}",
            self.must_end
        );
        rules::states_agree(self, machine, now)?;
        rules::nothing_is_forgotten(self, machine, now)
    }
}

impl Kid {
    pub(super) fn new(key: Key, policy: ChildPolicy, generation: Generation) -> Self {
        Self {
            key,
            policy,
            wanted: true,
            run: None,
            generation,
            opening: None,
            streak: 0,
            charges: Vec::new(),
            initial: false,
            member: false,
            not_before: None,
        }
    }
}

impl Run {
    /// It is up, and was not asked to stop.
    pub(super) fn is_up(&self) -> bool {
        self.up_since.is_some() && self.asked.is_none()
    }
}
