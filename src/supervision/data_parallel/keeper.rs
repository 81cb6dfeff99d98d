//! The keeper: the unit's own thread, which makes the pool of a run, and ends it in order.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use rayon::{ThreadBuilder, ThreadPoolBuilder};

use super::desk::{Crew, Desk, announce_panic, stray_panic};
use crate::fault::Failure;
use crate::fault::catch::{Caught, catch};
use crate::fault::shared_notes::SharedNotes;
use crate::fault::thread::{ThreadPlan, thread_name};
use crate::kernel::stop::Level;
use crate::kernel::waiters::{WaitList, Wake, wait_for_level};
use crate::supervision::unit::current;
use crate::supervision::unit::run::Run;
use crate::supervision::{Init, WorkerContext};
use crate::time::Deadline;

/// How the threads of a pool are made.
#[derive(Clone, Copy, Debug)]
pub(super) struct CrewPlan {
    pub(super) threads: usize,
    pub(super) stack_size: Option<usize>,
}

/// Makes the pool of this run, and takes work.
pub(super) fn begin(
    desk: &Arc<Desk>,
    plan: CrewPlan,
    ctx: &WorkerContext,
) -> Result<Init<Arc<Hands>>, Failure> {
    let hands = Arc::new(Hands::new());
    let (run, seen) = (Arc::clone(ctx.run()), Arc::clone(ctx.run()));
    let pool = ThreadPoolBuilder::new()
        .num_threads(plan.threads)
        .panic_handler(move |payload| stray_panic(&seen, payload))
        .spawn_handler(|thread| start(&run, plan, &hands, thread))
        .build()?;
    desk.open(Crew { run, pool });
    Ok(Init::Ready(hands))
}

/// Starts one thread of the pool: named, on the roster, and one of the run's.
fn start(
    run: &Arc<Run>,
    plan: CrewPlan,
    hands: &Arc<Hands>,
    thread: ThreadBuilder,
) -> io::Result<()> {
    let place = run.path().join(&thread.index().to_string());
    let plan = ThreadPlan {
        name: thread_name(&place),
        stack_size: plan.stack_size,
    };
    let (own, present) = (Arc::clone(run), Hands::enter(hands));
    let notes = hands.notes.clone();
    let body = move |number| {
        let _present = present;
        let _entered = current::enter(&own);
        notes.keep_here();
        let hook = || own.runtime().thread_started(own.path(), number);
        if let Err(Caught::Panic(report)) = catch(hook) {
            // The pool counts on its thread; the panic of a hook is no reason to be one short.
            announce_panic(&own, &report);
        }
        thread.run();
    };
    run.runtime()
        .roster()
        .start(Some(run), plan, body)
        .map(drop)
}

/// Waits for the stop, then ends the pool: what was taken is finished until there is no time left to drain,
/// what was begun until the supervisor gives the run up.
pub(super) fn keep(desk: &Desk, hands: &Hands, ctx: &WorkerContext) {
    let run = ctx.run();
    let _stopped = ctx.wait_deadline(Deadline::NEVER);
    desk.drain(run);
    let idle = || desk.is_idle().then_some(());
    let drained_by = || run.token().drain_until();
    run.waiting(|| {
        obey(&desk.idle, run, Level::Halt, drained_by, idle);
        desk.leave(run);
        obey(&desk.idle, run, Level::Fenced, || None, idle);
        if run.token().is_fenced() {
            // Who gave the run up has shut the desk.
            return;
        }
        desk.shut_run(run);
        let gone = || hands.are_gone().then_some(());
        obey(&hands.gone, run, Level::Fenced, || None, gone);
    });
}

/// Waits until it is done, a time has come that a later stop may change, or the run's stop has gone so far.
fn obey(
    list: &WaitList,
    run: &Run,
    obeys: Level,
    until: impl Fn() -> Option<Instant>,
    done: impl Fn() -> Option<()>,
) {
    let (signal, clock) = (run.token().signal(), run.runtime().clock());
    loop {
        let stop = Some((&**signal, obeys));
        let waited = wait_for_level(list, stop, clock, until(), &done);
        if !matches!(waited, Err(Wake::Stopped)) || signal.level() >= obeys {
            return;
        }
    }
}

/// The threads of a run that are at work.
pub(super) struct Hands {
    number: Mutex<usize>,
    gone: WaitList,
    /// A panic of work that was stolen is thrown on by the thread that it was stolen from.
    notes: SharedNotes,
}

impl Hands {
    fn new() -> Self {
        Hands {
            number: Mutex::new(0),
            gone: WaitList::new(),
            notes: SharedNotes::default(),
        }
    }

    fn enter(this: &Arc<Self>) -> Present {
        *this.number.lock() += 1;
        Present(Arc::clone(this))
    }

    fn are_gone(&self) -> bool {
        *self.number.lock() == 0
    }
}

/// A thread is at work until this is dropped.
struct Present(Arc<Hands>);

impl Drop for Present {
    fn drop(&mut self) {
        *self.0.number.lock() -= 1;
        self.0.gone.notify_all();
    }
}
