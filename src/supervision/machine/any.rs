//! Either machine, for the shell, which need not know which.

use std::time::Instant;

use crate::fault::Generation;
use crate::supervision::machine::dynamic::DynamicMachine;
use crate::supervision::machine::effect::Effect;
use crate::supervision::machine::event::{Event, Key, Target};
use crate::supervision::machine::fixed::StaticMachine;
use crate::supervision::machine::ledger::{Ledger, Phase};
use crate::supervision::machine::view::ChildView;
use crate::supervision::{ChildPolicy, Counts, Flavor, SupervisorPolicy};

/// Either machine, for the shell, which need not know which.
#[derive(Debug)]
pub(crate) enum AnyMachine {
    Static(StaticMachine),
    Dynamic(DynamicMachine),
}

impl AnyMachine {
    /// The machine that the policy asks for; the keys of its children are in their order. A dynamic
    /// one begins without children, whatever is given.
    pub(crate) fn new(
        policy: SupervisorPolicy,
        children: Vec<(ChildPolicy, Generation)>,
    ) -> (Self, Vec<Key>) {
        match policy.flavor {
            Flavor::Static => {
                let (machine, keys) = StaticMachine::new(policy, children);
                (Self::Static(machine), keys)
            }
            Flavor::Dynamic { .. } => (Self::Dynamic(DynamicMachine::new(policy)), Vec::new()),
        }
    }

    /// The key that the next accepted child will get.
    pub(crate) fn next_key(&self) -> Key {
        match self {
            Self::Static(machine) => machine.next_key(),
            Self::Dynamic(machine) => machine.next_key(),
        }
    }

    /// Takes in one event; what is to be done about it is appended to `out`.
    pub(crate) fn step(&mut self, event: Event, now: Instant, out: &mut Vec<Effect>) {
        match self {
            Self::Static(machine) => machine.step(event, now, out),
            Self::Dynamic(machine) => machine.step(event, now, out),
        }
    }

    /// The next time at which the machine wants [`Event::Due`].
    pub(crate) fn next_due(&self) -> Option<Instant> {
        match self {
            Self::Static(machine) => machine.next_due(),
            Self::Dynamic(machine) => machine.next_due(),
        }
    }

    /// All children; those of a static machine in start order.
    pub(crate) fn children(&self) -> Box<dyn Iterator<Item = ChildView<'_>> + '_> {
        match self {
            Self::Static(machine) => Box::new(machine.children()),
            Self::Dynamic(machine) => Box::new(machine.children()),
        }
    }

    /// The child that is meant.
    pub(crate) fn find(&self, target: &Target) -> Option<ChildView<'_>> {
        match self {
            Self::Static(machine) => machine.find(target),
            Self::Dynamic(machine) => machine.find(target),
        }
    }

    /// How many children there are.
    pub(crate) fn counts(&self) -> Counts {
        match self {
            Self::Static(machine) => machine.counts(),
            Self::Dynamic(machine) => machine.counts(),
        }
    }

    /// How many restarts the intensity would allow at `now`.
    pub(crate) fn budget_left(&self, now: Instant) -> u32 {
        self.ledger().budget_left(now)
    }

    /// How many threads that were written off are not known to have ended.
    pub(crate) fn abandoned(&self) -> usize {
        self.ledger().abandoned()
    }

    /// Where the supervisor is in its life.
    pub(crate) fn phase(&self) -> Phase {
        self.ledger().phase
    }

    fn ledger(&self) -> &Ledger {
        match self {
            Self::Static(machine) => machine.ledger(),
            Self::Dynamic(machine) => machine.ledger(),
        }
    }
}
