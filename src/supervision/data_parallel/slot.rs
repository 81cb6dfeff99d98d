//! The place where the result of an installed piece of work arrives.

use std::sync::Arc;

use parking_lot::Mutex;

use super::pool_error::InstallError;
use crate::fault::PanicReport;
use crate::fault::catch::{Caught, catch_drop};
use crate::kernel::stop::current_stop;
use crate::kernel::waiters::{WaitList, Wake, wait_for};
use crate::time::{Clock, Deadline};

type Outcome<R> = Result<R, Arc<PanicReport>>;

/// Filled once by the pool, read by the caller that waits.
pub(super) struct Slot<R> {
    state: Mutex<State<R>>,
    waiters: WaitList,
}

enum State<R> {
    /// It has not begun.
    Queued,
    /// It runs.
    Started,
    /// Its result is there.
    Done(Outcome<R>),
    /// The pool ended before it.
    Lost { started: bool },
    /// Nobody waits for it any more.
    Left,
}

/// What can become of a slot without knowing its type.
pub(super) trait Lose: Send + Sync {
    /// The pool has ended, and what is in hand will have no result.
    fn lose(&self);
}

impl<R> Slot<R> {
    pub(super) fn new() -> Self {
        Slot {
            state: Mutex::new(State::Queued),
            waiters: WaitList::new(),
        }
    }

    /// The work is about to begin; false when nobody wants it any more.
    pub(super) fn begin(&self) -> bool {
        let mut state = self.state.lock();
        let wanted = matches!(*state, State::Queued);
        if wanted {
            *state = State::Started;
        }
        wanted
    }

    /// The work is through. A result that nobody wants is dropped here, and its panic with it.
    pub(super) fn fill(&self, result: Result<R, Caught>) {
        let done = match result {
            Ok(value) => State::Done(Ok(value)),
            Err(Caught::Panic(report)) => State::Done(Err(report)),
            // It unwound because its run was given up.
            Err(Caught::Fenced) => State::Lost { started: true },
        };
        let unwanted = {
            let mut state = self.state.lock();
            match *state {
                State::Started => {
                    *state = done;
                    None
                }
                _ => Some(done),
            }
        };
        self.waiters.notify_all();
        let _its_panic = catch_drop(unwanted);
    }

    /// Waits for the result, and leaves for good.
    pub(super) fn wait(&self, clock: &Clock, deadline: Deadline) -> Result<R, InstallError> {
        let stop = current_stop();
        let until = deadline.instant();
        let taken = wait_for(&self.waiters, stop.as_deref(), clock, until, || self.take());
        taken.unwrap_or_else(|why| self.leave(why))
    }

    fn take(&self) -> Option<Result<R, InstallError>> {
        let mut state = self.state.lock();
        if matches!(*state, State::Queued | State::Started) {
            return None;
        }
        std::mem::replace(&mut *state, State::Left).into_result()
    }

    /// The wait is over; a result that came at the last moment is taken all the same.
    fn leave(&self, why: Wake) -> Result<R, InstallError> {
        let before = std::mem::replace(&mut *self.state.lock(), State::Left);
        let started = matches!(before, State::Started);
        before.into_result().unwrap_or(Err(match why {
            Wake::Stopped => InstallError::CallerStopped { started },
            _ => InstallError::TimedOut { started },
        }))
    }
}

impl<R> State<R> {
    /// What there is to tell the caller, if there is something.
    fn into_result(self) -> Option<Result<R, InstallError>> {
        match self {
            State::Done(Ok(value)) => Some(Ok(value)),
            State::Done(Err(report)) => Some(Err(InstallError::Panicked(report))),
            State::Lost { started } => Some(Err(InstallError::Lost { started })),
            State::Queued | State::Started | State::Left => None,
        }
    }
}

impl<R: Send> Lose for Slot<R> {
    fn lose(&self) {
        {
            let mut state = self.state.lock();
            let started = match *state {
                State::Queued => false,
                State::Started => true,
                State::Done(_) | State::Lost { .. } | State::Left => return,
            };
            *state = State::Lost { started };
        }
        self.waiters.notify_all();
    }
}
