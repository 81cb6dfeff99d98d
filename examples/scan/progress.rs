//! The progress bar on standard error, when that is a terminal.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::job::ledger::Counts;
use super::table::number;

const SPINNER: &str = "{spinner} {msg}";
const BAR: &str = "{bar:30} {msg}";

/// A bar while the number of files is known, a spinner before. It draws when it is told something new,
/// and keeps no thread.
pub(crate) struct Progress {
    bar: ProgressBar,
    walked: bool,
}

impl Progress {
    /// `quiet`: lines of the log go to the same place, and a bar would tear them.
    pub(crate) fn new(quiet: bool) -> Self {
        let target = if quiet {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr()
        };
        let bar = ProgressBar::with_draw_target(None, target);
        bar.set_style(style(SPINNER));
        Progress { bar, walked: false }
    }

    /// Shows where the scan is.
    pub(crate) fn show(&mut self, counts: Counts, walked: bool, restarts: u64) {
        if walked && !self.walked {
            self.walked = true;
            self.bar.set_style(style(BAR));
        }
        self.bar.update(|state| {
            state.set_len(counts.discovered);
            state.set_pos(counts.settled());
        });
        let (settled, found) = (number(counts.settled()), number(counts.discovered));
        let found = if walked {
            found
        } else {
            found + " found so far"
        };
        let (rate, restarts) = (number(self.bar.per_sec() as u64), number(restarts));
        let message = format!("{settled} of {found}  {rate} files/s  restarts {restarts}");
        self.bar.set_message(message);
    }

    /// Takes the bar away.
    pub(crate) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

/// A template that is wrong costs the bar its looks, not the scan.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_templates_are_right() {
        assert!(ProgressStyle::with_template(SPINNER).is_ok());
        assert!(ProgressStyle::with_template(BAR).is_ok());
    }

    #[test]
    fn a_bar_without_a_terminal_is_silent_and_harmless() {
        let mut progress = Progress::new(true);
        progress.show(
            Counts {
                discovered: 3,
                done: 1,
                ..Counts::default()
            },
            false,
            0,
        );
        progress.show(
            Counts {
                discovered: 3,
                done: 3,
                ..Counts::default()
            },
            true,
            2,
        );
        progress.clear();
    }
}
