//! What can be asked of a running system, from any thread.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::phased_stop::PhasedStop;
use crate::fault::ExitReason;
use crate::supervision::timer::Timers;
use crate::supervision::{
    Child, ManageError, PhaseError, Runtime, ShutdownReport, Snapshot, SpecError, SupervisorRef,
    ThreadLeft, refuses,
};
use crate::telemetry::Telemetry;
use crate::time::{Clock, Deadline};

/// What is left of a stop's deadline for the tree to say that it has ended, after the last unit was
/// given up.
const GRACE: Duration = Duration::from_millis(250);

/// Why a system or one of its units did not start.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The program is built with `panic = "abort"`: nothing can be restarted after a panic.
    #[error(
        "the program aborts on panic, so nothing can be restarted; see SystemConfig::allow_abort"
    )]
    PanicAborts,
    /// The configuration is invalid; all errors.
    #[error("invalid configuration: {}", SpecError::list(.0))]
    Invalid(Vec<SpecError>),
    /// The root supervisor refused the unit, or the unit failed to start.
    #[error(transparent)]
    Refused(#[from] ManageError),
}

/// A handle of a system: cheap to clone, and without power over its life. Dropping it does nothing.
#[derive(Clone)]
pub struct SystemHandle {
    core: Arc<Core>,
}

pub(super) struct Core {
    name: String,
    runtime: Arc<Runtime>,
    root: SupervisorRef,
    /// The telemetry is the system's own, and ends with it.
    owns_telemetry: bool,
    phased: PhasedStop,
    /// The report of the one stop, once it is complete.
    finished: Mutex<Option<ShutdownReport>>,
}

impl SystemHandle {
    pub(super) fn new(
        name: String,
        runtime: Arc<Runtime>,
        root: SupervisorRef,
        owns_telemetry: bool,
    ) -> Self {
        let finished = Mutex::new(None);
        let phased = PhasedStop::new(name.clone(), Arc::clone(&runtime), root.clone());
        SystemHandle {
            core: Arc::new(Core {
                name,
                runtime,
                root,
                owns_telemetry,
                phased,
                finished,
            }),
        }
    }

    /// The system's name: the first step of every path in it.
    pub fn name(&self) -> &str {
        &self.core.name
    }

    /// The clock of the system.
    pub fn clock(&self) -> &Clock {
        self.core.runtime.clock()
    }

    /// The telemetry of the system.
    pub fn telemetry(&self) -> &Telemetry {
        self.core.runtime.telemetry()
    }

    /// The root supervisor, for management calls.
    pub fn root(&self) -> &SupervisorRef {
        &self.core.root
    }

    /// The timers of the system itself, which belong to no unit. They end when the system begins to stop: from then on
    /// none delivers, and none can be armed.
    pub fn timers(&self) -> Timers {
        Timers::of_system(&self.core.runtime, &self.core.name)
    }

    /// How many timers are pending, those of all units and of the system itself.
    pub fn pending_timers(&self) -> usize {
        self.core.runtime.timetable().pending()
    }

    #[cfg(any(feature = "signals", feature = "testkit"))]
    pub(crate) fn runtime(&self) -> &Arc<Runtime> {
        &self.core.runtime
    }

    /// Starts a child under the root supervisor.
    ///
    /// # Blocking
    /// Until the child is up, at most 5 seconds.
    ///
    /// # Errors
    /// [`StartError`]: the specification is invalid (all errors are listed), the child did not start,
    /// the system is stopping, or no answer came in time.
    pub fn spawn<H>(&self, child: impl Into<Child<H>>) -> Result<H, StartError>
    where
        H: Clone + Send + Sync + 'static,
    {
        Ok(self.core.root.start_child(child)?)
    }

    /// Starts a supervisor, with all that is below it, under the root supervisor.
    ///
    /// # Blocking
    /// Until the whole subtree is up, at most 5 seconds.
    ///
    /// # Errors
    /// As [`spawn`](Self::spawn); the failing child is named by its path.
    pub fn supervise(
        &self,
        supervisor: impl Into<Child<SupervisorRef>>,
    ) -> Result<SupervisorRef, StartError> {
        self.spawn(supervisor.into())
    }

    /// A picture of the whole tree. Asks nobody; a hung unit does not delay it.
    pub fn snapshot(&self) -> Snapshot {
        let threads = self.core.runtime.roster().left();
        Snapshot::of(self.core.root.cell().as_ref(), threads)
    }

