//! The run that a thread carries, for library calls that are not handed a context.

use std::cell::RefCell;
use std::sync::Arc;

use crate::fault::hook::{IdentityScope, enter_identity};
use crate::kernel::stop::{StopScope, current_stop, enter_stop, fenced};
use crate::kernel::waiters::{WaitList, Wake, wait_for};
use crate::supervision::unit::run::Run;
use crate::telemetry::kinds;
use crate::time::{Clock, Deadline};

thread_local! {
    static CURRENT: RefCell<Option<Arc<Run>>> = const { RefCell::new(None) };
}

/// The run that the calling thread carries.
pub(crate) fn current() -> Option<Arc<Run>> {
    CURRENT
        .try_with(|current| current.borrow().clone())
        .ok()
        .flatten()
}

/// A wait on behalf of the unit that the calling thread carries, if it carries one: it ends with the unit's
/// stop, and the watchdog does not count it as silence.
///
/// # Errors
/// As [`wait_for`].
pub(crate) fn wait<T>(
    list: &WaitList,
    clock: &Clock,
    deadline: Deadline,
    try_op: impl FnMut() -> Option<T>,
) -> Result<T, Wake> {
    let stop = current_stop();
    let wait = || wait_for(list, stop.as_deref(), clock, deadline.instant(), try_op);
    match current() {
        Some(run) => run.waiting(wait),
        None => wait(),
    }
}

/// Makes the calling thread one of the run's, until the scope ends: its waits obey the run's stop, its
/// effects the fence, and its panics are attributed to the unit.
pub(crate) fn enter(run: &Arc<Run>) -> Entered {
    let _stop = enter_stop(Arc::clone(run.token().signal()));
    let before = CURRENT.with(|current| current.replace(Some(Arc::clone(run))));
    Entered {
        _identity: enter_identity(run.identity()),
        _run: RunScope { before },
        _stop,
    }
}

/// Whether the calling thread carries a run that was abandoned; then the `operation` is to be refused,
/// and telemetry hears of it.
pub(crate) fn refuses(operation: &'static str) -> bool {
    if !fenced() {
        return false;
    }
    if let Some(run) = current() {
        run.runtime()
            .telemetry()
            .post(&kinds::FENCE_REFUSED, |event| {
                event.tag("path", run.path());
                event.tag("generation", run.generation());
                event.tag("operation", operation);
            });
    }
    true
}

/// Gives the thread back, in the reverse order of the entering.
#[must_use = "the thread is the run's until this is dropped"]
pub(crate) struct Entered {
    _identity: IdentityScope,
    _run: RunScope,
    _stop: StopScope,
}

struct RunScope {
    before: Option<Arc<Run>>,
}

impl Drop for RunScope {
    fn drop(&mut self) {
        let before = self.before.take();
        drop(CURRENT.try_with(|current| current.replace(before)));
    }
}
