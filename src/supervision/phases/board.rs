//! What of the phases is known in the whole system: which have begun, and their hooks.

use std::collections::BTreeMap;
use std::fmt;

use parking_lot::Mutex;

use super::phase_error::PhaseError;
use super::stop_phases::StopPhases;
use crate::supervision::SpecError;
use crate::supervision::child::ChildSpec;
use crate::time::Deadline;

/// What is run when a phase begins.
pub(crate) type PhaseHook = Box<dyn FnOnce(Deadline) + Send>;

/// The phases of a system.
pub(crate) struct PhaseBoard {
    plan: StopPhases,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// How many have begun.
    begun: usize,
    hooks: BTreeMap<usize, Vec<PhaseHook>>,
}

impl PhaseBoard {
    pub(crate) fn new(plan: StopPhases) -> Self {
        PhaseBoard {
            plan,
            state: Mutex::new(State::default()),
        }
    }

    pub(crate) fn plan(&self) -> &StopPhases {
        &self.plan
    }

    pub(crate) fn add_hook(&self, phase: &str, hook: PhaseHook) -> Result<(), PhaseError> {
        let place = self.plan.place(phase).ok_or(PhaseError::Unknown)?;
        let mut state = self.state.lock();
        if place < state.begun {
            drop(state);
            return Err(PhaseError::Begun);
        }
        state.hooks.entry(place).or_default().push(hook);
        Ok(())
    }

    /// The phase begins: none of its units starts any more. Gives its hooks.
    pub(crate) fn begin(&self, place: usize) -> Vec<PhaseHook> {
        let mut state = self.state.lock();
        state.begun = place + 1;
        state.hooks.remove(&place).unwrap_or_default()
    }

    /// Whether the phase of this child has begun, so that it is not to start.
    pub(crate) fn is_past(&self, spec: &ChildSpec) -> bool {
        let place = spec.phase().and_then(|phase| self.plan.place(phase));
        place.is_some_and(|place| place < self.state.lock().begun)
    }

    /// A mistake for each child, from this one down, whose phase does not exist in the system.
    pub(crate) fn unknown(board: Option<&Self>, spec: &ChildSpec) -> Vec<SpecError> {
        let mut named = Vec::new();
        spec.name_phases(&mut named);
        let is_known = |phase: &str| board.is_some_and(|board| board.plan.place(phase).is_some());
        let unknown = named.into_iter().filter(|(_, phase)| !is_known(phase));
        unknown
            .map(|(id, phase)| SpecError::UnknownPhase { id, phase })
            .collect()
    }
}

impl fmt::Debug for PhaseBoard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PhaseBoard")
            .field("plan", &self.plan)
            .finish_non_exhaustive()
    }
}
