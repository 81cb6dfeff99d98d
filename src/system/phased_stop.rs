//! How a stop goes through its phases, on a thread of its own: who asks for a stop need not wait for it, and
//! may be a unit that is itself stopped on the way.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::phase_hooks::{HookThread, PhaseHooks};
use crate::fault::catch::catch_drop;
use crate::fault::thread::{StartedThread, ThreadPlan, start};
use crate::fault::{Generation, StopCause, UnitPath};
use crate::kernel::waiters::{WaitList, wait_for};
use crate::supervision::{
    Members, PhaseBoard, PhaseEnd, PhaseHook, Runtime, StopPhases, SupervisorRef, ThreadLeft,
};
use crate::telemetry::kinds;
use crate::time::{Clock, Deadline};

/// How long after the end of a phase it may take to hear that its last units were given up.
const GRACE: Duration = Duration::from_millis(250);

/// The stop of a system: phase by phase, then the root.
pub(super) struct PhasedStop {
    shared: Arc<Shared>,
}

struct Shared {
    name: String,
    runtime: Arc<Runtime>,
    root: SupervisorRef,
    /// The thread that goes through the phases.
    driver: ThreadPlan,
    state: Mutex<State>,
    /// Told when a hook is through, and when there is less time.
    changed: Arc<WaitList>,
}

struct State {
    stage: Stage,
    began: Instant,
    deadline: Deadline,
    driver: Option<StartedThread>,
    hooks: Vec<(UnitPath, HookThread)>,
}

enum Stage {
    /// Nobody has asked for a stop.
    Idle,
    /// The phases are gone through; this one at the moment.
    Phases(Option<Arc<Step>>),
    /// What belongs to no phase is stopped.
    Root,
}

/// A phase that is gone through.
struct Step {
    place: usize,
    began: Instant,
    members: Members,
}

impl PhasedStop {
    pub(super) fn new(name: String, runtime: Arc<Runtime>, root: SupervisorRef) -> Self {
        let state = State {
            stage: Stage::Idle,
            began: runtime.clock().now(),
            deadline: Deadline::NEVER,
            driver: None,
            hooks: Vec::new(),
        };
        let shared = Shared {
            name,
            runtime,
            root,
            driver: ThreadPlan {
                name: "phases".into(),
                stack_size: None,
            },
            state: Mutex::new(state),
            changed: Arc::new(WaitList::new()),
        };
        PhasedStop {
            shared: Arc::new(shared),
        }
    }

    /// Asks for the stop, at the latest at `deadline`; a later one may only shorten it.
    pub(super) fn request(&self, deadline: Deadline) {
        let shared = &self.shared;
        let Some(board) = shared.runtime.phases() else {
            return shared.root.request_stop(StopCause::Shutdown, deadline);
        };
        let mut refused = None;
        let step = {
            let mut state = shared.state.lock();
            state.deadline = Deadline::earliest(state.deadline, deadline);
            if matches!(state.stage, Stage::Idle) {
                refused = shared.begin(&mut state).err();
            }
            match &state.stage {
                Stage::Phases(step) => Some(step.clone()),
                Stage::Idle | Stage::Root => None,
            }
        };
        let unrun = refused.map(|refused| shared.skip(board, &refused));
        match step {
            None => shared.root.request_stop(StopCause::Shutdown, deadline),
            Some(None) => {}
            Some(Some(step)) => {
                // The phase has less time now. Its driver hears of the ends, by whatever deadline.
                shared.changed.notify_all();
                let _answers = step.members.ask(shared.limit(board, &step));
            }
        }
        // What a hook owns may be the last of a system: it is dropped when the stop is under way.
        for hook in unrun.into_iter().flatten() {
            let _its_panic = catch_drop(hook);
        }
    }

