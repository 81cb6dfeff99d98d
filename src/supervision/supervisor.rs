//! Supervisors as specifications: inert values, validated as a whole before anything starts.

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Instant;

use parking_lot::Mutex;

use super::child::{Body, Child, ChildSpec};
use super::handle::SupervisorRef;
use super::machine::Event;
use super::spec::validate::{validate, validate_id, warnings};
use super::tree::cell::Cell;
use super::tree::runtime::Runtime;
use super::unit::logical::Unit;
use super::unit::run::Run;
use super::{
    AutoShutdown, ChildId, ChildPolicy, Flavor, Intensity, SpecError, SpecWarning, Strategy,
    SupervisorPolicy,
};
use crate::fault::{StopCause, UnitPath};
use crate::telemetry::kinds;

/// A supervisor with a list of children in start order.
///
/// Children start one after the other, in the order of the list, and stop in the reverse order; what
/// the end of one means for the others is the [`Strategy`]. A supervisor is a value, not a thread.
///
/// ```
/// use std::time::Duration;
/// use steadfast::{Child, Intensity, Strategy, Supervisor};
///
/// let pipeline = Supervisor::new("pipeline")
///     .strategy(Strategy::RestForOne)
///     .intensity(Intensity::new(3, Duration::from_secs(5)))
///     .child(Child::worker("writer", |ctx| Ok(())))
///     .child(Child::worker("reader", |ctx| Ok(())));
/// assert!(pipeline.validate().is_ok());
/// ```
#[must_use = "a supervisor does nothing until it is given to a system or another supervisor"]
pub struct Supervisor {
    own: ChildPolicy,
    plan: Plan,
}

impl Supervisor {
    /// A one-for-one supervisor without children, with a budget of 3 restarts in 5 seconds.
    pub fn new(id: impl Into<ChildId>) -> Self {
        let own = ChildPolicy::supervisor(id);
        let plan = Plan::new(&own);
        Supervisor { own, plan }
    }

    /// What the end of one child means for the others. Default: [`Strategy::OneForOne`].
    pub fn strategy(mut self, strategy: Strategy) -> Self {
        self.plan.policy.strategy = strategy;
        self
    }

    /// How many restarts in which time are tolerated. Default: 3 in 5 seconds.
    pub fn intensity(mut self, intensity: Intensity) -> Self {
        self.plan.policy.intensity = intensity;
        self
    }

    /// Whether the end of significant children ends the supervisor. Default: [`AutoShutdown::Never`].
    pub fn auto_shutdown(mut self, auto_shutdown: AutoShutdown) -> Self {
        self.plan.policy.auto_shutdown = auto_shutdown;
        self
    }

    /// How many abandoned threads may be alive before the supervisor escalates. Default: 8.
    pub fn max_abandoned(mut self, threads: u32) -> Self {
        self.plan.policy.max_abandoned = threads;
        self
    }

    /// Adds a child at the end of the list.
    pub fn child(mut self, child: impl Into<ChildSpec>) -> Self {
        self.plan.children.push(Arc::new(child.into()));
        self
    }

    /// Notes what is wrong already when the specification is made.
    pub(crate) fn fault(mut self, fault: SpecError) -> Self {
        self.plan.faults.push(fault);
        self
    }

    /// Checks the whole specification.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn validate(&self) -> Result<(), Vec<SpecError>> {
        let mut errors = validate_id(&self.own.id);
        errors.extend(self.plan.errors());
        if errors.is_empty() {
            Ok(())
        } else {
            Err(errors)
        }
    }

    /// What is allowed but probably not meant.
    pub fn warnings(&self) -> Vec<SpecWarning> {
        self.plan.warnings()
    }

    /// The supervisor as a child: with its handle, and the setters of a child.
    pub fn into_child(self) -> Child<SupervisorRef> {
        self.plan.into_child(self.own)
    }

    /// Begins as the root of a system, under its own name.
    pub(crate) fn begin_root(self, runtime: &Arc<Runtime>) -> SupervisorRef {
        let path = UnitPath::new(self.own.id.as_str());
        let (_, handle) = self.into_child().into_parts();
        handle.begin(runtime, path);
        handle
    }
}

