//! The seam between the pure machines and the shell that applies them: what comes out.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::fault::{ExitReason, Generation, HangPhase, HangReport, StopCause};
use crate::supervision::ManageError;
use crate::supervision::machine::event::{CallId, Key};

/// What the shell has to do, in this order.
///
/// Every `Launch` is followed by exactly one of `Exited`, `Ignored` or `Abandon` for that run, and a
/// later `Launch` of the same child comes after it.
#[derive(Clone, Debug)]
pub(crate) enum Effect {
    /// Start this run. The shell answers with `Started`, `Ignored` or `Ended`.
    Launch {
        key: Key,
        generation: Generation,
        /// Consecutive failures so far.
        attempt: u32,
    },
    /// Raise the run's stop signal; it has until `deadline`. The shell answers with `Ended`. May be
    /// repeated with an earlier deadline.
    AskStop {
        key: Key,
        generation: Generation,
        cause: StopCause,
        deadline: Option<Instant>,
    },
    /// The run would not start or stop in time, or must not be waited for: fence it; its thread may
    /// live on. The machine has already counted it as down. The shell makes its `HangReport` and
    /// tells monitors; later it reports `AbandonedReturned`.
    Abandon {
        key: Key,
        generation: Generation,
        phase: HangPhase,
    },
    /// The run is over: tell monitors and telemetry.
    Exited {
        key: Key,
        generation: Generation,
        reason: ExitReason,
        /// The run was asked to stop, or was about to be: an expected exit, never a failure.
        while_stopping: bool,
        then: Fate,
    },
    /// The run is up (report only).
    Running { key: Key, generation: Generation },
    /// The run's start function said "ignore"; the run is over.
    Ignored { key: Key, generation: Generation },
    /// The child will not start again after all, though its last run left it waiting for that: it was
    /// terminated meanwhile, or its abandoned run was its last. Its specification is kept.
    Settled { key: Key },
    /// The child's specification is dropped; the key means nothing from here on.
    Forget { key: Key },
    /// The answer to a management call. It comes after all other effects of what it answers: a
    /// specification is dropped before its caller hears that it is.
    Answer {
        call: CallId,
        answer: Result<Done, ManageError>,
    },
    /// All initial children are up (once).
    Up,
    /// The supervisor begins to end (once; report only).
    Ending { reason: ExitReason },
    /// `OnHang::AbortProcess`: end the process.
    AbortProcess { key: Key, report: Arc<HangReport> },
    /// All children are down and the supervisor is at its end (once, last).
    Ended { reason: ExitReason },
}

impl Effect {
    /// The child that the effect is about.
    pub(crate) fn key(&self) -> Option<Key> {
        match self {
            Self::Launch { key, .. }
            | Self::AskStop { key, .. }
            | Self::Abandon { key, .. }
            | Self::Exited { key, .. }
            | Self::Running { key, .. }
            | Self::Ignored { key, .. }
            | Self::Settled { key }
            | Self::Forget { key }
            | Self::AbortProcess { key, .. } => Some(*key),
            Self::Answer { .. } | Self::Up | Self::Ending { .. } | Self::Ended { .. } => None,
        }
    }
}

/// What comes of a child whose run ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fate {
    /// It starts again after `delay`, later if its group waits for others.
    Restart { attempt: u32, delay: Duration },
    /// It stays down, its specification is kept.
    Keep,
    /// Its specification is dropped.
    Forget,
    /// The supervisor ends because of this exit.
    Escalate,
}

/// The answer to a management call that was done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Done {
    Started { key: Key, generation: Generation },
    Ignored,
    Terminated,
    Deleted,
    Updated,
}
