//! Workers: functions on their own OS threads, started, watched and restarted by a supervisor.

use std::sync::Arc;

use super::child::{Body, Child, ChildSpec};
use super::context::WorkerContext;
use super::handle::WorkerRef;
use super::machine::Event;
use super::unit::life::{Finished, Over, live};
use super::unit::logical::Unit;
use super::unit::run::Run;
use super::{ChildId, ChildPolicy};
use crate::fault::catch::unwind_fenced;
use crate::fault::thread::{ThreadPlan, thread_name};
use crate::fault::{ExitReason, Failure};

/// What a fallible start function of a worker came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Init<S> {
    /// The worker is ready to run with this state.
    Ready(S),
    /// There is nothing to do for this worker; its specification is kept, it does not run (OTP's `ignore`).
    Ignore,
}

impl Child<WorkerRef> {
    /// A worker: `work` runs on its own thread, and again after each restart.
    ///
    /// The function is called once per run, possibly while an abandoned earlier run still executes
    /// it on another thread, so it must be `Fn + Sync` and cannot use up what it captured:
    ///
    /// ```compile_fail
    /// # use steadfast::Child;
    /// let names = vec![String::from("a")];
    /// // error: expected a closure that implements `Fn`, but this one only implements `FnOnce`
    /// Child::worker("consumer", move |_| { drop(names); Ok(()) });
    /// ```
    ///
    /// The remedy is to let every run make or clone what it uses up:
    ///
    /// ```
    /// # use steadfast::Child;
    /// let names = vec![String::from("a")];
    /// let _child = Child::worker("consumer", move |_| { drop(names.clone()); Ok(()) });
    /// ```
    ///
    /// State that is not `Sync`, or that belongs to one run, is made by [`Child::worker_from`].
    pub fn worker<F>(id: impl Into<ChildId>, work: F) -> Self
    where
        F: Fn(&WorkerContext) -> Result<(), Failure> + Send + Sync + 'static,
    {
        let body = WorkerBody {
            work: Arc::new(move |ctx| Finished::Ran(work(ctx))),
            starts_slowly: false,
        };
        worker_child(id.into(), body)
    }

    /// A worker with state of its own: `init` makes it at the start of each run, on the worker's
    /// thread; it is dropped at the end of the run and never used again.
    ///
    /// The worker counts as started when `init` has returned.
    pub fn worker_from<S, I, F>(id: impl Into<ChildId>, init: I, work: F) -> Self
    where
        S: 'static,
        I: Fn() -> S + Send + Sync + 'static,
        F: Fn(&mut S, &WorkerContext) -> Result<(), Failure> + Send + Sync + 'static,
    {
        Self::worker_try_from(id, move |_| Ok(Init::Ready(init())), work)
    }

    /// As [`worker_from`](Child::worker_from), with an `init` that may fail or decline.
    pub fn worker_try_from<S, I, F>(id: impl Into<ChildId>, init: I, work: F) -> Self
    where
        S: 'static,
        I: Fn(&WorkerContext) -> Result<Init<S>, Failure> + Send + Sync + 'static,
        F: Fn(&mut S, &WorkerContext) -> Result<(), Failure> + Send + Sync + 'static,
    {
        worker_child(id.into(), WorkerBody::staged(init, work))
    }
}

fn worker_child(id: ChildId, body: WorkerBody) -> Child<WorkerRef> {
    let unit = Unit::new(id.clone());
    Child::new(
        ChildPolicy::worker(id),
        Arc::clone(&unit),
        Arc::new(body),
        WorkerRef::new(unit),
    )
}

type Work = dyn Fn(&WorkerContext) -> Finished + Send + Sync;

/// How a worker is started: on a thread of its own.
pub(super) struct WorkerBody {
    work: Arc<Work>,
    /// There is a start function, which says itself when it is through; without one a worker is up as
    /// soon as it has a thread.
    starts_slowly: bool,
}

impl WorkerBody {
    /// With a start function that makes the state of a run.
    pub(super) fn staged<S, I, F>(init: I, work: F) -> Self
    where
        S: 'static,
        I: Fn(&WorkerContext) -> Result<Init<S>, Failure> + Send + Sync + 'static,
        F: Fn(&mut S, &WorkerContext) -> Result<(), Failure> + Send + Sync + 'static,
    {
        let work = move |ctx: &WorkerContext| match init(ctx) {
            Err(failure) => Finished::Ran(Err(failure)),
            Ok(Init::Ignore) => Finished::Ignored,
            Ok(Init::Ready(mut state)) => {
                if ctx.run().token().is_fenced() {
                    // The start took too long and was given up: this run is not to begin.
                    unwind_fenced();
                }
                ctx.run().tell_started();
                Finished::Ran(work(&mut state, ctx))
            }
        };
        WorkerBody {
            work: Arc::new(work),
            starts_slowly: true,
        }
    }
}

impl Body for WorkerBody {
    fn launch(&self, run: &Arc<Run>, spec: &ChildSpec) {
        let plan = ThreadPlan {
            name: thread_name(run.path()),
            stack_size: spec.thread_stack(),
        };
        run.on_thread(plan.name.clone());
        let runtime = run.runtime();
        let (work, own, slow) = (Arc::clone(&self.work), Arc::clone(run), self.starts_slowly);
        let started = runtime.steward().ensure().and_then(|()| {
            runtime.roster().start(Some(run), plan, move |index| {
                carry(&own, index, slow, &*work)
            })
        });
        let Some(home) = run.home() else { return };
        match started {
            Err(refused) => {
                if run.finish() {
                    home.turn(run.end_event(ExitReason::Error(Failure::from(refused))));
                }
            }
            Ok(_) if self.starts_slowly => {}
            Ok(_) => {
                home.turn(Event::Started {
                    key: run.key(),
                    generation: run.generation(),
                });
            }
        }
    }
}

/// The life of a worker's thread.
fn carry(run: &Arc<Run>, index: u64, starts_slowly: bool, work: &Work) {
    let over = live(run, Some(index), work);
    if !starts_slowly {
        // The launching thread says so too; but this end must not overtake that start.
        run.tell_started();
    }
    match over {
        Over::Ignored => run.tell_ignored(),
        Over::Ended(reason) => run.tell_ended(reason),
    }
}
