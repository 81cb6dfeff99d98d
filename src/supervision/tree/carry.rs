//! Carrying out: what each effect of a machine does to threads, units and telemetry.
//!
//! Nothing here decides. The order of an end is part of the contract: the unit's standing changes,
//! then its monitors hear of it, then telemetry, then its body, which tells who waits for a task; a replacement
//! is a later effect of the same queue.

use std::sync::Arc;
use std::time::Instant;

use crate::fault::catch::catch_drop;
use crate::fault::{ExitReason, Generation, HangPhase, HangReport, StopCause};
use crate::supervision::child::ChildSpec;
use crate::supervision::machine::{Effect, Event, Fate, Key};
use crate::supervision::tree::cell::Cell;
use crate::supervision::unit::logical::Standing;
use crate::supervision::unit::run::Run;
use crate::telemetry::kinds;

impl Cell {
    /// Carries one effect out; `spec` is the specification of the child that it concerns.
    pub(super) fn carry(self: &Arc<Self>, effect: Effect, spec: Option<Arc<ChildSpec>>) {
        match (effect, spec) {
            (
                Effect::Launch {
                    key,
                    generation,
                    attempt,
                },
                Some(spec),
            ) => {
                self.launch(&spec, key, generation, attempt);
            }
            (
                Effect::AskStop {
                    generation,
                    cause,
                    deadline,
                    ..
                },
                Some(spec),
            ) => {
                self.ask_stop(&spec, generation, cause, deadline);
            }
            (
                Effect::Abandon {
                    generation, phase, ..
                },
                Some(spec),
            ) => {
                self.abandon(&spec, generation, phase);
            }
            (
                Effect::Exited {
                    generation,
                    reason,
                    while_stopping,
                    then,
                    ..
                },
                Some(spec),
            ) => {
                self.exited(&spec, generation, &reason, while_stopping, &then);
            }
            (Effect::Running { generation, .. }, Some(spec)) => self.running(&spec, generation),
            (Effect::Ignored { generation, .. }, Some(spec)) => self.ignored(&spec, generation),
            (Effect::Settled { .. }, Some(spec)) => spec.unit().settled(),
            (Effect::Forget { key }, Some(spec)) => self.forgotten(key, spec),
            (Effect::Answer { call, answer }, _) => {
                if let Some(slot) = self.answer(call) {
                    slot.fill(answer);
                }
            }
            (Effect::Up, _) => self.up(),
            (Effect::Ending { reason }, _) => self.ending(&reason),
            (Effect::Ended { reason }, _) => self.ended(reason),
            (Effect::AbortProcess { report, .. }, Some(_)) => self.abort(&report),
            // A child that is gone needs nothing done to it.
            (_, None) => {}
        }
    }

    fn launch(self: &Arc<Self>, spec: &ChildSpec, key: Key, generation: Generation, attempt: u32) {
        let phases = self.runtime().phases();
        if phases.is_some_and(|phases| phases.is_past(spec)) {
            // The system stops, and what belongs to this phase is down already or about to be.
            return self.turn(Event::Ignored { key, generation });
        }
        let run = Run::new(spec.unit(), self, key, generation, attempt);
        spec.unit().starting(Arc::clone(&run));
        spec.body().launch(&run, spec);
    }

    fn ask_stop(
        &self,
        spec: &ChildSpec,
        generation: Generation,
        cause: StopCause,
        deadline: Option<Instant>,
    ) {
        let run = spec.unit().run();
        let Some(run) = run.filter(|run| run.generation() == generation) else {
            return;
        };
        let telemetry = self.runtime().telemetry();
        telemetry.post(&kinds::CHILD_STOPPING, |event| {
            event.tag("path", run.path());
            event.tag("generation", run.generation());
            event.tag("cause", cause);
        });
        run.ask_stop(cause, deadline);
        spec.body().ask_stop(&run, cause, deadline);
    }

    fn abandon(&self, spec: &ChildSpec, generation: Generation, phase: HangPhase) {
        let Some(run) = spec.unit().run() else { return };
        let report = Arc::new(run.hang_report(phase));
        run.fence(StopCause::Replaced);
        self.runtime().roster().mark_abandoned(&run);
        self.runtime()
            .telemetry()
            .post(&kinds::CHILD_ABANDONED, |event| {
                event.tag("path", run.path());
                event.tag("generation", generation);
                event.tag("phase", phase);
                event.tag("thread", &report.thread);
            });
        let reason = ExitReason::Abandoned(report);
        self.runtime().journal(&run, &reason);
        spec.body().over();
        spec.unit().down(generation, &reason, true);
        spec.body().told(&reason);
    }

