//! A system of a test's own.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Deref;
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use super::contamination::Contamination;
use super::ending::turning;
use super::eventually::{Observation, watch};
use super::fault_plan::FaultPlan;
use super::faults::Faults;
use super::leftovers::{Belongings, Check, Probe};
use super::pulse::Pulse;
use super::seed::seed;
use crate::supervision::ShutdownReport;
use crate::supervision::channel::{MAX_CAPACITY, Options, Receiver, Sender};
use crate::system::{System, SystemConfig, SystemHandle};
use crate::telemetry::{Filter, Recorder, Telemetry};
use crate::time::ManualClock;

/// How long [`TestSystem::eventually`] waits.
const PATIENCE: Duration = Duration::from_secs(10);

/// A private system for one test, whose end fails the test if anything is left.
///
/// It is a system as any other, with the budgets of production, but: its clock stands still until the test
/// [advances](Self::advance) it; all of its events are [recorded](Self::recorder); and where it ends, by
/// [`finish`](Self::finish) or by being dropped, there must be no thread, unit, timer, monitor or handler
/// left, no message unread, and no panic of which nobody heard. There is no tolerance, because all is
/// counted for this system alone: tests run side by side, under equal names too.
///
/// The end is bounded in real time. While the units do what they are asked to, the clock stands; when
/// all is quiet and the stop is not through, the clock is turned to the next deadline: so a unit that hangs
/// is abandoned, and found.
///
/// # Panics
/// When it is dropped and something is left, unless the thread panics already: then it prints what is left.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use steadfast::{Child, System};
///
/// let test = System::for_test();
/// let (jobs, inbox) = test.channel::<u32>(8);
/// let (sums, results) = test.channel::<u32>(8);
/// let adder = Child::worker("adder", move |ctx| {
///     while let Some(job) = inbox.recv(ctx)? {
///         sums.send(job + 1)?;
///     }
///     Ok(())
/// });
/// test.spawn(adder)?;
/// jobs.send(41)?;
/// assert_eq!(test.eventually(|| results.try_recv()), Some(42));
/// test.finish()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "it ends, and looks for what is left, when it is dropped"]
pub struct TestSystem {
    handle: SystemHandle,
    /// Taken at the end.
    system: Option<System>,
    manual: ManualClock,
    recorder: Recorder,
    pulse: Arc<Pulse>,
    /// The handlers of the telemetry that are not the test's.
    own_handlers: BTreeSet<String>,
    belongings: Mutex<Belongings>,
    expects_failures: AtomicBool,
    stop_within: Duration,
    seed: u64,
    made_at: &'static Location<'static>,
}

impl System {
    /// A private system for one test, with a clock that the test turns; see [`TestSystem`].
    ///
    /// # Panics
    /// If there can be no system, because the program aborts on panic.
    #[track_caller]
    pub fn for_test() -> TestSystem {
        TestSystem::with(SystemConfig::new("test"))
    }
}

impl TestSystem {
    /// A test system with this configuration. Its clock and telemetry give way to the test's own, and a
    /// seed that it does not have is taken from [`seed`].
    ///
    /// # Panics
    /// If the configuration is invalid.
    #[track_caller]
    pub fn with(config: SystemConfig) -> TestSystem {
        let manual = ManualClock::new();
        let telemetry = Telemetry::with_clock(manual.clock());
        let recorder = Recorder::attach(&telemetry, Filter::All);
        let pulse = Arc::new(Pulse::new());
        let beating = Arc::clone(&pulse);
        let beat = telemetry.attach("testkit.pulse", Filter::All, move |_| beating.beat());
        debug_assert!(beat.is_ok(), "nobody else has attached anything yet");
        let seed = config.seed.unwrap_or_else(seed);
        let stop_within = config.stop_within;
        let config = config.seed(seed).clock(manual.clock());
        let system = System::with(config.telemetry(telemetry.clone()));
        let system = system.unwrap_or_else(|error| panic!("no test system: {error}"));
        TestSystem {
            handle: system.handle(),
            system: Some(system),
            manual,
            recorder,
            pulse,
            own_handlers: telemetry.handlers().into_iter().map(|own| own.id).collect(),
            belongings: Mutex::default(),
            expects_failures: AtomicBool::new(false),
            stop_within,
            seed,
            made_at: Location::caller(),
        }
    }

    /// The clock of the system.
    pub const fn manual(&self) -> &ManualClock {
        &self.manual
    }

    /// Turns the clock forward; see [`ManualClock::advance`].
    pub fn advance(&self, time: Duration) {
        self.manual.advance(time);
    }

