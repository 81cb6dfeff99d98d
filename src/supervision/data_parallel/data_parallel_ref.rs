//! The handle of a pool: where work is handed in.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use super::books::PoolCounters;
use super::desk::Desk;
use super::pool_error::{InstallError, PoolRefusal};
use super::slot::{Lose, Slot};
use crate::fault::catch::{Caught, catch};
use crate::supervision::unit::current;
use crate::supervision::unit::logical::Unit;
use crate::supervision::{DEFAULT_CALL, UnitRef};
use crate::time::Deadline;

/// A handle of a data-parallel pool: what every [`UnitRef`] can be asked, and where work is handed in.
///
/// A piece of work carries the error context of who handed it in, and its panics never reach a caller as
/// panics. A stop of the pool reaches the work as it reaches a worker: its waits in the library end.
#[derive(Clone)]
pub struct DataParallelRef {
    unit: UnitRef,
    desk: Arc<Desk>,
    threads: usize,
}

impl DataParallelRef {
    pub(super) fn new(unit: Arc<Unit>, desk: Arc<Desk>, threads: usize) -> Self {
        DataParallelRef {
            unit: UnitRef::new(unit),
            desk,
            threads,
        }
    }

    /// How many threads compute.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// What was handed in so far, and what became of it.
    pub fn counters(&self) -> PoolCounters {
        self.desk.counters()
    }

    /// Runs the closure in the pool, and returns what it returns; `par_iter`, `join` and `scope` inside use
    /// the threads of the pool. On a thread of the pool it runs right there.
    ///
    /// # Blocking
    /// Until it is through, at most [`DEFAULT_CALL`], or until the calling unit is asked to stop. Work that
    /// had begun then goes on without a caller.
    ///
    /// # Errors
    /// [`InstallError`]: it was refused, it panicked, or its result did not come in time.
    pub fn install<R, F>(&self, work: F) -> Result<R, InstallError>
    where
        R: Send + 'static,
        F: FnOnce() -> R + Send + 'static,
    {
        self.install_timeout(DEFAULT_CALL, work)
    }

    /// As [`install`](Self::install), with a timeout.
    ///
    /// # Errors
    /// As [`install`](Self::install).
    pub fn install_timeout<R, F>(&self, timeout: Duration, work: F) -> Result<R, InstallError>
    where
        R: Send + 'static,
        F: FnOnce() -> R + Send + 'static,
    {
        self.install_deadline(self.unit.clock().deadline(timeout), work)
    }

    /// As [`install`](Self::install), until a deadline.
    ///
    /// # Errors
    /// As [`install`](Self::install).
    pub fn install_deadline<R, F>(&self, deadline: Deadline, work: F) -> Result<R, InstallError>
    where
        R: Send + 'static,
        F: FnOnce() -> R + Send + 'static,
    {
        if self.desk.is_inside() {
            return inline(work);
        }
        let slot = Arc::new(Slot::new());
        let (crew, ticket) = self.desk.admit(Some(Arc::clone(&slot) as Arc<dyn Lose>))?;
        let (desk, filled) = (Arc::clone(&self.desk), Arc::clone(&slot));
        crew.pool.spawn(move || {
            if let Some(result) = desk.perform(&ticket, || filled.begin(), work) {
                filled.fill(result);
            }
        });
        drop(crew);
        let clock = self.unit.clock();
        let wait = || slot.wait(&clock, deadline);
        match current::current() {
            Some(run) => run.waiting(wait),
            None => wait(),
        }
    }

    /// As [`install`](Self::install), for a closure that borrows.
    ///
    /// # Blocking
    /// Until the work is through, however long that takes: what it borrows cannot be taken from it. This
    /// is the one wait of the library that obeys neither a deadline nor a stop. Work that has not begun when
    /// the pool stops never does, but the caller hears of it only when a thread of the pool comes to it: if
    /// what runs before it hangs, it waits as long as that hangs, also after the pool was given up. Prefer
    /// [`install`](Self::install) where the data can be owned or shared by an `Arc`.
    ///
    /// # Errors
    /// [`InstallError`]: it was refused, it panicked, or the pool stopped before it began.
    ///
    /// # Examples
    ///
    /// ```
    /// use rayon::prelude::*;
    /// # use steadfast::{Child, DataParallel, System};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let system = System::new("demo")?;
    /// # let crunch = system.spawn(Child::data_parallel("crunch", DataParallel::new()))?;
    /// let mut numbers = vec![3, 1, 2];
    /// crunch.install_borrowing(|| numbers.par_sort())?;
    /// assert_eq!(numbers, [1, 2, 3]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn install_borrowing<R, F>(&self, work: F) -> Result<R, InstallError>
    where
        R: Send,
        F: FnOnce() -> R + Send,
    {
        if self.desk.is_inside() {
            return inline(work);
        }
        let (crew, ticket) = self.desk.admit(None)?;
        let perform = || self.desk.perform(&ticket, || true, work);
        let performed = crew.pool.install(perform);
        told(performed.unwrap_or(Err(Caught::Fenced)), false)
    }

    /// Hands a piece of work in, and does not wait for it. Its panic is an event, and is counted.
    ///
    /// # Errors
    /// [`PoolRefusal`]: nothing of it will run.
    pub fn spawn(&self, work: impl FnOnce() + Send + 'static) -> Result<(), PoolRefusal> {
        let (crew, ticket) = self.desk.admit(None)?;
        let desk = Arc::clone(&self.desk);
        crew.pool.spawn(move || {
            let _nobody_waits = desk.perform(&ticket, || true, work);
        });
        Ok(())
    }
}

/// A piece within a piece: it was accepted with the outer one, and would wait for itself in the queue.
fn inline<R>(work: impl FnOnce() -> R) -> Result<R, InstallError> {
    told(catch(work), true)
}

fn told<R>(result: Result<R, Caught>, started: bool) -> Result<R, InstallError> {
    result.map_err(|caught| match caught {
        Caught::Panic(report) => InstallError::Panicked(report),
        Caught::Fenced => InstallError::Lost { started },
    })
}

impl Deref for DataParallelRef {
    type Target = UnitRef;

    fn deref(&self) -> &UnitRef {
        &self.unit
    }
}

impl fmt::Debug for DataParallelRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DataParallelRef")
            .field("id", self.id())
            .field("threads", &self.threads)
            .finish_non_exhaustive()
    }
}
