//! Parallel maps: what comes out, in which order, and what is left when one ends.

mod ends;
mod failures;
mod order;
mod sharing;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use steadfast::supervision::{ItemFailure, TaskStats};
use steadfast::{Failure, System, TaskSupervisor, TaskSupervisorRef, WorkerContext};

use crate::support::Gate;

/// A task supervisor under the root.
#[track_caller]
fn tasks(system: &System, tasks: TaskSupervisor) -> TaskSupervisorRef {
    system.spawn(tasks).expect("started")
}

#[track_caller]
fn plain(system: &System) -> TaskSupervisorRef {
    tasks(system, TaskSupervisor::new("tasks"))
}

/// A source that counts what was pulled from it.
#[derive(Clone, Default)]
struct Pulled(Arc<AtomicUsize>);

impl Pulled {
    fn count<I: Iterator>(&self, items: I) -> impl Iterator<Item = I::Item> + use<I> {
        let pulled = Arc::clone(&self.0);
        items.inspect(move |_| {
            pulled.fetch_add(1, Ordering::Relaxed);
        })
    }

    fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// Hangs at the gate with the items that it is told, whatever it is asked.
fn hangs<W: Fn(u64) -> bool>(
    gate: &Gate,
    with: W,
) -> impl Fn(&u64, &WorkerContext) -> Result<u64, Failure> + use<W> {
    let gate = gate.clone();
    move |item, _| {
        if with(*item) {
            gate.pass();
        }
        Ok(*item)
    }
}

/// A result, or the code of the failure.
fn code<R>(result: Result<R, ItemFailure<u64>>) -> Result<R, &'static str> {
    use steadfast::fault::Classify;
    result.map_err(|failure| failure.code())
}

/// The numbers add up, and nothing runs.
#[track_caller]
fn assert_settled(stats: TaskStats) {
    let ends = stats.completed + stats.failed + stats.timed_out + stats.cancelled;
    assert_eq!(stats.started, ends, "{stats:?}");
    assert_eq!(stats.active, 0, "{stats:?}");
}
