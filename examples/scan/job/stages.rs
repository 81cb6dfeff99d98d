//! The first and the last stage of the pipeline: the walker and the aggregator.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use steadfast::channel::SendError;
use steadfast::{Failure, WorkerContext};

use super::open::Stamp;
use super::shared::Shared;
use super::slots::Job;
use super::walk::{Entry, Found, walk};

/// How long the walker waits for room before it looks whether it should stop: a send in a unit that
/// stops would wait until the end of its time, for parsers that may have ended.
const PATIENCE: Duration = Duration::from_millis(100);

/// Finds the files and hands them out, as fast as the parsers take them.
pub(crate) fn walker(
    shared: &Arc<Shared>,
) -> impl Fn(&WorkerContext) -> Result<(), Failure> + use<> {
    let shared = Arc::clone(shared);
    move |ctx| {
        for found in walk(&shared.plan.dir, shared.plan.own.as_deref()) {
            ctx.checkpoint("walking");
            if ctx.is_stopping() {
                return Ok(());
            }
            match found {
                Found::File(entry) => hand_out(&shared, entry, ctx)?,
                Found::Skipped(skip) => shared.book.lock().skipped(skip),
                Found::Trouble(path, trouble) => shared.book.lock().walk_trouble(&path, &trouble),
            }
        }
        shared.settling(|book| book.walked());
        Ok(())
    }
}

/// Notes a file and sends it to the parsers, unless the checkpoint has its result.
fn hand_out(shared: &Shared, entry: Entry, ctx: &WorkerContext) -> Result<(), Failure> {
    // The state of the file is looked up only where there may be a result of it.
    let resumes = shared.plan.own.is_some();
    let stamp = if resumes { stamp(&entry.path) } else { None };
    let Some(id) = shared.book.lock().found(&entry, stamp)? else {
        return Ok(());
    };
    let entry = Arc::new(entry);
    let mut job = Job {
        id,
        entry,
        attempt: 0,
    };
    loop {
        job = match shared.jobs.0.send_timeout(job, PATIENCE) {
            Ok(()) => return Ok(()),
            // The parsers are behind; a walker has time.
            Err(SendError::Timeout(job)) if !ctx.is_stopping() => job,
            // Asked to stop: the file is found and not done.
            Err(refused) => {
                shared.book.lock().leave(refused.into_inner().id);
                return Ok(());
            }
        };
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = std::fs::symlink_metadata(path).ok()?;
    metadata.is_file().then(|| Stamp::of(&metadata))
}

/// Enters the results. It is the last to be stopped, so it sees what the parsers drained.
pub(crate) fn aggregator(
    shared: &Arc<Shared>,
) -> impl Fn(&WorkerContext) -> Result<(), Failure> + use<> {
    let shared = Arc::clone(shared);
    move |ctx| {
        while let Some(delivery) = shared.results.1.recv(ctx)? {
            shared.enter(&delivery);
        }
        Ok(())
    }
}
