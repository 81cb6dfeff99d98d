//! How an OS process is kept as a child: when it is ready, how it is asked to stop, where its lines go.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::lines::OutputLine;
use super::program::Program;
use super::program_error::{ProgramError, ProgramFault};
use super::status::Signal;
use crate::supervision::channel::Sender;

/// How many of the last lines are kept, unless said otherwise.
pub const DEFAULT_TAIL: usize = 20;

/// How long a line may be, in bytes, unless said otherwise.
pub const DEFAULT_MAX_LINE: usize = 8 * 1024;

/// How an OS process is kept as a child; an inert value, made from a [`Program`].
///
/// # Examples
///
/// ```
/// use steadfast::process::{Process, Program, Ready, Signal, StopBy};
///
/// let server = Program::new("server").args(["--port", "0"]);
/// let process = Process::new(server)
///     .ready(Ready::output(|line| line.contains("listening")))
///     .stop_by(StopBy::Signal(Signal::Int));
/// assert!(process.validate().is_ok());
/// ```
#[derive(Clone)]
pub struct Process {
    pub(super) program: Program,
    pub(super) ready: Ready,
    pub(super) stop_by: StopBy,
    pub(super) stdin: Option<usize>,
    pub(super) output: Option<Sender<OutputLine>>,
    pub(super) tail: usize,
    pub(super) max_line: usize,
}

/// How a kept process is asked to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StopBy {
    /// By a signal to its process group.
    Signal(Signal),
    /// By closing its standard input, see [`Process::stdin`]: for programs that read until its end.
    ClosingStdin,
}

impl Process {
    /// A process that is ready as soon as it runs, and stopped by `SIGTERM`.
    #[must_use]
    pub fn new(program: Program) -> Self {
        Self {
            program,
            ready: Ready::spawned(),
            stop_by: StopBy::Signal(Signal::Term),
            stdin: None,
            output: None,
            tail: DEFAULT_TAIL,
            max_line: DEFAULT_MAX_LINE,
        }
    }

    /// When it counts as started. Default: [`Ready::spawned`]; give it a start deadline with any other.
    #[must_use]
    pub fn ready(mut self, ready: Ready) -> Self {
        self.ready = ready;
        self
    }

    /// How it is asked to stop. Default: by [`Signal::Term`]. What has not ended shortly before the stop's deadline is
    /// killed, with its whole process group.
    #[must_use]
    pub const fn stop_by(mut self, stop_by: StopBy) -> Self {
        self.stop_by = stop_by;
        self
    }

    /// Opens its standard input for [`ProcessRef::write`](super::ProcessRef::write), with a buffer of so many bytes. Default:
    /// not open, or what [`Program::input`] says.
    #[must_use]
    pub const fn stdin(mut self, capacity: usize) -> Self {
        self.stdin = Some(capacity);
        self
    }

    /// Where its lines go, of each of its runs. A line that finds the channel full is counted and dropped: a reader that is
    /// too slow never stops the process. Default: nowhere.
    #[must_use]
    pub fn output(mut self, lines: Sender<OutputLine>) -> Self {
        self.output = Some(lines);
        self
    }

    /// How many of its last lines are kept. Default: [`DEFAULT_TAIL`].
    #[must_use]
    pub const fn tail(mut self, lines: usize) -> Self {
        self.tail = lines;
        self
    }

    /// How long a line may be, in bytes; the rest of a longer one is dropped. Default: [`DEFAULT_MAX_LINE`].
    #[must_use]
    pub const fn max_line(mut self, bytes: usize) -> Self {
        self.max_line = bytes;
        self
    }

    /// Checks the whole value, the program too.
    ///
    /// # Errors
    /// All faults at once.
    pub fn validate(&self) -> Result<(), ProgramError> {
        let mut faults = self.program.faults();
        if matches!(self.ready.0, Sign::Probe { every, .. } if every.is_zero()) {
            faults.push(ProgramFault::ZeroInterval);
        }
        if self.max_line == 0 {
            faults.push(ProgramFault::ZeroMaxLine);
        }
        if self.stdin == Some(0) {
            faults.push(ProgramFault::ZeroStdin);
        }
        if self.stdin.is_some() && self.program.input_bytes().is_some() {
            faults.push(ProgramFault::StdinTwice);
        }
        if self.stop_by == StopBy::ClosingStdin && self.stdin.is_none() {
            faults.push(ProgramFault::NothingToClose);
        }
        ProgramError::check(faults)
    }
}

impl From<Program> for Process {
    fn from(program: Program) -> Self {
        Self::new(program)
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process")
            .field("program", &self.program)
            .field("ready", &self.ready)
            .field("stop_by", &self.stop_by)
            .field("stdin", &self.stdin)
            .finish_non_exhaustive()
    }
}

/// When a kept process counts as started.
#[derive(Clone)]
pub struct Ready(pub(super) Sign);

#[derive(Clone)]
pub(super) enum Sign {
    Spawned,
    Output(Arc<dyn Fn(&str) -> bool + Send + Sync>),
    Probe {
        every: Duration,
        probe: Arc<dyn Fn() -> bool + Send + Sync>,
    },
}

impl Ready {
    /// As soon as it runs.
    #[must_use]
    pub const fn spawned() -> Self {
        Self(Sign::Spawned)
    }

    /// Once it has written a line, to either stream, for which this is true.
    ///
    /// Called on the thread of the child. Until then the process has to wait if it writes faster than the lines are
    /// looked at.
    pub fn output(is_ready: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        Self(Sign::Output(Arc::new(is_ready)))
    }

    /// Once this is true: a connection that is accepted, a file that is there. It is asked at once, and then again and again
    /// with a pause of `every`.
    ///
    /// Called on the thread of the child. While it is inside it obeys no stop, unless it waits in the library: bound what
    /// it waits for.
    pub fn probe(every: Duration, is_ready: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self(Sign::Probe {
            every,
            probe: Arc::new(is_ready),
        })
    }
}

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Sign::Spawned => f.write_str("Spawned"),
            Sign::Output(_) => f.write_str("Output(..)"),
            Sign::Probe { every, .. } => f
                .debug_struct("Probe")
                .field("every", every)
                .finish_non_exhaustive(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Process, Program, ProgramFault, Ready, StopBy};

    #[test]
    fn all_faults_of_a_process_are_listed_at_once_with_those_of_its_program() {
        let process = Process::new(Program::new("").input("x"));
        let process = process.ready(Ready::probe(Duration::ZERO, || true));
        let process = process.max_line(0).stdin(0);
        let error = process.validate().unwrap_err();
        assert_eq!(
            error.faults(),
            [
                ProgramFault::EmptyExecutable,
                ProgramFault::ZeroInterval,
                ProgramFault::ZeroMaxLine,
                ProgramFault::ZeroStdin,
                ProgramFault::StdinTwice,
            ]
        );
        let unasked = Process::new(Program::new("p")).stop_by(StopBy::ClosingStdin);
        let error = unasked.validate().unwrap_err();
        assert_eq!(error.faults(), [ProgramFault::NothingToClose]);
    }
}
