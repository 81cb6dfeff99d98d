//! The life of a run on the thread that carries it: what comes before, beside and after the user's function.

use std::sync::Arc;

use crate::fault::catch::{Caught, catch, catch_drop};
use crate::fault::{ExitReason, Failure};
use crate::supervision::context::WorkerContext;
use crate::supervision::unit::current;
use crate::supervision::unit::run::Run;

/// How a unit's functions ended when they did not unwind.
pub(crate) enum Finished {
    Ran(Result<(), Failure>),
    Ignored,
}

/// How a run is over.
pub(crate) enum Over {
    Ended(ExitReason),
    Ignored,
}

/// Runs the user's function as the run, on the calling thread; `index` is the number of a thread that is new.
///
/// Nothing that the run made of the thread is left when this returns, but what the function itself put
/// into thread-locals.
pub(crate) fn live(
    run: &Arc<Run>,
    index: Option<u64>,
    work: impl FnOnce(&WorkerContext) -> Finished,
) -> Over {
    let _entered = current::enter(run);
    let finished = catch(|| {
        if let Some(index) = index {
            run.runtime().thread_started(run.path(), index);
        }
        work(&WorkerContext::new(Arc::clone(run)))
    });
    // Hooks that were kept are the user's values: they are dropped here, not by who forgets the run.
    // Those of a run that was asked to stop are taken, and run, by who asked.
    if run.token().is_fenced() || !run.token().is_stopping() {
        let _its_panic = catch_drop(run.hooks.take());
    }
    match finished {
        Ok(Finished::Ignored) => Over::Ignored,
        Ok(Finished::Ran(result)) => Over::Ended(reason(run, result)),
        Err(Caught::Panic(report)) => Over::Ended(ExitReason::Panic(report)),
        Err(Caught::Fenced) => Over::Ended(ExitReason::Normal),
    }
}

/// Whether the end was asked for is read from the token, never from what was returned: an error on the
/// way out of a stop (a refused send, say) is part of the stop, and is kept for the report.
fn reason(run: &Run, result: Result<(), Failure>) -> ExitReason {
    match (run.token().cause(), result) {
        (None, Ok(())) => ExitReason::Normal,
        (None, Err(failure)) => ExitReason::Error(failure),
        (Some(cause), Ok(())) => ExitReason::Stopped(cause),
        (Some(cause), Err(failure)) => {
            run.note_stop_error(failure);
            ExitReason::Stopped(cause)
        }
    }
}
