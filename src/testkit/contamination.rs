//! What a test left behind, and the error that says so.

use std::fmt;
use std::panic::Location;

use crate::fault::{ExitReason, Generation, UnitPath};
use crate::supervision::{ChildState, ThreadLeft};
use crate::telemetry::HandlerInfo;

/// One thing that a test left behind.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Leftover {
    /// A thread of a unit is still alive.
    Thread(ThreadLeft),
    /// A thread of the library itself is still alive.
    LibraryThread(&'static str),
    /// A unit is still known: the stop did not end.
    Unit {
        /// The unit.
        path: UnitPath,
        /// What it does.
        state: ChildState,
    },
    /// Timers that are still to fire.
    Timers(usize),
    /// Monitors that are still subscribed.
    Monitors(usize),
    /// A handler of telemetry that the test attached and did not detach.
    Handler(HandlerInfo),
    /// A unit left messages in its channels when it was stopped.
    Unread {
        /// The unit.
        path: UnitPath,
        /// Its last run.
        generation: Generation,
        /// How many.
        messages: usize,
    },
    /// A channel of the test has messages that nobody has read; those that were dropped with the last
    /// receiver count.
    Queued {
        /// The name of the channel.
        channel: Option<String>,
        /// Where the test opened or registered it.
        at: &'static Location<'static>,
        /// How many.
        messages: u64,
    },
    /// A unit panicked or gave up, nothing was started after it, and no monitor heard of it.
    Unheard {
        /// The unit.
        path: UnitPath,
        /// Which of its runs.
        generation: Generation,
        /// The panic, or why it gave up.
        reason: ExitReason,
    },
    /// A check of the test's own found something, or panicked.
    Check {
        /// The name of the check.
        name: String,
        /// What it said.
        problem: String,
    },
}

impl fmt::Display for Leftover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Thread(left) => {
                let how = if left.abandoned { "abandoned, " } else { "" };
                let ThreadLeft {
                    thread,
                    path,
                    generation,
                    ..
                } = left;
                write!(f, "thread {thread} of {path}, run {generation}: {how}alive")
            }
            Self::LibraryThread(name) => write!(f, "thread {name} of the library: alive"),
            Self::Unit { path, state } => write!(f, "unit {path}: {state:?}"),
            Self::Timers(number) => write!(f, "{number} timers that are still to fire"),
            Self::Monitors(number) => write!(f, "{number} monitors that are still subscribed"),
            Self::Handler(HandlerInfo { id, filter, .. }) => {
                write!(f, "handler {id:?} for {filter:?}: attached")
            }
            Self::Unread {
                path,
                generation,
                messages,
            } => write!(f, "{messages} messages that {path}, run {generation}, left"),
            Self::Queued {
                channel,
                at,
                messages,
            } => {
                let name = channel.as_deref().unwrap_or("without a name");
                write!(
                    f,
                    "{messages} unread messages in the channel {name} of {at}"
                )
            }
            Self::Unheard {
                path,
                generation,
                reason,
            } => write!(f, "{path}, run {generation}, and nobody heard: {reason}"),
            Self::Check { name, problem } => write!(f, "check {name}: {problem}"),
        }
    }
}

/// A test is contaminated: all that it left behind.
#[derive(Clone, Debug)]
pub struct Contamination {
    made_at: &'static Location<'static>,
    seed: u64,
    leftovers: Vec<Leftover>,
}

impl Contamination {
    /// `Ok` if nothing was left.
    pub(super) fn check(
        made_at: &'static Location<'static>,
        seed: u64,
        leftovers: Vec<Leftover>,
    ) -> Result<(), Self> {
        if leftovers.is_empty() {
            return Ok(());
        }
        Err(Contamination {
            made_at,
            seed,
            leftovers,
        })
    }

    /// All that was left, at least one thing.
    #[must_use]
    pub fn leftovers(&self) -> &[Leftover] {
        &self.leftovers
    }
}

impl fmt::Display for Contamination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the test system of {} left behind", self.made_at)?;
        for leftover in &self.leftovers {
            write!(f, "\n  {leftover}")?;
        }
        write!(
            f,
            "\n(seed {}; {}={} replays it)",
            self.seed,
            super::seed::VARIABLE,
            self.seed
        )
    }
}

impl std::error::Error for Contamination {}