    /// Has the closure run when the phase of the stop begins, on a thread of its own, beside the stops of the
    /// phase's units. It is given the deadline of the phase; when that has passed, the stop goes on without it.
    ///
    /// # Errors
    /// [`PhaseError`]: there is no such phase, or it has begun.
    pub fn on_phase(
        &self,
        phase: &str,
        hook: impl FnOnce(Deadline) + Send + 'static,
    ) -> Result<(), PhaseError> {
        if refuses("hook") {
            return Err(PhaseError::Fenced);
        }
        let phases = self.core.runtime.phases().ok_or(PhaseError::Unknown)?;
        phases.add_hook(phase, Box::new(hook))
    }

    /// How many monitors are subscribed to units of the system at the moment; none once all units have ended for good.
    pub fn monitor_count(&self) -> usize {
        self.core.runtime.subscriptions().count()
    }

    /// Waits until the root supervisor has ended: because it gave up, or because the system was stopped.
    ///
    /// # Blocking
    /// Without a bound, this is a wait for work: a unit that calls it is woken by its own stop, and
    /// gets `None`.
    pub fn wait(&self) -> Option<ExitReason> {
        self.core.runtime.wait_root(None)
    }

    /// As [`wait`](Self::wait), for at most `timeout`.
    pub fn wait_timeout(&self, timeout: Duration) -> Option<ExitReason> {
        self.core
            .runtime
            .wait_root(Some(self.clock().deadline(timeout)))
    }

    /// Asks the system to stop within `time`, and does not wait for it.
    pub fn request_stop(&self, time: Duration) {
        self.begin_stop(self.clock().deadline(time), false);
    }

    /// Stops the system in order: refuses new work, drains what is queued, ends the units in the
    /// reverse order of their start, and before that in the [phases](crate::StopPhases) that they belong to.
    /// Who has not ended by then is abandoned, and named in the report.
    ///
    /// Legal at any time, from any thread, any number of times; all callers get the report of the one
    /// stop, and a later one may only shorten it. A unit of the system that calls this is itself asked
    /// to stop, and gets a report that is not [complete](ShutdownReport::is_complete).
    ///
    /// # Blocking
    /// For at most `time`, and a grace of a quarter of a second.
    pub fn stop_within(&self, time: Duration) -> ShutdownReport {
        self.stop(self.clock().deadline(time), false)
    }

    /// As [`stop_within`](Self::stop_within), without draining: what is queued stays where it is, and is
    /// counted in the report.
    pub fn stop_now(&self, time: Duration) -> ShutdownReport {
        self.stop(self.clock().deadline(time), true)
    }

    /// The stop by the owner, who is not to be kept from it.
    pub(super) fn stop_owned(&self, time: Duration) -> ShutdownReport {
        self.core.runtime.as_owner(|| self.stop_within(time))
    }

    fn stop(&self, deadline: Deadline, halt: bool) -> ShutdownReport {
        self.begin_stop(deadline, halt);
        let runtime = &self.core.runtime;
        let late = deadline.later(GRACE);
        if runtime.wait_root(Some(late)).is_none() {
            return runtime.report(&self.core.name);
        }
        self.finish(late)
    }

    /// Whether the stop is complete, and its report made.
    pub(super) fn is_stopped(&self) -> bool {
        self.core.finished.lock().is_some()
    }

    fn begin_stop(&self, deadline: Deadline, halt: bool) {
        let core = &self.core;
        if refuses("stop") {
            return;
        }
        if self.is_stopped() {
            return;
        }
        core.runtime.open_journal(&core.name);
        if halt {
            core.runtime.halt();
        }
        core.phased.request(deadline);
    }

    /// The tree has ended: waits for its threads to be gone, ends the steward, and makes the report.
    fn finish(&self, deadline: Deadline) -> ShutdownReport {
        let core = &self.core;
        if let Some(report) = &*core.finished.lock() {
            return report.clone();
        }
        let clock = self.clock();
        core.runtime.steward().close(clock, deadline);
        // Without the lock: a destructor of the user may ask for the stop again.
        let undertakers = core.runtime.timetable().settle(deadline);
        let mut finished = core.finished.lock();
        if let Some(report) = &*finished {
            return report.clone();
        }
        core.runtime.crew().close();
        core.runtime.roster().settle(clock, deadline);
        core.phased.settle(deadline);
        let mut report = core.runtime.close_journal(&core.name);
        report.threads_left.extend(core.phased.threads_left());
        let undertaker = ThreadLeft::of_system(&core.name, "undertaker");
        report
            .threads_left
            .extend(std::iter::repeat_n(undertaker, undertakers));
        report.announce(self.telemetry());
        if core.owns_telemetry {
            self.telemetry().close(deadline);
        } else {
            self.telemetry().flush(deadline);
        }
        *finished = Some(report.clone());
        report
    }
}

impl fmt::Debug for SystemHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SystemHandle")
            .field("name", &self.core.name)
            .finish_non_exhaustive()
    }
}
