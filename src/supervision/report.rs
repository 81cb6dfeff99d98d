//! The shutdown report: what became of every unit when a system stopped.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::time::{Duration, Instant};

use super::tree::roster::ThreadLeft;
use crate::fault::{ExitReason, Failure, Generation, UnitPath};
use crate::telemetry::{Telemetry, kinds};

/// How a unit ended in a stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// It ended cleanly.
    Stopped,
    /// It ended with an error, or its start failed.
    Failed,
    /// It panicked on the way.
    Panicked,
    /// It would not end in time; its thread may still run.
    Abandoned,
}

impl Outcome {
    pub(crate) fn of(reason: &ExitReason) -> Self {
        match reason {
            ExitReason::Panic(_) => Outcome::Panicked,
            ExitReason::Abandoned(_) => Outcome::Abandoned,
            clean if clean.is_clean() => Outcome::Stopped,
            _ => Outcome::Failed,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Outcome::Stopped => "stopped",
            Outcome::Failed => "failed",
            Outcome::Panicked => "panicked",
            Outcome::Abandoned => "abandoned",
        }
    }
}

/// How one unit ended in a stop.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct UnitEnd {
    /// The unit.
    pub path: UnitPath,
    /// Its last run.
    pub generation: Generation,
    /// What became of it.
    pub outcome: Outcome,
    /// Why the run ended.
    pub reason: ExitReason,
    /// The time between its being asked to stop and its end.
    pub elapsed: Duration,
    /// Messages that its receivers left in their channels.
    pub left: usize,
    /// An error that it returned on its way out of the stop.
    pub error: Option<Failure>,
}

impl UnitEnd {
    /// Whether there is something to say about it beside "stopped".
    fn is_remarkable(&self) -> bool {
        self.outcome != Outcome::Stopped || self.left > 0 || self.error.is_some()
    }
}

/// How a stop phase went.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PhaseEnd {
    /// The phase.
    pub phase: String,
    /// How long it took.
    pub elapsed: Duration,
    /// The units that did not end in its time.
    pub late: Vec<UnitPath>,
    /// What became of its hooks that panicked, could not run, or were not through in time.
    pub hook_problems: Vec<String>,
}

impl PhaseEnd {
    fn is_clean(&self) -> bool {
        self.late.is_empty() && self.hook_problems.is_empty()
    }
}

/// What became of every unit when a system stopped. It never says "stopped" while threads are alive.
///
/// Units that ended without anything to remark are only counted; of the others at most
/// [`MAX_REMARKS`](ShutdownReport::MAX_REMARKS) are kept.
#[derive(Clone, Debug)]
#[must_use = "the report says who did not stop; `into_result()` makes it an error"]
#[non_exhaustive]
pub struct ShutdownReport {
    /// The name of the system.
    pub system: String,
    /// When the stop began.
    pub(crate) began: Instant,
    /// How long the stop took.
    pub elapsed: Duration,
    /// Units by what became of them.
    pub counts: BTreeMap<Outcome, u64>,
    /// The units about which there is something to say.
    pub remarks: Vec<UnitEnd>,
    /// Who was given up, in this order, also beyond the remarks that are kept: each is a thread that hangs, so
    /// that there are few.
    given_up: Vec<UnitPath>,
    /// The stop phases that were gone through, in order.
    pub phases: Vec<PhaseEnd>,
    /// Threads of units that are still alive, those that were abandoned earlier among them; those of
    /// hooks of stop phases, under the path of the phase; and, under the path of the system, those that hang in a
    /// destructor of what a timer did not deliver.
    pub threads_left: Vec<ThreadLeft>,
    /// Why the root supervisor ended; `None` when it had not when this report was made, because the
    /// calling unit was itself asked to stop.
    pub root: Option<ExitReason>,
}

impl ShutdownReport {
    /// How many units are described one by one.
    pub const MAX_REMARKS: usize = 1000;

    pub(crate) fn new(system: String, began: Instant) -> Self {
        ShutdownReport {
            system,
            began,
            elapsed: Duration::ZERO,
            counts: BTreeMap::new(),
            remarks: Vec::new(),
            given_up: Vec::new(),
            phases: Vec::new(),
            threads_left: Vec::new(),
            root: None,
        }
    }

    pub(crate) fn add(&mut self, end: UnitEnd) {
        *self.counts.entry(end.outcome).or_default() += 1;
        if end.outcome == Outcome::Abandoned {
            self.given_up.push(end.path.clone());
        }
        if end.is_remarkable() && self.remarks.len() < Self::MAX_REMARKS {
            self.remarks.push(end);
        }
    }

    /// How many units were given up so far.
    pub(crate) fn given_up(&self) -> usize {
        self.given_up.len()
    }

    /// Adds the end of a phase, and to it which of its members were given up after the `first` units.
    pub(crate) fn end_phase(
        &mut self,
        mut end: PhaseEnd,
        first: usize,
        is_member: impl Fn(&UnitPath) -> bool,
    ) -> PhaseEnd {
        let given_up = self.given_up.iter().skip(first);
        end.late
            .extend(given_up.filter(|path| is_member(path)).cloned());
        self.phases.push(end.clone());
        end
    }

