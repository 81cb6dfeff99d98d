//! A world around one machine: it plays the shell, keeps a diary, and answers when it is told to.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::fault::{ExitReason, Generation, HangPhase, HangReport, StopCause, UnitPath};
use crate::supervision::machine::{
    AnyMachine, CallId, ChildView, Done, Effect, Event, Fate, Key, Phase, Request, StopBy, Target,
};
use crate::supervision::{
    ChildPolicy, ChildState, Flavor, Intensity, ManageError, Restart, Strategy, SupervisorPolicy,
};
use crate::time::{Backoff, ManualClock};

/// Some instant to count from.
pub(in crate::supervision::machine) fn origin() -> Instant {
    ManualClock::new().clock().now()
}

/// A machine and the time; each line of its diary is one effect.
pub(super) struct World {
    pub(super) machine: AnyMachine,
    pub(super) now: Instant,
    pub(super) effects: Vec<Effect>,
    pub(super) start: Instant,
    names: HashMap<Key, String>,
    calls: u64,
}

/// A worker that restarts without delay.
pub(super) fn worker(id: &str) -> ChildPolicy {
    ChildPolicy {
        backoff: Backoff::none(),
        ..ChildPolicy::worker(id)
    }
}

/// A supervisor with all defaults.
pub(super) fn policy() -> SupervisorPolicy {
    SupervisorPolicy::new(UnitPath::new("top"))
}

/// A supervisor with this strategy.
pub(super) fn group(strategy: Strategy) -> SupervisorPolicy {
    SupervisorPolicy {
        strategy,
        ..policy()
    }
}

/// A supervisor that tolerates so many restarts in five seconds.
pub(super) fn tolerating(restarts: u32) -> SupervisorPolicy {
    SupervisorPolicy {
        intensity: Intensity::new(restarts, ms(5000)),
        ..policy()
    }
}

/// A supervisor of dynamic children.
pub(super) fn dynamic() -> SupervisorPolicy {
    SupervisorPolicy {
        flavor: Flavor::Dynamic { max_children: None },
        ..policy()
    }
}

/// Three workers.
pub(super) fn abc() -> Vec<ChildPolicy> {
    ["a", "b", "c"].map(worker).to_vec()
}

/// A worker with this restart type.
pub(super) fn worker_that(id: &str, restart: Restart) -> ChildPolicy {
    ChildPolicy {
        restart,
        ..worker(id)
    }
}

/// An abnormal end.
pub(super) fn crash() -> ExitReason {
    ExitReason::Error("crash".into())
}

pub(super) fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

impl World {
    pub(super) fn new(policy: SupervisorPolicy, children: Vec<ChildPolicy>) -> Self {
        let children = children
            .into_iter()
            .map(|child| (child, Generation::NONE))
            .collect();
        let now = origin();
        Self {
            machine: AnyMachine::new(policy, children).0,
            now,
            effects: Vec::new(),
            start: now,
            names: HashMap::new(),
            calls: 0,
        }
    }

    /// A world in which all children are up.
    pub(super) fn up(policy: SupervisorPolicy, children: Vec<ChildPolicy>) -> Self {
        let mut world = Self::new(policy, children);
        world.begin();
        world.start_all();
        world.clear();
        world
    }

    pub(super) fn step(&mut self, event: Event) -> &mut Self {
        self.learn_names();
        self.machine.step(event, self.now, &mut self.effects);
        self.learn_names();
        self
    }

    fn learn_names(&mut self) {
        for view in self.machine.children() {
            let name = || view.policy.id.to_string();
            self.names.entry(view.key).or_insert_with(name);
        }
    }

    /// The diary is this; a new page begins.
    #[track_caller]
    pub(super) fn says(&mut self, lines: &[&str]) -> &mut Self {
        assert_eq!(self.diary(), lines);
        self.clear()
    }

    /// Until when, counted from the beginning, the child has last been given; `None`: for ever.
    #[track_caller]
    pub(super) fn given_until(&self, id: &str) -> Option<Duration> {
        let asks = self.effects.iter().rev().find_map(|effect| match effect {
            Effect::AskStop { key, deadline, .. } if self.name(*key) == id => Some(*deadline),
            _ => None,
        });
        let deadline = asks.expect("the child was asked to stop");
        deadline.map(|deadline| deadline - self.start)
    }

    /// Why the supervisor ends or ended.
    #[track_caller]
    pub(super) fn end_reason(&self) -> &ExitReason {
        let reason = self.effects.iter().rev().find_map(|effect| match effect {
            Effect::Ending { reason } | Effect::Ended { reason } => Some(reason),
            _ => None,
        });
        reason.expect("the supervisor ends")
    }

    pub(super) fn phase(&self) -> Phase {
        self.machine.phase()
    }

    pub(super) fn begin(&mut self) -> &mut Self {
        self.step(Event::Begin)
    }

    /// Forgets the diary.
    pub(super) fn clear(&mut self) -> &mut Self {
        self.effects.clear();
        self
    }

