//! What the tests of the supervision share: systems of their own, gates, and workers on strings.

use std::collections::VecDeque;
use std::process::{Command, Output};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use steadfast::fault::PanicReport;
use steadfast::supervision::Waited;
use steadfast::telemetry::{Filter, Recorder};
use steadfast::time::ManualClock;
use steadfast::{
    Child, Clock, ExitReason, Failure, Generation, System, SystemConfig, Telemetry, WorkerContext,
    WorkerRef,
};

/// Longer than anything that works takes; what does not come within it fails the test.
pub(crate) const LONG: Duration = Duration::from_secs(10);

/// Longer than any test.
pub(crate) const FAR: Duration = Duration::from_secs(100_000);

pub(crate) const SECOND: Duration = Duration::from_secs(1);

pub(crate) fn config() -> SystemConfig {
    SystemConfig::new("test").quiet_panics().without_log()
}

pub(crate) fn system() -> System {
    System::with(config()).expect("a system")
}

/// A system and all that its telemetry says, from the first event.
pub(crate) fn recorded(config: SystemConfig) -> (System, Recorder) {
    recorded_by(Telemetry::new(), config)
}

/// A system whose time stands still until the test moves it.
pub(crate) fn timeless(config: SystemConfig) -> (System, Recorder, ManualClock) {
    let manual = ManualClock::new();
    let telemetry = Telemetry::with_clock(manual.clock());
    let (system, recorder) = recorded_by(telemetry, config.clock(manual.clock()));
    (system, recorder, manual)
}

pub(crate) fn recorded_by(telemetry: Telemetry, config: SystemConfig) -> (System, Recorder) {
    let recorder = Recorder::attach(&telemetry, Filter::All);
    let system = System::with(config.telemetry(telemetry)).expect("a system");
    (system, recorder)
}

/// A worker's whole work: to wait for its stop.
pub(crate) fn idle(ctx: &WorkerContext) -> Result<(), Failure> {
    assert_eq!(ctx.wait(FAR), Waited::Stopped);
    Ok(())
}

pub(crate) fn idler(id: &str) -> Child<WorkerRef> {
    Child::worker(id, idle)
}

pub(crate) fn is_first(ctx: &WorkerContext) -> bool {
    ctx.generation() == Generation::first()
}

pub(crate) fn panic_of(reason: &ExitReason) -> &Arc<PanicReport> {
    match reason {
        ExitReason::Panic(report) => report,
        other => panic!("not a panic: {other}"),
    }
}

/// Runs one test again, in a process of its own that knows it by this variable.
pub(crate) fn own_process(test: &str, variable: &str, value: &str) -> Output {
    let own = std::env::current_exe().expect("a test binary");
    Command::new(own)
        .args(["--exact", test, "--nocapture"])
        .env(variable, value)
        .output()
        .expect("run")
}

