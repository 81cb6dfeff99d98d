//! Management calls on a running supervisor, with OTP's answers, and a look at its children.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use super::child::Child;
use super::handle::SupervisorRef;
use super::info::ChildInfo;
use super::machine::{Done, Request, Target};
use super::phases::PhaseBoard;
use super::spec::tuning::{ChildTuning, SupervisorTuning};
use super::tree::call::CallSlot;
use super::tree::cell::Cell;
use super::unit::current;
use super::{ChildId, Counts, ManageError};

/// How long a management call waits for its answer, unless it is given a timeout.
pub const DEFAULT_CALL: Duration = Duration::from_secs(5);

/// Why [`SupervisorRef::child`] has no handle to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChildError {
    /// No child has this id, or the supervisor does not run.
    #[error("no such child")]
    NotFound,
    /// The child is of another kind than the handle that was asked for.
    #[error("the child is of another kind")]
    WrongKind,
}

/// Management. Each call has an answer from the supervisor; a call that times out is carried out
/// nevertheless, only its answer is lost.
///
/// # Blocking
/// For the answer, at most [`DEFAULT_CALL`] or the given timeout, or until the calling unit is asked to
/// stop. A supervisor answers at once also while its children start and stop; a call waits for
/// just what it asked for.
///
/// # Errors
/// [`ManageError`]: what OTP answers, and that no answer came.
impl SupervisorRef {
    /// Adds a child and starts it; the answer comes when it is up. A child that fails to start is
    /// discarded, and the failure is not counted against the supervisor's budget.
    pub fn start_child<H>(&self, child: impl Into<Child<H>>) -> Result<H, ManageError>
    where
        H: Clone + Send + Sync + 'static,
    {
        let child = child.into();
        let timeout = child.patience();
        self.start_child_timeout(child, timeout)
    }

    /// As [`start_child`](Self::start_child), with a timeout.
    pub fn start_child_timeout<H>(
        &self,
        child: impl Into<Child<H>>,
        timeout: Duration,
    ) -> Result<H, ManageError>
    where
        H: Clone + Send + Sync + 'static,
    {
        let (spec, handle) = child.into().into_parts();
        let mut errors = spec.body().errors();
        let cell = self.running();
        if let Ok(cell) = &cell {
            errors.extend(PhaseBoard::unknown(cell.runtime().phases(), &spec));
        }
        if !errors.is_empty() {
            return Err(ManageError::Invalid(errors));
        }
        let cell = cell?;
        let slot = cell.start_child(Arc::new(spec));
        self.answer(&slot, timeout).map(|_| handle)
    }

    /// Stops a child and keeps its specification, unless the child is temporary. Fine if it is down.
    pub fn terminate_child(&self, id: impl Into<ChildId>) -> Result<(), ManageError> {
        self.terminate_child_timeout(id, DEFAULT_CALL)
    }

    /// As [`terminate_child`](Self::terminate_child), with a timeout for the answer.
    pub fn terminate_child_timeout(
        &self,
        id: impl Into<ChildId>,
        timeout: Duration,
    ) -> Result<(), ManageError> {
        self.manage(Request::Terminate(Target::Id(id.into())), timeout)
    }

    /// Starts a child that is down.
    pub fn restart_child(&self, id: impl Into<ChildId>) -> Result<(), ManageError> {
        self.manage(Request::Restart(Target::Id(id.into())), DEFAULT_CALL)
    }

    /// Drops the specification of a child that is down.
    pub fn delete_child(&self, id: impl Into<ChildId>) -> Result<(), ManageError> {
        self.manage(Request::Delete(Target::Id(id.into())), DEFAULT_CALL)
    }

    /// Changes how a child is supervised, from the next decision on; the run that is up goes on.
    pub fn update_child(
        &self,
        id: impl Into<ChildId>,
        change: impl FnOnce(ChildTuning) -> ChildTuning,
    ) -> Result<(), ManageError> {
        let cell = self.running()?;
        let id = id.into();
        let policy = cell.inspect(|machine, _, _| {
            machine
                .find(&Target::Id(id.clone()))
                .map(|child| child.policy.clone())
        });
        let policy = policy.ok_or(ManageError::NotFound)?;
        self.manage(
            Request::Update(change(ChildTuning { policy }).policy),
            DEFAULT_CALL,
        )?;
        cell.changed(&format!("child {id}"));
        Ok(())
    }

    /// Changes the supervisor's own numbers, from the next decision on.
    pub fn retune(&self, tuning: SupervisorTuning) -> Result<(), ManageError> {
        let cell = self.running()?;
        let change = tuning.to_string();
        self.manage(Request::Retune(tuning.retune), DEFAULT_CALL)?;
        cell.changed(&change);
        Ok(())
    }

    fn manage(&self, request: Request, timeout: Duration) -> Result<(), ManageError> {
        let cell = self.running()?;
        let slot = cell.call(request);
        self.answer(&slot, timeout).map(drop)
    }

    fn answer(&self, slot: &CallSlot, timeout: Duration) -> Result<Done, ManageError> {
        let clock = self.clock();
        slot.wait(&clock, clock.deadline(timeout))
    }

    /// The supervisor that runs, for a caller that may still act.
    fn running(&self) -> Result<Arc<Cell>, ManageError> {
        if current::refuses("manage") {
            return Err(ManageError::Fenced);
        }
        self.cell().ok_or(ManageError::NotRunning)
    }

    // --- looking --------------------------------------------------------------------------------

    /// The typed handle of a child.
    ///
    /// # Errors
    /// [`ChildError`]: no such child, or one of another kind.
    pub fn child<H: Any + Clone>(&self, id: impl Into<ChildId>) -> Result<H, ChildError> {
        let cell = self.cell().ok_or(ChildError::NotFound)?;
        let id = id.into();
        cell.inspect(|machine, _, specs| {
            let spec = machine
                .find(&Target::Id(id.clone()))
                .and_then(|child| specs.of(&child));
            spec.ok_or(ChildError::NotFound)?
                .handle()
                .ok_or(ChildError::WrongKind)
        })
    }

    /// The children, newest first (OTP's order), with what they do at the moment.
    pub fn children(&self) -> Vec<ChildInfo> {
        let Some(cell) = self.cell() else {
            return Vec::new();
        };
        let mut children = cell.inspect(|machine, _, _| {
            machine
                .children()
                .map(|child| ChildInfo::of(&child))
                .collect::<Vec<_>>()
        });
        children.reverse();
        children
    }

    /// One child, with its whole effective specification.
    pub fn which_child(&self, id: impl Into<ChildId>) -> Option<ChildInfo> {
        let target = Target::Id(id.into());
        self.cell()?
            .inspect(|machine, _, _| machine.find(&target).map(|child| ChildInfo::of(&child)))
    }

    /// How many children there are; in constant time for a dynamic supervisor.
    pub fn count_children(&self) -> Counts {
        self.cell().map(|cell| cell.counts()).unwrap_or_default()
    }

    /// How many restarts the budget has left at the moment.
    pub fn budget_left(&self) -> u32 {
        self.cell().map_or(0, |cell| {
            cell.inspect(|machine, now, _| machine.budget_left(now))
        })
    }
}
