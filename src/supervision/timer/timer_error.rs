//! Why a timer was not armed, or did not fire when it was asked to.

use std::error::Error;
use std::fmt;
use std::io;

use crate::fault::{Category, Classify, Severity};

/// Why a timer does not do what it was asked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TimerError {
    /// A periodic timer without an interval would never let go of the steward.
    #[error("the interval is zero")]
    ZeroInterval,
    /// The timer fires once: it has no interval to be changed.
    #[error("the timer fires once")]
    NotPeriodic,
    /// The timer was cancelled or replaced, has fired its one time, or its owner is gone.
    #[error("the timer is over")]
    Over,
    /// The run that the timer was to belong to has ended.
    #[error("the run that owns the timer has ended")]
    Ended,
    /// The run that the timer was to belong to was given up, or that of the calling unit.
    #[error("the unit was given up, its effects are refused")]
    Fenced,
    /// The system is stopping; its own timers have ended.
    #[error("the system is stopping")]
    Stopping,
    /// There was no room for the tick: the channel is full, or the task supervisor has its tasks.
    #[error("there is no room for the tick")]
    Full,
    /// The job that the tick was to begin still runs.
    #[error("the job still runs")]
    Busy,
    /// The task supervisor of the job does not run.
    #[error("the task supervisor does not run")]
    NotRunning,
    /// The job could never be spawned: the options of its task are invalid.
    #[error("the options of the task are invalid")]
    InvalidTask,
    /// Nobody is left who would take the tick.
    #[error("the channel has no receiver left")]
    Disconnected,
    /// The operating system refuses a thread: the one that keeps the timers, or one for the job.
    #[error("the operating system refuses a thread: {0}")]
    Thread(io::ErrorKind),
}

impl Classify for TimerError {
    fn category(&self) -> Category {
        match self {
            Self::ZeroInterval | Self::NotPeriodic | Self::InvalidTask => Category::Validation,
            Self::Over
            | Self::Ended
            | Self::Fenced
            | Self::Stopping
            | Self::Disconnected
            | Self::NotRunning => Category::Unavailable,
            Self::Full | Self::Busy => Category::Capacity,
            Self::Thread(_) => Category::Infrastructure,
        }
    }

    fn severity(&self) -> Severity {
        match self {
            Self::Over | Self::Ended | Self::Stopping | Self::Full | Self::Busy => Severity::Low,
            Self::ZeroInterval
            | Self::NotPeriodic
            | Self::InvalidTask
            | Self::Fenced
            | Self::Disconnected
            | Self::NotRunning => Severity::Medium,
            Self::Thread(_) => Severity::High,
        }
    }

    /// Only where the cause may pass: no room, no supervisor for now, no thread.
    fn is_retryable(&self) -> bool {
        matches!(
            self,
            Self::Full | Self::Busy | Self::NotRunning | Self::Thread(_)
        )
    }

    fn code(&self) -> &'static str {
        match self {
            Self::ZeroInterval => "timer.zero_interval",
            Self::NotPeriodic => "timer.not_periodic",
            Self::Over => "timer.over",
            Self::Ended => "timer.ended",
            Self::Fenced => "timer.fenced",
            Self::Stopping => "timer.stopping",
            Self::Full => "timer.full",
            Self::Busy => "timer.busy",
            Self::NotRunning => "timer.not_running",
            Self::InvalidTask => "timer.invalid_task",
            Self::Disconnected => "timer.disconnected",
            Self::Thread(_) => "timer.thread",
        }
    }
}

/// The timer was not armed; here is the value back that it would have delivered.
pub struct ArmError<M> {
    pub(super) cause: TimerError,
    pub(super) value: M,
}

impl<M> ArmError<M> {
    /// Why.
    pub const fn cause(&self) -> TimerError {
        self.cause
    }

    /// The value that was to be delivered.
    pub fn into_inner(self) -> M {
        self.value
    }
}

impl<M> fmt::Debug for ArmError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ArmError")
            .field("cause", &self.cause)
            .finish_non_exhaustive()
    }
}

impl<M> fmt::Display for ArmError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.cause, f)
    }
}

impl<M> Error for ArmError<M> {}

impl<M> Classify for ArmError<M> {
    fn category(&self) -> Category {
        self.cause.category()
    }

    fn severity(&self) -> Severity {
        self.cause.severity()
    }

    fn is_retryable(&self) -> bool {
        self.cause.is_retryable()
    }

    fn code(&self) -> &'static str {
        self.cause.code()
    }
}
