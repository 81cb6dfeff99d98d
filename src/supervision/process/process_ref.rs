//! The handle of a kept process.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use super::line_sink::ProcessStats;
use super::lines::OutputLine;
use super::process_error::{ProcessError, WriteError};
use super::running::Running;
use super::seat::Seat;
use super::status::Signal;
use crate::kernel::stop::{Level, current_stop};
use crate::kernel::waiters::{Wake, wait_for};
use crate::supervision::unit::logical::Unit;
use crate::supervision::unit::unit_ref::UnitRef;
use crate::supervision::{DEFAULT_CALL, refuses};

/// A handle of a kept OS process: what every [`UnitRef`] can be asked, and what the process of the moment can be told.
///
/// It stays valid through all restarts; the process of the moment is another one after each.
#[derive(Clone)]
pub struct ProcessRef {
    unit: UnitRef,
    seat: Arc<Seat>,
}

impl ProcessRef {
    pub(super) fn new(unit: Arc<Unit>, seat: Arc<Seat>) -> Self {
        Self {
            unit: UnitRef::new(unit),
            seat,
        }
    }

    /// The number of the process of the moment; `None` while there is none.
    pub fn pid(&self) -> Option<u32> {
        self.seat.running().map(|running| running.pid())
    }

    /// Sends a signal to the process itself, not to the rest of its group. One that ends it counts as any other end.
    ///
    /// # Errors
    /// [`NotRunning`](ProcessError::NotRunning), [`Signal`](ProcessError::Signal) where the operating system refuses,
    /// [`Fenced`](ProcessError::Fenced).
    pub fn signal(&self, signal: Signal) -> Result<(), ProcessError> {
        if refuses("process.signal") {
            return Err(ProcessError::Fenced);
        }
        let running = self.seat.running().ok_or(ProcessError::NotRunning)?;
        running.signal(signal)
    }

    /// The last lines of the process of the moment, or else of the last one; the newest last.
    pub fn tail(&self) -> Vec<OutputLine> {
        let lines = self.seat.lines();
        lines.map(|lines| lines.tail()).unwrap_or_default()
    }

    /// What was counted of the lines of the process of the moment, or else of the last one.
    pub fn stats(&self) -> ProcessStats {
        let lines = self.seat.lines();
        lines.map(|lines| lines.stats()).unwrap_or_default()
    }

    /// Writes all of the bytes to the standard input of the process of the moment, or none; waits for room for at most
    /// [`DEFAULT_CALL`]. What the process has not read when it ends is lost.
    ///
    /// # Blocking
    /// While the buffer is full, until the deadline, the end of the process, or the stop of the calling unit.
    ///
    /// # Errors
    /// [`WriteError`], and nothing was written.
    pub fn write(&self, bytes: &[u8]) -> Result<(), WriteError> {
        self.write_timeout(bytes, DEFAULT_CALL)
    }

    /// As [`write`](Self::write), if there is room now.
    ///
    /// # Errors
    /// As [`write`](Self::write), and [`Full`](WriteError::Full).
    pub fn try_write(&self, bytes: &[u8]) -> Result<(), WriteError> {
        self.writable()?.write(bytes)
    }

    /// As [`write`](Self::write), waiting for at most `timeout`.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn write_timeout(&self, bytes: &[u8], timeout: Duration) -> Result<(), WriteError> {
        let running = self.writable()?;
        let stop = current_stop();
        let clock = self.unit.clock();
        let until = clock.deadline(timeout).instant();
        let try_write = || match running.write(bytes) {
            Err(WriteError::Full) => None,
            written => Some(written),
        };
        let waited = wait_for(running.changed(), stop.as_deref(), &clock, until, try_write);
        waited.unwrap_or_else(|woken| match woken {
            Wake::Stopped if stop.is_some_and(|stop| stop.level() == Level::Fenced) => {
                Err(WriteError::Fenced)
            }
            Wake::Stopped => Err(WriteError::Stopped),
            _ => Err(WriteError::Timeout),
        })
    }

    /// Closes the standard input of the process of the moment, once what was written is read.
    pub fn close_stdin(&self) {
        if let Ok(running) = self.writable() {
            running.close_stdin();
        }
    }

    fn writable(&self) -> Result<Arc<Running>, WriteError> {
        if refuses("process.write") {
            return Err(WriteError::Fenced);
        }
        self.seat.running().ok_or(WriteError::NotRunning)
    }
}

impl Deref for ProcessRef {
    type Target = UnitRef;

    fn deref(&self) -> &UnitRef {
        &self.unit
    }
}

impl fmt::Debug for ProcessRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.unit.fmt(f)
    }
}
