//! Who the threads that look after a process belong to: the unit of the calling thread, or the call itself.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::fault::thread::{StartedThread, ThreadPlan, start};
use crate::supervision::unit::current;
use crate::supervision::unit::run::Run;
use crate::time::Clock;

/// How long a call waits for the last steps of its threads: they have nothing left to do.
const LAST_STEPS: Duration = Duration::from_secs(5);

/// The owner of the threads of one process.
pub(super) enum Crew {
    /// They stand on the roster of the unit's system.
    Unit(Arc<Run>),
    /// They are joined before the call returns.
    Call(Mutex<Vec<StartedThread>>),
}

impl Crew {
    /// The unit that the calling thread carries, or else the call.
    pub(super) fn of_caller() -> Self {
        current::current().map_or_else(|| Self::Call(Mutex::default()), Self::Unit)
    }

    pub(super) fn start(
        &self,
        name: String,
        body: impl FnOnce() + Send + 'static,
    ) -> io::Result<()> {
        let plan = ThreadPlan {
            name,
            stack_size: None,
        };
        match self {
            Self::Unit(run) => {
                let own = Arc::clone(run);
                let body = move |_| {
                    let _entered = current::enter(&own);
                    body();
                };
                let roster = run.runtime().roster();
                roster.start(Some(run), plan, body).map(drop)
            }
            Self::Call(threads) => {
                threads.lock().push(start(plan, body)?);
                Ok(())
            }
        }
    }

    /// Waits until the threads of a call are gone; those of a unit are joined by its system.
    pub(super) fn join(self) {
        let Self::Call(threads) = self else { return };
        let clock = Clock::system();
        for mut thread in threads.into_inner() {
            thread.gone().wait(&clock, clock.deadline(LAST_STEPS));
            thread.join_if_gone();
        }
    }
}