    /// Waits until the threads that are through are gone.
    pub(super) fn settle(&self, deadline: Deadline) {
        let (driver, through) = {
            let mut state = self.shared.state.lock();
            let through = state.hooks.iter().filter(|(_, hook)| hook.is_through());
            let through: Vec<_> = through.map(|(_, hook)| hook.gone()).collect();
            (state.driver.take(), through)
        };
        let clock = self.shared.runtime.clock();
        if let Some(mut driver) = driver {
            let _in_time = driver.gone().wait(clock, deadline);
            driver.join_if_gone();
        }
        for gone in through {
            let _in_time = gone.wait(clock, deadline);
        }
    }

    /// The threads of hooks that are still alive.
    pub(super) fn threads_left(&self) -> Vec<ThreadLeft> {
        let state = self.shared.state.lock();
        let left = state
            .hooks
            .iter()
            .filter(|(_, hook)| !hook.gone().is_gone());
        left.map(|(path, hook)| ThreadLeft {
            path: path.clone(),
            generation: Generation::NONE,
            thread: hook.name().to_owned(),
            abandoned: true,
        })
        .collect()
    }
}

impl Shared {
    /// Starts the thread that goes through the phases. If the operating system refuses it, all stop without.
    fn begin(self: &Arc<Self>, state: &mut State) -> io::Result<()> {
        state.stage = Stage::Phases(None);
        state.began = self.clock().now();
        let own = Arc::clone(self);
        let driver = start(self.driver.clone(), move || own.drive());
        if driver.is_err() {
            state.stage = Stage::Root;
        }
        state.driver = Some(driver?);
        Ok(())
    }

    /// Nothing goes through the phases: their units stop with all others, and their hooks, which are given
    /// back, cannot run. The report says so.
    fn skip(&self, board: &PhaseBoard, refused: &io::Error) -> Vec<PhaseHook> {
        log::error!(target: "steadfast::system", "system.phases_skipped {refused}");
        let mut unrun = Vec::new();
        for place in 0..board.plan().len() {
            let hooks = board.begin(place);
            let phase = board.plan().name(place);
            let end = PhaseEnd {
                phase: phase.to_owned(),
                elapsed: Duration::ZERO,
                late: Vec::new(),
                hook_problems: vec![format!("could not run: {refused}"); hooks.len()],
            };
            unrun.extend(hooks);
            let nobody = Members::find(None, phase);
            let end = self.runtime.journal_phase(end, &nobody, 0);
            self.announce_problems(&end);
        }
        unrun
    }

    fn clock(&self) -> &Clock {
        self.runtime.clock()
    }

    fn drive(&self) {
        if let Some(board) = self.runtime.phases() {
            for place in 0..board.plan().len() {
                self.go_through(board, place);
            }
        }
        let deadline = {
            let mut state = self.state.lock();
            state.stage = Stage::Root;
            state.deadline
        };
        self.root.request_stop(StopCause::Shutdown, deadline);
    }

    /// One phase. It begins before its members are looked for: what starts meanwhile is found or refused.
    fn go_through(&self, board: &PhaseBoard, place: usize) {
        let phase = board.plan().name(place);
        let began = self.clock().now();
        let hooks = board.begin(place);
        let step = Arc::new(Step {
            place,
            began,
            members: Members::find(self.root.cell(), phase),
        });
        self.state.lock().stage = Stage::Phases(Some(Arc::clone(&step)));
        let limit = self.limit(board, &step);
        let first = self.runtime.given_up();
        self.announce_start(phase, limit, began);
        let path = UnitPath::new(&*self.name).join(phase);
        let deadline = limit.map_or(Deadline::NEVER, Deadline::at);
        let hooks = PhaseHooks::start(hooks, &path, deadline, &self.runtime, &self.changed);
        let asked = step.members.ask(limit);
        let late = Members::silent(asked, self.clock(), deadline.later(GRACE));
        self.await_hooks(board, &step, &hooks);
        self.state.lock().stage = Stage::Phases(None);
        let end = PhaseEnd {
            phase: phase.to_owned(),
            elapsed: self.clock().now().saturating_duration_since(began),
            late,
            hook_problems: hooks.problems(),
        };
        let threads = hooks.into_threads().map(|thread| (path.clone(), thread));
        self.state.lock().hooks.extend(threads);
        let end = self.runtime.journal_phase(end, &step.members, first);
        self.announce_end(&end);
    }

