//! Where timers are armed.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::delivery::{Copies, Delivery, Once, Ticks};
use super::handle::Timer;
use super::index::{Key, TimerId};
use super::job::{Jobs, OneJob};
use super::schedule::{Chain, Every, Tick};
use super::timer_error::{ArmError, TimerError};
use super::timetable::{Owner, Timetable};
use crate::fault::{Failure, UnitPath};
use crate::supervision::channel::Sender;
use crate::supervision::context::WorkerContext;
use crate::supervision::task::TaskSupervisorRef;
use crate::supervision::tree::runtime::Runtime;
use crate::supervision::unit::current::refuses;
use crate::supervision::unit::run::Run;

/// The timers of one owner: a run ([`WorkerContext::timers`](crate::supervision::WorkerContext::timers)), or the
/// system ([`SystemHandle::timers`](crate::system::SystemHandle::timers)). Cheap to clone; dropping it does nothing.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use steadfast::timer::Every;
/// use steadfast::{Child, System, channel};
///
/// let system = System::new("demo")?;
/// let (beats, seen) = channel::bounded(8);
/// system.spawn(Child::worker("clock", move |ctx| {
///     let (ticks, due) = channel::bounded(1);
///     ctx.timers().every(Every::rate(Duration::from_millis(5))).send(&ticks)?;
///     while let Some(tick) = due.recv(ctx)? {
///         beats.send(tick.number)?;
///     }
///     Ok(())
/// }))?;
/// assert_eq!(seen.recv_timeout(Duration::from_secs(5))?, Some(1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Timers {
    owner: Owner,
    table: Arc<Timetable>,
}

impl Timers {
    pub(crate) fn of_run(run: &Arc<Run>) -> Self {
        Self {
            table: Arc::clone(run.runtime().timetable()),
            owner: Owner::Run(Arc::clone(run)),
        }
    }

    pub(crate) fn of_system(runtime: &Arc<Runtime>, system: &str) -> Self {
        Self {
            table: Arc::clone(runtime.timetable()),
            owner: Owner::System(UnitPath::new(system)),
        }
    }

    /// A timer that fires once, so long after it is armed. One that the clock cannot reach stays pending for ever.
    pub fn after(&self, time: Duration) -> OneShot {
        self.one_shot(Start::After(time))
    }

    /// A timer that fires once, at this instant; at once if that has passed.
    pub fn at(&self, instant: Instant) -> OneShot {
        self.one_shot(Start::At(instant))
    }

    fn one_shot(&self, start: Start) -> OneShot {
        OneShot {
            timers: self.clone(),
            start,
            key: None,
        }
    }

    /// A timer that fires again and again, for the first time one interval after it is armed.
    pub fn every(&self, every: Every) -> Periodic {
        Periodic {
            timers: self.clone(),
            every,
            key: None,
        }
    }

    /// The owner's pending timer that was armed with this key.
    pub fn get(&self, key: &str) -> Option<Timer> {
        let entry = self.table.keyed(self.owner.id(), key)?;
        Some(Timer::new(entry, &self.table))
    }

    /// The owner's pending timers, in the order of their arming.
    pub fn list(&self) -> Vec<Timer> {
        let entries = self.table.of(self.owner.id()).into_iter();
        entries
            .map(|entry| Timer::new(entry, &self.table))
            .collect()
    }

    /// Cancels all timers of the owner that are pending now; returns how many that were. As after
    /// [`Timer::cancel`], nothing of theirs is delivered any more.
    pub fn cancel_all(&self) -> usize {
        let entries = self.table.not_over(self.owner.id()).into_iter();
        entries
            .map(|entry| Timer::new(entry, &self.table))
            .filter(Timer::cancel)
            .count()
    }

    /// How many timers of the owner are pending.
    pub fn pending(&self) -> usize {
        self.table.pending_of(self.owner.id())
    }

    fn arm<L>(
        &self,
        key: Option<Key>,
        chain: Chain,
        load: L,
        delivery: impl FnOnce(L, TimerId) -> Box<dyn Delivery>,
    ) -> Result<Timer, (TimerError, L)> {
        if refuses("timer.arm") {
            return Err((TimerError::Fenced, load));
        }
        let entry = self.table.arm(&self.owner, key, chain, load, delivery)?;
        Ok(Timer::new(entry, &self.table))
    }
}

impl fmt::Debug for Timers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timers")
            .field("owner", self.owner.path())
            .finish_non_exhaustive()
    }
}

#[derive(Clone, Copy, Debug)]
enum Start {
    After(Duration),
    At(Instant),
}

/// A timer that is to fire once; say what it delivers.
#[derive(Clone, Debug)]
#[must_use = "a timer is armed when it is told what to deliver"]
pub struct OneShot {
    timers: Timers,
    start: Start,
    key: Option<Key>,
}

impl OneShot {
    /// The timer's name among those of its owner: arming another one with it ends this one, if it is still pending.
    /// Default: none.
    pub fn key(mut self, key: impl Into<Arc<str>>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Arms the timer: it moves the value into the channel.
    ///
    /// A channel that is full then, or without a receiver, does not take it. The value is lost, which is counted
    /// ([`Timer::stats`]) and an event (`timer.refused`): give the channel the room.
    ///
    /// # Errors
    /// The value comes back if the owner is gone or given up, the system is stopping, or no thread can be had.
    pub fn send<M: Send + 'static>(self, to: &Sender<M>, value: M) -> Result<Timer, ArmError<M>> {
        let sender = to.clone();
        self.arm(value, |value, _| Box::new(Once::new(sender, value)))
    }

