//! What both machines share: the supervisor's own state, and the price of a failure.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::fault::{
    BudgetReport, Exhausted, ExitReason, Generation, HangReport, StopCause, UnitPath,
};
use crate::supervision::machine::child::{Child, earliest};
use crate::supervision::machine::effect::{Done, Effect};
use crate::supervision::machine::event::{CallId, Key, Retune};
use crate::supervision::machine::stop_plan;
use crate::supervision::machine::verdict::{self, Verdict};
use crate::supervision::spec::intensity::RestartLog;
use crate::supervision::{Flavor, ManageError, OnHang, SupervisorPolicy};

/// How many failures a report of an exhausted budget tells of.
const LAST_FAILURES: usize = 3;

/// Where a supervisor is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It was not begun yet.
    New,
    /// Its initial children come up.
    Starting,
    /// All initial children were up.
    Running,
    /// It stops its children.
    Stopping,
    /// All children are down.
    Ended,
}

/// Why and until when a supervisor ends.
#[derive(Clone, Debug)]
pub(super) struct Ending {
    pub(super) reason: ExitReason,
    pub(super) cause: StopCause,
    pub(super) deadline: Option<Instant>,
    began: Instant,
}

impl Ending {
    /// When the order of the stops is given up.
    pub(super) fn gives_up_order_at(&self) -> Option<Instant> {
        let deadline = self.deadline?;
        Some(stop_plan::gives_up_order_at(self.began, deadline))
    }
}

/// What a failure of a child comes to.
#[derive(Debug)]
pub(super) enum Outcome {
    /// It starts again after so long.
    Again(Duration),
    /// It ended for good.
    Over,
    /// It would start again, but a budget is exhausted.
    Exhausted(Exhausted),
}

/// The state of the supervisor itself.
#[derive(Debug)]
pub(super) struct Ledger {
    pub(super) policy: SupervisorPolicy,
    pub(super) phase: Phase,
    pub(super) ending: Option<Ending>,
    log: RestartLog,
    last: VecDeque<(UnitPath, ExitReason)>,
    rng: fastrand::Rng,
    abandoned: HashSet<(Key, Generation)>,
    now: Option<Instant>,
}

impl Ledger {
    pub(super) fn new(policy: SupervisorPolicy) -> Self {
        Self {
            phase: Phase::New,
            ending: None,
            log: RestartLog::default(),
            last: VecDeque::with_capacity(LAST_FAILURES),
            rng: fastrand::Rng::with_seed(policy.seed),
            abandoned: HashSet::new(),
            now: None,
            policy,
        }
    }

    /// Time only goes on, also when two threads read the clock and then took the lock in the other
    /// order.
    pub(super) fn tick(&mut self, now: Instant) -> Instant {
        let now = self.now.map_or(now, |last| last.max(now));
        self.now = Some(now);
        now
    }

    /// The time of the last step.
    pub(super) fn last_step(&self) -> Option<Instant> {
        self.now
    }

    /// Whether children are still looked after, not only stopped.
    pub(super) fn is_working(&self) -> bool {
        matches!(self.phase, Phase::Starting | Phase::Running)
    }

    /// Whether the supervisor ends or has ended.
    pub(super) fn is_ending(&self) -> bool {
        matches!(self.phase, Phase::Stopping | Phase::Ended)
    }

    /// What the end of a run that was up comes to.
    pub(super) fn judge_exit(
        &mut self,
        child: &mut Child,
        reason: &ExitReason,
        now: Instant,
    ) -> Outcome {
        child.settle(now);
        let verdict = verdict::of_exit(child.policy.restart, reason);
        self.judge(verdict, child, reason, now)
    }

    /// What a restart that did not come up comes to.
    pub(super) fn judge_start(
        &mut self,
        child: &mut Child,
        reason: &ExitReason,
        now: Instant,
    ) -> Outcome {
        let verdict = verdict::of_start(child.policy.restart);
        self.judge(verdict, child, reason, now)
    }

    fn judge(
        &mut self,
        verdict: Verdict,
        child: &mut Child,
        reason: &ExitReason,
        now: Instant,
    ) -> Outcome {
        match verdict {
            Verdict::Over => Outcome::Over,
            Verdict::Again => {
                self.remember(child, reason.clone());
                match self.charge(child, now) {
                    Ok(delay) => Outcome::Again(delay),
                    Err(exhausted) => Outcome::Exhausted(exhausted),
                }
            }
        }
    }

    /// One restart: every budget must allow it.
    fn charge(&mut self, child: &mut Child, now: Instant) -> Result<Duration, Exhausted> {
        let intensity = self.policy.intensity;
        if !self.log.admit(intensity, now) {
            return Err(Exhausted::Restarts {
                max: intensity.max_restarts(),
                period: intensity.period(),
            });
        }
        if let Some(budget) = child.policy.budget
            && !child.log.admit(budget, now)
        {
            return Err(Exhausted::ChildRestarts {
                child: child.path(&self.policy.path),
                max: budget.max_restarts(),
                period: budget.period(),
            });
        }
        let policy = &child.policy;
        let tolerated = policy.give_up_after.unwrap_or(intensity.max_restarts());
        child
            .streak
            .fail(tolerated, &policy.backoff, &mut self.rng)
            .ok_or_else(|| Exhausted::Consecutive {
                child: child.path(&self.policy.path),
                failures: child.streak.failures(),
            })
    }

