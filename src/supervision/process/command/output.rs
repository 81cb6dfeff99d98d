//! What a command wrote, up to a bound: a pure part.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::supervision::process::{OutputStream, ProcessStatus};

/// What a command that ended by itself came to. Cheap to clone.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CommandOutput {
    /// How it ended.
    pub status: ProcessStatus,
    /// The beginning of what it wrote to its standard output.
    pub stdout: Arc<[u8]>,
    /// The beginning of what it wrote to its standard error.
    pub stderr: Arc<[u8]>,
    /// Whether it wrote more than was kept.
    pub is_truncated: bool,
    /// How long it took.
    pub elapsed: Duration,
}

impl CommandOutput {
    /// Whether it ended with the code zero.
    #[must_use]
    pub const fn is_success(&self) -> bool {
        self.status.is_success()
    }

    /// Its standard output as text; what is no UTF-8 in it is replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }
}

impl fmt::Debug for CommandOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CommandOutput")
            .field("status", &self.status)
            .field("stdout_bytes", &self.stdout.len())
            .field("stderr_bytes", &self.stderr.len())
            .field("is_truncated", &self.is_truncated)
            .field("elapsed", &self.elapsed)
            .finish()
    }
}

/// Both streams, each up to the bound.
#[derive(Debug)]
pub(super) struct Capture {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    max: usize,
    is_truncated: bool,
}

impl Capture {
    pub(super) const fn new(max: usize) -> Self {
        Self {
            stdout: Vec::new(),
            stderr: Vec::new(),
            max,
            is_truncated: false,
        }
    }

    pub(super) fn push(&mut self, stream: OutputStream, bytes: &[u8]) {
        let kept = match stream {
            OutputStream::Stdout => &mut self.stdout,
            OutputStream::Stderr => &mut self.stderr,
        };
        let room = self.max - kept.len();
        self.is_truncated |= bytes.len() > room;
        kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    pub(super) fn finish(&mut self, status: ProcessStatus, elapsed: Duration) -> CommandOutput {
        CommandOutput {
            status,
            stdout: std::mem::take(&mut self.stdout).into(),
            stderr: std::mem::take(&mut self.stderr).into(),
            is_truncated: self.is_truncated,
            elapsed,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Capture;
    use crate::supervision::process::{OutputStream, ProcessStatus};

    // S6
    #[test]
    fn each_stream_is_kept_up_to_the_bound() {
        let mut capture = Capture::new(4);
        capture.push(OutputStream::Stdout, b"abc");
        capture.push(OutputStream::Stderr, b"efgh");
        let output = capture.finish(ProcessStatus::Exited(0), Duration::ZERO);
        assert!(!output.is_truncated);
        let mut capture = Capture::new(4);
        for bytes in [b"abc", b"def", b"ghi"] {
            capture.push(OutputStream::Stdout, bytes);
        }
        let output = capture.finish(ProcessStatus::Exited(0), Duration::ZERO);
        assert_eq!(
            (output.text().as_str(), output.is_truncated),
            ("abcd", true)
        );
    }
}
