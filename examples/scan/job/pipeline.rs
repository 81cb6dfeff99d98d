//! The supervised pipeline: its tree, its run, its end.
//!
//! ```text
//! scan                     restarts nothing: what its children cannot mend ends the scan
//! ├── aggregator           starts first and stops last, so that results are drained
//! ├── parsers              alike and unordered; gives up by its own numbers
//! │   ├── parser-0 … N-1
//! └── walker               ends when it has found everything; stops first
//! ```

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use steadfast::fault::{BudgetReport, ExitReason};
use steadfast::time::Backoff;
use steadfast::{
    Child, DynamicSupervisor, Intensity, OnHang, Restart, Shutdown, StartError, System,
    SystemConfig,
};

use super::book::Book;
use super::ledger::Counts;
use super::parser;
use super::plan::{DRAIN, End, FAILURES_IN_A_ROW, Finished, HANG_AFTER, Plan};
use super::shared::Shared;
use super::stages;

/// How often the caller is told where the scan is, and may end it.
const TICK: Duration = Duration::from_millis(100);

/// How long the whole stop may take.
const STOP: Duration = Duration::from_secs(15);

/// How long threads that have just been woken may take to find out that they are fenced.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Where a running scan is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Status {
    pub(crate) counts: Counts,
    pub(crate) walked: bool,
    pub(crate) restarts: u64,
}

/// Runs the pipeline to its end. `watch` is called now and then and may break it off.
pub(crate) fn run(
    plan: Plan,
    book: Book,
    mut watch: impl FnMut(Status) -> ControlFlow<()>,
) -> Result<Finished, StartError> {
    let (shared, completed) = Shared::new(plan, book);
    let system = System::with(SystemConfig::new("scan").intensity(never()))?;
    let begin = system.clock().now();
    // A tree that gave up while it was still being built has a better reason than its refusal.
    if let Err(error) = start(&system, &shared)
        && system.wait_timeout(Duration::ZERO).is_none()
    {
        return Err(error);
    }
    let end = loop {
        if completed.recv_timeout(TICK).is_ok() {
            break End::Complete;
        }
        shared.send_stranded();
        if let Some(reason) = system.wait_timeout(Duration::ZERO) {
            break End::GaveUp(describe(&reason));
        }
        if watch(shared.status()).is_break() {
            break End::Interrupted;
        }
    };
    let elapsed = system.clock().now().saturating_duration_since(begin);
    let report = system.stop_within(STOP);
    log::info!(target: "scan", "{report}");
    shared.close();
    // Those that have just been let go are counted when they have tried to deliver.
    shared
        .tally
        .sleepers
        .wait(system.clock().now() + LAST_WORDS);
    drop(system);
    Ok(shared.finish(end, elapsed))
}

fn start(system: &System, shared: &Arc<Shared>) -> Result<(), StartError> {
    system.spawn(
        Child::worker("aggregator", stages::aggregator(shared)).shutdown(Shutdown::Deadline(DRAIN)),
    )?;
    parsers(system, shared)?;
    system.spawn(
        Child::worker("walker", stages::walker(shared))
            .restart(Restart::Transient)
            .shutdown(Shutdown::Deadline(DRAIN)),
    )?;
    Ok(())
}

/// The parsers are alike and know nothing of each other: they stop all at once, so that one that hangs
/// does not keep the others waiting.
fn parsers(system: &System, shared: &Arc<Shared>) -> Result<(), StartError> {
    let intensity = match shared.plan.restarts {
        Some((max, period)) => Intensity::new(max, period),
        // More than any machine can do.
        None => Intensity::new(Intensity::MAX_RESTARTS, TICK),
    };
    let supervisor = DynamicSupervisor::new("parsers")
        .intensity(intensity)
        .max_children(shared.plan.workers)
        .max_abandoned(shared.plan.max_abandoned);
    let supervisor = system.supervise(supervisor)?;
    for index in 0..shared.plan.workers {
        supervisor.start_child(
            Child::worker(format!("parser-{index}"), parser::body(shared, index))
                .backoff(Backoff::none())
                .give_up_after(FAILURES_IN_A_ROW)
                .hang_after(HANG_AFTER)
                // Safe: what an old generation still does is refused by its slot and by the ledger.
                .on_hang(OnHang::Replace)
                .shutdown(Shutdown::Deadline(DRAIN)),
        )?;
    }
    Ok(())
}

/// The root mends nothing.
fn never() -> Intensity {
    Intensity::new(0, Duration::from_secs(5))
}

/// Why the tree gave up: the supervisor, its budget, its last failures.
fn describe(reason: &ExitReason) -> String {
    let ExitReason::BudgetExhausted(report) = reason else {
        return reason.to_string();
    };
    let report = origin(report);
    let mut text = format!("supervisor {} gave up: {}", report.path, report.exhausted);
    text.push_str("\nits last failures, the newest last:");
    for (path, reason) in &report.last {
        text.push_str(&format!("\n  {path}: {reason}"));
    }
    text
}

/// The report of the supervisor that gave up first: the others only passed it on.
fn origin(report: &Arc<BudgetReport>) -> &BudgetReport {
    let mut origin = report;
    while let Some((_, ExitReason::BudgetExhausted(deeper))) = origin.last.last() {
        origin = deeper;
    }
    origin
}

impl Shared {
    fn status(&self) -> Status {
        let book = self.book.lock();
        Status {
            counts: book.counts(),
            walked: book.is_walked(),
            restarts: self.tally.restarts.get(),
        }
    }

    /// Takes what the scan came to out of the shared state.
    fn finish(&self, end: End, elapsed: Duration) -> Finished {
        let tally = &self.tally;
        Finished {
            end,
            book: std::mem::take(&mut *self.book.lock()),
            panics: tally.panics.get(),
            hangs: tally.hangs.get(),
            restarts: tally.restarts.get(),
            abandoned: self.slots.abandoned.get(),
            elapsed,
        }
    }
}
