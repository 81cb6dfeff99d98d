//! The owner of a system.

use std::fmt;
use std::ops::Deref;
use std::time::Duration;

use super::config::SystemConfig;
use super::handle::{StartError, SystemHandle};
use crate::fault::catch::panics_abort;
use crate::fault::hook;
use crate::supervision::{Runtime, Supervisor};
use crate::telemetry::{Telemetry, kinds, log_bridge};

/// A system of supervised units, and its owner: dropping it stops it in order.
///
/// All that a running system can be asked is on its [handle](SystemHandle), which a system derefs to.
#[must_use = "dropping a system stops it"]
pub struct System {
    handle: SystemHandle,
    stop_within: Duration,
}

impl System {
    /// A system with the default configuration.
    ///
    /// # Errors
    /// [`StartError`]: the program aborts on panic, or the name cannot be the first step of a path.
    pub fn new(name: impl Into<String>) -> Result<Self, StartError> {
        Self::with(SystemConfig::new(name))
    }

    /// A system with this configuration. No thread is started until a unit needs one.
    ///
    /// # Errors
    /// As [`new`](Self::new), and all that is wrong with the configuration.
    pub fn with(config: SystemConfig) -> Result<Self, StartError> {
        if panics_abort() && !config.allow_abort {
            return Err(StartError::PanicAborts);
        }
        let root = Supervisor::new(config.name.clone())
            .strategy(config.strategy)
            .intensity(config.intensity)
            .max_abandoned(config.max_abandoned);
        let mut errors = root.validate().err().unwrap_or_default();
        errors.extend(config.phases.validate().err().unwrap_or_default());
        if !errors.is_empty() {
            return Err(StartError::Invalid(errors));
        }
        hook::install_once();
        let owns_telemetry = config.telemetry.is_none();
        let telemetry = config
            .telemetry
            .unwrap_or_else(|| Telemetry::with_clock(config.clock.clone()));
        if config.log && log::max_level() > log::LevelFilter::Off {
            // A telemetry that is shared may have its bridge already.
            let _already = log_bridge::attach(&telemetry);
        }
        let seed = config.seed.unwrap_or_else(|| fastrand::u64(..));
        let runtime = Runtime::new(config.clock, telemetry, config.threads, seed);
        if !config.phases.is_empty() {
            runtime.plan_stop(config.phases);
        }
        let root = root.begin_root(&runtime);
        runtime.telemetry().post(&kinds::SYSTEM_STARTED, |event| {
            event.tag("name", &config.name);
        });
        let handle = SystemHandle::new(config.name, runtime, root, owns_telemetry);
        Ok(System {
            handle,
            stop_within: config.stop_within,
        })
    }

    /// A handle for other threads.
    pub fn handle(&self) -> SystemHandle {
        self.handle.clone()
    }
}

impl Deref for System {
    type Target = SystemHandle;

    fn deref(&self) -> &SystemHandle {
        &self.handle
    }
}

impl Drop for System {
    fn drop(&mut self) {
        if self.handle.is_stopped() {
            // Whoever stopped it has the report.
            return;
        }
        let report = self.handle.stop_owned(self.stop_within);
        if !report.is_clean() {
            log::warn!(target: "steadfast::system", "system.dropped {report}");
        }
    }
}

impl fmt::Debug for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.handle.fmt(f)
    }
}
