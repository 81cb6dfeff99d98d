//! Stop hooks: what a unit wants done when it is asked to stop while it sits in a call that the
//! library cannot wake (`accept`, `read`, a foreign queue).

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;

/// What is run when the unit is asked to stop.
pub(crate) type Hook = Box<dyn FnOnce() + Send>;

/// The hooks of one run, until the stop takes them.
#[derive(Clone)]
pub(crate) struct Hooks {
    shared: Arc<Mutex<State>>,
}

struct State {
    /// `None` once the stop has come.
    pending: Option<Vec<(u64, Hook)>>,
    next: u64,
}

impl Hooks {
    pub(crate) fn new() -> Self {
        Hooks {
            shared: Arc::new(Mutex::new(State {
                pending: Some(Vec::new()),
                next: 0,
            })),
        }
    }

    /// Registers a hook; gives it back when the stop has come already and the caller must run it.
    pub(crate) fn add(&self, hook: Hook) -> Result<HookGuard, Hook> {
        let mut state = self.shared.lock();
        let id = state.next;
        match &mut state.pending {
            None => return Err(hook),
            Some(pending) => pending.push((id, hook)),
        }
        state.next += 1;
        Ok(HookGuard {
            hooks: Some(self.clone()),
            id,
        })
    }

    /// The stop has come: the hooks in the order of their registration; later ones run at once.
    pub(crate) fn take(&self) -> Vec<Hook> {
        let pending = self.shared.lock().pending.take();
        pending
            .unwrap_or_default()
            .into_iter()
            .map(|(_, hook)| hook)
            .collect()
    }
}

/// Keeps a stop hook registered; made by `WorkerContext::on_stop`.
///
/// Dropping it withdraws the hook, unless the stop has come and the hook runs or ran already.
#[must_use = "dropping the guard withdraws the hook"]
pub struct HookGuard {
    hooks: Option<Hooks>,
    id: u64,
}

impl HookGuard {
    /// A guard of a hook that ran at its registration.
    pub(crate) fn spent() -> Self {
        HookGuard { hooks: None, id: 0 }
    }

    /// Keeps the hook registered for the rest of the run.
    pub fn keep(mut self) {
        self.hooks = None;
    }
}

impl Drop for HookGuard {
    fn drop(&mut self) {
        let Some(hooks) = self.hooks.take() else {
            return;
        };
        // The hook is dropped outside the lock: it is the user's value.
        let _withdrawn = {
            let mut state = hooks.shared.lock();
            state.pending.as_mut().and_then(|pending| {
                let at = pending.iter().position(|(id, _)| *id == self.id)?;
                Some(pending.remove(at))
            })
        };
    }
}

impl fmt::Debug for HookGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HookGuard")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
