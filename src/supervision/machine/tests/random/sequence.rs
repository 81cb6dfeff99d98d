//! Plays a world at random around one machine.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::model::Model;
use super::specs::{IDS, Specs};
use crate::fault::{ExitReason, Generation, HangPhase, HangReport, StopCause, UnitPath};
use crate::supervision::machine::tests::origin;
use crate::supervision::machine::{
    AnyMachine, CallId, Effect, Event, Key, Request, Retune, StopBy, Target,
};
use crate::supervision::{AutoShutdown, ChildPolicy, Flavor};

/// How many events a sequence has at most before it is stopped.
const EVENTS: usize = 70;
/// How many events a stop may take.
const STOP_EVENTS: usize = 300;

/// What was met on the way.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    sequences: u64,
    launches: u64,
    restarts: u64,
    abandoned: u64,
    exhausted: u64,
    auto_shutdowns: u64,
    start_failures: u64,
    answers: u64,
    ignored: u64,
    groups: u64,
}

impl Tally {
    pub(super) fn add(&mut self, other: &Self) {
        self.sequences += other.sequences;
        self.launches += other.launches;
        self.restarts += other.restarts;
        self.abandoned += other.abandoned;
        self.exhausted += other.exhausted;
        self.auto_shutdowns += other.auto_shutdowns;
        self.start_failures += other.start_failures;
        self.answers += other.answers;
        self.ignored += other.ignored;
        self.groups += other.groups;
    }

    /// Whether all that matters was met often enough.
    pub(super) fn is_rich(&self) -> bool {
        let often = |count: u64, of_hundred: u64| count * 100 >= self.sequences * of_hundred;
        self.sequences < 1000
            || (often(self.launches, 200)
                && often(self.restarts, 50)
                && often(self.abandoned, 20)
                && often(self.exhausted, 10)
                && often(self.auto_shutdowns, 1)
                && often(self.start_failures, 2)
                && often(self.answers, 50)
                && often(self.ignored, 10)
                && often(self.groups, 10))
    }

    fn count(&mut self, effect: &Effect) {
        match effect {
            Effect::Launch { generation, .. } => {
                self.launches += 1;
                self.restarts += u64::from(generation.get() > 1);
            }
            Effect::Abandon { .. } => self.abandoned += 1,
            Effect::Ignored { .. } => self.ignored += 1,
            Effect::Answer { .. } => self.answers += 1,
            Effect::AskStop {
                cause: StopCause::Sibling,
                ..
            } => self.groups += 1,
            Effect::Ending { reason } => match reason {
                ExitReason::BudgetExhausted(_) => self.exhausted += 1,
                ExitReason::StartFailed(_) => self.start_failures += 1,
                ExitReason::Stopped(StopCause::AutoShutdown) => self.auto_shutdowns += 1,
                _ => {}
            },
            _ => {}
        }
    }
}

/// One random sequence of events.
#[derive(Debug)]
pub(super) struct Sequence {
    specs: Specs,
    machine: AnyMachine,
    model: Model,
    now: Instant,
    effects: Vec<Effect>,
    /// Runs that were: late events about them must be harmless.
    past: Vec<(Key, Generation)>,
    auto_shutdown: AutoShutdown,
    calls: u64,
    tally: Tally,
    crash: ExitReason,
    spins: usize,
    prints: bool,
}

impl Sequence {
    pub(super) fn new(seed: u64) -> Self {
        let rng = fastrand::Rng::with_seed(seed);
        let mut specs = Specs { rng };
        let policy = specs.supervisor();
        let count = if policy.flavor == Flavor::Static {
            specs.rng.usize(..6)
        } else {
            0
        };
        let children: Vec<ChildPolicy> = IDS[..count]
            .iter()
            .map(|id| specs.child(id, policy.auto_shutdown))
            .collect();
        let given = children
            .iter()
            .cloned()
            .map(|child| (child, Generation::NONE));
        let (machine, keys) = AnyMachine::new(policy.clone(), given.collect());
        let children: Vec<_> = keys.into_iter().zip(children).collect();
        Self {
            auto_shutdown: policy.auto_shutdown,
            model: Model::new(policy, &children),
            specs,
            machine,
            now: origin(),
            effects: Vec::new(),
            past: Vec::new(),
            calls: 0,
            tally: Tally::default(),
            crash: ExitReason::Error("crash".into()),
            spins: 0,
            prints: false,
        }
    }

