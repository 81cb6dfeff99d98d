//! How a child is supervised: the setters that a child to be and a running child share.

use std::fmt;
use std::time::Duration;

use crate::supervision::machine::Retune;
use crate::supervision::{
    AutoShutdown, ChildPolicy, Intensity, OnHang, Restart, Shutdown, Strategy,
};
use crate::time::Backoff;

/// Writes the setters once, for everything that holds a `ChildPolicy`.
macro_rules! policy_setters {
    ({$($param:ident)?} $type:ty) => {
        impl$(<$param>)? $type {
            /// Whether the child is started again after it ended by itself. Default: [`Restart::Permanent`].
            pub fn restart(mut self, restart: Restart) -> Self {
                self.policy_mut().restart = restart;
                self
            }

            /// How long the child may take to stop. Default: 5 s for workers; supervisors have the time that
            /// their own supervisor has left.
            pub fn shutdown(mut self, shutdown: Shutdown) -> Self {
                self.policy_mut().shutdown = shutdown;
                self
            }

            /// Whether the end of this child counts for its supervisor's auto-shutdown. Default: no.
            pub fn significant(mut self, significant: bool) -> Self {
                self.policy_mut().significant = significant;
                self
            }

            /// How long the start function may take before the start is given up. Default: 5 s.
            ///
            /// `Duration::MAX` waits for as long as it takes.
            pub fn start_deadline(mut self, deadline: Duration) -> Self {
                self.policy_mut().start_deadline = (deadline != Duration::MAX).then_some(deadline);
                self
            }

            /// The pause before a restart, by the number of failures in a row. Default: the first restart is
            /// immediate, then 50 ms doubling up to 30 s, with full jitter.
            pub fn backoff(mut self, backoff: Backoff) -> Self {
                self.policy_mut().backoff = backoff;
                self
            }

            /// After how many failures in a row without progress the supervisor gives up. Default: as many as
            /// its intensity allows in one period.
            pub fn give_up_after(mut self, failures: u32) -> Self {
                self.policy_mut().give_up_after = Some(failures);
                self
            }

            /// How long a run must be up to count as progress. Default: 30 s.
            pub fn stable_after(mut self, up: Duration) -> Self {
                self.policy_mut().stable_after = up;
                self
            }

            /// A restart budget of the child's own, beside that of its supervisor. Default: none.
            pub fn budget(mut self, budget: Intensity) -> Self {
                self.policy_mut().budget = Some(budget);
                self
            }

            /// What happens when the child is silent for longer than [`hang_after`](crate::supervision::Child::hang_after).
            /// Default: [`OnHang::Report`].
            pub fn on_hang(mut self, on_hang: OnHang) -> Self {
                self.policy_mut().on_hang = on_hang;
                self
            }
        }
    };
}

pub(crate) use policy_setters;

/// How a running child is supervised; handed to
/// [`update_child`](crate::supervision::SupervisorRef::update_child) to be changed.
#[derive(Clone, Debug)]
#[must_use = "give it back to the update"]
pub struct ChildTuning {
    pub(crate) policy: ChildPolicy,
}

impl ChildTuning {
    fn policy_mut(&mut self) -> &mut ChildPolicy {
        &mut self.policy
    }
}

policy_setters!({} ChildTuning);

/// New numbers for a running supervisor; what is not set stays as it is.
#[derive(Clone, Debug, Default)]
#[must_use = "it changes nothing until it is given to `retune`"]
pub struct SupervisorTuning {
    pub(crate) retune: Retune,
}

impl SupervisorTuning {
    /// Changes nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Another strategy.
    pub fn strategy(mut self, strategy: Strategy) -> Self {
        self.retune.strategy = Some(strategy);
        self
    }

    /// Another restart budget; the restarts of the past count.
    pub fn intensity(mut self, intensity: Intensity) -> Self {
        self.retune.intensity = Some(intensity);
        self
    }

    /// Another auto-shutdown.
    pub fn auto_shutdown(mut self, auto_shutdown: AutoShutdown) -> Self {
        self.retune.auto_shutdown = Some(auto_shutdown);
        self
    }

    /// Another bound on abandoned threads.
    pub fn max_abandoned(mut self, threads: u32) -> Self {
        self.retune.max_abandoned = Some(threads);
        self
    }

    /// Another bound on the children of a dynamic supervisor; `None` takes it away. Children beyond
    /// the new bound stay.
    pub fn max_children(mut self, children: Option<usize>) -> Self {
        self.retune.max_children = Some(children);
        self
    }
}

impl fmt::Display for SupervisorTuning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.retune)
    }
}
