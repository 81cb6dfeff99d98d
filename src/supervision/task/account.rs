//! What is kept of a task beside its value: how it is counted, how it times out, what is said of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::book::Tally;
use super::ending::Ending;
use super::errand::Told;
use super::gate::Gate;
use super::task_error::TaskError;
use crate::fault::ExitReason;
use crate::supervision::tree::cell::Cell;
use crate::supervision::tree::steward::Timed;
use crate::supervision::unit::logical::Unit;
use crate::telemetry::{EventKind, Telemetry, kinds};

/// One task in the books of its supervisor.
pub(super) struct Account {
    ending: Arc<Ending>,
    gate: Arc<Gate>,
    unit: Arc<Unit>,
    telemetry: Telemetry,
    /// How long it may run; `Duration::MAX`: for as long as it likes.
    timeout: Duration,
}

impl Account {
    /// Counts a task that is about to begin: before it can end.
    pub(super) fn open(
        ending: &Arc<Ending>,
        gate: &Arc<Gate>,
        unit: &Arc<Unit>,
        cell: &Cell,
        timeout: Duration,
    ) -> Arc<Self> {
        gate.count(Tally::start);
        Arc::new(Account {
            ending: Arc::clone(ending),
            gate: Arc::clone(gate),
            unit: Arc::clone(unit),
            telemetry: cell.runtime().telemetry().clone(),
            timeout,
        })
    }

    /// The task did not begin after all.
    pub(super) fn withdraw(&self) {
        self.gate.count(Tally::unstart);
    }

    /// The task has begun: its time counts.
    pub(super) fn begin(self: &Arc<Self>, cell: &Cell) {
        let runtime = cell.runtime();
        if let Some(due) = runtime.clock().deadline(self.timeout).instant() {
            let whom = Arc::downgrade(&(Arc::clone(self) as Arc<dyn Timed>));
            runtime.steward().arm_timed(due, whom);
        }
    }

    /// Its value came too late.
    pub(super) fn late(&self) {
        self.post(&kinds::TASK_LATE);
    }

    fn post(&self, kind: &'static EventKind) {
        self.telemetry.post(kind, |event| {
            event.tag("path", self.unit.path());
        });
    }
}

impl Told for Account {
    fn over(&self, reason: &ExitReason) {
        self.ending
            .tell(|| TaskError::of(reason), |fate| self.gate.count_end(fate));
    }

    fn has_owner(&self) -> bool {
        !self.ending.is_detached()
    }
}

impl Timed for Account {
    /// The task's time is up: its owner hears of it now, its thread is asked to stop.
    fn due(self: Arc<Self>, _due: Instant) {
        let why = TaskError::TimedOut {
            after: self.timeout,
        };
        if self.ending.expire(why, |fate| self.gate.count_end(fate)) {
            self.post(&kinds::TASK_TIMED_OUT);
            // It may have ended meanwhile: then there is nobody to ask.
            let _gone = self.unit.ask_stop();
            self.ending.announce();
        }
    }
}
