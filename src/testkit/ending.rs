//! The end of a test system: bounded in real time, although its clock stands still.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::pulse::{Beat, Pulse};
use crate::fault::thread::{ThreadPlan, start};
use crate::kernel::stop::{StopSignal, enter_stop};
use crate::time::{Clock, ManualClock};

/// For so long nothing must have happened before the clock is turned: what could go on by itself has had
/// its time, also on a busy machine.
const QUIET: Duration = Duration::from_secs(1);

/// By so much the clock is turned at least.
const STEP: Duration = Duration::from_secs(1);

/// Longer than any end that works: a stop of ten seconds, quiet all the time, takes half of it.
const LIMIT: Duration = Duration::from_secs(30);

/// Does the work on a thread of its own, and turns the clock from deadline to deadline whenever all is
/// quiet, as long as the work takes. `None` if it is not done within the limit, or there is no thread for it.
pub(super) fn turning<T: Send + 'static>(
    manual: &ManualClock,
    pulse: &Arc<Pulse>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    // A unit that is itself asked to stop ends its test all the same.
    let _free = enter_stop(Arc::new(StopSignal::new()));
    let clock = Clock::system();
    let limit = clock.deadline(LIMIT);
    let done = Arc::new(Mutex::new(None));
    let (own, told) = (Arc::clone(&done), Arc::clone(pulse));
    let plan = ThreadPlan {
        name: "test-end".into(),
        stack_size: None,
    };
    let mut thread = start(plan, move || {
        let result = work();
        *own.lock() = Some(result);
        told.beat();
    })
    .ok()?;
    loop {
        let seen = pulse.beats();
        let result = done.lock().take();
        if result.is_some() {
            // It has nothing left to wait for.
            thread.gone().wait(&clock, limit);
            thread.join_if_gone();
            return result;
        }
        if limit.is_past(clock.now()) {
            return None;
        }
        if pulse.wait(seen, QUIET) == Beat::Quiet {
            let next = manual.next_deadline().unwrap_or_default();
            manual.advance(next.max(STEP));
        }
    }
}
