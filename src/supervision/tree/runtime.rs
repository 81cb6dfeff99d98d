//! What all supervisors and units of one system share.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::fault::hook::Identity;
use crate::fault::{Backtraces, ExitReason, UnitPath};
use crate::kernel::stop::{StopSignal, current_stop, enter_stop};
use crate::kernel::waiters::{WaitList, wait_for};
use crate::supervision::phases::{Members, PhaseBoard, StopPhases};
use crate::supervision::report::{Outcome, PhaseEnd, ShutdownReport, UnitEnd};
use crate::supervision::timer::Timetable;
use crate::supervision::tree::crew::Crew;
use crate::supervision::tree::roster::Roster;
use crate::supervision::tree::steward::Steward;
use crate::supervision::tree::unheard::UnheardEnds;
use crate::supervision::tree::watchdog::{self, WatchLimits};
use crate::supervision::unit::current::current;
use crate::supervision::unit::logical::Subscriptions;
use crate::supervision::unit::run::Run;
use crate::telemetry::{Telemetry, kinds};
use crate::time::{Clock, Deadline};

/// Called at the start of every worker's thread, on that thread, with the worker and the thread's number.
pub(crate) type OnThreadStart = Arc<dyn Fn(&UnitPath, u64) + Send + Sync>;

/// How the threads of units are set up.
#[derive(Clone, Default)]
pub(crate) struct ThreadOptions {
    pub(crate) on_start: Option<OnThreadStart>,
    pub(crate) quiet_panics: bool,
    pub(crate) backtraces: Backtraces,
}

impl ThreadOptions {
    pub(crate) fn apply(&self, identity: &mut Identity) {
        identity.quiet = self.quiet_panics;
        identity.backtraces = self.backtraces;
    }
}

/// The shared part of a system: clocks, telemetry, steward, roster, and the journal of its stop.
pub(crate) struct Runtime {
    clock: Clock,
    coarse: Clock,
    telemetry: Telemetry,
    steward: Arc<Steward>,
    timetable: Arc<Timetable>,
    roster: Roster,
    crew: Crew,
    subscriptions: Subscriptions,
    unheard: UnheardEnds,
    options: ThreadOptions,
    seeds: Mutex<fastrand::Rng>,
    halting: AtomicBool,
    phases: OnceLock<PhaseBoard>,
    journal: Mutex<Option<ShutdownReport>>,
    root: Mutex<Option<ExitReason>>,
    root_changed: WaitList,
}

