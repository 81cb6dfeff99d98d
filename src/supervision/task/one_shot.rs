//! A task as its thread sees it: a function that runs once, and an owner who may wait for what it returns.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::errand::{Errand, Follower};
use super::gate::{Gate, Slot};
use super::outcome::{Outcome, Unwanted};
use super::task_error::TaskError;
use crate::fault::catch::catch_drop;
use crate::fault::{ExitReason, Failure, UnitPath};
use crate::supervision::WorkerContext;
use crate::supervision::tree::steward::Timed;
use crate::supervision::unit::logical::Unit;
use crate::telemetry::{EventKind, Telemetry, kinds};

/// One task: its function until it begins, and its outcome.
pub(super) struct OneShot<F, T> {
    pub(super) work: Mutex<Option<F>>,
    pub(super) outcome: Arc<Outcome<T>>,
    pub(super) gate: Arc<Gate>,
    pub(super) unit: Arc<Unit>,
    pub(super) telemetry: Telemetry,
    /// How long it may run; `Duration::MAX`: for as long as it likes.
    pub(super) timeout: Duration,
    pub(super) follower: Option<Arc<dyn Follower>>,
}

impl<F, T> OneShot<F, T> {
    fn post(&self, kind: &'static EventKind, path: &UnitPath) {
        self.telemetry.post(kind, |event| {
            event.tag("path", path);
        });
    }
}

impl<F, T> Errand for OneShot<F, T>
where
    F: FnOnce(&WorkerContext) -> Result<T, Failure> + Send + 'static,
    T: Send + 'static,
{
    fn perform(&self, ctx: &WorkerContext, _slot: &Slot) -> Result<(), Failure> {
        let work = self.work.lock().take();
        let Some(work) = work else { return Ok(()) };
        if ctx.is_stopping() {
            // It was stopped before it began; what it captured is dropped here.
            return Ok(());
        }
        let value = work(ctx)?;
        let unwanted = match self.outcome.deliver(value) {
            Ok(()) => return Ok(()),
            Err(Unwanted::Detached(value)) => value,
            Err(Unwanted::Late(value)) => {
                self.post(&kinds::TASK_LATE, ctx.path());
                value
            }
        };
        // The task has done what it was to do: a panic of this drop does not change that.
        let _its_panic = catch_drop(unwanted);
        Ok(())
    }

    fn over(&self, reason: &ExitReason) {
        self.outcome
            .tell(|| TaskError::of(reason), |fate| self.gate.count_end(fate));
        if let Some(follower) = &self.follower {
            follower.over();
        }
    }

    fn has_owner(&self) -> bool {
        !self.outcome.is_detached()
    }
}

impl<F: Send, T: Send> Timed for OneShot<F, T> {
    /// The task's time is up: its owner hears of it now, its thread is asked to stop.
    fn due(self: Arc<Self>, _due: Instant) {
        let why = TaskError::TimedOut {
            after: self.timeout,
        };
        if self.outcome.expire(why, |fate| self.gate.count_end(fate)) {
            self.post(&kinds::TASK_TIMED_OUT, &self.unit.path());
            // It may have ended meanwhile: then there is nobody to ask.
            let _gone = self.unit.ask_stop();
            self.outcome.announce();
        }
    }
}
