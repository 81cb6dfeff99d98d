//! In place of `running.rs`, on systems without what that needs: nothing can be started.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Instant;

use super::crew::Crew;
use super::process_error::{ProcessError, WriteError};
use super::program::Program;
use super::sink::Sink;
use super::status::{ProcessStatus, Signal};
use crate::kernel::stop::StopSignal;
use crate::kernel::waiters::{WaitList, Wake};
use crate::time::Clock;

/// There is none.
pub(super) enum Running {}

/// There is none.
pub(super) enum Tended {}

impl Running {
    pub(super) fn start(
        _program: &Program,
        _stdin: Option<usize>,
        _sink: Box<dyn Sink>,
        _crew: &Crew,
    ) -> Result<Tended, ProcessError> {
        Err(ProcessError::Unsupported)
    }

    pub(super) fn pid(&self) -> u32 {
        match *self {}
    }

    pub(super) fn is_reaped(&self) -> bool {
        match *self {}
    }

    pub(super) fn end(&self) -> Option<ProcessStatus> {
        match *self {}
    }

    pub(super) fn status(&self) -> Option<ProcessStatus> {
        match *self {}
    }

    pub(super) fn kill(&self) -> bool {
        match *self {}
    }

    pub(super) fn signal_group(&self, _signal: Signal) {
        match *self {}
    }

    pub(super) fn signal(&self, _signal: Signal) -> Result<(), ProcessError> {
        match *self {}
    }

    pub(super) fn changed(&self) -> &WaitList {
        match *self {}
    }

    pub(super) fn wait(
        &self,
        _stop: Option<&StopSignal>,
        _clock: &Clock,
        _until: Option<Instant>,
    ) -> Result<ProcessStatus, Wake> {
        match *self {}
    }

    pub(super) fn bring_down(
        &self,
        _clock: &Clock,
        _ask: impl Fn(&Self),
        _kill_at: impl Fn() -> Option<Instant>,
    ) -> (ProcessStatus, bool) {
        match *self {}
    }

    pub(super) fn write(&self, _bytes: &[u8]) -> Result<(), WriteError> {
        match *self {}
    }

    pub(super) fn close_stdin(&self) {
        match *self {}
    }

    pub(super) fn wake(&self) {
        match *self {}
    }
}

impl Tended {
    pub(super) fn share(&self) -> Arc<Running> {
        match *self {}
    }

    pub(super) fn let_go(&self) {
        match *self {}
    }
}

impl Deref for Tended {
    type Target = Running;

    fn deref(&self) -> &Running {
        match *self {}
    }
}

pub(super) fn is_answer_to(_status: ProcessStatus, _signal: Signal) -> bool {
    false
}