    /// All events of the system, from its first one.
    pub const fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// The seed of the system's jitter; for whatever else the test draws.
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// Looks until it is there, again at every event of the system; see [`eventually`](super::eventually).
    ///
    /// # Blocking
    /// For ten seconds of real time at most.
    ///
    /// # Panics
    /// As [`eventually`](super::eventually).
    #[track_caller]
    pub fn eventually<O: Observation>(&self, look: impl FnMut() -> O) -> O::Found {
        watch(&self.pulse, PATIENCE, look)
    }

    /// A channel on the clock and the telemetry of the system, whose messages must all be read by the end.
    ///
    /// A capacity of zero is taken as one.
    #[track_caller]
    pub fn channel<T: Send + 'static>(&self, capacity: usize) -> (Sender<T>, Receiver<T>) {
        let options = Options::new(capacity.clamp(1, MAX_CAPACITY))
            .clock(self.manual.clock())
            .telemetry(self.handle.telemetry().clone());
        let ends = options.open();
        let (sender, receiver) = ends.expect("the capacity is within the bounds");
        self.watch_channel(&receiver);
        (sender, receiver)
    }

    /// Looks at the end of the test whether all messages of this channel were read.
    #[track_caller]
    pub fn watch_channel<T: Send + 'static>(&self, receiver: &Receiver<T>) {
        self.belongings.lock().channels.push(Probe {
            name: receiver.name().map(str::to_owned),
            at: Location::caller(),
            stats: Box::new(receiver.probe()),
        });
    }

    /// Puts a plan of faults into force. What hangs by it is let go at the end of the test.
    #[must_use = "without its fault points nothing goes wrong"]
    pub fn faults(&self, plan: FaultPlan) -> Faults {
        let faults = Faults::new(plan, self.manual.clock());
        self.belongings.lock().faults.push(faults.clone());
        faults
    }

    /// A check of the test's own, made at its end, when all has stopped. One that panics has failed.
    pub fn check_at_end<E: fmt::Display>(
        &self,
        name: impl Into<String>,
        check: impl FnOnce() -> Result<(), E> + Send + 'static,
    ) {
        self.belongings.lock().checks.push(Check {
            name: name.into(),
            check: Box::new(move || check().map_err(|problem| problem.to_string())),
        });
    }

    /// The test lets units fail for good on purpose: that nobody hears of it does not fail the test.
    ///
    /// Without this a failure that no monitor hears of and no restart follows fails the test at its end, as an
    /// assertion on the test's own thread would: that of a temporary child, that of a unit that stops, and the
    /// root's giving up.
    pub fn expect_failures(&self) {
        // Relaxed: a flag; it is read on the thread that ends the test.
        self.expects_failures.store(true, Ordering::Relaxed);
    }

    /// Stops the system as [`SystemHandle::stop_within`] does, and turns the clock where the stop waits for it.
    ///
    /// # Blocking
    /// Until the stop is through, half a minute of real time at most.
    ///
    /// # Panics
    /// If it is not through by then.
    pub fn stop_within(&self, time: Duration) -> ShutdownReport {
        let handle = self.handle.clone();
        let report = turning(&self.manual, &self.pulse, move || handle.stop_within(time));
        report.expect("a stop ends")
    }

    /// Ends the system, and says what is left.
    ///
    /// # Blocking
    /// Until the stop is through, half a minute of real time at most.
    ///
    /// # Errors
    /// [`Contamination`]: all that is left.
    pub fn finish(mut self) -> Result<(), Contamination> {
        self.end()
    }

    fn end(&mut self) -> Result<(), Contamination> {
        let Some(system) = self.system.take() else {
            return Ok(());
        };
        let belongings = std::mem::take(&mut *self.belongings.lock());
        belongings.release();
        let (handle, time) = (self.handle.clone(), self.stop_within);
        let stopped = turning(&self.manual, &self.pulse, move || {
            let report = handle.stop_within(time);
            drop(system);
            report
        });
        let mut leftovers = super::leftovers::of_system(&self.handle, stopped.as_ref());
        // Relaxed: see `expect_failures`.
        if !self.expects_failures.load(Ordering::Relaxed) {
            leftovers.extend(super::leftovers::unheard(&self.handle));
        }
        let is_own = |id: &str| self.own_handlers.contains(id);
        leftovers.extend(super::leftovers::handlers(&self.handle, is_own));
        leftovers.extend(belongings.left());
        Contamination::check(self.made_at, self.seed, leftovers)
    }
}

impl Deref for TestSystem {
    type Target = SystemHandle;

    fn deref(&self) -> &SystemHandle {
        &self.handle
    }
}

impl Drop for TestSystem {
    fn drop(&mut self) {
        let Err(contamination) = self.end() else {
            return;
        };
        if std::thread::panicking() {
            // The test has failed already; a second panic would end the process.
            eprintln!("{contamination}");
            return;
        }
        panic!("{contamination}");
    }
}

impl fmt::Debug for TestSystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestSystem")
            .field("name", &self.handle.name())
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}
