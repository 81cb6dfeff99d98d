//! One child inside a machine: what is wanted of it, and what it is.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::fault::{
    ExitReason, Generation, HangPhase, HangReport, StartFailure, StopCause, UnitPath,
};
use crate::supervision::machine::effect::Effect;
use crate::supervision::machine::event::{CallId, Key};
use crate::supervision::machine::gone::Gone;
use crate::supervision::machine::streak::Streak;
use crate::supervision::spec::intensity::RestartLog;
use crate::supervision::{ChildKind, ChildPolicy, Shutdown};

/// What a child is at the moment. Exactly one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fact {
    /// It has no run.
    Down,
    /// It has no run, and may start again at `due`.
    Waiting { due: Instant },
    /// Its run has not said yet that it is up.
    Starting { deadline: Option<Instant> },
    /// Its run is up.
    Up { since: Instant },
    /// Its run was asked to stop.
    Stopping {
        deadline: Option<Instant>,
        cause: StopCause,
    },
}

/// The management call that waits for a child to come up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opening {
    /// If the start fails, the specification is dropped.
    Start(CallId),
    /// If the start fails, the child is down again.
    Restart(CallId),
}

impl Opening {
    pub(super) fn call(self) -> CallId {
        match self {
            Self::Start(call) | Self::Restart(call) => call,
        }
    }
}

/// One child: policy, wish and fact.
#[derive(Clone, Debug)]
pub(super) struct Child {
    pub(super) key: Key,
    pub(super) policy: ChildPolicy,
    /// Whether it shall run.
    pub(super) want: bool,
    pub(super) fact: Fact,
    /// Of the current run, or of the last one.
    pub(super) generation: Generation,
    pub(super) streak: Streak,
    /// Its restarts, for a budget of its own.
    pub(super) log: RestartLog,
    pub(super) restarts: u64,
    launched: bool,
    /// The run is asked to stop because it failed (it hung): when the next one may start.
    pub(super) retry: Option<Instant>,
    /// The run is asked to stop because its start took too long: its end is a failed start.
    pub(super) late: bool,
    pub(super) opening: Option<Opening>,
    /// The calls that wait for it to be down.
    pub(super) closing: Vec<CallId>,
}

impl Child {
    pub(super) fn new(key: Key, policy: ChildPolicy, last_generation: Generation) -> Self {
        Self {
            key,
            policy,
            want: true,
            fact: Fact::Down,
            generation: last_generation,
            streak: Streak::default(),
            log: RestartLog::default(),
            restarts: 0,
            launched: false,
            retry: None,
            late: false,
            opening: None,
            closing: Vec::new(),
        }
    }

    /// Whether it has a run.
    pub(super) fn is_alive(&self) -> bool {
        !matches!(self.fact, Fact::Down | Fact::Waiting { .. })
    }

    pub(super) fn is_up(&self) -> bool {
        matches!(self.fact, Fact::Up { .. })
    }

    pub(super) fn is_stopping(&self) -> bool {
        matches!(self.fact, Fact::Stopping { .. })
    }

    /// Whether it shall run but waits for the time to start again.
    pub(super) fn waits_beyond(&self, now: Instant) -> bool {
        self.want && matches!(self.fact, Fact::Waiting { due } if due > now)
    }

    /// The time at which its state must be looked at: its start or its stop took too long, or it may
    /// start again. A supervisor is never abandoned, so its stop has no such time.
    pub(super) fn due(&self) -> Option<Instant> {
        match self.fact {
            Fact::Down | Fact::Up { .. } => None,
            Fact::Waiting { due } => Some(due),
            Fact::Starting { deadline } => deadline,
            Fact::Stopping { deadline, .. } => deadline.filter(|_| self.can_be_abandoned()),
        }
    }

    /// A supervisor ends by the deadline that it was given, and abandons what does not.
    pub(super) fn can_be_abandoned(&self) -> bool {
        self.policy.kind == ChildKind::Worker
    }

    /// Asks for a new run.
    pub(super) fn launch(&mut self, now: Instant, out: &mut Vec<Effect>) {
        self.generation = self.generation.next();
        self.restarts += u64::from(self.launched);
        self.launched = true;
        self.retry = None;
        self.late = false;
        let deadline = self.policy.start_deadline;
        self.fact = Fact::Starting {
            deadline: deadline.and_then(|limit| now.checked_add(limit)),
        };
        out.push(Effect::Launch {
            key: self.key,
            generation: self.generation,
            attempt: self.streak.failures(),
        });
    }

