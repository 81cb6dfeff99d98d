//! What can be asked about a child without an event.

use crate::fault::Generation;
use crate::supervision::machine::child::Child;
use crate::supervision::machine::event::Key;
use crate::supervision::{ChildKind, ChildPolicy, ChildState, Counts};

/// A look at one child.
#[derive(Clone, Debug)]
pub(crate) struct ChildView<'a> {
    pub(crate) key: Key,
    pub(crate) policy: &'a ChildPolicy,
    pub(crate) state: ChildState,
    /// Of the current run, or of the last one.
    pub(crate) generation: Generation,
    /// How often it was started again.
    pub(crate) restarts: u64,
}

impl<'a> ChildView<'a> {
    pub(super) fn new(child: &'a Child, state: ChildState) -> Self {
        Self {
            key: child.key,
            policy: &child.policy,
            state,
            generation: child.generation,
            restarts: child.restarts,
        }
    }
}

/// Counts one more child.
pub(super) fn count_spec(counts: &mut Counts, kind: ChildKind) {
    counts.specs += 1;
    match kind {
        ChildKind::Worker => counts.workers += 1,
        ChildKind::Supervisor => counts.supervisors += 1,
    }
}

/// Counts one child less.
pub(super) fn discount_spec(counts: &mut Counts, kind: ChildKind) {
    counts.specs -= 1;
    match kind {
        ChildKind::Worker => counts.workers -= 1,
        ChildKind::Supervisor => counts.supervisors -= 1,
    }
}