/// A supervisor of many alike, unordered children that come and go (OTP's `DynamicSupervisor`).
///
/// It starts without children; they are started through its [handle](super::SupervisorRef), and all stop
/// at once.
#[must_use = "a supervisor does nothing until it is given to a system or another supervisor"]
pub struct DynamicSupervisor {
    own: ChildPolicy,
    plan: Plan,
}

impl DynamicSupervisor {
    /// A dynamic supervisor without a bound on its children, with a budget of 3 restarts in 5 seconds.
    pub fn new(id: impl Into<ChildId>) -> Self {
        let own = ChildPolicy::supervisor(id);
        let mut plan = Plan::new(&own);
        plan.policy.flavor = Flavor::Dynamic { max_children: None };
        DynamicSupervisor { own, plan }
    }

    /// How many children may live or be restarting at a time. Default: no bound.
    pub fn max_children(mut self, children: usize) -> Self {
        self.plan.policy.flavor = Flavor::Dynamic {
            max_children: Some(children),
        };
        self
    }

    /// How many restarts in which time are tolerated. Default: 3 in 5 seconds.
    pub fn intensity(mut self, intensity: Intensity) -> Self {
        self.plan.policy.intensity = intensity;
        self
    }

    /// How many abandoned threads may be alive before the supervisor escalates. Default: 8.
    pub fn max_abandoned(mut self, threads: u32) -> Self {
        self.plan.policy.max_abandoned = threads;
        self
    }

    /// The supervisor as a child: with its handle, and the setters of a child.
    pub fn into_child(self) -> Child<SupervisorRef> {
        self.plan.into_child(self.own)
    }

    /// Has somebody hear of the ends of its runs; `faults` are what is wrong with them.
    pub(crate) fn attended(mut self, by: Arc<dyn Attendant>, faults: Vec<SpecError>) -> Self {
        self.plan.attendant = Some(by);
        self.plan.faults = faults;
        self
    }
}

/// Who must hear that a supervisor will not take children any more.
pub(crate) trait Attendant: Send + Sync + fmt::Debug {
    /// The run begins to end. Called while effects are carried out: it must not block.
    fn ending(&self);
}

/// What every run of a supervisor begins from.
#[derive(Debug)]
struct Plan {
    policy: SupervisorPolicy,
    children: Vec<Arc<ChildSpec>>,
    attendant: Option<Arc<dyn Attendant>>,
    /// What was wrong already when it was made.
    faults: Vec<SpecError>,
}

impl Plan {
    fn new(own: &ChildPolicy) -> Self {
        let policy = SupervisorPolicy::new(UnitPath::new(own.id.as_str()));
        Plan {
            policy,
            children: Vec::new(),
            attendant: None,
            faults: Vec::new(),
        }
    }

    fn policies(&self) -> Vec<ChildPolicy> {
        self.children
            .iter()
            .map(|child| child.policy().clone())
            .collect()
    }

    /// All errors of this supervisor and of those below it.
    fn errors(&self) -> Vec<SpecError> {
        let mut errors = self.faults.clone();
        errors.extend(validate(&self.policy, &self.policies()));
        errors.extend(self.children.iter().flat_map(|child| child.body().errors()));
        errors
    }

    fn warnings(&self) -> Vec<SpecWarning> {
        warnings(&self.policy, &self.policies())
    }

    fn into_child(self, own: ChildPolicy) -> Child<SupervisorRef> {
        let unit = Unit::new(own.id.clone());
        let body = SupervisorBody::new(self, Arc::clone(&unit));
        Child::new(
            own,
            unit,
            Arc::clone(&body) as Arc<dyn Body>,
            SupervisorRef::new(body),
        )
    }
}

