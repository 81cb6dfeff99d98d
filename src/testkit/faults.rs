//! Fault points: places in the code under test where the plan of the test lets something go wrong.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;

use super::fault_plan::{Fault, FaultPlan};
use crate::kernel::stop::current_stop;
use crate::kernel::waiters::{WaitList, wait_for};
use crate::supervision::channel::{SendError, Sender};
use crate::time::Clock;

/// A fault that was injected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Injected {
    /// At which point.
    pub point: &'static str,
    /// At which of its passages, counted from one.
    pub passage: u64,
    /// Which fault.
    pub fault: Fault,
}

/// A plan in force; made by [`TestSystem::faults`](super::TestSystem::faults). Clones are the same.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use steadfast::testkit::{Fault, FaultPlan};
/// use steadfast::{Child, System};
///
/// let test = System::for_test();
/// let faults = test.faults(FaultPlan::new(7).at("work", 1, Fault::Panic));
/// let at = faults.clone();
/// let worker = test.spawn(Child::worker("w", move |ctx| {
///     at.hit("work"); // the first run panics here, the second goes on
///     ctx.wait(Duration::MAX);
///     Ok(())
/// }))?;
/// test.eventually(|| worker.generation().get() == 2);
/// assert_eq!(faults.injected().len(), 1);
/// # Ok::<(), steadfast::StartError>(())
/// ```
#[derive(Clone)]
pub struct Faults(Arc<Shared>);

struct Shared {
    plan: FaultPlan,
    clock: Clock,
    state: Mutex<State>,
    released: WaitList,
}

#[derive(Default)]
struct State {
    passages: BTreeMap<&'static str, u64>,
    injected: Vec<Injected>,
    is_released: bool,
}

impl Faults {
    /// So many injected faults are listed; all of them are counted as passages.
    pub const MAX_LISTED: usize = 4096;

    pub(super) fn new(plan: FaultPlan, clock: Clock) -> Self {
        Faults(Arc::new(Shared {
            plan,
            clock,
            state: Mutex::new(State::default()),
            released: WaitList::new(),
        }))
    }

    /// Passes the point: nothing happens, or what the plan has for this passage.
    ///
    /// # Blocking
    /// As the fault says.
    ///
    /// # Panics
    /// If that is the fault; the message names the point, the passage and the seed. And if the plan has
    /// [`Fault::FullChannel`] here, which only [`send`](Self::send) can carry out.
    #[track_caller]
    pub fn hit(&self, point: &'static str) {
        if self.pass(point) {
            panic!("fault point {point}: it sends nothing, so no channel of it can be full");
        }
    }

    /// Passes the point, then sends the value as [`Sender::send`] does, unless the channel is to be full.
    ///
    /// # Blocking
    /// As the fault says, and as [`Sender::send`].
    ///
    /// # Errors
    /// [`SendError::Full`] by the plan, and those of [`Sender::send`].
    ///
    /// # Panics
    /// As [`hit`](Self::hit), if the plan says so.
    #[track_caller]
    pub fn send<T>(
        &self,
        point: &'static str,
        into: &Sender<T>,
        value: T,
    ) -> Result<(), SendError<T>> {
        if self.pass(point) {
            return Err(SendError::Full(value));
        }
        into.send(value)
    }

    /// Lets go all that hangs, now and from now on.
    pub fn release(&self) {
        self.0.state.lock().is_released = true;
        self.0.released.notify_all();
    }

    /// How often the point was passed.
    #[must_use]
    pub fn passages(&self, point: &str) -> u64 {
        let state = self.0.state.lock();
        state.passages.get(point).copied().unwrap_or(0)
    }

    /// The faults so far, in the order in which they were injected.
    #[must_use]
    pub fn injected(&self) -> Vec<Injected> {
        self.0.state.lock().injected.clone()
    }

    /// The seed of the plan.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.0.plan.seed()
    }

    /// Carries the fault of this passage out; true if the channel is to be full.
    #[track_caller]
    fn pass(&self, point: &'static str) -> bool {
        let Some(Injected { passage, fault, .. }) = self.next(point) else {
            return false;
        };
        match fault {
            Fault::Panic => panic!(
                "fault point {point}: panic at passage {passage}, seed {}",
                self.seed()
            ),
            Fault::Hang => self.hang(),
            Fault::Slow(time) => self.wait(time),
            Fault::FullChannel => return true,
        }
        false
    }

    fn next(&self, point: &'static str) -> Option<Injected> {
        let mut state = self.0.state.lock();
        let passage = state.passages.entry(point).or_default();
        *passage += 1;
        let injected = Injected {
            point,
            passage: *passage,
            fault: self.0.plan.decide(point, *passage)?,
        };
        if state.injected.len() < Self::MAX_LISTED {
            state.injected.push(injected);
        }
        Some(injected)
    }

    fn hang(&self) {
        let is_released = || self.0.state.lock().is_released.then_some(());
        let _released = wait_for(&self.0.released, None, &self.0.clock, None, is_released);
    }

    fn wait(&self, time: std::time::Duration) {
        let until = self.0.clock.deadline(time).instant();
        let stop = current_stop();
        let _over = wait_for(
            &WaitList::new(),
            stop.as_deref(),
            &self.0.clock,
            until,
            || None::<()>,
        );
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faults")
            .field("plan", &self.0.plan)
            .finish_non_exhaustive()
    }
}