    /// Keeps a failure for the report of an exhausted budget.
    pub(super) fn remember(&mut self, child: &Child, reason: ExitReason) {
        if self.last.len() == LAST_FAILURES {
            self.last.pop_front();
        }
        self.last.push_back((child.path(&self.policy.path), reason));
    }

    /// The reason of a supervisor that gives up.
    pub(super) fn give_up(&self, exhausted: Exhausted) -> ExitReason {
        let last = self.last.iter().cloned().collect();
        let report = BudgetReport::new(self.policy.path.clone(), exhausted, last);
        ExitReason::BudgetExhausted(Arc::new(report))
    }

    /// How many restarts the supervisor's intensity would allow at `now`.
    pub(super) fn budget_left(&self, now: Instant) -> u32 {
        self.log.left(self.policy.intensity, now)
    }

    /// Begins to end. Says whether it did: an end that has begun keeps its reason and its cause.
    pub(super) fn begin_ending(
        &mut self,
        reason: ExitReason,
        cause: StopCause,
        deadline: Option<Instant>,
        now: Instant,
        out: &mut Vec<Effect>,
    ) -> bool {
        if self.is_ending() {
            return false;
        }
        self.phase = Phase::Stopping;
        out.push(Effect::Ending {
            reason: reason.clone(),
        });
        self.ending = Some(Ending {
            reason,
            cause,
            deadline,
            began: now,
        });
        true
    }

    /// Brings the deadline of the end forward; never back.
    pub(super) fn hasten(&mut self, deadline: Option<Instant>) {
        if let Some(ending) = &mut self.ending {
            ending.deadline = earliest(ending.deadline, deadline);
        }
    }

    /// The deadline of the end, if it has begun and has one.
    pub(super) fn stop_bound(&self) -> Option<Instant> {
        self.ending.as_ref().and_then(|ending| ending.deadline)
    }

    /// All children are down.
    pub(super) fn finish(&mut self, out: &mut Vec<Effect>) {
        if let (Phase::Stopping, Some(ending)) = (self.phase, &self.ending) {
            self.phase = Phase::Ended;
            out.push(Effect::Ended {
                reason: ending.reason.clone(),
            });
        }
    }

    /// A run was written off; its thread may live on.
    pub(super) fn count_abandoned(&mut self, child: &Child) {
        self.abandoned.insert((child.key, child.generation));
    }

    /// The thread of a run that was written off ended after all.
    pub(super) fn forget_abandoned(&mut self, key: Key, generation: Generation) {
        self.abandoned.remove(&(key, generation));
    }

    /// How many threads that were written off are not known to have ended.
    pub(super) fn abandoned(&self) -> usize {
        self.abandoned.len()
    }

    /// The bound on abandoned threads, if it is passed.
    pub(super) fn too_many_abandoned(&self) -> Option<Exhausted> {
        let max = self.policy.max_abandoned;
        let within = usize::try_from(max).is_ok_and(|max| self.abandoned.len() > max);
        within.then_some(Exhausted::AbandonedThreads { max })
    }

    /// The policy that a live change would make.
    pub(super) fn retuned(&self, retune: &Retune) -> SupervisorPolicy {
        let mut policy = self.policy.clone();
        policy.strategy = retune.strategy.unwrap_or(policy.strategy);
        policy.intensity = retune.intensity.unwrap_or(policy.intensity);
        policy.auto_shutdown = retune.auto_shutdown.unwrap_or(policy.auto_shutdown);
        policy.max_abandoned = retune.max_abandoned.unwrap_or(policy.max_abandoned);
        if let (Flavor::Dynamic { max_children }, Some(max)) =
            (&mut policy.flavor, retune.max_children)
        {
            *max_children = max;
        }
        policy
    }
}

/// What to do with a run that hangs.
#[derive(Debug)]
pub(super) enum HangAction {
    /// Nothing: the report was made.
    Leave,
    /// Ask it to stop, abandon it at its deadline, start it again.
    Stop,
    /// Abandon it at once, start it again.
    Abandon,
    /// The supervisor ends.
    Escalate,
    /// The process ends.
    AbortProcess(Arc<HangReport>),
}

/// What to do with a run that hangs.
pub(super) fn on_hang(child: &Child, report: &Arc<HangReport>) -> HangAction {
    match child.policy.on_hang {
        OnHang::Report => HangAction::Leave,
        // A supervisor has no thread that could hang or be replaced.
        OnHang::Replace if child.can_be_abandoned() => HangAction::Abandon,
        OnHang::StopThenAbandon | OnHang::Replace => HangAction::Stop,
        OnHang::Escalate => HangAction::Escalate,
        OnHang::AbortProcess => HangAction::AbortProcess(Arc::clone(report)),
    }
}

/// Answers a management call.
pub(super) fn answer(call: CallId, answer: Result<Done, ManageError>, out: &mut Vec<Effect>) {
    out.push(Effect::Answer { call, answer });
}

/// Answers all calls that waited for a child to be down.
pub(super) fn answer_closing(closing: Vec<CallId>, out: &mut Vec<Effect>) {
    for call in closing {
        answer(call, Ok(Done::Terminated), out);
    }
}
