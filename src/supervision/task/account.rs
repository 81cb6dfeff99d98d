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
use crate::time::Deadline;

/// One task in the books of its supervisor.
pub(super) struct Account {
    ending: Arc<Ending>,
    gate: Arc<Gate>,
    unit: Arc<Unit>,
    telemetry: Telemetry,
    /// How long it may run; `Duration::MAX`: for as long as it likes.
    timeout: Duration,
    /// Counted from before it is sent: who sends it may carry effects of others before the spawn returns.
    deadline: Deadline,
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
        let runtime = cell.runtime();
        Arc::new(Account {
            ending: Arc::clone(ending),
            gate: Arc::clone(gate),
            unit: Arc::clone(unit),
            telemetry: runtime.telemetry().clone(),
            timeout,
            deadline: runtime.clock().deadline(timeout),
        })
    }

    /// The task did not begin after all.
    pub(super) fn withdraw(&self) {
        self.gate.count(Tally::unstart);
    }

    /// The task has begun: the steward is to call when its time is up.
    pub(super) fn begin(self: &Arc<Self>, cell: &Cell) {
        if let Some(due) = self.deadline.instant() {
            let whom = Arc::downgrade(&(Arc::clone(self) as Arc<dyn Timed>));
            cell.runtime().steward().arm_timed(due, whom);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::waiters::wait_for;
    use crate::supervision::Supervisor;
    use crate::supervision::tree::runtime::{Runtime, ThreadOptions};
    use crate::time::{Clock, ManualClock};

    const PATIENCE: Duration = Duration::from_secs(10);

    #[test]
    fn what_the_sending_of_a_task_takes_counts_as_its_time() {
        let (manual, options) = (ManualClock::new(), ThreadOptions::default());
        let runtime = Runtime::new(manual.clock(), Telemetry::new(), options, 1);
        let cell = Supervisor::new("t").begin_root(&runtime).cell().unwrap();
        let (ending, gate) = (Arc::new(Ending::new()), Gate::new(1));
        let (unit, second) = (Unit::new("w".into()), Duration::from_secs(1));
        let account = Account::open(&ending, &gate, &unit, &cell, second);
        manual.advance(second);
        account.begin(&cell);
        let (clock, end) = (Clock::system(), || ending.learn());
        let until = clock.deadline(PATIENCE).instant();
        let end = wait_for(&ending.changed, None, &clock, until, end).expect("an end");
        assert!(matches!(end, Err(TaskError::TimedOut { .. })), "{end:?}");
    }
}
