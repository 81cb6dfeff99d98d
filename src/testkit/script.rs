//! Scripted children: units without a thread, driven by a test.
//!
//! A scripted child is supervised as any other: it has generations, monitors, budgets and deadlines.
//! But what a thread would do, its script says; so a test decides when it is up, when it fails and
//! whether it obeys a stop, and a hundred thousand of them cost no thread.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;

use crate::fault::{ExitReason, PanicReport, StopCause};
use crate::supervision::{Body, Child, ChildId, ChildPolicy, ChildSpec, Event, Run, Unit, UnitRef};

/// What a scripted child does when it is started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnStart {
    /// It is up at once.
    #[default]
    Ready,
    /// Its start hangs until [`Script::come_up`] is called.
    Hang,
    /// Its start fails.
    Fail,
    /// It declines to run.
    Ignore,
}

/// What a scripted child does when it is asked to stop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnStop {
    /// It ends at once.
    #[default]
    End,
    /// It goes on, and is abandoned at its deadline unless [`Script::end`] is called.
    Hang,
}

/// A handle of a scripted child, and its script.
///
/// ```
/// use steadfast::testkit::Script;
/// use steadfast::{Supervisor, System};
///
/// let system = System::new("demo")?;
/// let child = Script::child("unit");
/// let script = child.handle();
/// system.supervise(Supervisor::new("tree").child(child))?;
/// script.panic("as the test wants it");
/// assert_eq!(script.generation().get(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Script {
    unit: UnitRef,
    body: Arc<ScriptBody>,
}

#[derive(Default)]
struct ScriptBody {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    on_start: OnStart,
    on_stop: OnStop,
    run: Option<Arc<Run>>,
}

impl Script {
    /// A scripted child that comes up at once and ends when it is asked to.
    pub fn child(id: impl Into<ChildId>) -> Child<Script> {
        let policy = ChildPolicy::worker(id);
        let unit = Unit::new(policy.id.clone());
        let body = Arc::new(ScriptBody::default());
        let handle = Script {
            unit: UnitRef::new(Arc::clone(&unit)),
            body: Arc::clone(&body),
        };
        Child::new(policy, unit, body, handle)
    }

    /// What the next starts come to.
    pub fn on_start(&self, on_start: OnStart) {
        self.body.state.lock().on_start = on_start;
    }

    /// What the child does when it is asked to stop.
    pub fn on_stop(&self, on_stop: OnStop) {
        self.body.state.lock().on_stop = on_stop;
    }

    /// Ends a start that hangs.
    pub fn come_up(&self) {
        if let Some(run) = self.body.run() {
            tell_started(&run);
        }
    }

    /// Ends the current run for this reason; false when there is none.
    pub fn end(&self, reason: ExitReason) -> bool {
        self.body.run().is_some_and(|run| tell_ended(&run, reason))
    }

    /// Ends the current run as a panic with this message would.
    pub fn panic(&self, message: &str) -> bool {
        self.end(ExitReason::Panic(Arc::new(PanicReport::scripted(message))))
    }
}

impl Deref for Script {
    type Target = UnitRef;

    fn deref(&self) -> &UnitRef {
        &self.unit
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.unit.fmt(f)
    }
}

impl ScriptBody {
    fn run(&self) -> Option<Arc<Run>> {
        self.state.lock().run.clone()
    }
}

impl Body for ScriptBody {
    fn launch(&self, run: &Arc<Run>, _spec: &ChildSpec) {
        let on_start = {
            let mut state = self.state.lock();
            state.run = Some(Arc::clone(run));
            state.on_start
        };
        match on_start {
            OnStart::Ready => tell_started(run),
            OnStart::Hang => {}
            OnStart::Fail => {
                tell_ended(run, ExitReason::Error("the script says so".into()));
            }
            OnStart::Ignore => {
                if let Some(home) = run.home().filter(|_| run.finish()) {
                    home.turn(Event::Ignored {
                        key: run.key(),
                        generation: run.generation(),
                    });
                }
            }
        }
    }

    fn ask_stop(&self, run: &Arc<Run>, cause: StopCause, _deadline: Option<Instant>) {
        if self.state.lock().on_stop == OnStop::End {
            tell_ended(run, ExitReason::Stopped(cause));
        }
    }
}

fn tell_started(run: &Run) {
    if let Some(home) = run.home() {
        home.turn(Event::Started {
            key: run.key(),
            generation: run.generation(),
        });
    }
}

/// Whoever drives the script turns the supervisor, as the steward would for a thread.
fn tell_ended(run: &Run, reason: ExitReason) -> bool {
    let Some(home) = run.home().filter(|_| run.finish()) else {
        return false;
    };
    home.turn(run.end_event(reason));
    true
}
