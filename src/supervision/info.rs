//! What can be seen of a child from outside: its specification with all defaults filled in, and what
//! it does at the moment.

use std::time::Duration;

use super::machine::ChildView;
use super::{ChildId, ChildKind, ChildState, Intensity, OnHang, Restart, Shutdown};
use crate::fault::Generation;
use crate::time::Backoff;

/// One child of a running supervisor.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ChildInfo {
    /// Its id.
    pub id: ChildId,
    /// Worker or supervisor.
    pub kind: ChildKind,
    /// What it does.
    pub state: ChildState,
    /// Its current or last run.
    pub generation: Generation,
    /// How often it was restarted under this run of its supervisor.
    pub restarts: u64,
    /// When it is restarted.
    pub restart: Restart,
    /// How it is stopped.
    pub shutdown: Shutdown,
    /// Whether its end counts for auto-shutdown.
    pub significant: bool,
    /// How long its start may take.
    pub start_deadline: Option<Duration>,
    /// The pauses before its restarts.
    pub backoff: Backoff,
    /// Failures in a row after which its supervisor gives up; `None` is the supervisor's intensity.
    pub give_up_after: Option<u32>,
    /// How long a run must be up to count as progress.
    pub stable_after: Duration,
    /// A budget of its own.
    pub budget: Option<Intensity>,
    /// What happens when it hangs.
    pub on_hang: OnHang,
}

impl ChildInfo {
    pub(crate) fn of(child: &ChildView<'_>) -> Self {
        let policy = child.policy;
        ChildInfo {
            id: policy.id.clone(),
            kind: policy.kind,
            state: child.state,
            generation: child.generation,
            restarts: child.restarts,
            restart: policy.restart,
            shutdown: policy.shutdown,
            significant: policy.significant,
            start_deadline: policy.start_deadline,
            backoff: policy.backoff.clone(),
            give_up_after: policy.give_up_after,
            stable_after: policy.stable_after,
            budget: policy.budget,
            on_hang: policy.on_hang,
        }
    }
}
