//! The seam between the pure machines and the shell that applies them: what goes in.

use std::sync::Arc;
use std::time::Instant;

use crate::fault::{ExitReason, Generation, HangReport, StopCause};
use crate::supervision::{AutoShutdown, ChildId, ChildPolicy, Intensity, Strategy};

/// Identity of a child inside one machine; never reused within that machine.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub(crate) struct Key(pub(in crate::supervision::machine) u64);

/// Names a management call that waits for its answer.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub(crate) struct CallId(pub(crate) u64);

/// What happened outside. Every event about a run names its generation: late ones are dropped.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// The supervisor is started: start the children in order, then `Effect::Up`.
    Begin,
    /// The run's start function returned: it is up.
    Started { key: Key, generation: Generation },
    /// The start function said "ignore"; the run is over.
    Ignored { key: Key, generation: Generation },
    /// The run ended (also: its start failed, when it was still starting).
    Ended {
        key: Key,
        generation: Generation,
        reason: ExitReason,
    },
    /// The run did a piece of work: the streak of failures starts anew.
    Progress { key: Key, generation: Generation },
    /// The watchdog's limit for a hang has passed.
    Hung {
        key: Key,
        generation: Generation,
        report: Arc<HangReport>,
    },
    /// The thread of an abandoned run ended after all.
    AbandonedReturned { key: Key, generation: Generation },
    /// A time that `next_due()` named has come (spurious ones are harmless).
    Due,
    /// Refuse new work and stop all children, at the latest at `deadline`. Idempotent; a later one
    /// may only bring the deadline forward.
    Stop {
        cause: StopCause,
        deadline: Option<Instant>,
    },
    /// A management call: answered exactly once, with `Effect::Answer`.
    Call { call: CallId, request: Request },
}

/// A management call.
#[derive(Clone, Debug)]
pub(crate) enum Request {
    /// Add a child and start it. Answered when it is up, ignored its start, or failed.
    StartChild {
        policy: ChildPolicy,
        /// The generation of the child's last run under an earlier supervisor: the first run here
        /// gets the next one.
        last_generation: Generation,
    },
    /// Stop a child and keep its specification. Answered when it is down.
    Terminate(Target),
    /// As `Terminate`, for this cause and at the latest at `deadline`; it brings the deadline of a stop that
    /// has begun forward.
    StopBy(StopBy),
    /// Start a child that is down. Answered when it is up, ignored its start, or failed.
    Restart(Target),
    /// Drop the specification of a child that is down.
    Delete(Target),
    /// Change a child's policy; id and kind must stay. Valid from the next decision on.
    Update(ChildPolicy),
    /// Change the supervisor's numbers. Valid from the next decision on.
    Retune(Retune),
}

/// The stop of one child.
#[derive(Clone, Debug)]
pub(crate) struct StopBy {
    pub(crate) target: Target,
    pub(crate) cause: StopCause,
    /// The child's own time counts if it is earlier.
    pub(crate) deadline: Option<Instant>,
}

impl StopBy {
    /// As somebody asks for it by a call.
    pub(crate) fn requested(target: Target) -> Self {
        StopBy {
            target,
            cause: StopCause::Requested,
            deadline: None,
        }
    }
}

/// Whom a management call means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Id(ChildId),
    Key(Key),
}

/// New numbers for a supervisor; `None` leaves one as it is.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Retune {
    pub(crate) strategy: Option<Strategy>,
    pub(crate) intensity: Option<Intensity>,
    pub(crate) auto_shutdown: Option<AutoShutdown>,
    pub(crate) max_abandoned: Option<u32>,
    /// `Some(None)` takes the bound away.
    pub(crate) max_children: Option<Option<usize>>,
}
