//! Handles: what programs hold of workers and supervisors. They name the logical unit, so they stay
//! valid through all restarts; dropping one does nothing to what it names.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use super::child::ChildSpec;
use super::machine::Event;
use super::supervisor::SupervisorBody;
use super::tree::cell::Cell;
use super::tree::runtime::Runtime;
use super::unit::logical::Unit;
use super::unit::unit_ref::UnitRef;
use crate::fault::{StopCause, UnitPath};
use crate::time::Deadline;

/// A handle of a worker: what every [`UnitRef`] can be asked.
#[derive(Clone)]
pub struct WorkerRef {
    unit: UnitRef,
}

impl WorkerRef {
    pub(crate) fn new(unit: Arc<Unit>) -> Self {
        WorkerRef {
            unit: UnitRef::new(unit),
        }
    }
}

impl Deref for WorkerRef {
    type Target = UnitRef;

    fn deref(&self) -> &UnitRef {
        &self.unit
    }
}

impl fmt::Debug for WorkerRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.unit.fmt(f)
    }
}

/// A handle of a supervisor, static or dynamic: what every [`UnitRef`] can be asked, and the
/// management calls of OTP.
#[derive(Clone)]
pub struct SupervisorRef {
    unit: UnitRef,
    body: Arc<SupervisorBody>,
}

impl SupervisorRef {
    pub(crate) fn new(body: Arc<SupervisorBody>) -> Self {
        let unit = UnitRef::new(Arc::clone(body.unit()));
        SupervisorRef { unit, body }
    }

    pub(crate) fn cell(&self) -> Option<Arc<Cell>> {
        self.body.current()
    }

    /// The child at this place of the list that every run begins with.
    pub(super) fn planned(&self, place: usize) -> Arc<ChildSpec> {
        self.body.planned(place)
    }

    /// Begins as the root of a system.
    pub(crate) fn begin(&self, runtime: &Arc<Runtime>, path: UnitPath) {
        self.body.begin(runtime, path, None);
    }

    /// Asks the supervisor to end, at the latest at `deadline`.
    pub(crate) fn request_stop(&self, cause: StopCause, deadline: Deadline) {
        if let Some(cell) = self.cell() {
            cell.turn(Event::Stop {
                cause,
                deadline: deadline.instant(),
            });
        }
    }
}

impl Deref for SupervisorRef {
    type Target = UnitRef;

    fn deref(&self) -> &UnitRef {
        &self.unit
    }
}

impl fmt::Debug for SupervisorRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.unit.fmt(f)
    }
}