    /// The run is up.
    pub(super) fn come_up(&mut self, now: Instant, out: &mut Vec<Effect>) {
        self.fact = Fact::Up { since: now };
        out.push(Effect::Running {
            key: self.key,
            generation: self.generation,
        });
    }

    /// Asks the run to stop, at the latest at `bound`.
    pub(super) fn ask_stop(
        &mut self,
        cause: StopCause,
        bound: Option<Instant>,
        now: Instant,
        out: &mut Vec<Effect>,
    ) {
        self.settle(now);
        let own = match self.policy.shutdown {
            Shutdown::Deadline(limit) => now.checked_add(limit),
            Shutdown::Wait => None,
            Shutdown::Abandon => Some(now),
        };
        let deadline = earliest(own, bound);
        self.fact = Fact::Stopping { deadline, cause };
        self.say_stop(cause, deadline, out);
    }

    /// Whether a run that was just asked to stop is not waited for.
    pub(super) fn is_not_waited_for(&self) -> bool {
        self.policy.shutdown == Shutdown::Abandon && self.can_be_abandoned()
    }

    /// A run that was asked to stop has less time now.
    pub(super) fn hasten(&mut self, bound: Option<Instant>, out: &mut Vec<Effect>) {
        let Fact::Stopping { deadline, cause } = self.fact else {
            return;
        };
        let hastened = earliest(deadline, bound);
        if hastened != deadline {
            self.fact = Fact::Stopping {
                deadline: hastened,
                cause,
            };
            self.say_stop(cause, hastened, out);
        }
    }

    fn say_stop(&self, cause: StopCause, deadline: Option<Instant>, out: &mut Vec<Effect>) {
        out.push(Effect::AskStop {
            key: self.key,
            generation: self.generation,
            cause,
            deadline,
        });
    }

    /// A run that was up for long enough ends the streak of failures.
    pub(super) fn settle(&mut self, now: Instant) {
        if let Fact::Up { since } = self.fact {
            self.streak.settle(since, self.policy.stable_after, now);
        }
    }

    /// Writes the run off. The caller decides what comes of the child.
    pub(super) fn abandon(
        &self,
        supervisor: &UnitPath,
        report: Option<Arc<HangReport>>,
        out: &mut Vec<Effect>,
    ) -> Gone {
        let (phase, silent_for) = match self.fact {
            Fact::Starting { .. } => (HangPhase::Starting, self.policy.start_deadline),
            Fact::Stopping { .. } => (HangPhase::Stopping, self.stop_limit()),
            _ => (HangPhase::Running, None),
        };
        out.push(Effect::Abandon {
            key: self.key,
            generation: self.generation,
            phase,
        });
        Gone::Abandoned(report.unwrap_or_else(|| {
            let path = supervisor.join(self.policy.id.as_str());
            let silent_for = silent_for.unwrap_or_default();
            HangReport::new(path, self.generation, phase, silent_for, "").into()
        }))
    }

    fn stop_limit(&self) -> Option<Duration> {
        match self.policy.shutdown {
            Shutdown::Deadline(limit) => Some(limit),
            Shutdown::Wait | Shutdown::Abandon => None,
        }
    }

    /// The path of this child.
    pub(super) fn path(&self, supervisor: &UnitPath) -> UnitPath {
        supervisor.join(self.policy.id.as_str())
    }

    /// The failure of its start, for who asked for it.
    pub(super) fn start_failure(
        &self,
        supervisor: &UnitPath,
        reason: ExitReason,
    ) -> Arc<StartFailure> {
        Arc::new(StartFailure::new(self.path(supervisor), reason))
    }
}

/// The earlier of two deadlines; `None` is never.
pub(super) fn earliest(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (one, other) => one.or(other),
    }
}

/// `now + delay`; a delay beyond all time is a very long one.
pub(super) fn later(now: Instant, delay: Duration) -> Instant {
    const FAR: Duration = Duration::from_secs(60 * 60 * 24 * 365);
    now.checked_add(delay).unwrap_or(now + FAR)
}
