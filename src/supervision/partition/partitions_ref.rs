//! The handle: the way to a partition, and how many there are.

use std::fmt;
use std::hash::Hash;
use std::num::NonZero;
use std::ops::Deref;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;

use super::resize_error::{NoPartition, ResizeError};
use super::routing;
use crate::kernel::stop::current_stop;
use crate::kernel::waiters::{WaitList, wait_for};
use crate::supervision::machine::{Request, Target};
use crate::supervision::tree::call::CallSlot;
use crate::supervision::tree::cell::Cell;
use crate::supervision::unit::current;
use crate::supervision::{
    ChildId, ChildPolicy, DEFAULT_CALL, ManageError, Restart, SupervisorRef, UnitRef,
};
use crate::time::{Clock, Deadline};

/// A handle of a partition supervisor: what every [`UnitRef`] can be asked, and the way to the partitions.
///
/// `H` is the handle of one partition. Routing asks nobody, so it costs a hash and goes on while
/// partitions restart: their handles stay valid.
#[derive(Clone)]
pub struct PartitionsRef<H> {
    supervisor: SupervisorRef,
    shared: Arc<Shared<H>>,
}

struct Shared<H> {
    handles: Vec<H>,
    sizing: Mutex<Sizing>,
    /// Who waits for the resize before theirs.
    turn: WaitList,
}

/// How many partitions there are. A resize belongs to one run of the supervisor: the next one begins with
/// its whole list.
struct Sizing {
    resized: Weak<Cell>,
    size: usize,
    resizing: bool,
}

impl<H> PartitionsRef<H> {
    pub(super) fn new(supervisor: SupervisorRef, handles: Vec<H>) -> Self {
        let sizing = Sizing {
            resized: Weak::new(),
            size: handles.len(),
            resizing: false,
        };
        let shared = Shared {
            handles,
            sizing: Mutex::new(sizing),
            turn: WaitList::new(),
        };
        PartitionsRef {
            supervisor,
            shared: Arc::new(shared),
        }
    }

    /// The supervisor of the partitions, to look at it and to tune it. Who starts or terminates children
    /// through it changes nothing about where keys are routed; [`resize`](Self::resize) does.
    pub fn supervisor(&self) -> &SupervisorRef {
        &self.supervisor
    }

    /// How many partitions there were at the start: the most that there can be.
    pub fn initial(&self) -> usize {
        self.shared.handles.len()
    }

    /// How many partitions there are, those that restart at the moment among them.
    pub fn len(&self) -> usize {
        let cell = self.supervisor.cell();
        cell.map_or(self.initial(), |cell| self.size_in(&cell))
    }

    /// Whether all partitions were taken away.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn size_in(&self, cell: &Arc<Cell>) -> usize {
        let sizing = self.shared.sizing.lock();
        if std::ptr::eq(sizing.resized.as_ptr(), Arc::as_ptr(cell)) {
            sizing.size
        } else {
            self.initial()
        }
    }
}

impl<H: Clone> PartitionsRef<H> {
    /// The partition of a key.
    ///
    /// The same key has the same partition in every run, build and machine, as long as the number of
    /// partitions and what the key's type feeds to its hasher stay the same: the place is found by jump
    /// consistent hashing of FNV-1a with a final mix. When the number changes, few keys move: with one
    /// more partition, only those that go to the new one. A program that has its own way of choosing,
    /// say an integer modulo the number, uses [`at`](Self::at).
    ///
    /// # Errors
    /// [`NoPartition`]: all were taken away.
    pub fn route<K: Hash + ?Sized>(&self, key: &K) -> Result<H, NoPartition> {
        let partitions = self.len();
        let some = NonZero::new(partitions).ok_or(NoPartition { partitions })?;
        Ok(self.shared.handles[routing::place_of(key, some)].clone())
    }

    /// The partition with this index.
    ///
    /// # Errors
    /// [`NoPartition`]: there are not so many.
    pub fn at(&self, index: usize) -> Result<H, NoPartition> {
        let partitions = self.len();
        if index >= partitions {
            return Err(NoPartition { partitions });
        }
        Ok(self.shared.handles[index].clone())
    }

    /// The partitions that there are now, by their index.
    pub fn iter(&self) -> impl Iterator<Item = H> + use<'_, H> {
        self.shared.handles[..self.len()].iter().cloned()
    }
}

impl<H> PartitionsRef<H> {
    /// Changes the number of partitions, to at most as many as there were at the start.
    ///
    /// With fewer, keys are routed past the highest ones first; then those are asked to stop, the
    /// highest first and all at once, each with its own time, and dropped by the supervisor. With more,
    /// those that are missing are started as they were specified, one after the other, and keys are
    /// routed to each when it is up. With none, all lookups are refused. A restart of the supervisor
    /// itself begins with all partitions again.
    ///
    /// # Blocking
    /// Until the partitions have stopped or started, at most [`DEFAULT_CALL`]; also for a resize by
    /// another thread, which comes first. What was asked of the supervisor is done although nobody waits.
    ///
    /// # Errors
    /// [`ResizeError`]: more than at the start, a partition that did not start, or no answer in time.
    pub fn resize(&self, partitions: usize) -> Result<(), ResizeError> {
        self.resize_timeout(partitions, DEFAULT_CALL)
    }