    pub(super) fn view(&self, id: &str) -> ChildView<'_> {
        let target = Target::Id(id.into());
        self.machine.find(&target).expect("a known child")
    }

    /// Whether the child is known.
    pub(super) fn knows(&self, id: &str) -> bool {
        self.machine.find(&Target::Id(id.into())).is_some()
    }

    pub(super) fn state(&self, id: &str) -> ChildState {
        self.view(id).state
    }

    fn run(&self, id: &str) -> (Key, Generation) {
        let view = self.view(id);
        (view.key, view.generation)
    }

    pub(super) fn started(&mut self, id: &str) -> &mut Self {
        let (key, generation) = self.run(id);
        self.step(Event::Started { key, generation })
    }

    pub(super) fn ended(&mut self, id: &str, reason: ExitReason) -> &mut Self {
        let (key, generation) = self.run(id);
        self.step(Event::Ended {
            key,
            generation,
            reason,
        })
    }

    /// Lets the child end because it was asked to.
    pub(super) fn stopped(&mut self, id: &str) -> &mut Self {
        self.ended(id, ExitReason::Stopped(StopCause::Shutdown))
    }

    /// Lets every child that starts come up, until none starts.
    pub(super) fn start_all(&mut self) -> &mut Self {
        loop {
            let starting = self
                .machine
                .children()
                .find(|view| view.state == ChildState::Starting)
                .map(|view| view.policy.id.as_str().to_owned());
            match starting {
                Some(id) => self.started(&id),
                None => return self,
            };
        }
    }

    /// Time passes, and the machine is told as it wishes.
    pub(super) fn after(&mut self, time: Duration) -> &mut Self {
        let end = self.now + time;
        while let Some(due) = self.machine.next_due().filter(|&due| due <= end) {
            self.now = self.now.max(due);
            self.step(Event::Due);
        }
        self.now = end;
        self
    }

    pub(super) fn ignored(&mut self, id: &str) -> &mut Self {
        let (key, generation) = self.run(id);
        self.step(Event::Ignored { key, generation })
    }

    pub(super) fn progress(&mut self, id: &str) -> &mut Self {
        let (key, generation) = self.run(id);
        self.step(Event::Progress { key, generation })
    }

    /// The thread of an abandoned run of this child ended after all.
    pub(super) fn returned(&mut self, id: &str, generation: Generation) -> &mut Self {
        let (key, _) = self.run(id);
        self.step(Event::AbandonedReturned { key, generation })
    }

    pub(super) fn start_child(&mut self, policy: ChildPolicy) -> &mut Self {
        self.call(Request::StartChild {
            policy,
            last_generation: Generation::NONE,
        })
    }

    pub(super) fn terminate(&mut self, id: &str) -> &mut Self {
        self.call(Request::Terminate(Target::Id(id.into())))
    }

    /// As the system stops a child in a phase.
    pub(super) fn stop_by(&mut self, id: &str, deadline: Duration) -> &mut Self {
        self.call(Request::StopBy(StopBy {
            target: Target::Id(id.into()),
            cause: StopCause::Shutdown,
            deadline: Some(self.now + deadline),
        }))
    }

    pub(super) fn restart(&mut self, id: &str) -> &mut Self {
        self.call(Request::Restart(Target::Id(id.into())))
    }

    pub(super) fn delete(&mut self, id: &str) -> &mut Self {
        self.call(Request::Delete(Target::Id(id.into())))
    }

    pub(super) fn call(&mut self, request: Request) -> &mut Self {
        self.calls += 1;
        let call = CallId(self.calls);
        self.step(Event::Call { call, request })
    }

    pub(super) fn stop(&mut self, within: Option<Duration>) -> &mut Self {
        let deadline = within.map(|limit| self.now + limit);
        self.step(Event::Stop {
            cause: StopCause::Shutdown,
            deadline,
        })
    }

    pub(super) fn hung(&mut self, id: &str) -> &mut Self {
        let (key, generation) = self.run(id);
        let path = UnitPath::new("top").join(id);
        let report = HangReport::new(path, generation, HangPhase::Running, ms(60_000), "t");
        self.step(Event::Hung {
            key,
            generation,
            report: Arc::new(report),
        })
    }

    /// The diary, in words.
    pub(super) fn diary(&self) -> Vec<String> {
        self.effects
            .iter()
            .map(|effect| self.word(effect))
            .collect()
    }

    fn name(&self, key: Key) -> String {
        self.names[&key].clone()
    }

    fn word(&self, effect: &Effect) -> String {
        match effect {
            Effect::Launch {
                key, generation, ..
            } => {
                format!("launch {} {generation}", self.name(*key))
            }
            Effect::AskStop { key, cause, .. } => {
                format!("ask {} {}", self.name(*key), cause.as_str())
            }
            Effect::Abandon { key, phase, .. } => format!("abandon {} {phase}", self.name(*key)),
            Effect::Exited {
                key,
                while_stopping,
                then,
                ..
            } => {
                let how = if *while_stopping {
                    "expected"
                } else {
                    "itself"
                };
                format!("exited {} {how} {}", self.name(*key), fate(*then))
            }
            Effect::Running { key, .. } => format!("running {}", self.name(*key)),
            Effect::Ignored { key, .. } => format!("ignored {}", self.name(*key)),
            Effect::Settled { key } => format!("settled {}", self.name(*key)),
            Effect::Forget { key } => format!("forget {}", self.name(*key)),
            Effect::Answer { answer, .. } => format!("answer {}", answer_word(answer)),
            Effect::Up => "up".into(),
            Effect::Ending { reason } => format!("ending {}", reason.kind()),
            Effect::AbortProcess { .. } => "abort".into(),
            Effect::Ended { reason } => format!("ended {}", reason.kind()),
        }
    }
}

fn fate(fate: Fate) -> &'static str {
    match fate {
        Fate::Restart { .. } => "restart",
        Fate::Keep => "keep",
        Fate::Forget => "forget",
        Fate::Escalate => "escalate",
    }
}

fn answer_word(answer: &Result<Done, ManageError>) -> String {
    match answer {
        Ok(Done::Started { .. }) => "started".into(),
        Ok(done) => format!("{done:?}").to_lowercase(),
        Err(error) => format!("{error:?}")
            .split(['(', ' ', '{'])
            .next()
            .unwrap_or("")
            .to_lowercase(),
    }
}
