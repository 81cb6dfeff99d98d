//! Where values of the user are dropped that came to their end on the steward.
//!
//! A destructor is code of the user: it may panic, block, or call the library. So the steward drops none; it hands
//! them to a thread that is started for them, and that ends when it has dropped them all.

use std::fmt;
use std::io;
use std::sync::Arc;

use parking_lot::Mutex;

use super::delivery::Remains;
use crate::fault::catch::catch_drop;
use crate::fault::thread::{StartedThread, ThreadPlan, start};
use crate::time::{Clock, Deadline};

/// Drops values on a thread of their own.
pub(super) struct Undertaker {
    grave: Arc<Mutex<Grave>>,
}

#[derive(Default)]
struct Grave {
    /// As many as timers have ended unheard since the thread last looked.
    remains: Remains,
    /// The thread that drops them is at work.
    is_busy: bool,
    /// The last one that was started.
    thread: Option<StartedThread>,
}

impl Undertaker {
    pub(super) fn new() -> Self {
        Self {
            grave: Arc::default(),
        }
    }

    /// Takes values over; they are dropped soon, elsewhere.
    pub(super) fn bury(&self, remains: Remains) {
        if remains.is_empty() {
            return;
        }
        let mut grave = self.grave.lock();
        grave.remains.append(remains);
        if grave.is_busy {
            return;
        }
        // Refused by the operating system: what is here waits for the next burial, or for the end of the system.
        if let Ok(thread) = self.begin() {
            grave.is_busy = true;
            let before = grave.thread.replace(thread);
            drop(grave);
            // It has found nothing left to do, so it is in its very last steps.
            let _gone = before.map(|mut before| before.join_if_gone());
        }
    }

    fn begin(&self) -> io::Result<StartedThread> {
        let grave = Arc::clone(&self.grave);
        let plan = ThreadPlan {
            name: "undertaker".into(),
            stack_size: None,
        };
        start(plan, move || {
            while let Some(remains) = Grave::take(&grave) {
                drop_all(remains);
            }
        })
    }

    /// At the end of the system: waits for the thread, and drops what it could not be started for.
    pub(super) fn settle(&self, clock: &Clock, deadline: Deadline) {
        let (thread, left) = {
            let mut grave = self.grave.lock();
            let left = if grave.is_busy {
                Remains::default()
            } else {
                std::mem::take(&mut grave.remains)
            };
            (grave.thread.take(), left)
        };
        drop_all(left);
        let Some(mut thread) = thread else { return };
        if thread.gone().wait(clock, deadline) {
            thread.join_if_gone();
        } else {
            log::error!(target: "steadfast::timer", "undertaker.hangs in the destructor of a value that a timer held");
        }
    }
}

impl Grave {
    /// What there is to drop; `None` ends the thread's work.
    fn take(grave: &Mutex<Self>) -> Option<Remains> {
        let mut grave = grave.lock();
        grave.is_busy = !grave.remains.is_empty();
        grave.is_busy.then(|| std::mem::take(&mut grave.remains))
    }
}

/// Each under a catch of its own: one that panics keeps no other from its drop.
pub(super) fn drop_all(remains: Remains) {
    for value in remains.into_values() {
        let _its_panic = catch_drop(value);
    }
}

impl fmt::Debug for Undertaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Undertaker").finish_non_exhaustive()
    }
}
