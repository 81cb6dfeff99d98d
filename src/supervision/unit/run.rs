//! One run of a unit: its stop token, what it is doing now, its stop hooks, and the way its end is
//! told to its supervisor.
//!
//! A run outlives its thread's interest in it only as a record. When the supervisor gives a run up,
//! the run is *fenced*: everything it still tries to do through the library is refused, and when its
//! thread returns after all, only that fact is noted.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::fault::catch::{Caught, catch, catch_drop};
use crate::fault::hook::{Identity, set_handling};
use crate::fault::thread::ThreadPlan;
use crate::fault::{ExitReason, Failure, Generation, HangPhase, HangReport, StopCause, UnitPath};
use crate::supervision::machine::{Event, Key};
use crate::supervision::tree::cell::Cell;
use crate::supervision::tree::runtime::Runtime;
use crate::supervision::tree::watchdog;
use crate::supervision::unit::activity::Activity;
use crate::supervision::unit::current;
use crate::supervision::unit::hooks::{Hook, Hooks};
use crate::supervision::unit::logical::Unit;
use crate::supervision::unit::stop_token::{StopToken, drain_until};
use crate::telemetry::kinds;

/// One run of a unit.
pub(crate) struct Run {
    path: UnitPath,
    key: Key,
    generation: Generation,
    attempt: u32,
    token: StopToken,
    home: Weak<Cell>,
    runtime: Arc<Runtime>,
    over: AtomicBool,
    progressed: AtomicBool,
    pub(crate) activity: Activity,
    pub(crate) hooks: Hooks,
    notes: Mutex<Notes>,
}

/// What is noted for the reports.
#[derive(Default)]
struct Notes {
    thread: Option<String>,
    asked_at: Option<Instant>,
    stop_error: Option<Failure>,
}

impl Run {
    pub(crate) fn new(
        unit: &Arc<Unit>,
        home: &Arc<Cell>,
        key: Key,
        generation: Generation,
        attempt: u32,
    ) -> Arc<Self> {
        let runtime = Arc::clone(home.runtime());
        Arc::new(Run {
            path: unit.path(),
            key,
            generation,
            attempt,
            token: StopToken::new(),
            home: Arc::downgrade(home),
            activity: Activity::new(runtime.coarse_now()),
            runtime,
            over: AtomicBool::new(false),
            progressed: AtomicBool::new(false),
            hooks: Hooks::new(),
            notes: Mutex::new(Notes::default()),
        })
    }

    pub(crate) fn path(&self) -> &UnitPath {
        &self.path
    }

    pub(crate) fn key(&self) -> Key {
        self.key
    }

    pub(crate) fn generation(&self) -> Generation {
        self.generation
    }

    /// Consecutive failures before this run.
    pub(crate) fn attempt(&self) -> u32 {
        self.attempt
    }

    pub(crate) fn token(&self) -> &StopToken {
        &self.token
    }

    pub(crate) fn runtime(&self) -> &Arc<Runtime> {
        &self.runtime
    }

    pub(crate) fn home(&self) -> Option<Arc<Cell>> {
        self.home.upgrade()
    }

    /// Who a panic on the run's threads is attributed to.
    pub(crate) fn identity(&self) -> Identity {
        let mut identity = Identity::new(self.path.clone(), self.generation);
        self.runtime.options().apply(&mut identity);
        identity
    }

    pub(crate) fn on_thread(&self, name: String) {
        self.notes.lock().thread = Some(name);
    }

    /// The name of the thread that carries the run, if one does.
    pub(crate) fn thread(&self) -> Option<String> {
        self.notes.lock().thread.clone()
    }

    /// An error that the run returned after it had been asked to stop.
    pub(crate) fn note_stop_error(&self, failure: Failure) {
        self.notes.lock().stop_error = Some(failure);
    }

    pub(crate) fn stop_error(&self) -> Option<Failure> {
        self.notes.lock().stop_error.clone()
    }

    /// When the run was first asked to stop.
    pub(crate) fn asked_at(&self) -> Option<Instant> {
        self.notes.lock().asked_at
    }

    // --- what the run's own thread says ----------------------------------------------------------

    pub(crate) fn checkpoint(self: &Arc<Self>, name: &'static str) {
        set_handling(name);
        if self.activity.checkpoint(name, self.runtime.coarse_now()) {
            watchdog::begin(self, self.activity.limits());
        }
    }

    /// A wait in the library: the watchdog does not count it as silence.
    pub(crate) fn waiting<T>(self: &Arc<Self>, wait: impl FnOnce() -> T) -> T {
        self.activity.enter_wait();
        let result = wait();
        if self.activity.leave_wait(self.runtime.coarse_now()) {
            watchdog::begin(self, self.activity.limits());
        }
        result
    }

    /// A piece of work is done. Told to the supervisor once per run: that resets the streak, and only
    /// a failure, which ends the run, can begin another.
    pub(crate) fn progress(&self) {
        // Relaxed: elects one teller; the news travels under a lock.
        if !self.progressed.swap(true, Ordering::Relaxed) {
            self.tell(Event::Progress {
                key: self.key,
                generation: self.generation,
            });
        }
    }

    // --- asked to stop ---------------------------------------------------------------------------

