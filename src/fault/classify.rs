//! What kind of failure an error is, so that code can decide about errors that it does not know.

use super::budget_report::BudgetReport;
use super::exit_reason::ExitReason;
use super::failure::Failure;
use super::start_failure::StartFailure;
use crate::time::BackoffError;

/// What kind of failure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Category {
    /// The caller asked for something that makes no sense. Asking again does not help.
    Validation,
    /// A bound was reached: full, too many, too fast.
    Capacity,
    /// The time ran out; the work may have been done.
    Deadline,
    /// The other side is not there: ended, ending, not started, unknown.
    Unavailable,
    /// The operating system, the disk or the network refused.
    Infrastructure,
    /// What the application's own code returned.
    Application,
    /// A bug: a panic, a hang, a broken promise.
    Fault,
}

impl Category {
    /// Its name in events and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Validation => "validation",
            Self::Capacity => "capacity",
            Self::Deadline => "deadline",
            Self::Unavailable => "unavailable",
            Self::Infrastructure => "infrastructure",
            Self::Application => "application",
            Self::Fault => "fault",
        }
    }
}

/// How bad it is, in rising order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Severity {
    /// Expected in normal operation.
    Low,
    /// Worth a look if it happens often.
    Medium,
    /// Something does not work.
    High,
    /// A part of the program has given up.
    Critical,
}

impl Severity {
    /// Its name in events and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// What every error of the library says about itself.
pub trait Classify {
    /// What kind of failure it is.
    fn category(&self) -> Category;

    /// How bad it is.
    fn severity(&self) -> Severity;

    /// Whether the same request may succeed later. Never true of a panic or another bug.
    fn is_retryable(&self) -> bool {
        matches!(
            self.category(),
            Category::Capacity | Category::Unavailable | Category::Infrastructure
        )
    }

    /// A name that stays the same over versions: `area.what`.
    fn code(&self) -> &'static str;
}

impl Classify for Failure {
    fn category(&self) -> Category {
        Category::Application
    }

    fn severity(&self) -> Severity {
        Severity::Medium
    }

    fn code(&self) -> &'static str {
        "unit.error"
    }
}

impl Classify for ExitReason {
    fn category(&self) -> Category {
        match self {
            Self::Normal | Self::Stopped(_) => Category::Unavailable,
            Self::Error(failure) => failure.category(),
            Self::Panic(_) | Self::Abandoned(_) => Category::Fault,
            Self::StartFailed(failure) => failure.category(),
            Self::BudgetExhausted(report) => report.category(),
        }
    }

    fn severity(&self) -> Severity {
        match self {
            Self::Normal | Self::Stopped(_) => Severity::Low,
            Self::Error(failure) => failure.severity(),
            Self::Panic(_) | Self::Abandoned(_) => Severity::High,
            Self::StartFailed(failure) => failure.severity(),
            Self::BudgetExhausted(report) => report.severity(),
        }
    }

    /// Never: an end is a fact. Whether the unit runs again is its supervisor's decision.
    fn is_retryable(&self) -> bool {
        false
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Normal => "unit.normal",
            Self::Stopped(_) => "unit.stopped",
            Self::Error(failure) => failure.code(),
            Self::Panic(_) => "unit.panic",
            Self::Abandoned(_) => "unit.abandoned",
            Self::StartFailed(failure) => failure.code(),
            Self::BudgetExhausted(report) => report.code(),
        }
    }
}

impl Classify for StartFailure {
    fn category(&self) -> Category {
        self.origin().reason.category()
    }

    fn severity(&self) -> Severity {
        Severity::High
    }

    fn is_retryable(&self) -> bool {
        false
    }

    fn code(&self) -> &'static str {
        "unit.start_failed"
    }
}

impl Classify for BudgetReport {
    fn category(&self) -> Category {
        Category::Fault
    }

    fn severity(&self) -> Severity {
        Severity::Critical
    }

    fn code(&self) -> &'static str {
        "supervisor.budget_exhausted"
    }
}

impl Classify for BackoffError {
    fn category(&self) -> Category {
        Category::Validation
    }

    fn severity(&self) -> Severity {
        Severity::Medium
    }

    fn code(&self) -> &'static str {
        "backoff.invalid"
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::{Category, Classify, Severity};
    use crate::fault::{
        BudgetReport, Exhausted, ExitReason, Failure, Generation, HangPhase, HangReport,
        PanicReport, StartFailure, StopCause,
    };
    use crate::time::Backoff;

    fn panicked() -> ExitReason {
        ExitReason::Panic(Arc::new(PanicReport::scripted("bug")))
    }

    // property 45
    #[test]
    fn no_panic_is_ever_retryable_however_it_is_wrapped() {
        let start = StartFailure::new("a/b".into(), panicked());
        let wrapped = ExitReason::StartFailed(Arc::new(start.clone()));
        let exhausted = Exhausted::Consecutive {
            child: "a/b".into(),
            failures: 3,
        };
        let budget = BudgetReport::new("a".into(), exhausted, vec![("a/b".into(), panicked())]);
        let errors: [&dyn Classify; 5] = [
            &panicked(),
            &start,
            &wrapped,
            &budget,
            &ExitReason::BudgetExhausted(Arc::new(budget.clone())),
        ];
        for error in errors {
            assert_eq!(error.category(), Category::Fault, "{}", error.code());
            assert!(!error.is_retryable(), "{}", error.code());
        }
    }

    // property 46
    #[test]
    fn every_end_has_a_stable_code() {
        let hang = HangReport::new(
            "a".into(),
            Generation::first(),
            HangPhase::Running,
            Duration::ZERO,
            "a",
        );
        let start = StartFailure::new("a".into(), ExitReason::Normal);
        let budget = BudgetReport::new("a".into(), Exhausted::AbandonedThreads { max: 1 }, vec![]);
        let ends = [
            (ExitReason::Normal, "unit.normal", Severity::Low),
            (
                ExitReason::Stopped(StopCause::Sibling),
                "unit.stopped",
                Severity::Low,
            ),
            (
                ExitReason::Error("full".into()),
                "unit.error",
                Severity::Medium,
            ),
            (panicked(), "unit.panic", Severity::High),
            (
                ExitReason::Abandoned(Arc::new(hang)),
                "unit.abandoned",
                Severity::High,
            ),
            (
                ExitReason::StartFailed(Arc::new(start)),
                "unit.start_failed",
                Severity::High,
            ),
            (
                ExitReason::BudgetExhausted(Arc::new(budget)),
                "supervisor.budget_exhausted",
                Severity::Critical,
            ),
        ];
        for (end, code, severity) in ends {
            assert_eq!((end.code(), end.severity()), (code, severity));
        }
    }

    #[test]
    fn an_error_of_the_application_is_not_retried_unless_it_says_so() {
        let failure = Failure::from("disk full");
        assert_eq!(failure.category(), Category::Application);
        assert!(!failure.is_retryable());
        let invalid = Backoff::linear(Duration::ZERO).validate().unwrap_err();
        assert_eq!(invalid.category(), Category::Validation);
        assert_eq!(invalid.code(), "backoff.invalid");
    }
}