/// For what nobody tells of: looks again and again until it holds.
#[track_caller]
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let clock = Clock::system();
    let until = clock.deadline(LONG);
    while !holds() {
        assert!(!until.is_past(clock.now()), "not within {LONG:?}: {what}");
        std::thread::yield_now();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Closed until it is opened. What waits before it hears no stop: a thread that hangs.
#[derive(Clone, Default)]
pub(crate) struct Gate {
    state: Arc<(Mutex<GateState>, Condvar)>,
}

#[derive(Default)]
struct GateState {
    open: bool,
    arrived: usize,
}

impl Gate {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn open(&self) {
        lock(&self.state.0).open = true;
        self.state.1.notify_all();
    }

    /// Arrives, and waits until the gate is open.
    pub(crate) fn pass(&self) {
        let mut state = lock(&self.state.0);
        state.arrived += 1;
        self.state.1.notify_all();
        let closed = |state: &mut GateState| !state.open;
        let (_state, waited) = self
            .state
            .1
            .wait_timeout_while(state, LONG * 6, closed)
            .unwrap_or_else(PoisonError::into_inner);
        assert!(!waited.timed_out(), "nobody opened the gate");
    }

    pub(crate) fn arrived(&self) -> usize {
        lock(&self.state.0).arrived
    }

    /// Waits until so many have arrived.
    #[track_caller]
    pub(crate) fn wait_for(&self, arrivals: usize) {
        let few = |state: &mut GateState| state.arrived < arrivals;
        let (state, _) = self
            .state
            .1
            .wait_timeout_while(lock(&self.state.0), LONG, few)
            .unwrap_or_else(PoisonError::into_inner);
        assert!(state.arrived >= arrivals, "only {} arrived", state.arrived);
    }
}

/// Opens its gate at the end of a test, also of one that fails.
pub(crate) struct OpenAtEnd(pub(crate) Gate);

impl Drop for OpenAtEnd {
    fn drop(&mut self) {
        self.0.open();
    }
}

/// What happened, in order.
#[derive(Clone, Default)]
pub(crate) struct Journal {
    lines: Arc<(Mutex<Vec<String>>, Condvar)>,
}

impl Journal {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn note(&self, line: impl Into<String>) {
        lock(&self.lines.0).push(line.into());
        self.lines.1.notify_all();
    }

    /// How many lines there are.
    pub(crate) fn lines(&self) -> usize {
        lock(&self.lines.0).len()
    }

    /// Waits until there are so many lines, and takes them all.
    #[track_caller]
    pub(crate) fn take(&self, number: usize) -> Vec<String> {
        let few = |lines: &mut Vec<String>| lines.len() < number;
        let (mut lines, _) = self
            .lines
            .1
            .wait_timeout_while(lock(&self.lines.0), LONG, few)
            .unwrap_or_else(PoisonError::into_inner);
        assert!(lines.len() >= number, "only {lines:?}");
        std::mem::take(&mut lines)
    }
}

/// Notes `-name` when it is dropped.
pub(crate) struct Noted {
    name: String,
    journal: Journal,
}

impl Noted {
    /// Notes `+name`.
    pub(crate) fn new(name: &str, journal: &Journal) -> Self {
        journal.note(format!("+{name}"));
        Noted {
            name: name.to_owned(),
            journal: journal.clone(),
        }
    }
}

impl Drop for Noted {
    fn drop(&mut self) {
        self.journal.note(format!("-{}", self.name));
    }
}

/// What a puppet can be made to do.
pub(crate) enum Act {
    Return,
    Fail,
    Panic,
    /// To say that it has made progress.
    Progress,
    /// To come to a checkpoint.
    Mark(&'static str),
    /// To hang until the gate opens, whatever it is asked.
    Hang(Gate),
}

/// The strings of a worker that does what it is told, and stops when it is asked to. It notes `+id` when
/// it starts and `-id` when it ends.
#[derive(Clone)]
pub(crate) struct Puppet {
    pub(crate) handle: WorkerRef,
    strings: Strings,
}

type Strings = Arc<(Mutex<VecDeque<Act>>, Condvar)>;

impl Puppet {
    pub(crate) fn new(id: &str, journal: &Journal) -> (Child<WorkerRef>, Self) {
        let strings = Strings::default();
        let (own, name, journal) = (Arc::clone(&strings), id.to_owned(), journal.clone());
        let child = Child::worker_from(
            id,
            move || Noted::new(&name, &journal),
            move |_noted, ctx| perform(&own, ctx),
        );
        let handle = child.handle();
        (child, Puppet { handle, strings })
    }

    pub(crate) fn alone(id: &str) -> (Child<WorkerRef>, Self) {
        Self::new(id, &Journal::new())
    }

    pub(crate) fn pull(&self, act: Act) {
        lock(&self.strings.0).push_back(act);
        self.strings.1.notify_all();
    }

    /// Makes it panic, and waits until its next run is up.
    #[track_caller]
    pub(crate) fn crash(&self) -> Generation {
        let before = self.handle.generation();
        self.pull(Act::Panic);
        self.handle.up_after(before, LONG).expect("restarted")
    }
}

fn perform(strings: &Strings, ctx: &WorkerContext) -> Result<(), Failure> {
    let waker = Arc::clone(strings);
    let _hook = ctx.on_stop(move || {
        let _queue = lock(&waker.0);
        waker.1.notify_all();
    });
    loop {
        let nothing = |queue: &mut VecDeque<Act>| queue.is_empty() && !ctx.is_stopping();
        let act = {
            let mut queue = strings
                .1
                .wait_while(lock(&strings.0), nothing)
                .unwrap_or_else(PoisonError::into_inner);
            queue.pop_front().filter(|_| !ctx.is_stopping())
        };
        match act {
            None | Some(Act::Return) => return Ok(()),
            Some(Act::Fail) => return Err("as it was told".into()),
            Some(Act::Panic) => panic!("as it was told"),
            Some(Act::Progress) => ctx.progress(),
            Some(Act::Mark(name)) => ctx.checkpoint(name),
            Some(Act::Hang(gate)) => gate.pass(),
        }
    }
}
