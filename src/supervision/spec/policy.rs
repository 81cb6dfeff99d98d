//! What a supervisor is told about a child, and about itself: inert values.

use std::time::Duration;

use crate::fault::UnitPath;
use crate::supervision::{AutoShutdown, ChildId, Intensity, Strategy};
use crate::time::Backoff;

/// Whether a child is started again after it ended by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Restart {
    /// Always, after a clean end too. The default.
    #[default]
    Permanent,
    /// After an abnormal end (error, panic, abandonment, a supervisor's exhausted budget).
    Transient,
    /// Never: it is forgotten when it ends, also when it ends as a bystander of a group restart.
    Temporary,
}

/// How long a child may take to end after it was asked to.
///
/// The supervisor's own deadline bounds it: the earlier of the two counts. When it has passed, the
/// child's run is abandoned: fenced, counted and reported. Threads cannot be killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Shutdown {
    /// So long. The default of workers is 5 s.
    Deadline(Duration),
    /// As long as the supervisor itself has. The default of supervisors. Of a worker under a
    /// supervisor that was given no deadline it waits without a bound.
    Wait,
    /// It is asked and abandoned at once.
    Abandon,
}

impl Shutdown {
    /// Five seconds, the default of workers.
    pub const DEFAULT: Self = Self::Deadline(Duration::from_secs(5));
}

impl Default for Shutdown {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// What happens to a child that did not show a sign of life for longer than its limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OnHang {
    /// It is reported. The default.
    #[default]
    Report,
    /// It is asked to stop, abandoned at its shutdown deadline, and restarted by its strategy. The
    /// hang is a failure and costs as one.
    StopThenAbandon,
    /// It is abandoned at once and restarted, while the old thread may still run: only for children
    /// that bear two of themselves at a time.
    Replace,
    /// The supervisor ends with an exhausted budget; its parent decides.
    Escalate,
    /// The process is aborted.
    AbortProcess,
}

/// What kind of unit a child is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ChildKind {
    /// A function on its own thread, or anything else that has no children.
    #[default]
    Worker,
    /// A supervisor. It is never abandoned: it ends by the deadline that it is given, and abandons
    /// what does not.
    Supervisor,
}

/// What the machine knows of a child: its specification without its body.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ChildPolicy {
    pub(crate) id: ChildId,
    pub(crate) kind: ChildKind,
    pub(crate) restart: Restart,
    pub(crate) shutdown: Shutdown,
    pub(crate) significant: bool,
    pub(crate) start_deadline: Option<Duration>,
    pub(crate) backoff: Backoff,
    /// Failures in a row without progress that are tolerated; `None`: the supervisor's intensity.
    pub(crate) give_up_after: Option<u32>,
    /// A run that was up for so long ends the streak of failures.
    pub(crate) stable_after: Duration,
    /// A budget of its own, beside the supervisor's: both must allow a restart.
    pub(crate) budget: Option<Intensity>,
    pub(crate) on_hang: OnHang,
}

/// A run that was up for so long has ended its streak of failures.
pub(crate) const STABLE_AFTER: Duration = Duration::from_secs(30);
/// How long the start of a worker may take.
pub(crate) const START_DEADLINE: Duration = Duration::from_secs(5);
/// How many abandoned threads of one supervisor may live.
pub(crate) const MAX_ABANDONED: u32 = 8;

impl ChildPolicy {
    /// A worker with all defaults.
    pub(crate) fn worker(id: impl Into<ChildId>) -> Self {
        Self {
            id: id.into(),
            kind: ChildKind::Worker,
            restart: Restart::Permanent,
            shutdown: Shutdown::DEFAULT,
            significant: false,
            start_deadline: Some(START_DEADLINE),
            backoff: Backoff::default(),
            give_up_after: None,
            stable_after: STABLE_AFTER,
            budget: None,
            on_hang: OnHang::Report,
        }
    }

    /// A supervisor with all defaults.
    pub(crate) fn supervisor(id: impl Into<ChildId>) -> Self {
        Self {
            kind: ChildKind::Supervisor,
            shutdown: Shutdown::Wait,
            start_deadline: None,
            ..Self::worker(id)
        }
    }
}

/// What a machine knows of its supervisor.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SupervisorPolicy {
    pub(crate) path: UnitPath,
    pub(crate) flavor: Flavor,
    pub(crate) strategy: Strategy,
    pub(crate) intensity: Intensity,
    pub(crate) auto_shutdown: AutoShutdown,
    pub(crate) max_abandoned: u32,
    /// Of the jitter of its backoffs.
    pub(crate) seed: u64,
}

/// Which machine runs the supervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flavor {
    /// A list of children in start order.
    Static,
    /// Many alike, unordered children that come and go.
    Dynamic {
        /// Live and restarting children together; `None`: no bound.
        max_children: Option<usize>,
    },
}

impl SupervisorPolicy {
    /// A static supervisor with all defaults.
    pub(crate) fn new(path: UnitPath) -> Self {
        Self {
            path,
            flavor: Flavor::Static,
            strategy: Strategy::OneForOne,
            intensity: Intensity::default(),
            auto_shutdown: AutoShutdown::Never,
            max_abandoned: MAX_ABANDONED,
            seed: 0,
        }
    }
}