impl Runtime {
    pub(crate) fn new(
        clock: Clock,
        telemetry: Telemetry,
        options: ThreadOptions,
        seed: u64,
    ) -> Arc<Self> {
        let roster = Roster::new();
        let steward = Arc::new(Steward::new(clock.clone()));
        let timetable = Timetable::new(clock.clone(), telemetry.clone(), Arc::clone(&steward));
        Arc::new(Runtime {
            coarse: clock.coarse_twin(),
            steward,
            timetable,
            crew: Crew::new(clock.clone(), roster.clone()),
            clock,
            telemetry,
            roster,
            subscriptions: Subscriptions::default(),
            unheard: UnheardEnds::default(),
            options,
            seeds: Mutex::new(fastrand::Rng::with_seed(seed)),
            halting: AtomicBool::new(false),
            phases: OnceLock::new(),
            journal: Mutex::new(None),
            root: Mutex::new(None),
            root_changed: WaitList::new(),
        })
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The time for signs of life: cheap, and a few milliseconds behind.
    pub(crate) fn coarse_now(&self) -> Instant {
        self.coarse.now()
    }

    /// By how much [`coarse_now`](Self::coarse_now) may be behind.
    pub(crate) fn coarse_step(&self) -> Duration {
        match self.coarse.is_coarse() {
            true => self.coarse.resolution(),
            false => Duration::ZERO,
        }
    }

    pub(crate) fn telemetry(&self) -> &Telemetry {
        &self.telemetry
    }

    pub(crate) fn steward(&self) -> &Steward {
        &self.steward
    }

    pub(crate) fn timetable(&self) -> &Arc<Timetable> {
        &self.timetable
    }

    pub(crate) fn roster(&self) -> &Roster {
        &self.roster
    }

    /// The threads that carry one task after the other.
    pub(crate) fn crew(&self) -> &Crew {
        &self.crew
    }

    /// The monitors that are subscribed to units of the system.
    pub(crate) fn subscriptions(&self) -> &Subscriptions {
        &self.subscriptions
    }

    /// The failures that nobody heard of.
    pub(crate) fn unheard(&self) -> &UnheardEnds {
        &self.unheard
    }

    pub(crate) fn options(&self) -> &ThreadOptions {
        &self.options
    }

    /// A seed for the jitter of one supervisor.
    pub(crate) fn seed(&self) -> u64 {
        self.seeds.lock().u64(..)
    }

    /// Runs the user's start hook on a new thread of a unit.
    pub(crate) fn thread_started(&self, unit: &UnitPath, index: u64) {
        if let Some(on_start) = &self.options.on_start {
            on_start(unit, index);
        }
    }

    pub(crate) fn watch(&self, run: &Arc<Run>, limits: WatchLimits) {
        run.activity.up(self.coarse_now());
        watchdog::begin(run, limits);
    }

    // --- the stop ----------------------------------------------------------------------------------

    /// From now on, units are asked to end without draining.
    pub(crate) fn halt(&self) {
        // Relaxed: read when a unit is asked to stop, under a lock that follows; who was asked before is on the roster.
        self.halting.store(true, Ordering::Relaxed);
        self.roster.halt_stopping();
    }

    pub(crate) fn is_halting(&self) -> bool {
        // Relaxed: see `halt`.
        self.halting.load(Ordering::Relaxed)
    }

    /// The phases of the stop, set once before anything is started.
    pub(crate) fn plan_stop(&self, phases: StopPhases) {
        let _once = self.phases.set(PhaseBoard::new(phases));
    }

    /// The phases of the stop, if it has any.
    pub(crate) fn phases(&self) -> Option<&PhaseBoard> {
        self.phases.get()
    }

    /// Notes the end of a phase, and which of its members were given up after the `first` units.
    pub(crate) fn journal_phase(&self, end: PhaseEnd, members: &Members, first: usize) -> PhaseEnd {
        match self.journal.lock().as_mut() {
            Some(report) => report.end_phase(end, first, |path| members.hold(path)),
            None => end,
        }
    }

    /// How many units were given up in the stop so far.
    pub(crate) fn given_up(&self) -> usize {
        let journal = self.journal.lock();
        journal.as_ref().map_or(0, ShutdownReport::given_up)
    }

    /// The system begins to end, asked or not: from here on every end of a unit is noted.
    pub(crate) fn open_journal(&self, system: &str) {
        // First: who finds the journal open goes on to stop units, and no timer of the system delivers then.
        self.timetable.system_stopping(system);
        {
            let mut journal = self.journal.lock();
            if journal.is_some() {
                return;
            }
            *journal = Some(ShutdownReport::new(system.to_owned(), self.clock.now()));
        }
        self.telemetry.post(&kinds::SYSTEM_STOPPING, |event| {
            event.tag("name", system);
        });
    }

    /// Notes the end of a run, if the system is stopping.
    pub(crate) fn journal(&self, run: &Run, reason: &ExitReason) {
        let mut journal = self.journal.lock();
        let Some(report) = journal.as_mut() else {
            return;
        };
        let elapsed = run.asked_at().map_or(Duration::ZERO, |asked| {
            self.clock.now().saturating_duration_since(asked)
        });
        report.add(UnitEnd {
            path: run.path().clone(),
            generation: run.generation(),
            outcome: Outcome::of(reason),
            reason: reason.clone(),
            elapsed,
            left: run.token().left(),
            error: run.stop_error(),
        });
    }

    /// What has been noted so far.
    pub(crate) fn report(&self, system: &str) -> ShutdownReport {
        let noted = self.journal.lock().clone();
        let mut report =
            noted.unwrap_or_else(|| ShutdownReport::new(system.to_owned(), self.clock.now()));
        report.root = self.root_reason();
        report.threads_left = self.roster.left();
        report
    }

    /// The whole report; called once the tree has ended.
    pub(crate) fn close_journal(&self, system: &str) -> ShutdownReport {
        let mut report = self.report(system);
        report.elapsed = self.clock.now().saturating_duration_since(report.began);
        report
    }

    /// Runs what the owner of the system does at its end. A unit of *another* system that owns this one
    /// ends it also when it is itself asked to stop, or was given up: nobody else would.
    pub(crate) fn as_owner<T>(&self, end: impl FnOnce() -> T) -> T {
        let is_own = current().is_some_and(|run| std::ptr::eq(&**run.runtime(), self));
        let _free = (!is_own).then(|| enter_stop(Arc::new(StopSignal::new())));
        end()
    }

    // --- the root ----------------------------------------------------------------------------------

    pub(crate) fn root_ended(&self, reason: ExitReason) {
        *self.root.lock() = Some(reason);
        self.root_changed.notify_all();
    }

    pub(crate) fn root_reason(&self) -> Option<ExitReason> {
        self.root.lock().clone()
    }

    /// Wakes everybody who waits for the root, to look at what else they wait for.
    #[cfg(feature = "signals")]
    pub(crate) fn wake_root_waiters(&self) {
        self.root_changed.notify_all();
    }

    /// Waits for the end of the root supervisor, or for `other` to come true.
    #[cfg(feature = "signals")]
    pub(crate) fn wait_root_or(&self, other: impl Fn() -> bool) {
        let stop = current_stop();
        let _stopped = wait_for(
            &self.root_changed,
            stop.as_deref(),
            &self.clock,
            None,
            || (other() || self.root_reason().is_some()).then_some(()),
        );
    }

    /// Waits for the end of the root supervisor; `None` when the deadline passed, or the calling unit
    /// was asked to stop.
    pub(crate) fn wait_root(&self, deadline: Option<Deadline>) -> Option<ExitReason> {
        let stop = current_stop();
        let until = deadline.and_then(|deadline| deadline.instant());
        wait_for(
            &self.root_changed,
            stop.as_deref(),
            &self.clock,
            until,
            || self.root_reason(),
        )
        .ok()
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime")
            .field("clock", &self.clock)
            .finish_non_exhaustive()
    }
}
