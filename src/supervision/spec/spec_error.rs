//! What is wrong with a specification.

use std::sync::Arc;
use std::time::Duration;

use crate::fault::{Category, Classify, Severity};
use crate::supervision::process::ProgramError;
use crate::supervision::{ChildId, Intensity, Strategy};
use crate::time::BackoffError;

/// One thing that is wrong with the specification of a supervisor or a child.
///
/// A specification is validated as a whole before anything starts; whoever refuses it lists all of
/// them.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SpecError {
    /// A child's id is the empty string.
    #[error("a child has an empty id")]
    EmptyId,
    /// A child's id holds a `/`, which separates the steps of a path.
    #[error("the id {0:?} contains a slash")]
    IdWithSlash(ChildId),
    /// Two children have the same id.
    #[error("the id {0:?} is used more than once")]
    DuplicateId(ChildId),
    /// The period of the supervisor's intensity is zero.
    #[error("the period of the intensity is zero")]
    ZeroPeriod,
    /// The period of a child's own budget is zero.
    #[error("the period of the budget of {0:?} is zero")]
    ZeroChildPeriod(ChildId),
    /// More restarts than [`Intensity::MAX_RESTARTS`].
    #[error("{0} restarts in a period are more than {max}", max = Intensity::MAX_RESTARTS)]
    TooManyRestarts(u32),
    /// A significant child that is permanent: it never ends by itself for good.
    #[error("{0:?} is significant, but permanent: it is always restarted")]
    SignificantPermanent(ChildId),
    /// A significant child under a supervisor without auto-shutdown.
    #[error("{0:?} is significant, but its supervisor has no auto-shutdown")]
    SignificantWithoutAutoShutdown(ChildId),
    /// A dynamic supervisor with auto-shutdown.
    #[error("a dynamic supervisor has no auto-shutdown")]
    DynamicAutoShutdown,
    /// A dynamic supervisor with a strategy for groups: its children have no order.
    #[error("a dynamic supervisor is one-for-one, not {0:?}")]
    DynamicStrategy(Strategy),
    /// A dynamic supervisor with a list of children.
    #[error("a dynamic supervisor starts without children")]
    DynamicChildren,
    /// A bound of zero children.
    #[error("at most zero children are no children at all")]
    ZeroMaxChildren,
    /// A bound on the number of children of a supervisor with a list of children.
    #[error("only a dynamic supervisor bounds the number of its children")]
    StaticMaxChildren,
    /// A partition supervisor without partitions.
    #[error("zero partitions are no partitions at all")]
    ZeroPartitions,
    /// More partitions than
    /// [`MAX_PARTITIONS`](crate::supervision::PartitionSupervisor::MAX_PARTITIONS).
    #[error("{0} partitions are more than there may be")]
    TooManyPartitions(usize),
    /// A partition whose id is not its index.
    #[error("partition {index} has the id {id:?}: the id of a partition is its index")]
    PartitionId {
        /// Which partition.
        index: usize,
        /// The id that it was given.
        id: ChildId,
    },
    /// A pool without threads.
    #[error("{0:?} has no threads")]
    ZeroThreads(ChildId),
    /// A pool with more threads than it can have.
    #[error("{threads} threads of {id:?} are more than {max}")]
    TooManyThreads {
        /// The pool.
        id: ChildId,
        /// What was asked for.
        threads: usize,
        /// The most that it can have.
        max: usize,
    },
    /// A bound of zero pieces of work.
    #[error("{0:?} takes at most zero pieces of work")]
    ZeroPending(ChildId),
    /// A stop phase's name is the empty string.
    #[error("a stop phase has an empty name")]
    EmptyPhase,
    /// Two stop phases have the same name.
    #[error("the stop phase {0:?} is there more than once")]
    DuplicatePhase(String),
    /// A stop phase that may take no time.
    #[error("the time of the stop phase {0:?} is zero")]
    ZeroPhase(String),
    /// A child belongs to a stop phase that its system does not have.
    #[error("{id:?} belongs to the stop phase {phase:?}, which its system does not have")]
    UnknownPhase {
        /// The child.
        id: ChildId,
        /// The name of the phase.
        phase: Arc<str>,
    },
    /// A backoff that makes no sense.
    #[error("{id:?}: {error}")]
    Backoff {
        /// The child.
        id: ChildId,
        /// All that is wrong with its backoff.
        error: BackoffError,
    },
    /// An OS process that makes no sense.
    #[error("{id:?}: {error}")]
    Process {
        /// The child.
        id: ChildId,
        /// All that is wrong with its program and the way it is to be kept.
        error: ProgramError,
    },
    /// A start deadline of zero: say `None` if no deadline is meant.
    #[error("the start deadline of {0:?} is zero")]
    ZeroStartDeadline(ChildId),
    /// A task supervisor that may run no task.
    #[error("at most zero tasks are no tasks at all")]
    ZeroMaxTasks,
    /// A map that may work on no item.
    #[error("at most zero items at a time are no items at all")]
    ZeroConcurrency,
    /// A task that may run for no time: say `Duration::MAX` if no timeout is meant.
    #[error("the timeout of {0:?} is zero")]
    ZeroTimeout(ChildId),
    /// A live change of a specification that would make a worker a supervisor or the reverse.
    #[error("the kind of {0:?} cannot change")]
    KindChanged(ChildId),
}

impl SpecError {
    /// All of them in one line.
    pub(crate) fn list(errors: &[Self]) -> String {
        let texts: Vec<String> = errors.iter().map(Self::to_string).collect();
        texts.join("; ")
    }
}

impl Classify for SpecError {
    fn category(&self) -> Category {
        Category::Validation
    }

    fn severity(&self) -> Severity {
        Severity::Medium
    }

    fn code(&self) -> &'static str {
        "spec.invalid"
    }
}

/// Something in a specification that is allowed and probably not meant.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SpecWarning {
    /// Under a group strategy, a child may take longer to stop than `period / max_restarts`: if it
    /// does, the window never fills, and the intensity never ends a group that fails for ever.
    #[error(
        "{id:?} may take {shutdown:?} to stop, not less than {bound:?} (period / restarts): \
         the intensity {intensity} may never be exceeded"
    )]
    ImmortalChild {
        /// The child.
        id: ChildId,
        /// How long it may take to stop; `None`: without a bound.
        shutdown: Option<Duration>,
        /// It should take less than this.
        bound: Duration,
        /// The supervisor's intensity.
        intensity: Intensity,
    },
}