    /// Raises the stop token, and runs the stop hooks on a thread of their own.
    pub(crate) fn ask_stop(self: &Arc<Self>, cause: StopCause, deadline: Option<Instant>) {
        let now = self.runtime.clock().now();
        self.notes.lock().asked_at.get_or_insert(now);
        if self.runtime.is_halting() {
            self.token.halt(cause);
        } else {
            self.token
                .drain(cause, deadline.map(|deadline| drain_until(now, deadline)));
            // Whoever halts beside this may have looked at the token before.
            if self.runtime.is_halting() {
                self.token.halt(cause);
            }
        }
        let hooks = self.hooks.take();
        if !hooks.is_empty() {
            self.run_hooks(hooks);
        }
    }

    fn run_hooks(self: &Arc<Self>, hooks: Vec<Hook>) {
        // Kept outside of the closure: should the thread be refused, they are dropped here, not there.
        let hooks = Arc::new(Mutex::new(hooks));
        let (own, handed) = (Arc::clone(self), Arc::clone(&hooks));
        let plan = ThreadPlan {
            name: format!("hook<{}", self.path.id()),
            stack_size: None,
        };
        let started = self.runtime.roster().start(Some(self), plan, move |_| {
            let _entered = current::enter(&own);
            for hook in std::mem::take(&mut *handed.lock()) {
                // One that panics does not keep the others from running; the panic is reported.
                if let Err(Caught::Panic(report)) = catch(hook) {
                    own.report_hook(&report.to_string());
                }
            }
        });
        if let Err(refused) = started {
            self.report_hook(&refused.to_string());
            let _their_panic = catch_drop(std::mem::take(&mut *hooks.lock()));
        }
    }

    fn report_hook(&self, problem: &str) {
        self.runtime.telemetry().post(&kinds::HOOK_FAILED, |event| {
            event.tag("path", &self.path);
            event.tag("generation", self.generation);
            event.tag("problem", problem);
        });
    }

    // --- told by the run's own thread, handed to the steward -----------------------------------

    /// The start function is through.
    pub(crate) fn tell_started(&self) {
        self.tell(Event::Started {
            key: self.key,
            generation: self.generation,
        });
    }

    /// The start function declined.
    pub(crate) fn tell_ignored(&self) {
        if self.finish() {
            self.tell(Event::Ignored {
                key: self.key,
                generation: self.generation,
            });
        }
    }

    /// The run is over; only the first telling counts.
    pub(crate) fn tell_ended(&self, reason: ExitReason) {
        if self.finish() {
            let event = self.last_event(reason);
            self.tell(event);
        }
    }

    /// As [`tell_ended`](Self::tell_ended), but the calling thread turns the supervisor: it is one that lives
    /// on, and whose stack is whole.
    pub(crate) fn end_here(&self, reason: ExitReason) {
        if self.finish() {
            self.turn_ended(reason);
        }
    }

    /// What is left of [`end_here`](Self::end_here) for who has [finished](Self::finish) the run.
    pub(crate) fn turn_ended(&self, reason: ExitReason) {
        let event = self.last_event(reason);
        if let Some(home) = self.home() {
            home.turn(event);
        }
    }

    /// As [`end_event`](Self::end_event); that a fenced run has returned is told to telemetry, too.
    fn last_event(&self, reason: ExitReason) -> Event {
        if self.token.is_fenced() {
            self.runtime
                .telemetry()
                .post(&kinds::CHILD_ABANDONED_RETURNED, |event| {
                    event.tag("path", &self.path);
                    event.tag("generation", self.generation);
                });
        }
        self.end_event(reason)
    }

    /// The event that says how the run ended: a fenced run has been written off before.
    pub(crate) fn end_event(&self, reason: ExitReason) -> Event {
        let (key, generation) = (self.key, self.generation);
        if self.token.is_fenced() {
            Event::AbandonedReturned { key, generation }
        } else {
            Event::Ended {
                key,
                generation,
                reason,
            }
        }
    }

    /// Marks the run as over, and ends its timers; true for the one caller that did.
    pub(crate) fn finish(&self) -> bool {
        // Relaxed: elects one teller; the news travels under a lock, also to who would arm a timer.
        let is_first = !self.over.swap(true, Ordering::Relaxed);
        if is_first {
            self.runtime.timetable().run_ended(self);
        }
        is_first
    }

    /// Gives the run up: what it still tries is refused, and its timers have ended.
    pub(crate) fn fence(&self, cause: StopCause) {
        self.token.fence(cause);
        self.runtime.timetable().run_abandoned(self);
    }

    pub(crate) fn is_over(&self) -> bool {
        // Relaxed: a hint for the watchdog; the machine drops what comes too late.
        self.over.load(Ordering::Relaxed)
    }

    fn tell(&self, event: Event) {
        if let Some(home) = self.home() {
            self.runtime.steward().post(home, event);
        }
    }

    /// What is known of a run that does not answer.
    pub(crate) fn hang_report(&self, phase: HangPhase) -> HangReport {
        let (checkpoint, silent_for) = self.silence();
        let thread = self.thread().unwrap_or_default();
        let mut report = HangReport::new(
            self.path.clone(),
            self.generation,
            phase,
            silent_for,
            thread,
        );
        report.checkpoint = checkpoint;
        report.os_state = self.runtime.roster().os_state(self);
        report
    }

    /// The last checkpoint and the time since it, for reports: by the exact clock.
    pub(crate) fn silence(&self) -> (Option<&'static str>, Duration) {
        self.activity.silence(self.runtime.clock().now())
    }
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run")
            .field("path", &self.path)
            .field("generation", &self.generation)
            .finish_non_exhaustive()
    }
}
