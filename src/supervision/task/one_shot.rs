//! A task as its thread sees it: a function that runs once, and an owner who may wait for what it returns.

use std::sync::Arc;

use parking_lot::Mutex;

use super::account::Account;
use super::ending::Unwanted;
use super::errand::{Errand, Follower, Told};
use super::gate::Slot;
use super::outcome::Outcome;
use crate::fault::catch::catch_drop;
use crate::fault::{ExitReason, Failure};
use crate::supervision::WorkerContext;

/// One task: its function until it begins, and its outcome.
pub(super) struct OneShot<F, T> {
    work: Mutex<Option<F>>,
    outcome: Arc<Outcome<T>>,
    account: Arc<Account>,
    follower: Option<Arc<dyn Follower>>,
}

impl<F, T> OneShot<F, T>
where
    F: FnOnce(&WorkerContext) -> Result<T, Failure>,
{
    pub(super) fn new(work: F, outcome: &Arc<Outcome<T>>, account: &Arc<Account>) -> Self {
        OneShot {
            work: Mutex::new(Some(work)),
            outcome: Arc::clone(outcome),
            account: Arc::clone(account),
            follower: None,
        }
    }

    pub(super) fn followed_by(mut self, follower: Option<Arc<dyn Follower>>) -> Self {
        self.follower = follower;
        self
    }

    /// The function, of a task that did not begin.
    pub(super) fn take_work(&self) -> Option<F> {
        self.work.lock().take()
    }

    /// Runs the function and delivers what it returns.
    pub(super) fn run(&self, ctx: &WorkerContext) -> Result<(), Failure> {
        let Some(work) = self.take_work() else {
            return Ok(());
        };
        if ctx.is_stopping() {
            // It was stopped before it began; what it captured is dropped here.
            return Ok(());
        }
        let value = work(ctx)?;
        if let Err((unwanted, why)) = self.outcome.deliver(value) {
            if why == Unwanted::Late {
                self.account.late();
            }
            // The task has done what it was to do: a panic of this drop does not change that.
            let _its_panic = catch_drop(unwanted);
        }
        Ok(())
    }
}

impl<F, T> Errand for OneShot<F, T>
where
    F: FnOnce(&WorkerContext) -> Result<T, Failure> + Send + 'static,
    T: Send + 'static,
{
    fn perform(&self, ctx: &WorkerContext, _slot: &Slot) -> Result<(), Failure> {
        self.run(ctx)
    }

    fn over(&self, reason: &ExitReason) {
        self.account.over(reason);
        if let Some(follower) = &self.follower {
            follower.over();
        }
    }

    fn has_owner(&self) -> bool {
        self.account.has_owner()
    }
}
