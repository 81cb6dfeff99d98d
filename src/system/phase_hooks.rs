//! The hooks of one phase: each on a thread of its own, none waited for beyond the phase.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::fault::catch::{Caught, catch, catch_drop};
use crate::fault::hook::{Identity, enter_identity};
use crate::fault::thread::{Gone, StartedThread, ThreadPlan, start};
use crate::fault::{Generation, UnitPath};
use crate::kernel::waiters::WaitList;
use crate::supervision::{PhaseHook, Runtime};
use crate::time::Deadline;

/// The hooks of a phase that has begun.
pub(super) struct PhaseHooks {
    threads: Vec<HookThread>,
    /// Of those that could not run.
    refused: Vec<String>,
}

/// A hook that runs, or has run.
pub(super) struct HookThread {
    name: String,
    outcome: Arc<Mutex<Outcome>>,
    thread: StartedThread,
}

/// What became of a hook; `None` while it runs.
type Outcome = Option<Result<(), String>>;

impl PhaseHooks {
    /// Starts all of them; `changed` is told when one is through.
    pub(super) fn start(
        hooks: Vec<PhaseHook>,
        phase: &UnitPath,
        deadline: Deadline,
        runtime: &Runtime,
        changed: &Arc<WaitList>,
    ) -> Self {
        let mut started = PhaseHooks {
            threads: Vec::new(),
            refused: Vec::new(),
        };
        for hook in hooks {
            let mut identity = Identity::new(phase.clone(), Generation::NONE);
            runtime.options().apply(&mut identity);
            match HookThread::start(hook, identity, phase, deadline, changed) {
                Ok(thread) => started.threads.push(thread),
                Err(refused) => started.refused.push(format!("could not run: {refused}")),
            }
        }
        started
    }

    pub(super) fn are_through(&self) -> bool {
        self.threads.iter().all(HookThread::is_through)
    }

    /// What there is to say about them at the end of the phase.
    pub(super) fn problems(&self) -> Vec<String> {
        let ran = self.threads.iter().filter_map(HookThread::problem);
        self.refused.iter().cloned().chain(ran).collect()
    }

    pub(super) fn into_threads(self) -> impl Iterator<Item = HookThread> {
        self.threads.into_iter()
    }
}

impl HookThread {
    fn start(
        hook: PhaseHook,
        identity: Identity,
        phase: &UnitPath,
        deadline: Deadline,
        changed: &Arc<WaitList>,
    ) -> std::io::Result<Self> {
        let name = format!("hook<{}", phase.id());
        let plan = ThreadPlan {
            name: name.clone(),
            stack_size: None,
        };
        // Kept outside of the closure: should the thread be refused, the hook is dropped here, not there.
        let hook = Arc::new(Mutex::new(Some(hook)));
        let outcome = Arc::new(Mutex::new(None));
        let (handed, told) = (Arc::clone(&hook), Arc::clone(&outcome));
        let through = Arc::clone(changed);
        let started = start(plan, move || {
            let _identity = enter_identity(identity);
            let hook = handed.lock().take();
            let result = hook.map_or(Ok(()), |hook| catch(move || hook(deadline)));
            *told.lock() = Some(match result {
                Err(Caught::Panic(report)) => Err(report.to_string()),
                Ok(()) | Err(Caught::Fenced) => Ok(()),
            });
            through.notify_all();
        });
        if started.is_err() {
            let _its_panic = catch_drop(hook.lock().take());
        }
        started.map(|thread| HookThread {
            name,
            outcome,
            thread,
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn gone(&self) -> Gone {
        self.thread.gone().clone()
    }

    pub(super) fn is_through(&self) -> bool {
        self.outcome.lock().is_some()
    }

    fn problem(&self) -> Option<String> {
        match &*self.outcome.lock() {
            None => Some("was not through in time".to_owned()),
            Some(Err(panic)) => Some(panic.clone()),
            Some(Ok(())) => None,
        }
    }
}