    fn exited(
        &self,
        spec: &ChildSpec,
        generation: Generation,
        reason: &ExitReason,
        while_stopping: bool,
        then: &Fate,
    ) {
        let unit = spec.unit();
        if matches!(then, Fate::Escalate) && self.parent().is_none() {
            // The end that makes the root give up belongs into the report of that end.
            self.runtime().open_journal(self.path().as_str());
        }
        if let Some(run) = unit.run() {
            self.runtime().journal(&run, reason);
        }
        spec.body().over();
        let started = matches!(unit.standing(), Standing::Up);
        let heard_by = unit.down(generation, reason, matches!(then, Fate::Restart { .. }));
        if started && heard_by == 0 && !spec.body().has_owner() {
            let unheard = self.runtime().unheard();
            unheard.note(then, &unit.path(), generation, reason);
        }
        let telemetry = self.runtime().telemetry();
        let kind = match (started, reason.is_clean()) {
            (true, true) => &kinds::CHILD_ENDED,
            (true, false) => &kinds::CHILD_EXITED,
            (false, _) => &kinds::CHILD_START_FAILED,
        };
        telemetry.post(kind, |event| {
            event.tag("path", unit.path());
            event.tag("generation", generation);
            event.tag("reason", reason);
            event.tag("expected", while_stopping);
        });
        if let Fate::Restart { attempt, delay } = then {
            telemetry.post(&kinds::CHILD_RESTARTING, |event| {
                event.measure("attempt", u64::from(*attempt));
                event.measure("delay", *delay);
                event.tag("path", unit.path());
                event.tag("generation", generation);
            });
        }
        spec.body().told(reason);
    }

    fn running(&self, spec: &ChildSpec, generation: Generation) {
        let unit = spec.unit();
        unit.up();
        if let Some(run) = unit.run() {
            self.runtime().watch(&run, spec.watch_limits());
        }
        self.runtime()
            .telemetry()
            .post(&kinds::CHILD_STARTED, |event| {
                event.tag("path", unit.path());
                event.tag("generation", generation);
            });
    }

    fn ignored(&self, spec: &ChildSpec, generation: Generation) {
        spec.unit().down(generation, &ExitReason::Normal, false);
        self.runtime()
            .telemetry()
            .post(&kinds::CHILD_IGNORED, |event| {
                event.tag("path", spec.unit().path());
                event.tag("generation", generation);
            });
    }

    fn forgotten(&self, key: Key, spec: Arc<ChildSpec>) {
        self.forget(key);
        spec.unit().settled();
        self.runtime()
            .telemetry()
            .post(&kinds::CHILD_FORGOTTEN, |event| {
                event.tag("path", spec.unit().path());
            });
        // What the child's functions captured is dropped here, unless somebody else holds it: the one
        // place where a user's destructor can run on the steward. Its panic must not end the steward.
        let _its_panic = catch_drop(spec);
    }

    /// A live change was made.
    pub(crate) fn changed(&self, what: &str) {
        self.runtime()
            .telemetry()
            .post(&kinds::SUPERVISOR_SPEC_CHANGED, |event| {
                event.tag("path", self.path());
                event.tag("change", what);
            });
    }

    fn up(&self) {
        self.runtime()
            .telemetry()
            .post(&kinds::SUPERVISOR_STARTED, |event| {
                event.tag("path", self.path());
            });
        match self.parent() {
            None => self.owner().unit().up(),
            Some(run) => {
                if let Some(home) = run.home() {
                    home.turn(Event::Started {
                        key: run.key(),
                        generation: run.generation(),
                    });
                }
            }
        }
    }

    fn ending(&self, reason: &ExitReason) {
        if self.parent().is_none() {
            // The root ends, asked or not: from here on every end belongs into the report.
            self.runtime().open_journal(self.path().as_str());
        }
        self.owner().ending();
        let telemetry = self.runtime().telemetry();
        if let ExitReason::BudgetExhausted(report) = reason {
            telemetry.post(&kinds::SUPERVISOR_BUDGET_EXHAUSTED, |event| {
                event.tag("path", self.path());
                event.tag("exhausted", &report.exhausted);
            });
        }
        if matches!(reason, ExitReason::Stopped(StopCause::AutoShutdown)) {
            telemetry.post(&kinds::SUPERVISOR_AUTO_SHUTDOWN, |event| {
                event.tag("path", self.path());
            });
        }
        telemetry.post(&kinds::SUPERVISOR_STOPPING, |event| {
            event.tag("path", self.path());
            event.tag("reason", reason);
        });
    }

    /// `OnHang::AbortProcess`: the program asked for this end.
    fn abort(&self, report: &HangReport) -> ! {
        log::error!(target: "steadfast::supervision", "process.aborting {report}");
        std::process::abort()
    }

    fn ended(&self, reason: ExitReason) {
        self.runtime()
            .telemetry()
            .post(&kinds::SUPERVISOR_ENDED, |event| {
                event.tag("path", self.path());
                event.tag("reason", &reason);
            });
        for spec in self.specs() {
            spec.unit().settled();
        }
        match self.parent() {
            None => {
                self.owner().clear();
                let first = Generation::first();
                let heard_by = self.owner().unit().down(first, &reason, false);
                if heard_by == 0 {
                    let unheard = self.runtime().unheard();
                    unheard.note(&Fate::Keep, self.path(), first, &reason);
                }
                self.runtime().root_ended(reason);
            }
            Some(run) => {
                if run.finish()
                    && let Some(home) = run.home()
                {
                    home.turn(run.end_event(reason));
                }
            }
        }
    }
}
