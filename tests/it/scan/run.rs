//! One run of the program, and what can be read from it.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Output};

/// The program, built by `cargo test` beside this one.
pub(super) fn program() -> Command {
    let here = std::env::current_exe().unwrap();
    let target = here.parent().and_then(Path::parent).unwrap();
    let scan = target.join("examples").join("scan");
    assert!(
        scan.exists(),
        "`cargo test` builds it, `cargo test --test it` does not: cargo build --example scan"
    );
    let mut command = Command::new(scan);
    command.env_remove("RUST_LOG").env_remove("RUST_BACKTRACE");
    command
}

/// What a run of the program said.
pub(super) struct Run {
    pub(super) code: Option<i32>,
    pub(super) out: String,
    pub(super) err: String,
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        Run {
            code: output.status.code(),
            out: text(&output.stdout),
            err: text(&output.stderr),
        }
    }
}

impl Run {
    /// The value of a row of the table.
    #[track_caller]
    pub(super) fn row(&self, name: &str) -> &str {
        let row = self
            .out
            .lines()
            .find_map(|line| line.trim_start().strip_prefix(name));
        row.unwrap_or_else(|| panic!("no row {name} in {}{}", self.out, self.err))
            .trim()
    }

    /// The number at the beginning of a row.
    #[track_caller]
    pub(super) fn number(&self, name: &str) -> u64 {
        let digits: String = self
            .row(name)
            .chars()
            .filter(|c| *c != ',')
            .take_while(char::is_ascii_digit)
            .collect();
        digits.parse().unwrap()
    }

    /// It came to its end, and its books balance.
    #[track_caller]
    pub(super) fn completes(self) -> Self {
        assert_eq!(self.code, Some(0), "{}{}", self.out, self.err);
        self.balances()
    }

    #[track_caller]
    pub(super) fn balances(self) -> Self {
        assert_eq!(
            (self.number("lost"), self.number("counted twice")),
            (0, 0),
            "{}",
            self.out
        );
        let not_done = if self.out.contains("  not done ") {
            self.number("not done")
        } else {
            0
        };
        let settled =
            self.number("files done") + self.number("failed") + self.number("poisoned") + not_done;
        assert_eq!(self.number("files found"), settled, "{}", self.out);
        self
    }
}

pub(super) fn scan<I: AsRef<OsStr>>(dir: &Path, options: impl IntoIterator<Item = I>) -> Run {
    program().arg(dir).args(options).output().unwrap().into()
}

pub(super) fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split_whitespace()
}

/// The run ends with this code and says this on standard error.
#[track_caller]
pub(super) fn is_refused(run: &Run, code: i32, message: &str) {
    assert_eq!(run.code, Some(code), "{}{}", run.out, run.err);
    assert!(
        run.err.starts_with("scan: ") && run.err.contains(message),
        "{}",
        run.err
    );
    assert!(!run.err.contains("panicked"), "{}", run.err);
}
