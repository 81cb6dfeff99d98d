//! How a run of a unit ended.

use std::fmt;
use std::sync::Arc;

use super::budget_report::BudgetReport;
use super::failure::Failure;
use super::hang_report::HangReport;
use super::panic_report::PanicReport;
use super::start_failure::StartFailure;
use super::stop_cause::StopCause;

/// How a run of a unit ended. Cheap to clone, because many may want to know.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ExitReason {
    /// It finished by itself.
    Normal,
    /// It ended because it was asked to.
    Stopped(StopCause),
    /// It returned an error.
    Error(Failure),
    /// It panicked.
    Panic(Arc<PanicReport>),
    /// It did not respond and was written off; its thread may live on, fenced.
    Abandoned(Arc<HangReport>),
    /// It did not start.
    StartFailed(Arc<StartFailure>),
    /// It is a supervisor, and gave up.
    BudgetExhausted(Arc<BudgetReport>),
}

impl ExitReason {
    /// Whether it ended as it should: by itself, or because it was asked to. A transient child is
    /// restarted after any other end.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        matches!(self, Self::Normal | Self::Stopped(_))
    }

    /// Its name in events and logs: `normal`, `budget_exhausted`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Stopped(_) => "stopped",
            Self::Error(_) => "error",
            Self::Panic(_) => "panic",
            Self::Abandoned(_) => "abandoned",
            Self::StartFailed(_) => "start_failed",
            Self::BudgetExhausted(_) => "budget_exhausted",
        }
    }
}

impl fmt::Display for ExitReason {
    /// One line; with `{:#}` a failure also shows its sources and context.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Normal => f.write_str("normal"),
            Self::Stopped(cause) => write!(f, "stopped ({cause})"),
            Self::Error(failure) => {
                f.write_str("error: ")?;
                failure.fmt(f)
            }
            Self::Panic(report) => report.fmt(f),
            Self::Abandoned(report) => write!(f, "abandoned: {report}"),
            Self::StartFailed(failure) => failure.fmt(f),
            Self::BudgetExhausted(report) => report.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::ExitReason;
    use crate::fault::{
        BudgetReport, Exhausted, Generation, HangPhase, HangReport, StartFailure, StopCause,
    };

    fn one_of_each() -> Vec<ExitReason> {
        let hang = HangReport::new(
            "demo/w".into(),
            Generation::first(),
            HangPhase::Stopping,
            Duration::from_secs(5),
            "w",
        );
        let exhausted = Exhausted::Restarts {
            max: 3,
            period: Duration::from_secs(5),
        };
        let budget = BudgetReport::new("demo".into(), exhausted, Vec::new());
        let error = ExitReason::Error("disk full".into());
        let start = StartFailure::new("demo/w".into(), error.clone());
        vec![
            ExitReason::Normal,
            ExitReason::Stopped(StopCause::Shutdown),
            error,
            ExitReason::Abandoned(Arc::new(hang)),
            ExitReason::StartFailed(Arc::new(start)),
            ExitReason::BudgetExhausted(Arc::new(budget)),
        ]
    }

    // decision 2
    #[test]
    fn only_normal_and_stopped_are_clean() {
        let clean: Vec<_> = one_of_each()
            .iter()
            .filter(|reason| reason.is_clean())
            .map(ExitReason::kind)
            .collect();
        assert_eq!(clean, ["normal", "stopped"]);
    }

    #[test]
    fn every_reason_says_in_one_line_what_happened() {
        let lines: Vec<_> = one_of_each().iter().map(ToString::to_string).collect();
        assert_eq!(
            lines,
            [
                "normal",
                "stopped (shutdown)",
                "error: disk full",
                "abandoned: demo/w hung while stopping (generation 1, thread w, silent for 5s)",
                "demo/w did not start: error: disk full",
                "demo gave up: more than 3 restarts in 5s",
            ]
        );
    }

    #[test]
    fn a_nested_start_failure_leads_to_its_origin() {
        let leaf = StartFailure::new("a/b/c".into(), ExitReason::Error("no port".into()));
        let middle = StartFailure::new("a/b".into(), ExitReason::StartFailed(Arc::new(leaf)));
        let top = StartFailure::new("a".into(), ExitReason::StartFailed(Arc::new(middle)));
        assert_eq!(top.origin().path.as_str(), "a/b/c");
        assert_eq!(top.to_string(), "a/b/c did not start: error: no port");
    }

    #[test]
    fn a_budget_report_keeps_the_last_three_failures() {
        let last = ["a", "b", "c", "d"].map(|id| (id.into(), ExitReason::Normal));
        let exhausted = Exhausted::AbandonedThreads { max: 8 };
        let report = BudgetReport::new("demo".into(), exhausted, last.to_vec());
        assert_eq!(
            report.to_string(),
            "demo gave up: more than 8 abandoned threads; last: b: normal; c: normal; d: normal"
        );
    }
}
