//! Who belongs to a phase, wherever in the tree.

use std::sync::Arc;
use std::time::Instant;

use crate::fault::{StopCause, UnitPath};
use crate::supervision::machine::{Request, StopBy, Target};
use crate::supervision::tree::call::CallSlot;
use crate::supervision::tree::cell::Cell;
use crate::supervision::unit::logical::Unit;
use crate::time::{Clock, Deadline};

/// The units of one phase, and the answers that they are down.
pub(crate) struct Members {
    found: Vec<(Arc<Cell>, Arc<Unit>)>,
}

impl Members {
    /// Looks through the whole tree. Below a supervisor that belongs to the phase nobody is asked apart: it
    /// stops its children itself, in order.
    pub(crate) fn find(root: Option<Arc<Cell>>, phase: &str) -> Self {
        let mut found = Vec::new();
        let mut to_see: Vec<Arc<Cell>> = root.into_iter().collect();
        while let Some(cell) = to_see.pop() {
            for spec in cell.specs() {
                if spec.phase() == Some(phase) {
                    found.push((Arc::clone(&cell), Arc::clone(spec.unit())));
                } else {
                    to_see.extend(spec.body().cell());
                }
            }
        }
        Members { found }
    }

    /// Asks all of them to stop, at once, at the latest at `deadline`. May be repeated with an earlier one.
    pub(crate) fn ask(&self, deadline: Option<Instant>) -> Vec<(UnitPath, Arc<CallSlot>)> {
        let asked = self.found.iter().filter_map(|(cell, unit)| {
            let target = Target::Key(cell.key_of(unit)?);
            let cause = StopCause::Shutdown;
            let stop = StopBy {
                target,
                cause,
                deadline,
            };
            Some((unit.path(), cell.call(Request::StopBy(stop))))
        });
        asked.collect()
    }

    /// Whether the path is that of one of them, or below.
    pub(crate) fn hold(&self, path: &UnitPath) -> bool {
        self.found.iter().any(|(_, unit)| {
            let below = path.as_str().strip_prefix(unit.path().as_str());
            below.is_some_and(|below| below.is_empty() || below.starts_with(UnitPath::SEPARATOR))
        })
    }

    /// Waits until they are down; those of whom nothing was heard by then.
    pub(crate) fn silent(
        asked: Vec<(UnitPath, Arc<CallSlot>)>,
        clock: &Clock,
        deadline: Deadline,
    ) -> Vec<UnitPath> {
        use crate::supervision::ManageError::TimedOut;
        let silent = asked.into_iter().filter_map(|(path, slot)| {
            // Any other answer says that it is down, or goes down with its supervisor.
            matches!(slot.wait(clock, deadline), Err(TimedOut)).then_some(path)
        });
        silent.collect()
    }
}
