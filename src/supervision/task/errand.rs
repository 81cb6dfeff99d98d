//! An errand: what a task's thread is sent for. A task of the user is one, a lane of a map another.
//!
//! To its supervisor an errand is a temporary child like all others: asked to stop, given up, reported and
//! seen as they are. Only its thread is not its own, but one of the crew.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use super::gate::{Gate, Patience, Slot};
use super::options::TaskOptions;
use super::spawn_error::SpawnRefusal;
use crate::fault::{ContextSnapshot, ErrorContext, ExitReason, Failure, StopCause};
use crate::supervision::ChildPolicy;
use crate::supervision::child::{Body, Child, ChildSpec};
use crate::supervision::context::WorkerContext;
use crate::supervision::handle::SupervisorRef;
use crate::supervision::machine::Event;
use crate::supervision::tree::cell::Cell;
use crate::supervision::tree::crew::Reserved;
use crate::supervision::unit::current;
use crate::supervision::unit::life::{Finished, Over, live};
use crate::supervision::unit::logical::Unit;
use crate::supervision::unit::run::Run;
use crate::supervision::unit::unit_ref::UnitRef;

/// What a task's thread is sent for.
pub(crate) trait Errand: Send + Sync + 'static {
    /// Done on the task's thread, at most once, with the user's code; also when the task was asked to stop before
    /// it began.
    fn perform(&self, ctx: &WorkerContext, slot: &Slot) -> Result<(), Failure>;

    /// The task is over, or given up: called exactly once, on any thread and maybe on the steward, so no value of
    /// the user may be dropped or called here. Its slot is free already.
    fn over(&self, reason: &ExitReason);

    /// Whether somebody waits for the outcome.
    fn has_owner(&self) -> bool {
        true
    }
}

/// Who hears that a task is over, or was given up: called once, on any thread and maybe on the steward. It calls
/// nothing of the user's, and does not block.
pub(crate) trait Follower: Send + Sync + 'static {
    /// The task is over. Its slot is free already.
    fn over(&self);
}

/// Who is told how a task ended.
pub(super) trait Told: Send + Sync + 'static {
    /// As [`Errand::over`].
    fn over(&self, reason: &ExitReason);

    /// Whether somebody waits for the outcome.
    fn has_owner(&self) -> bool {
        true
    }
}

/// A slot and a unit for an errand that has a thread of its own.
pub(super) struct Seat {
    cell: Arc<Cell>,
    slot: Arc<Slot>,
    unit: Arc<Unit>,
    policy: ChildPolicy,
}

/// What is done with the run when it is launched: called once at most, on any thread.
pub(super) type Launch = Box<dyn FnOnce(&Arc<Run>) + Send>;

impl Seat {
    /// Takes a slot under the supervisor. Nothing runs yet.
    pub(super) fn take(
        supervisor: &SupervisorRef,
        gate: &Arc<Gate>,
        patience: Patience,
        options: &TaskOptions,
    ) -> Result<Self, SpawnRefusal> {
        let cell = Self::open(supervisor)?;
        let errors = options.errors();
        if !errors.is_empty() {
            return Err(SpawnRefusal::Invalid(errors));
        }
        let slot = Arc::new(gate.enter(&cell, patience)?);
        let policy = options.policy(gate.number());
        Ok(Seat {
            unit: Unit::new(policy.id.clone()),
            cell,
            slot,
            policy,
        })
    }

    /// The supervisor that runs, if it takes tasks of a caller that may still act.
    pub(super) fn open(supervisor: &SupervisorRef) -> Result<Arc<Cell>, SpawnRefusal> {
        if current::refuses("spawn") {
            return Err(SpawnRefusal::Fenced);
        }
        let cell = supervisor.cell().ok_or(SpawnRefusal::NotRunning)?;
        if cell.is_ending() {
            return Err(SpawnRefusal::Stopping);
        }
        Ok(cell)
    }

    pub(super) fn unit(&self) -> &Arc<Unit> {
        &self.unit
    }

    pub(super) fn cell(&self) -> &Arc<Cell> {
        &self.cell
    }

    pub(super) fn slot(&self) -> &Arc<Slot> {
        &self.slot
    }

    /// Becomes a child: it is launched, and `told` of its end.
    ///
    /// # Errors
    /// The supervisor does not take it any more; then nobody is launched or told.
    pub(super) fn admit(self, launch: Launch, told: Arc<dyn Told>) -> Result<(), SpawnRefusal> {
        let body = Arc::new(ErrandBody {
            slot: self.slot,
            launch: Mutex::new(Some(launch)),
            told,
            is_told: AtomicBool::new(false),
        });
        let handle = UnitRef::new(Arc::clone(&self.unit));
        let own = Arc::clone(&body) as Arc<dyn Body>;
        let unit = Arc::clone(&self.unit);
        let (spec, _) = Child::new(self.policy, unit, own, handle).into_parts();
        self.cell.admit(spec).map_err(|refused| {
            body.withdraw();
            SpawnRefusal::of(self.unit.id(), refused)
        })
    }
}

