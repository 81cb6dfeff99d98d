//! The specification: a static supervisor whose children are alike.

use std::fmt;

use super::partitions_ref::PartitionsRef;
use crate::supervision::{Child, ChildId, ChildSpec, Intensity, SpecError, Strategy, Supervisor};
use crate::sync::cores;

/// A supervisor of many copies of one child, the partitions, and the way from a key to its partition
/// (OTP's `PartitionSupervisor`, by way of Elixir).
///
/// The closure makes each partition from its index. The index is also the partition's id, so paths read
/// `demo/parts/0`; anything that makes a child may be a partition, a whole [`Supervisor`] too.
///
/// # Examples
///
/// ```
/// use steadfast::{Child, PartitionSupervisor, System, channel};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (senders, inboxes): (Vec<_>, Vec<_>) = (0..4).map(|_| channel::bounded::<u64>(64)).unzip();
/// let system = System::new("demo")?;
/// let parts = PartitionSupervisor::new("parts", 4, |index| {
///     let inbox = inboxes[index].clone();
///     Child::worker(index, move |ctx| {
///         while let Some(_order) = inbox.recv(ctx)? {}
///         Ok(())
///     })
/// });
/// let parts = system.spawn(parts.into_child())?;
/// let worker = parts.route("customer 17")?; // always the same one
/// let index: usize = worker.id().as_str().parse()?;
/// senders[index].send(17)?;
/// # Ok(())
/// # }
/// ```
#[must_use = "a supervisor does nothing until it is given to a system or another supervisor"]
pub struct PartitionSupervisor<H> {
    supervisor: Supervisor,
    handles: Vec<H>,
}

impl<H: Clone + Send + Sync + 'static> PartitionSupervisor<H> {
    /// How many partitions there may be.
    pub const MAX_PARTITIONS: usize = 1 << 16;

    /// So many partitions, one-for-one, with a budget of 3 restarts in 5 seconds for all of them together.
    ///
    /// The closure is called here, once for each index from 0; its children say their index as their id. It is
    /// not called at all for more than [`MAX_PARTITIONS`](Self::MAX_PARTITIONS), which are refused when the
    /// supervisor is validated or started.
    pub fn new<C: Into<Child<H>>>(
        id: impl Into<ChildId>,
        partitions: usize,
        make: impl FnMut(usize) -> C,
    ) -> Self {
        let mut supervisor = Supervisor::new(id);
        let mut to_make = partitions;
        if partitions == 0 {
            supervisor = supervisor.fault(SpecError::ZeroPartitions);
        } else if partitions > Self::MAX_PARTITIONS {
            supervisor = supervisor.fault(SpecError::TooManyPartitions(partitions));
            to_make = 0;
        }
        let mut handles = Vec::with_capacity(to_make);
        for (index, child) in (0..to_make).map(make).enumerate() {
            let (spec, handle) = child.into().into_parts();
            if spec.id().as_str() != index.to_string() {
                let id = spec.id().clone();
                supervisor = supervisor.fault(SpecError::PartitionId { index, id });
            }
            supervisor = supervisor.child(spec);
            handles.push(handle);
        }
        PartitionSupervisor {
            supervisor,
            handles,
        }
    }

    /// As many partitions as the process may use cores.
    pub fn per_core<C: Into<Child<H>>>(
        id: impl Into<ChildId>,
        make: impl FnMut(usize) -> C,
    ) -> Self {
        Self::new(id, cores(), make)
    }

    /// The supervisor as a child: with its handle, and the setters of a child.
    pub fn into_child(self) -> Child<PartitionsRef<H>> {
        let handles = self.handles;
        let child = self.supervisor.into_child();
        child.map_handle(|supervisor| PartitionsRef::new(supervisor, handles))
    }
}

impl<H> PartitionSupervisor<H> {
    /// What the end of one partition means for the others. Default: [`Strategy::OneForOne`].
    pub fn strategy(mut self, strategy: Strategy) -> Self {
        self.supervisor = self.supervisor.strategy(strategy);
        self
    }

    /// How many restarts in which time are tolerated, of all partitions together. Default: 3 in 5 seconds.
    pub fn intensity(mut self, intensity: Intensity) -> Self {
        self.supervisor = self.supervisor.intensity(intensity);
        self
    }

    /// How many abandoned threads may be alive before the supervisor escalates. Default: 8.
    pub fn max_abandoned(mut self, threads: u32) -> Self {
        self.supervisor = self.supervisor.max_abandoned(threads);
        self
    }

    /// Checks the whole specification.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn validate(&self) -> Result<(), Vec<SpecError>> {
        self.supervisor.validate()
    }
}

impl<H: Clone + Send + Sync + 'static> From<PartitionSupervisor<H>> for Child<PartitionsRef<H>> {
    fn from(partitions: PartitionSupervisor<H>) -> Self {
        partitions.into_child()
    }
}

impl<H: Clone + Send + Sync + 'static> From<PartitionSupervisor<H>> for ChildSpec {
    fn from(partitions: PartitionSupervisor<H>) -> Self {
        partitions.into_child().into()
    }
}

impl<H> fmt::Debug for PartitionSupervisor<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.supervisor.fmt(f)
    }
}