    /// Prints every event and effect on the way.
    pub(super) fn printing(mut self) -> Self {
        self.prints = true;
        eprintln!("{:?}", self.model.policy);
        for kid in &self.model.kids {
            eprintln!("{:?} {:?}", kid.key, kid.policy);
        }
        self
    }

    /// Plays it to its end.
    pub(super) fn play(&mut self) -> Result<Tally, String> {
        self.tally.sequences = 1;
        if !self.specs.percent(3) {
            self.step(Event::Begin)?;
        }
        let events = self.specs.rng.usize(..EVENTS);
        for _ in 0..events {
            let event = self.any_event();
            self.step(event)?;
        }
        self.finish()?;
        Ok(self.tally)
    }

    /// A stop always ends it, if runs that were asked answer or their deadlines pass.
    fn finish(&mut self) -> Result<(), String> {
        let deadline = self.deadline();
        self.step(Event::Stop {
            cause: StopCause::Shutdown,
            deadline,
        })?;
        let deaf = self.specs.percent(30);
        for _ in 0..STOP_EVENTS {
            if self.model.ended {
                break;
            }
            let answering = if deaf { None } else { self.asked_run() };
            let event = match (answering, self.machine.next_due()) {
                (Some((key, generation)), due) if due.is_none() || self.specs.percent(70) => {
                    self.ended(key, generation)
                }
                (_, Some(due)) => {
                    self.now = self.now.max(due);
                    Event::Due
                }
                // Who is never abandoned ends by itself: a supervisor, or one without a deadline.
                _ => match self.asked_run() {
                    Some((key, generation)) => self.ended(key, generation),
                    None => return Err("nothing is asked, and nothing is due".into()),
                },
            };
            self.step(event)?;
        }
        if !self.model.ended {
            return Err("it does not end".into());
        }
        let request = Request::Terminate(Target::Id(IDS[0].into()));
        self.calls += 1;
        let call = CallId(self.calls);
        self.step(Event::Call { call, request })?;
        if self.model.calls.is_empty() {
            Ok(())
        } else {
            Err("a call after the end is not answered".into())
        }
    }

    fn step(&mut self, event: Event) -> Result<(), String> {
        if self.prints {
            eprintln!("{:?} {event:?}", self.now);
        }
        self.model.before(&event, self.machine.next_key(), self.now);
        self.machine
            .step(event.clone(), self.now, &mut self.effects);
        for effect in self.effects.drain(..) {
            if self.prints {
                eprintln!("    {effect:?}");
            }
            self.tally.count(&effect);
            if let Effect::Launch {
                key, generation, ..
            } = effect
            {
                self.past.push((key, generation));
            }
            self.model.learn(&effect, &event, self.now)?;
        }
        self.model.after(&self.machine, self.now)?;
        if matches!(event, Event::Due) {
            self.no_spin()?;
        }
        Ok(())
    }

    /// A world that does what it is told does not turn for ever at the same instant.
    fn no_spin(&mut self) -> Result<(), String> {
        let wakes_now = self.machine.next_due().is_some_and(|due| due <= self.now);
        if !wakes_now {
            self.spins = 0;
            return Ok(());
        }
        self.spins += 1;
        if self.spins > 2 * IDS.len() {
            return Err("it is due again and again, and nothing comes of it".into());
        }
        self.step(Event::Due)
    }

    fn any_event(&mut self) -> Event {
        match self.specs.rng.u32(..100) {
            0..45 => self.run_event(),
            45..60 => self.time_event(),
            60..80 => self.call_event(),
            80..86 => self.stale_event(),
            86..90 => self.return_event(),
            90 => Event::Stop {
                cause: StopCause::Requested,
                deadline: self.deadline(),
            },
            91 => Event::Begin,
            _ => self.run_event(),
        }
    }

    fn deadline(&mut self) -> Option<Instant> {
        let limit = self
            .specs
            .pick(&[None, None, Some(0), Some(800), Some(3000), Some(9000)]);
        limit.map(|millis| self.now + Duration::from_millis(millis))
    }

    fn any_run(&mut self) -> Option<(Key, Generation)> {
        let live = self.model.kids.iter().filter_map(|kid| {
            let run = kid.run.as_ref()?;
            Some((kid.key, run.generation))
        });
        self.specs.rng.choice(live.collect::<Vec<_>>())
    }

    fn asked_run(&mut self) -> Option<(Key, Generation)> {
        let asked = self.model.kids.iter().filter_map(|kid| {
            let run = kid.run.as_ref().filter(|run| run.asked.is_some())?;
            Some((kid.key, run.generation))
        });
        self.specs.rng.choice(asked.collect::<Vec<_>>())
    }

