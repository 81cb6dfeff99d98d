//! The configuration of a pool, and the child that it makes.

use std::sync::Arc;
use std::time::Instant;

use super::data_parallel_ref::DataParallelRef;
use super::desk::Desk;
use super::keeper::{self, CrewPlan};
use crate::fault::StopCause;
use crate::supervision::child::{Body, Child, ChildSpec};
use crate::supervision::unit::logical::Unit;
use crate::supervision::unit::run::Run;
use crate::supervision::worker::WorkerBody;
use crate::supervision::{ChildId, ChildPolicy, SpecError};
use crate::sync::cores;

/// How many pieces of work may be queued or running unless a bound is given.
const MAX_PENDING: usize = 1024;

/// How a data-parallel pool is set up, see [`Child::data_parallel`].
#[derive(Clone, Debug)]
#[must_use = "a configuration does nothing until a child is made from it"]
pub struct DataParallel {
    threads: usize,
    max_pending: usize,
    stack_size: Option<usize>,
}

impl DataParallel {
    /// A configuration with all defaults.
    pub fn new() -> Self {
        DataParallel {
            threads: cores(),
            max_pending: MAX_PENDING,
            stack_size: None,
        }
    }

    /// How many threads compute. Default: as many as the process may use cores.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads;
        self
    }

    /// How many pieces of work may be queued or running; more are refused. What a piece splits itself
    /// into does not count. Default: 1024.
    pub fn max_pending(mut self, pieces: usize) -> Self {
        self.max_pending = pieces;
        self
    }

    /// The stack of each computing thread, in bytes. Default: that of the standard library.
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.stack_size = Some(bytes);
        self
    }

    /// Checks the configuration for a child of this name.
    fn errors(&self, id: &ChildId) -> Vec<SpecError> {
        // Beyond this rayon would make fewer without a word.
        let (threads, max) = (self.threads, rayon::max_num_threads());
        let none = (threads == 0).then(|| SpecError::ZeroThreads(id.clone()));
        let many = (threads > max).then(|| SpecError::TooManyThreads {
            id: id.clone(),
            threads,
            max,
        });
        let pending = (self.max_pending == 0).then(|| SpecError::ZeroPending(id.clone()));
        none.into_iter().chain(many).chain(pending).collect()
    }
}

impl Default for DataParallel {
    fn default() -> Self {
        Self::new()
    }
}

impl Child<DataParallelRef> {
    /// A private rayon pool as a child: `par_iter`, `join` and `scope` inside of
    /// [`install`](DataParallelRef::install) run on its threads.
    ///
    /// A stop refuses new work at once and lets what was accepted finish; work that does not end in time
    /// is abandoned with its threads, as every unit is. A restart makes a new pool, and handles go on.
    ///
    /// # Examples
    ///
    /// ```
    /// use rayon::prelude::*;
    /// use steadfast::{Child, DataParallel, System};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let system = System::new("demo")?;
    /// let crunch = system.spawn(Child::data_parallel("crunch", DataParallel::new()))?;
    /// let sum = crunch.install(|| (1..=1000_u64).into_par_iter().map(|n| n * n).sum::<u64>())?;
    /// assert_eq!(sum, 333_833_500);
    /// # Ok(())
    /// # }
    /// ```
    pub fn data_parallel(id: impl Into<ChildId>, config: DataParallel) -> Self {
        let id = id.into();
        let unit = Unit::new(id.clone());
        let desk = Arc::new(Desk::new(Arc::clone(&unit), config.max_pending));
        let body = PoolBody {
            keeper: keeper(&desk, &config),
            desk: Arc::clone(&desk),
            errors: config.errors(&id),
        };
        let handle = DataParallelRef::new(Arc::clone(&unit), desk, config.threads);
        Child::new(ChildPolicy::worker(id), unit, Arc::new(body), handle)
    }
}

fn keeper(desk: &Arc<Desk>, config: &DataParallel) -> WorkerBody {
    let plan = CrewPlan {
        threads: config.threads,
        stack_size: config.stack_size,
    };
    let (opened, kept) = (Arc::clone(desk), Arc::clone(desk));
    WorkerBody::staged(
        move |ctx| keeper::begin(&opened, plan, ctx),
        move |hands, ctx| {
            keeper::keep(&kept, hands, ctx);
            Ok(())
        },
    )
}

/// The keeper is a worker; what goes beyond one is that whoever waits hears of every end.
struct PoolBody {
    keeper: WorkerBody,
    desk: Arc<Desk>,
    errors: Vec<SpecError>,
}

impl Body for PoolBody {
    fn launch(&self, run: &Arc<Run>, spec: &ChildSpec) {
        self.keeper.launch(run, spec);
    }

    fn ask_stop(&self, run: &Arc<Run>, _cause: StopCause, _deadline: Option<Instant>) {
        // At once: the keeper may not have been awake when the caller of the stop looks.
        self.desk.drain(run);
    }

    fn over(&self) {
        self.desk.shut();
    }

    fn errors(&self) -> Vec<SpecError> {
        self.errors.clone()
    }
}