/// A slot, a unit and a thread of the crew for an errand: all that can be refused has been granted, but for the
/// supervisor that ends.
pub(crate) struct Place {
    seat: Seat,
    thread: Reserved,
}

impl Place {
    /// Takes a place under the supervisor. Nothing runs yet.
    pub(super) fn take(
        supervisor: &SupervisorRef,
        gate: &Arc<Gate>,
        patience: Patience,
        options: &TaskOptions,
    ) -> Result<Self, SpawnRefusal> {
        let seat = Seat::take(supervisor, gate, patience, options)?;
        let runtime = seat.cell.runtime();
        let reserved = runtime
            .steward()
            .ensure()
            .and_then(|()| runtime.crew().reserve());
        let thread = reserved.map_err(|refused| SpawnRefusal::Thread(Arc::new(refused)))?;
        Ok(Place { seat, thread })
    }

    /// The child that the errand will be: [`ask_stop`](Unit::ask_stop) asks it to end.
    pub(crate) fn unit(&self) -> &Arc<Unit> {
        &self.seat.unit
    }

    pub(crate) fn cell(&self) -> &Arc<Cell> {
        &self.seat.cell
    }

    /// Sends the thread: the errand is a child from here on.
    ///
    /// # Errors
    /// The supervisor does not take it any more; then the errand hears nothing.
    pub(crate) fn send(self, errand: Arc<dyn Errand>) -> Result<(), SpawnRefusal> {
        let trip = Trip {
            errand: Arc::clone(&errand),
            slot: Arc::clone(&self.seat.slot),
            context: ErrorContext::capture(),
        };
        let thread = self.thread;
        let launch = move |run: &Arc<Run>| {
            let own = Arc::clone(run);
            thread.carry(run, move |index| trip.make(&own, index));
        };
        self.seat.admit(Box::new(launch), Arc::new(Sent(errand)))
    }
}

/// An errand that a thread was sent for.
struct Sent(Arc<dyn Errand>);

impl Told for Sent {
    fn over(&self, reason: &ExitReason) {
        self.0.over(reason);
    }

    fn has_owner(&self) -> bool {
        self.0.has_owner()
    }
}

/// What the thread takes along.
struct Trip {
    errand: Arc<dyn Errand>,
    slot: Arc<Slot>,
    context: ContextSnapshot,
}

impl Trip {
    /// On the thread: the run from its beginning to its end.
    fn make(self, run: &Arc<Run>, index: Option<u64>) -> ExitReason {
        let _context = ErrorContext::attach(&self.context);
        carry(run, index, &self.slot, |ctx| {
            self.errand.perform(ctx, &self.slot)
        })
    }
}

/// Carries the run of an errand on the calling thread, and says why it ended.
pub(super) fn carry(
    run: &Arc<Run>,
    index: Option<u64>,
    slot: &Slot,
    work: impl FnOnce(&WorkerContext) -> Result<(), Failure>,
) -> ExitReason {
    let over = live(run, index, |ctx| Finished::Ran(work(ctx)));
    slot.returned();
    match over {
        Over::Ended(reason) => reason,
        Over::Ignored => ExitReason::Normal,
    }
}

/// How an errand is a child.
struct ErrandBody {
    slot: Arc<Slot>,
    launch: Mutex<Option<Launch>>,
    told: Arc<dyn Told>,
    is_told: AtomicBool,
}

impl ErrandBody {
    /// The supervisor did not take the child: nobody is to be told of its end.
    fn withdraw(&self) {
        // Relaxed: elects who tells.
        self.is_told.store(true, Ordering::Relaxed);
    }

    fn tell(&self, reason: &ExitReason) {
        // Relaxed: elects who tells.
        if self.is_told.swap(true, Ordering::Relaxed) {
            return;
        }
        if matches!(reason, ExitReason::Abandoned(_)) {
            self.slot.abandon();
        } else {
            self.slot.give_back();
        }
        self.told.over(reason);
    }
}

impl Body for ErrandBody {
    fn launch(&self, run: &Arc<Run>, _spec: &ChildSpec) {
        let launch = self.launch.lock().take();
        let Some(launch) = launch else { return };
        // Said before the thread is sent, so that no end overtakes this start.
        if let Some(home) = run.home() {
            home.turn(Event::Started {
                key: run.key(),
                generation: run.generation(),
            });
        }
        launch(run);
    }

    fn told(&self, reason: &ExitReason) {
        self.tell(reason);
    }

    fn has_owner(&self) -> bool {
        self.told.has_owner()
    }
}

impl Drop for ErrandBody {
    /// A child that is dropped before it had a run ended with its supervisor.
    fn drop(&mut self) {
        self.tell(&ExitReason::Stopped(StopCause::Shutdown));
    }
}
