//! The exit codes: what a script can learn from `scan` without reading its table.

use std::process::ExitCode;

/// How `scan` ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Every file was read, or is counted as skipped, failed or poisoned.
    Complete,
    /// `--verify` found another digest than the tree did.
    Different,
    /// The command line makes no sense.
    Usage,
    /// DIR is missing, is no directory or cannot be read.
    Directory,
    /// The checkpoint is corrupt, belongs to another scan or cannot be written.
    Checkpoint,
    /// A budget of the tree is exhausted; it stopped in order.
    GaveUp,
    /// The books do not balance, or the tree could not be started: a defect, never a property of the files.
    Defect,
    /// The table could not be written, for standard output is closed.
    Output,
    /// Ctrl-C (or SIGTERM): what was in hand was finished, the rest was not done.
    Interrupted,
}

impl Exit {
    /// All of them with their meaning, in the order of their codes; `--help` prints this.
    pub(crate) const ALL: [(Exit, &'static str); 9] = [
        (
            Exit::Complete,
            "the scan is complete; what was skipped, failed or poisoned is in the table",
        ),
        (Exit::Different, "--verify found a difference"),
        (Exit::Usage, "the command line is wrong"),
        (
            Exit::Directory,
            "DIR is missing, is no directory or cannot be read",
        ),
        (
            Exit::Checkpoint,
            "the checkpoint is corrupt, of another scan, or cannot be read or written",
        ),
        (
            Exit::GaveUp,
            "a budget of the tree was exhausted: it stopped in order and says why",
        ),
        (
            Exit::Defect,
            "a file was lost or counted twice, or the tree did not start: a defect of scan",
        ),
        (
            Exit::Output,
            "standard output was closed before the table was written",
        ),
        (
            Exit::Interrupted,
            "interrupted by Ctrl-C or SIGTERM; with --resume a checkpoint was written",
        ),
    ];

    /// The code for the operating system.
    pub(crate) fn code(self) -> u8 {
        match self {
            Exit::Complete => 0,
            Exit::Different => 1,
            Exit::Usage => 2,
            Exit::Directory => 3,
            Exit::Checkpoint => 4,
            Exit::GaveUp => 5,
            Exit::Defect => 6,
            Exit::Output => 7,
            Exit::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_listed_once_and_in_order() {
        let codes: Vec<u8> = Exit::ALL.iter().map(|(exit, _)| exit.code()).collect();
        let mut sorted = codes.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(codes, sorted);
    }

    #[test]
    fn an_interrupted_scan_says_what_a_shell_expects() {
        assert_eq!(Exit::Interrupted.code(), 128 + 2);
    }
}