    /// As [`resize`](Self::resize), with a timeout.
    pub fn resize_timeout(&self, partitions: usize, timeout: Duration) -> Result<(), ResizeError> {
        if current::refuses("resize") {
            return Err(ManageError::Fenced.into());
        }
        let initial = self.initial();
        if partitions > initial {
            let asked = partitions;
            return Err(ResizeError::BeyondInitial { asked, initial });
        }
        let clock = self.supervisor.clock();
        let deadline = clock.deadline(timeout);
        let _turn = self.take_turn(&clock, deadline)?;
        let cell = self.supervisor.cell().ok_or(ManageError::NotRunning)?;
        let resize = Resize {
            partitions: self,
            cell: &cell,
            clock,
            deadline,
        };
        resize.to(partitions)
    }

    /// Resizes come one after the other.
    fn take_turn(&self, clock: &Clock, deadline: Deadline) -> Result<Turn<'_, H>, ManageError> {
        let stop = current_stop();
        let shared = &*self.shared;
        let first = || {
            let mut sizing = shared.sizing.lock();
            (!std::mem::replace(&mut sizing.resizing, true)).then_some(())
        };
        let until = deadline.instant();
        wait_for(&shared.turn, stop.as_deref(), clock, until, first)?;
        Ok(Turn(shared))
    }
}

/// Gives the turn back.
struct Turn<'a, H>(&'a Shared<H>);

impl<H> Drop for Turn<'_, H> {
    fn drop(&mut self) {
        self.0.sizing.lock().resizing = false;
        self.0.turn.notify_one();
    }
}

/// One change of the number of partitions, in one run of the supervisor.
struct Resize<'a, H> {
    partitions: &'a PartitionsRef<H>,
    cell: &'a Arc<Cell>,
    clock: Clock,
    deadline: Deadline,
}

impl<H> Resize<'_, H> {
    fn to(&self, size: usize) -> Result<(), ResizeError> {
        let before = self.partitions.size_in(self.cell);
        if size < before {
            self.shrink(before, size)?;
        }
        for index in before..size {
            self.grow(index)?;
        }
        if size != before {
            self.cell.changed(&format!("partitions {before} to {size}"));
        }
        Ok(())
    }

    /// Nobody is routed to a partition that is asked to stop.
    fn shrink(&self, before: usize, size: usize) -> Result<(), ResizeError> {
        self.set(size);
        let asked = (size..before)
            .rev()
            .map(|index| (index, self.retire(index)));
        for (index, slot) in asked.collect::<Vec<_>>() {
            match slot.wait(&self.clock, self.deadline) {
                // It is gone already: somebody else has deleted it.
                Ok(_) | Err(ManageError::NotFound) => {}
                Err(error) => return Err(ResizeError::Partition { index, error }),
            }
        }
        Ok(())
    }

    /// A partition that does not come up in time is taken back: what is routed to and what is there stay
    /// the same. A child that somebody else has given this id is theirs.
    fn grow(&self, index: usize) -> Result<(), ResizeError> {
        let spec = self.partitions.supervisor.planned(index);
        let slot = self.cell.start_child(spec);
        if let Err(error) = slot.wait(&self.clock, self.deadline) {
            use ManageError::{AlreadyPresent, AlreadyStarted};
            if !matches!(error, AlreadyStarted | AlreadyPresent) {
                let _unheard = self.retire(index);
            }
            return Err(ResizeError::Partition { index, error });
        }
        self.set(index + 1);
        Ok(())
    }

    fn set(&self, size: usize) {
        let mut sizing = self.partitions.shared.sizing.lock();
        sizing.resized = Arc::downgrade(self.cell);
        sizing.size = size;
    }

    /// Stops a partition and drops its specification: were it kept, the next restart of a group would
    /// start it again.
    fn retire(&self, index: usize) -> Arc<CallSlot> {
        let target = Target::Id(ChildId::from(index));
        let policy = self.cell.inspect(|machine, _, _| {
            let child = machine.find(&target);
            child.map(|child| child.policy.clone())
        });
        if let Some(policy) = policy {
            let _never_refused = self.cell.call(Request::Update(ChildPolicy {
                restart: Restart::Temporary,
                ..policy
            }));
        }
        self.cell.call(Request::Terminate(target))
    }
}

impl<H> Deref for PartitionsRef<H> {
    type Target = UnitRef;

    fn deref(&self) -> &UnitRef {
        &self.supervisor
    }
}

impl<H> fmt::Debug for PartitionsRef<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PartitionsRef")
            .field("id", self.id())
            .field("initial", &self.initial())
            .finish_non_exhaustive()
    }
}
