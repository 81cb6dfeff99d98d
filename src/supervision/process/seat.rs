//! The seat of a kept process: what its handle, its supervisor and the thread of its run know of the run of the moment.
//!
//! A run may be given up before its process is there, or while the thread that carries it hangs in the user's code. So the
//! end of a run is noted here, whatever that thread does: a process that is there is killed, and one that comes later is
//! killed as it comes.

use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;

use super::line_sink::LineStore;
use super::running::{Running, Tended};
use crate::fault::Generation;
use crate::supervision::unit::run::Run;

/// What is known of the run of the moment, or else of the last one.
pub(super) struct Seat {
    state: Mutex<Option<Sitting>>,
}

struct Sitting {
    generation: Generation,
    /// `None` once it is over.
    run: Option<Arc<Run>>,
    /// Until when the process must be ready.
    give_up_at: Option<Instant>,
    /// Until when the process may take to end, once it was asked to.
    kill_at: Option<Instant>,
    lines: Arc<LineStore>,
    running: Option<Arc<Running>>,
}

impl Seat {
    pub(super) fn new() -> Self {
        Self {
            state: Mutex::new(None),
        }
    }

    /// A run begins.
    pub(super) fn begin(&self, run: &Arc<Run>, lines: Arc<LineStore>, give_up_at: Option<Instant>) {
        let sitting = Sitting {
            generation: run.generation(),
            run: Some(Arc::clone(run)),
            give_up_at,
            kill_at: None,
            lines,
            running: None,
        };
        let _before = self.state.lock().replace(sitting);
    }

    /// The lines of that run and until when it must be ready, if it is still the run of the moment.
    pub(super) fn orders(
        &self,
        generation: Generation,
    ) -> Option<(Arc<LineStore>, Option<Instant>)> {
        self.of(generation, |sitting| {
            (Arc::clone(&sitting.lines), sitting.give_up_at)
        })
    }

    /// The process of that run is there; false if it must not be any more.
    pub(super) fn take(&self, generation: Generation, process: &Tended) -> bool {
        let taken = self.of(generation, |sitting| {
            sitting.running = Some(process.share());
        });
        taken.is_some()
    }

    /// Until when the process of that run may take to end.
    pub(super) fn kill_at(&self, generation: Generation) -> Option<Instant> {
        self.of(generation, |sitting| sitting.kill_at).flatten()
    }

    /// The run was asked to stop, at the latest then.
    pub(super) fn hasten(&self, generation: Generation, kill_at: Option<Instant>) {
        let running = self.of(generation, |sitting| {
            sitting.kill_at = kill_at;
            sitting.running.clone()
        });
        if let Some(running) = running.flatten() {
            running.changed().notify_all();
        }
    }

    /// The run is over, or was given up: nothing of it may be left. What had to be killed, with its run.
    pub(super) fn over(&self) -> Option<(Arc<Run>, Arc<Running>)> {
        let (run, running) = {
            let mut state = self.state.lock();
            let sitting = state.as_mut()?;
            (sitting.run.take()?, sitting.running.clone()?)
        };
        running.kill().then_some((run, running))
    }

    /// The process of the moment.
    pub(super) fn running(&self) -> Option<Arc<Running>> {
        let running = self.state.lock().as_ref()?.running.clone();
        running.filter(|running| !running.is_reaped())
    }

    /// The lines of the run of the moment, or else of the last one.
    pub(super) fn lines(&self) -> Option<Arc<LineStore>> {
        let state = self.state.lock();
        state.as_ref().map(|sitting| Arc::clone(&sitting.lines))
    }

    fn of<T>(&self, generation: Generation, look: impl FnOnce(&mut Sitting) -> T) -> Option<T> {
        let mut state = self.state.lock();
        let sitting = state.as_mut()?;
        let is_this = sitting.generation == generation && sitting.run.is_some();
        is_this.then(|| look(sitting))
    }
}
