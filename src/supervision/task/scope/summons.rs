//! How a scoped thread, which is started first, is handed the run that it carries.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::kernel::waiters::{WaitList, wait_for};
use crate::supervision::unit::run::Run;
use crate::time::Clock;

/// A run to come, for the one thread that waits for it.
pub(super) struct Summons {
    shared: Arc<Shared>,
}

/// Who hands the run over. When it is dropped without that, none will come.
pub(super) struct Summoner {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    told: WaitList,
}

enum State {
    Open,
    Run(Arc<Run>),
    Over,
}

impl Summons {
    pub(super) fn new() -> (Summoner, Self) {
        let shared = Arc::new(Shared {
            state: Mutex::new(State::Open),
            told: WaitList::new(),
        });
        let summoner = Summoner {
            shared: Arc::clone(&shared),
        };
        (summoner, Summons { shared })
    }

    /// Waits for the run; `None` when none will come. One of the two is certain, and soon.
    pub(super) fn wait(self, clock: &Clock) -> Option<Arc<Run>> {
        let told = || match std::mem::replace(&mut *self.shared.state.lock(), State::Open) {
            State::Open => None,
            State::Run(run) => Some(Some(run)),
            State::Over => Some(None),
        };
        wait_for(&self.shared.told, None, clock, None, told)
            .ok()
            .flatten()
    }
}

impl Summoner {
    pub(super) fn summon(self, run: &Arc<Run>) {
        *self.shared.state.lock() = State::Run(Arc::clone(run));
    }
}

impl Drop for Summoner {
    fn drop(&mut self) {
        {
            let mut state = self.shared.state.lock();
            if matches!(*state, State::Open) {
                *state = State::Over;
            }
        }
        self.shared.told.notify_one();
    }
}