    /// Tells telemetry how the stop ended.
    pub(crate) fn announce(&self, telemetry: &Telemetry) {
        telemetry.post(&kinds::SYSTEM_STOPPED, |event| {
            event.measure("stopped", self.count(Outcome::Stopped));
            event.measure(
                "failed",
                self.count(Outcome::Failed) + self.count(Outcome::Panicked),
            );
            event.measure("abandoned", self.threads_left.len() as u64);
            event.tag("name", &self.system);
        });
    }

    /// How many units ended so.
    pub fn count(&self, outcome: Outcome) -> u64 {
        self.counts.get(&outcome).copied().unwrap_or(0)
    }

    /// Whether the whole tree has ended.
    pub fn is_complete(&self) -> bool {
        self.root.is_some()
    }

    /// Whether the stop was clean: complete, every unit stopped, no thread left, no hook of a phase failed,
    /// the root ended cleanly.
    pub fn is_clean(&self) -> bool {
        let troubled = [Outcome::Failed, Outcome::Panicked, Outcome::Abandoned];
        self.root.as_ref().is_some_and(ExitReason::is_clean)
            && self.threads_left.is_empty()
            && self.phases.iter().all(PhaseEnd::is_clean)
            && troubled.into_iter().all(|outcome| self.count(outcome) == 0)
    }

    /// `Ok` if the stop was clean, else the report as an error.
    ///
    /// # Errors
    /// [`Unclean`], with the whole report.
    pub fn into_result(self) -> Result<(), Unclean> {
        if self.is_clean() {
            Ok(())
        } else {
            Err(Unclean(Box::new(self)))
        }
    }
}

impl fmt::Display for ShutdownReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.root {
            None => "is still stopping".to_owned(),
            Some(reason) if reason.is_clean() => format!("stopped in {:.1?}", self.elapsed),
            Some(reason) => format!("ended in {:.1?}: {reason}", self.elapsed),
        };
        write!(f, "{} {state}", self.system)?;
        for (outcome, count) in &self.counts {
            write!(f, ", {count} {}", outcome.word())?;
        }
        for end in &self.remarks {
            write!(
                f,
                "\n  {} {} after {:.1?}",
                end.path,
                end.outcome.word(),
                end.elapsed
            )?;
            if !end.reason.is_clean() {
                write!(f, ": {}", end.reason)?;
            }
            if let Some(error) = &end.error {
                write!(f, ", with {error}")?;
            }
            if end.left > 0 {
                write!(f, ", {} messages left", end.left)?;
            }
        }
        for end in &self.phases {
            write!(f, "\n  phase {} took {:.1?}", end.phase, end.elapsed)?;
            for path in &end.late {
                write!(f, "; late: {path}")?;
            }
            for problem in &end.hook_problems {
                write!(f, "; hook: {problem}")?;
            }
        }
        for left in &self.threads_left {
            write!(
                f,
                "\n  thread {} of {} is still alive",
                left.thread, left.path
            )?;
        }
        Ok(())
    }
}

/// A stop that was not clean: the report, as an error.
#[derive(Debug)]
pub struct Unclean(Box<ShutdownReport>);

impl Unclean {
    /// The report.
    pub fn report(&self) -> &ShutdownReport {
        &self.0
    }

    /// The report, by value.
    pub fn into_report(self) -> ShutdownReport {
        *self.0
    }
}

impl fmt::Display for Unclean {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the stop was not clean: {}", self.0)
    }
}

impl Error for Unclean {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::{HangPhase, HangReport};

    fn path(step: usize) -> UnitPath {
        UnitPath::new("demo").join(&step.to_string())
    }

    /// A unit that would not end.
    fn given_up(step: usize) -> UnitEnd {
        let (generation, phase) = (Generation::first(), HangPhase::Stopping);
        let hang = HangReport::new(path(step), generation, phase, Duration::ZERO, "w");
        let reason = ExitReason::Abandoned(hang.into());
        UnitEnd {
            path: path(step),
            generation,
            outcome: Outcome::of(&reason),
            reason,
            elapsed: Duration::ZERO,
            left: 0,
            error: None,
        }
    }

    fn report(units: usize) -> ShutdownReport {
        let now = crate::time::Clock::system().now();
        let mut report = ShutdownReport::new("demo".into(), now);
        (0..units).for_each(|step| report.add(given_up(step)));
        report
    }

    fn phase() -> PhaseEnd {
        PhaseEnd {
            phase: "intake".into(),
            elapsed: Duration::ZERO,
            late: Vec::new(),
            hook_problems: Vec::new(),
        }
    }

    // decision 17
    #[test]
    fn units_beyond_those_that_are_described_are_late_by_name() {
        let most = ShutdownReport::MAX_REMARKS;
        let mut report = report(most - 1);
        let first = report.given_up();
        (most..most + 3).for_each(|step| report.add(given_up(step)));
        let end = report.end_phase(phase(), first, |member| member != &path(most + 1));
        assert_eq!(end.late, [path(most), path(most + 2)]);
        assert_eq!(
            (report.remarks.len(), report.phases[0].late.len()),
            (most, 2)
        );
    }

    // decision 17
    #[test]
    fn the_text_names_who_was_late_in_a_phase() {
        let mut report = report(0);
        let late = vec![path(7)];
        report.end_phase(PhaseEnd { late, ..phase() }, 0, |_| true);
        let text = report.to_string();
        assert!(
            text.ends_with("phase intake took 0.0ns; late: demo/7"),
            "{text}"
        );
    }
}