    /// Until when the phase may take, as things are.
    fn limit(&self, board: &PhaseBoard, step: &Step) -> Option<Instant> {
        let end = {
            let state = self.state.lock();
            StopPhases::end(state.began, state.deadline.instant())
        };
        board.plan().limit(step.place, step.began, end)
    }

    fn await_hooks(&self, board: &PhaseBoard, step: &Step, hooks: &PhaseHooks) {
        loop {
            let limit = self.limit(board, step);
            let through = wait_for(&self.changed, None, self.clock(), limit, || {
                let all = hooks.are_through();
                (all || self.limit(board, step) != limit).then_some(all)
            });
            if through.unwrap_or(true) {
                return;
            }
        }
    }

    fn announce_start(&self, phase: &str, limit: Option<Instant>, began: Instant) {
        let allowed = limit.map_or(Duration::MAX, |limit| {
            limit.saturating_duration_since(began)
        });
        let telemetry = self.runtime.telemetry();
        telemetry.post(&kinds::PHASE_STARTED, |event| {
            event.measure("allowed", allowed);
            event.tag("name", &self.name);
            event.tag("phase", phase);
        });
    }

    fn announce_problems(&self, end: &PhaseEnd) {
        let telemetry = self.runtime.telemetry();
        for problem in &end.hook_problems {
            telemetry.post(&kinds::PHASE_HOOK_FAILED, |event| {
                event.tag("name", &self.name);
                event.tag("phase", &end.phase);
                event.tag("problem", problem);
            });
        }
    }

    fn announce_end(&self, end: &PhaseEnd) {
        self.announce_problems(end);
        let telemetry = self.runtime.telemetry();
        telemetry.post(&kinds::PHASE_ENDED, |event| {
            event.measure("elapsed", end.elapsed);
            event.measure("late", end.late.len() as u64);
            event.tag("name", &self.name);
            event.tag("phase", &end.phase);
        });
    }
}

impl fmt::Debug for PhasedStop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PhasedStop")
            .field("name", &self.shared.name)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::supervision::{Supervisor, ThreadOptions};
    use crate::telemetry::Telemetry;

    const PATIENCE: Duration = Duration::from_secs(10);

    // decision 17
    #[test]
    fn without_a_thread_for_the_phases_their_hooks_are_dropped_and_the_report_says_so() {
        let options = ThreadOptions::default();
        let runtime = Runtime::new(Clock::system(), Telemetry::new(), options, 1);
        let phases = StopPhases::new().phase("intake", PATIENCE);
        runtime.plan_stop(phases.phase("work", PATIENCE));
        let root = Supervisor::new("t").begin_root(&runtime);
        let mut phased = PhasedStop::new("t".into(), Arc::clone(&runtime), root);
        let shared = Arc::get_mut(&mut phased.shared).unwrap();
        shared.driver.stack_size = Some(1 << 60);
        let kept = Arc::new(());
        let (seen, board) = (Arc::downgrade(&kept), runtime.phases().unwrap());
        let hook = Box::new(move |_| panic!("{kept:?} was run"));
        board.add_hook("work", hook).unwrap();
        runtime.open_journal("t");
        phased.request(Deadline::NEVER);
        assert!(seen.upgrade().is_none(), "the hook is kept");
        let until = runtime.clock().deadline(PATIENCE);
        assert!(runtime.wait_root(Some(until)).is_some());
        let report = runtime.report("t");
        let problems = report.phases.iter().map(|end| end.hook_problems.len());
        assert_eq!(problems.collect::<Vec<_>>(), [0, 1], "{report}");
        assert!(!report.is_clean());
    }
}