    /// Arms the timer: it runs the job as a task, which the system supervises and reports. The end of the timer's
    /// owner does not stop a job that runs.
    ///
    /// A job that cannot be begun then, because the supervisor has its tasks or does not run, is lost as a value
    /// is that finds no room.
    ///
    /// # Errors
    /// As [`send`](Self::send), and [`TimerError::InvalidTask`]; the job comes back.
    pub fn run<F>(self, tasks: &TaskSupervisorRef, job: F) -> Result<Timer, ArmError<F>>
    where
        F: FnOnce(&WorkerContext) -> Result<(), Failure> + Send + 'static,
    {
        if !tasks.is_valid() {
            let cause = TimerError::InvalidTask;
            return Err(ArmError { cause, value: job });
        }
        let tasks = tasks.clone();
        self.arm(job, |job, _| Box::new(OneJob::new(tasks, job)))
    }

    fn arm<L>(
        self,
        load: L,
        delivery: impl FnOnce(L, TimerId) -> Box<dyn Delivery>,
    ) -> Result<Timer, ArmError<L>> {
        let due = match self.start {
            Start::After(time) => self.timers.table.now().checked_add(time),
            Start::At(instant) => Some(instant),
        };
        self.timers
            .arm(self.key, Chain::once(due), load, delivery)
            .map_err(|(cause, value)| ArmError { cause, value })
    }
}

/// A timer that is to fire again and again; say what it delivers.
#[derive(Clone, Debug)]
#[must_use = "a timer is armed when it is told what to deliver"]
pub struct Periodic {
    timers: Timers,
    every: Every,
    key: Option<Key>,
}

impl Periodic {
    /// The timer's name among those of its owner: arming another one with it ends this one, if it is still pending.
    /// Default: none.
    pub fn key(mut self, key: impl Into<Arc<str>>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Arms the timer: it sends each tick into the channel. The timer ends when the channel has no receiver left.
    ///
    /// A tick that finds the channel full is refused, counted, and an event (`timer.refused`); the next one that
    /// arrives says how many were missing. A capacity of one is right for who only wants to know that it is time.
    ///
    /// # Errors
    /// [`TimerError`]: the interval is zero, the owner is gone or given up, the system is stopping, or no thread can
    /// be had.
    pub fn send(self, to: &Sender<Tick>) -> Result<Timer, TimerError> {
        let sender = to.clone();
        self.arm(|_| Box::new(Ticks(sender)))
    }

    /// Arms the timer: it sends a copy of the value into the channel at each tick, otherwise as
    /// [`send`](Self::send). A copy runs no code of yours; that is why it takes no closure.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn repeat<M: Copy + Send + 'static>(
        self,
        to: &Sender<M>,
        value: M,
    ) -> Result<Timer, TimerError> {
        let sender = to.clone();
        self.arm(|_| Box::new(Copies { sender, value }))
    }

    /// Arms the timer: it runs the job as a task at each tick, and never twice at once. A fixed rate goes on while the
    /// job runs: ticks that come due meanwhile are missed, and counted. A fixed delay begins at the end of the run.
    ///
    /// A tick for which no job can be begun, because the supervisor has its tasks or does not run, is refused,
    /// counted, and an event (`timer.refused`); the next one tries again. A job that fails or panics ends as its task,
    /// and is begun again at the next tick; one that was given up counts as ended. The end of the timer or of its
    /// owner does not stop a job that runs.
    ///
    /// # Errors
    /// As [`send`](Self::send), and [`TimerError::InvalidTask`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use steadfast::timer::Every;
    /// use steadfast::{System, TaskSupervisor, channel};
    ///
    /// let system = System::new("demo")?;
    /// let tasks = system.spawn(TaskSupervisor::new("jobs"))?;
    /// let (done, is_done) = channel::bounded(8);
    /// let every = Every::delay(Duration::from_millis(1));
    /// system.timers().every(every).key("sweep").run(&tasks, move |_| Ok(done.send("swept")?))?;
    /// assert_eq!(is_done.recv_timeout(Duration::from_secs(5))?, Some("swept"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn run<F>(self, tasks: &TaskSupervisorRef, job: F) -> Result<Timer, TimerError>
    where
        F: Fn(&WorkerContext) -> Result<(), Failure> + Send + Sync + 'static,
    {
        if !tasks.is_valid() {
            return Err(TimerError::InvalidTask);
        }
        let (tasks, table) = (tasks.clone(), Arc::downgrade(&self.timers.table));
        self.arm(|id| Box::new(Jobs::new(tasks, job, id, table)))
    }

    fn arm(self, delivery: impl FnOnce(TimerId) -> Box<dyn Delivery>) -> Result<Timer, TimerError> {
        self.every.validate()?;
        let chain = Chain::every(self.every, self.timers.table.now());
        self.timers
            .arm(self.key, chain, (), |(), id| delivery(id))
            .map_err(|(cause, ())| cause)
    }
}
