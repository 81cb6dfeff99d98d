//! Looking for what a test left behind, once its system has stopped.

use std::panic::Location;
use std::time::Duration;

use super::contamination::Leftover;
use super::faults::Faults;
use crate::fault::catch::{Caught, catch};
use crate::supervision::channel::ChannelStats;
use crate::supervision::{ShutdownReport, SupervisorSnapshot};
use crate::system::SystemHandle;
use crate::time::Clock;

/// How long a thread that was let go at the end of the test may take to be gone, in real time.
const LAST_STEPS: Duration = Duration::from_secs(2);

/// What a test has made beside its system.
#[derive(Default)]
pub(super) struct Belongings {
    pub(super) channels: Vec<Probe>,
    pub(super) faults: Vec<Faults>,
    pub(super) checks: Vec<Check>,
}

/// A channel whose messages must all be read.
pub(super) struct Probe {
    pub(super) name: Option<String>,
    pub(super) at: &'static Location<'static>,
    pub(super) stats: Box<dyn Fn() -> ChannelStats + Send + Sync>,
}

/// A check of the test's own.
pub(super) struct Check {
    pub(super) name: String,
    pub(super) check: Box<dyn FnOnce() -> Result<(), String> + Send>,
}

impl Belongings {
    /// Lets go what hangs by a plan.
    pub(super) fn release(&self) {
        self.faults.iter().for_each(Faults::release);
    }

    /// Messages that nobody read, and what the test's own checks find.
    pub(super) fn left(self) -> Vec<Leftover> {
        let unread = self.channels.iter().filter_map(Probe::unread);
        let mut left: Vec<_> = unread.collect();
        left.extend(self.checks.into_iter().filter_map(Check::perform));
        left
    }
}

impl Probe {
    fn unread(&self) -> Option<Leftover> {
        let stats = (self.stats)();
        let queued = u64::try_from(stats.depth).unwrap_or(u64::MAX);
        let messages = queued.saturating_add(stats.dead);
        (messages > 0).then(|| Leftover::Queued {
            channel: self.name.clone(),
            at: self.at,
            messages,
        })
    }
}

impl Check {
    fn perform(self) -> Option<Leftover> {
        let problem = match catch(self.check) {
            Ok(result) => result.err()?,
            Err(Caught::Panic(report)) => report.to_string(),
            Err(Caught::Fenced) => "its thread was given up".to_owned(),
        };
        let name = self.name;
        Some(Leftover::Check { name, problem })
    }
}

/// What the system itself still has after its stop.
pub(super) fn of_system(handle: &SystemHandle, stopped: Option<&ShutdownReport>) -> Vec<Leftover> {
    let clock = Clock::system();
    let runtime = handle.runtime();
    let deadline = clock.deadline(LAST_STEPS);
    let mut left = Vec::new();
    if let Some(root) = handle.snapshot().root {
        units(&root, &mut left);
    }
    let threads = runtime.roster().outlast(&clock, deadline);
    left.extend(threads.into_iter().map(Leftover::Thread));
    if stopped.is_none() {
        left.push(Leftover::LibraryThread("test-end"));
    }
    if !runtime.steward().close(&clock, deadline) {
        left.push(Leftover::LibraryThread("steward"));
    }
    if !handle
        .telemetry()
        .close(handle.clock().deadline(LAST_STEPS))
    {
        left.push(Leftover::LibraryThread("sf-telemetry"));
    }
    let timers = handle.pending_timers();
    if timers > 0 {
        left.push(Leftover::Timers(timers));
    }
    let monitors = handle.monitor_count();
    if monitors > 0 {
        left.push(Leftover::Monitors(monitors));
    }
    left.extend(stopped.into_iter().flat_map(unread));
    left
}

fn units(supervisor: &SupervisorSnapshot, left: &mut Vec<Leftover>) {
    for child in &supervisor.children {
        left.push(Leftover::Unit {
            path: supervisor.path.join(child.info.id.as_str()),
            state: child.info.state,
        });
        if let Some(below) = &child.supervisor {
            units(below, left);
        }
    }
}

fn unread(report: &ShutdownReport) -> impl Iterator<Item = Leftover> {
    let left = report.remarks.iter().filter(|end| end.left > 0);
    left.map(|end| Leftover::Unread {
        path: end.path.clone(),
        generation: end.generation,
        messages: end.left,
    })
}

/// Failures that nobody heard of.
pub(super) fn unheard(handle: &SystemHandle) -> impl Iterator<Item = Leftover> {
    let ends = handle.runtime().unheard().all().into_iter();
    ends.map(|end| Leftover::Unheard {
        path: end.path,
        generation: end.generation,
        reason: end.reason,
    })
}

/// Handlers that are nobody's but the test's.
pub(super) fn handlers(
    handle: &SystemHandle,
    is_own: impl Fn(&str) -> bool,
) -> impl Iterator<Item = Leftover> {
    let attached = handle.telemetry().handlers().into_iter();
    let foreign = attached.filter(move |handler| !is_own(&handler.id));
    foreign.map(Leftover::Handler)
}
