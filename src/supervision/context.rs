//! What a worker's function is given: its stop token, its waits, its voice.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::handle::SupervisorRef;
use super::timer::Timers;
use super::unit::hooks::HookGuard;
use super::unit::run::Run;
use super::unit::stop_token::{StopAware, StopToken};
use crate::fault::catch::unwind_fenced;
use crate::fault::{Generation, StopCause, UnitPath};
use crate::kernel::waiters::{WaitList, Wake, wait_for};
use crate::telemetry::{SpanGuard, Telemetry};
use crate::time::{Clock, Deadline};

/// How a [`WorkerContext::wait`] ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a stop has to be obeyed"]
pub enum Waited {
    /// The time is over.
    Elapsed,
    /// The worker has been asked to stop.
    Stopped,
}

/// The context of one run of a worker.
///
/// It is passed by reference: what a worker keeps beyond its run, or hands to other threads, is the
/// [`StopToken`].
pub struct WorkerContext {
    run: Arc<Run>,
}

impl WorkerContext {
    pub(crate) fn new(run: Arc<Run>) -> Self {
        WorkerContext { run }
    }

    pub(crate) fn run(&self) -> &Arc<Run> {
        &self.run
    }

    /// The worker's place in the tree.
    pub fn path(&self) -> &UnitPath {
        self.run.path()
    }

    /// Which run of the worker this is: 1, 2, …
    pub fn generation(&self) -> Generation {
        self.run.generation()
    }

    /// How many runs failed in a row, without progress, before this one.
    pub fn failures(&self) -> u32 {
        self.run.attempt()
    }

    /// Whether the worker has been asked to stop.
    pub fn is_stopping(&self) -> bool {
        self.run.token().is_stopping()
    }

    /// Why the worker was asked to stop, if it was.
    pub fn stop_cause(&self) -> Option<StopCause> {
        self.run.token().cause()
    }

    /// The clock of the system.
    pub fn clock(&self) -> &Clock {
        self.run.runtime().clock()
    }

    /// The telemetry of the system.
    pub fn telemetry(&self) -> &Telemetry {
        self.run.runtime().telemetry()
    }

    /// The timers of this run: they end with it, whatever ends it.
    pub fn timers(&self) -> Timers {
        Timers::of_run(&self.run)
    }

    /// The worker's own supervisor; `None` once that has ended.
    pub fn supervisor(&self) -> Option<SupervisorRef> {
        self.run
            .home()
            .map(|home| SupervisorRef::new(Arc::clone(home.owner())))
    }

    /// Waits for `time`, or until the worker is asked to stop.
    ///
    /// # Blocking
    /// For at most `time`; a `time` beyond the end of the clock waits for the stop alone.
    pub fn wait(&self, time: Duration) -> Waited {
        self.wait_deadline(self.clock().deadline(time))
    }

    /// As [`wait`](WorkerContext::wait), until a deadline.
    pub fn wait_deadline(&self, deadline: Deadline) -> Waited {
        let nothing = WaitList::new();
        let signal = self.run.token().signal();
        let woken: Result<(), Wake> = self.run.waiting(|| {
            wait_for(
                &nothing,
                Some(signal),
                self.clock(),
                deadline.instant(),
                || None,
            )
        });
        match woken {
            Err(Wake::Stopped) => Waited::Stopped,
            _ => Waited::Elapsed,
        }
    }

    /// Says what the worker is about to do: a sign of life for the watchdog, and a name in reports.
    ///
    /// In a run that was abandoned this unwinds quietly, so that the thread of a worker that woke up
    /// too late ends at its next checkpoint.
    pub fn checkpoint(&self, name: &'static str) {
        if self.run.token().is_fenced() {
            unwind_fenced();
        }
        self.run.checkpoint(name);
    }

    /// Says that a piece of work is done: the run was worth its restart, and the count of failures in
    /// a row begins anew.
    pub fn progress(&self) {
        self.run.progress();
    }

    /// Registers what wakes the worker when it is asked to stop while it sits in a call that the
    /// library cannot wake: connect to your own listener, shut the socket down, close the queue.
    ///
    /// The hook runs once, on a thread of its own; at once and on the calling thread when the stop
    /// has come already. It must not block for long: until it is through, its thread counts as one of
    /// the worker's. Dropping the guard withdraws it.
    pub fn on_stop(&self, hook: impl FnOnce() + Send + 'static) -> HookGuard {
        if self.is_stopping() {
            // The stop has come, though the hooks before this one may not have been taken yet.
            hook();
            return HookGuard::spent();
        }
        match self.run.hooks.add(Box::new(hook)) {
            Ok(guard) => guard,
            Err(hook) => {
                hook();
                HookGuard::spent()
            }
        }
    }

    /// Opens a span, a child of the one that is open on this thread.
    pub fn span(&self, name: &'static str) -> SpanGuard {
        self.telemetry().span(name)
    }
}

impl StopAware for WorkerContext {
    fn stop_token(&self) -> &StopToken {
        self.run.token()
    }
}

impl fmt::Debug for WorkerContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkerContext")
            .field("run", &self.run)
            .finish()
    }
}