    fn reason(&mut self) -> ExitReason {
        match self.specs.rng.u32(..10) {
            0..3 => ExitReason::Normal,
            3..5 => ExitReason::Stopped(StopCause::Requested),
            5 => ExitReason::Stopped(StopCause::AutoShutdown),
            _ => self.crash.clone(),
        }
    }

    fn ended(&mut self, key: Key, generation: Generation) -> Event {
        let reason = self.reason();
        Event::Ended {
            key,
            generation,
            reason,
        }
    }

    fn run_event(&mut self) -> Event {
        let Some((key, generation)) = self.any_run() else {
            return self.time_event();
        };
        let starting = self.model.at(key).is_some_and(|at| {
            let run = self.model.kids[at].run.as_ref();
            run.is_some_and(|run| run.up_since.is_none())
        });
        match (starting, self.specs.rng.u32(..30)) {
            (true, 0..27) => Event::Started { key, generation },
            (true, 27) => Event::Ignored { key, generation },
            (false, 0) => Event::Started { key, generation },
            (false, 1..4) => self.hung(key, generation),
            (false, 4..10) => Event::Progress { key, generation },
            _ => self.ended(key, generation),
        }
    }

    fn hung(&self, key: Key, generation: Generation) -> Event {
        let phase = HangPhase::Running;
        let path = UnitPath::new("hung");
        let report = HangReport::new(path, generation, phase, Duration::ZERO, "");
        Event::Hung {
            key,
            generation,
            report: Arc::new(report),
        }
    }

    fn time_event(&mut self) -> Event {
        match (self.machine.next_due(), self.specs.rng.u32(..4)) {
            (Some(due), 0..2) => self.now = self.now.max(due),
            (Some(due), 2) => self.now = self.now.max(due) + Duration::from_secs(2),
            _ => self.now += Duration::from_millis(self.specs.rng.u64(..2500)),
        }
        Event::Due
    }

    /// An event about a run that may be long over.
    fn stale_event(&mut self) -> Event {
        let Some((key, generation)) = self.specs.rng.choice(self.past.iter().copied()) else {
            return Event::Due;
        };
        match self.specs.rng.u32(..5) {
            0 => Event::Started { key, generation },
            1 => Event::Ignored { key, generation },
            2 => self.hung(key, generation),
            3 => Event::Progress { key, generation },
            _ => self.ended(key, generation),
        }
    }

    fn return_event(&mut self) -> Event {
        match self.specs.rng.choice(self.model.abandoned.iter().copied()) {
            Some((key, generation)) => Event::AbandonedReturned { key, generation },
            None => Event::Due,
        }
    }

    fn call_event(&mut self) -> Event {
        self.calls += 1;
        let id = self.specs.pick(&IDS);
        let target = match self.specs.rng.choice(self.past.iter().copied()) {
            Some((key, _)) if self.specs.percent(20) => Target::Key(key),
            _ => Target::Id(id.into()),
        };
        let request = match self.specs.rng.u32(..10) {
            0..4 => Request::StartChild {
                policy: self.specs.child(id, self.auto_shutdown),
                last_generation: Generation::NONE,
            },
            4 => Request::Terminate(target),
            5 => Request::StopBy(StopBy {
                target,
                cause: StopCause::Shutdown,
                deadline: Some(self.now + Duration::from_millis(self.specs.rng.u64(..2000))),
            }),
            6 => Request::Restart(target),
            7 => Request::Delete(target),
            8 => self.update(id),
            _ => self.retune(),
        };
        let call = CallId(self.calls);
        Event::Call { call, request }
    }

    /// Another policy for a child, with the budgets that it has: the model recounts them.
    fn update(&mut self, id: &'static str) -> Request {
        let mut policy = self.specs.child(id, self.auto_shutdown);
        if let Some(kid) = self
            .model
            .kids
            .iter()
            .find(|kid| kid.policy.id == policy.id)
        {
            policy.kind = kid.policy.kind;
            policy.budget = kid.policy.budget;
            policy.start_deadline = kid.policy.start_deadline;
        }
        Request::Update(policy)
    }

    fn retune(&mut self) -> Request {
        let is_static = !self.model.is_dynamic();
        let strategy = (is_static && self.specs.percent(20)).then(|| self.specs.strategy());
        let intensity = self.specs.percent(30).then(|| self.specs.intensity());
        Request::Retune(Retune {
            strategy,
            intensity,
            max_abandoned: self.specs.pick(&[None, Some(0), Some(4)]),
            ..Retune::default()
        })
    }
}