/// How a supervisor is started: a new cell for each run, from the same plan.
pub(crate) struct SupervisorBody {
    plan: Plan,
    unit: Arc<Unit>,
    current: Mutex<Option<Arc<Cell>>>,
    own: Weak<SupervisorBody>,
}

impl SupervisorBody {
    fn new(plan: Plan, unit: Arc<Unit>) -> Arc<Self> {
        Arc::new_cyclic(|own| SupervisorBody {
            plan,
            unit,
            current: Mutex::new(None),
            own: Weak::clone(own),
        })
    }

    /// The supervisor as a unit.
    pub(crate) fn unit(&self) -> &Arc<Unit> {
        &self.unit
    }

    /// The child at this place of the list that every run begins with.
    pub(crate) fn planned(&self, place: usize) -> Arc<ChildSpec> {
        Arc::clone(&self.plan.children[place])
    }

    /// The running supervisor.
    pub(crate) fn current(&self) -> Option<Arc<Cell>> {
        self.current.lock().clone()
    }

    /// The current run begins to end.
    pub(crate) fn ending(&self) {
        if let Some(attendant) = &self.plan.attendant {
            attendant.ending();
        }
    }

    /// The supervisor has ended.
    pub(crate) fn clear(&self) {
        *self.current.lock() = None;
    }

    /// Begins as the root of a system, or as the run `parent` of the supervisor above.
    pub(crate) fn begin(&self, runtime: &Arc<Runtime>, path: UnitPath, parent: Option<Arc<Run>>) {
        let Some(own) = self.own.upgrade() else {
            return;
        };
        // A root has no place that it was given.
        self.unit.keep_time(runtime.clock());
        for warning in self.plan.warnings() {
            runtime
                .telemetry()
                .post(&kinds::SUPERVISOR_SPEC_WARNING, |event| {
                    event.tag("path", &path);
                    event.tag("warning", warning.to_string());
                });
        }
        let policy = SupervisorPolicy {
            path,
            seed: runtime.seed(),
            ..self.plan.policy.clone()
        };
        let cell = Cell::new(runtime, own, parent, policy, &self.plan.children);
        *self.current.lock() = Some(Arc::clone(&cell));
        cell.turn(Event::Begin);
    }
}

impl Body for SupervisorBody {
    fn launch(&self, run: &Arc<Run>, _spec: &ChildSpec) {
        self.begin(run.runtime(), run.path().clone(), Some(Arc::clone(run)));
    }

    fn ask_stop(&self, _run: &Arc<Run>, cause: StopCause, deadline: Option<Instant>) {
        if let Some(cell) = self.current() {
            cell.turn(Event::Stop { cause, deadline });
        }
    }

    fn over(&self) {
        self.clear();
    }

    fn cell(&self) -> Option<Arc<Cell>> {
        self.current()
    }

    fn errors(&self) -> Vec<SpecError> {
        self.plan.errors()
    }

    fn name_phases(&self, named: &mut Vec<(ChildId, Arc<str>)>) {
        for child in &self.plan.children {
            child.name_phases(named);
        }
    }
}

impl From<Supervisor> for Child<SupervisorRef> {
    fn from(supervisor: Supervisor) -> Self {
        supervisor.into_child()
    }
}

impl From<DynamicSupervisor> for Child<SupervisorRef> {
    fn from(supervisor: DynamicSupervisor) -> Self {
        supervisor.into_child()
    }
}

impl From<Supervisor> for ChildSpec {
    fn from(supervisor: Supervisor) -> Self {
        supervisor.into_child().into()
    }
}

impl From<DynamicSupervisor> for ChildSpec {
    fn from(supervisor: DynamicSupervisor) -> Self {
        supervisor.into_child().into()
    }
}

impl fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.plan.fmt(f)
    }
}

impl fmt::Debug for DynamicSupervisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.plan.fmt(f)
    }
}
