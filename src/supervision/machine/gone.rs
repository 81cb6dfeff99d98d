//! How a run left its child without one.

use std::sync::Arc;

use crate::fault::{ExitReason, HangReport};
use crate::supervision::machine::child::Child;
use crate::supervision::machine::effect::{Effect, Fate};

/// How a run left its child without one.
#[derive(Clone, Debug)]
pub(super) enum Gone {
    /// It ended.
    Ended(ExitReason),
    /// Its start function said "ignore".
    Ignored,
    /// It was written off.
    Abandoned(Arc<HangReport>),
}

impl Gone {
    /// The reason that it counts as.
    pub(super) fn reason(&self) -> ExitReason {
        match self {
            Self::Ended(reason) => reason.clone(),
            Self::Ignored => ExitReason::Normal,
            Self::Abandoned(report) => ExitReason::Abandoned(Arc::clone(report)),
        }
    }

    /// Tells of it. An abandonment was told when it was done, as if the child would start again; here
    /// only that it does not is left to tell.
    pub(super) fn tell(
        self,
        child: &Child,
        while_stopping: bool,
        then: Fate,
        out: &mut Vec<Effect>,
    ) {
        let (key, generation) = (child.key, child.generation);
        match self {
            Self::Ended(reason) => out.push(Effect::Exited {
                key,
                generation,
                reason,
                while_stopping,
                then,
            }),
            Self::Ignored => out.push(Effect::Ignored { key, generation }),
            Self::Abandoned(_) if matches!(then, Fate::Restart { .. } | Fate::Forget) => {}
            Self::Abandoned(_) => out.push(Effect::Settled { key }),
        }
    }
}
