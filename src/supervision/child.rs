//! Child specifications: what a supervisor needs to start, watch and stop a child.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::management::DEFAULT_CALL;
use super::spec::tuning::policy_setters;
use super::tree::cell::Cell;
use super::tree::watchdog::WatchLimits;
use super::unit::logical::Unit;
use super::unit::run::Run;
use super::{ChildId, ChildPolicy, Intensity, OnHang, Restart, Shutdown, SpecError};
use crate::fault::{ExitReason, StopCause};
use crate::time::Backoff;

/// What an answer may take beyond the time that it is the answer to.
const GRACE: Duration = Duration::from_millis(500);

/// A child to be, with the typed handle `H` by which it will be reached.
///
/// The handle exists before the child is started ([`handle`](Child::handle)), so two children may know
/// each other. The setters say how the child is supervised; a supervisor validates the whole of its
/// specification before it starts anything.
#[must_use = "a child does nothing until it is given to a supervisor or a system"]
pub struct Child<H> {
    spec: ChildSpec,
    handle: H,
}

impl<H: Clone + Send + Sync + 'static> Child<H> {
    pub(crate) fn new(
        policy: ChildPolicy,
        unit: Arc<Unit>,
        body: Arc<dyn Body>,
        handle: H,
    ) -> Self {
        let spec = ChildSpec {
            policy,
            unit,
            body,
            handle: Box::new(handle.clone()),
            watch: WatchLimits::default(),
            stack_size: None,
            phase: None,
        };
        Child { spec, handle }
    }

    /// The handle of the child: valid now, and through all restarts.
    pub fn handle(&self) -> H {
        self.handle.clone()
    }

    /// The same child, reached by another handle.
    pub(crate) fn map_handle<G: Clone + Send + Sync + 'static>(
        mut self,
        change: impl FnOnce(H) -> G,
    ) -> Child<G> {
        let handle = change(self.handle);
        self.spec.handle = Box::new(handle.clone());
        Child {
            spec: self.spec,
            handle,
        }
    }

    /// How long to wait for the answer to its start: a little longer than the start may take, so that
    /// a start that hangs is told as such.
    pub(crate) fn patience(&self) -> Duration {
        let start = self.spec.policy.start_deadline;
        start.map_or(DEFAULT_CALL, |limit| {
            limit.saturating_add(GRACE).max(DEFAULT_CALL)
        })
    }

    /// The same child, reached by another handle.
    pub(crate) fn reached_by<R: Clone + Send + Sync + 'static>(self, handle: R) -> Child<R> {
        let spec = ChildSpec {
            handle: Box::new(handle.clone()),
            ..self.spec
        };
        Child { spec, handle }
    }

    pub(crate) fn into_parts(self) -> (ChildSpec, H) {
        (self.spec, self.handle)
    }
}

policy_setters!({H} Child<H>);

impl<H> Child<H> {
    fn policy_mut(&mut self) -> &mut ChildPolicy {
        &mut self.spec.policy
    }

    /// After how long a silence (no checkpoint, no wait in the library) a warning event is emitted.
    /// Default: never.
    pub fn warn_after(mut self, silence: Duration) -> Self {
        self.spec.watch.warn_after = Some(silence);
        self
    }

    /// After how long a silence the child counts as hung, see [`on_hang`](Child::on_hang). Default: never.
    pub fn hang_after(mut self, silence: Duration) -> Self {
        self.spec.watch.hang_after = Some(silence);
        self
    }

    /// The [stop phase](crate::supervision::StopPhases) in which the child stops, with all that is below it,
    /// when its system stops; at the latest it stops with its supervisor. Once the phase has begun, the child
    /// is not started any more. Default: none, it stops after the last phase.
    pub fn stop_phase(mut self, phase: impl Into<Arc<str>>) -> Self {
        self.spec.phase = Some(phase.into());
        self
    }

    /// The stack of the child's thread, in bytes. Default: that of the standard library.
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.spec.stack_size = Some(bytes);
        self
    }
}

impl<H> fmt::Debug for Child<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.spec.fmt(f)
    }
}

/// A child specification without the type of its handle: what supervisors keep in their lists.
#[must_use = "a specification does nothing until it is given to a supervisor"]
pub struct ChildSpec {
    policy: ChildPolicy,
    unit: Arc<Unit>,
    body: Arc<dyn Body>,
    handle: Box<dyn Any + Send + Sync>,
    watch: WatchLimits,
    stack_size: Option<usize>,
    phase: Option<Arc<str>>,
}

impl ChildSpec {
    /// The child's id.
    pub fn id(&self) -> &ChildId {
        &self.policy.id
    }

    pub(crate) fn policy(&self) -> &ChildPolicy {
        &self.policy
    }

    pub(crate) fn unit(&self) -> &Arc<Unit> {
        &self.unit
    }

    pub(crate) fn body(&self) -> &dyn Body {
        &*self.body
    }

    pub(crate) fn watch_limits(&self) -> WatchLimits {
        self.watch
    }

    pub(crate) fn phase(&self) -> Option<&str> {
        self.phase.as_deref()
    }

    /// The stop phases that this child and those below it name.
    pub(crate) fn name_phases(&self, named: &mut Vec<(ChildId, Arc<str>)>) {
        let own = self.phase.iter();
        named.extend(own.map(|phase| (self.id().clone(), Arc::clone(phase))));
        self.body.name_phases(named);
    }

    pub(crate) fn thread_stack(&self) -> Option<usize> {
        self.stack_size
    }

    /// The typed handle, if it is of this type.
    pub(crate) fn handle<H: Any + Clone>(&self) -> Option<H> {
        self.handle.downcast_ref::<H>().cloned()
    }
}

impl<H> From<Child<H>> for ChildSpec {
    fn from(child: Child<H>) -> Self {
        child.spec
    }
}

impl fmt::Debug for ChildSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChildSpec")
            .field("policy", &self.policy)
            .field("watch", &self.watch)
            .finish_non_exhaustive()
    }
}

/// How a run of a child is started and asked to stop. Called while effects are carried out: an
/// implementation starts threads and turns cells, but runs no user code on the calling thread.
pub(crate) trait Body: Send + Sync {
    /// Starts the run. It answers with `Started`, `Ignored` or `Ended`, now or later.
    fn launch(&self, run: &Arc<Run>, spec: &ChildSpec);

    /// The run's token has been raised; whatever else has to be told to stop is told here.
    fn ask_stop(&self, run: &Arc<Run>, cause: StopCause, deadline: Option<Instant>) {
        let _ = (run, cause, deadline);
    }

    /// The current run is over: it has ended, or it was given up.
    fn over(&self) {}

    /// The end of the current run was told to handles, monitors and telemetry.
    fn told(&self, reason: &ExitReason) {
        let _ = reason;
    }

    /// Whether somebody waits for the outcome of the current run, beside monitors: the owner of a task.
    fn has_owner(&self) -> bool {
        false
    }

    /// All that is wrong with the specifications below this child.
    fn errors(&self) -> Vec<SpecError> {
        Vec::new()
    }

    /// The stop phases that the children below this one name.
    fn name_phases(&self, named: &mut Vec<(ChildId, Arc<str>)>) {
        let _none = named;
    }

    /// The supervisor that the current run is, if it is one.
    fn cell(&self) -> Option<Arc<Cell>> {
        None
    }
}
