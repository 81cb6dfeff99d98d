//! How a system is set up: an inert value.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::fault::{Backtraces, UnitPath};
use crate::supervision::{Intensity, StopPhases, Strategy, ThreadOptions};
use crate::telemetry::Telemetry;
use crate::time::Clock;

/// The configuration of a [`System`](super::System).
#[derive(Clone)]
#[must_use = "a configuration does nothing until a system is made from it"]
pub struct SystemConfig {
    pub(crate) name: String,
    pub(crate) clock: Clock,
    pub(crate) telemetry: Option<Telemetry>,
    pub(crate) strategy: Strategy,
    pub(crate) intensity: Intensity,
    pub(crate) max_abandoned: u32,
    pub(crate) stop_within: Duration,
    pub(crate) phases: StopPhases,
    pub(crate) allow_abort: bool,
    pub(crate) log: bool,
    pub(crate) seed: Option<u64>,
    pub(crate) threads: ThreadOptions,
}

impl SystemConfig {
    /// A configuration with all defaults.
    pub fn new(name: impl Into<String>) -> Self {
        SystemConfig {
            name: name.into(),
            clock: Clock::system(),
            telemetry: None,
            strategy: Strategy::default(),
            intensity: Intensity::default(),
            max_abandoned: 8,
            stop_within: Duration::from_secs(10),
            phases: StopPhases::new(),
            allow_abort: false,
            log: true,
            seed: None,
            threads: ThreadOptions::default(),
        }
    }

    /// The clock of everything in the system. Default: the real one. A manual clock is for tests.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// The telemetry to emit to. Default: one of its own. Give one to share handlers between systems.
    pub fn telemetry(mut self, telemetry: Telemetry) -> Self {
        self.telemetry = Some(telemetry);
        self
    }

    /// The strategy of the root supervisor. Default: [`Strategy::OneForOne`].
    pub fn strategy(mut self, strategy: Strategy) -> Self {
        self.strategy = strategy;
        self
    }

    /// The restart budget of the root supervisor. Default: 3 in 5 seconds.
    pub fn intensity(mut self, intensity: Intensity) -> Self {
        self.intensity = intensity;
        self
    }

    /// How many abandoned threads of its own children the root supervisor bears. Default: 8.
    pub fn max_abandoned(mut self, threads: u32) -> Self {
        self.max_abandoned = threads;
        self
    }

    /// How long the stop may take when the system is dropped. Default: 10 s.
    pub fn stop_within(mut self, time: Duration) -> Self {
        self.stop_within = time;
        self
    }

    /// The named phases in which the system stops, before what belongs to none. Default: none.
    ///
    /// All units of a phase are asked at once, wherever they are; its hooks run beside them. The phases have
    /// at most nine tenths of the time of the stop.
    pub fn stop_phases(mut self, phases: StopPhases) -> Self {
        self.phases = phases;
        self
    }

    /// Lets the system run in a program that is built with `panic = "abort"`, where nothing can be
    /// restarted after a panic. Default: such a program is refused.
    pub fn allow_abort(mut self) -> Self {
        self.allow_abort = true;
        self
    }

    /// Leaves the `log` crate alone. Default: the system's events are also log lines, provided that
    /// the program has set a logger up before it makes the system.
    pub fn without_log(mut self) -> Self {
        self.log = false;
        self
    }

    /// Keeps panics of supervised units from the panic hook that was installed before, which usually
    /// prints them; they are reported as events all the same. Default: both.
    pub fn quiet_panics(mut self) -> Self {
        self.threads.quiet_panics = true;
        self
    }

    /// When a panic's backtrace is captured. Default: as `RUST_BACKTRACE` says.
    pub fn backtraces(mut self, backtraces: Backtraces) -> Self {
        self.threads.backtraces = backtraces;
        self
    }

    /// Called on every new thread of a worker, with the worker's path and the number of the thread, before
    /// the worker's own code: to pin it, or to set its priority. Its panic is the worker's. Default: nothing.
    pub fn on_thread_start(
        mut self,
        hook: impl Fn(&UnitPath, u64) + Send + Sync + 'static,
    ) -> Self {
        self.threads.on_start = Some(Arc::new(hook));
        self
    }

    /// The seed of all jitter. Default: random.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }
}

impl fmt::Debug for SystemConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SystemConfig")
            .field("name", &self.name)
            .field("strategy", &self.strategy)
            .field("intensity", &self.intensity)
            .field("stop_within", &self.stop_within)
            .finish_non_exhaustive()
    }
}
