//! What a runner of commands is made from.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::num::NonZeroUsize;
use std::time::Duration;

use crate::telemetry::Telemetry;
use crate::time::Clock;

/// What a [`CommandRunner`](super::CommandRunner) is made from; an inert value of which every state is valid.
#[derive(Clone, Debug)]
pub struct CommandConfig {
    pub(super) allowed: BTreeSet<OsString>,
    pub(super) timeout: Duration,
    pub(super) grace: Duration,
    pub(super) max_concurrent: NonZeroUsize,
    pub(super) max_output: usize,
    pub(super) ttl: Duration,
    pub(super) max_cached: usize,
    pub(super) clock: Clock,
    pub(super) telemetry: Option<Telemetry>,
}

impl CommandConfig {
    const MAX_CONCURRENT: NonZeroUsize = NonZeroUsize::new(5).unwrap();

    /// Allows nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            allowed: BTreeSet::new(),
            timeout: Duration::from_secs(10),
            grace: Duration::from_millis(500),
            max_concurrent: Self::MAX_CONCURRENT,
            max_output: 1024 * 1024,
            ttl: Duration::from_secs(30),
            max_cached: 256,
            clock: Clock::system(),
            telemetry: None,
        }
    }

    /// Allows executables, each by the very name or path that programs will give: `df` allows no `/bin/df`. Default: none
    /// is allowed.
    #[must_use]
    pub fn allow<N: Into<OsString>>(mut self, executables: impl IntoIterator<Item = N>) -> Self {
        self.allowed.extend(executables.into_iter().map(Into::into));
        self
    }

    /// How long a call takes at most, with its wait for a slot. Default: 10 seconds.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How long a command that took too long may take to end once it was asked to; then it is killed. Default: half a
    /// second; more for commands that have to clean up.
    #[must_use]
    pub const fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// How many commands run at once. Default: 5.
    #[must_use]
    pub const fn max_concurrent(mut self, commands: NonZeroUsize) -> Self {
        self.max_concurrent = commands;
        self
    }

    /// How many bytes of each stream are kept; the rest is dropped, and the output says so. Default: 1 MiB.
    #[must_use]
    pub const fn max_output(mut self, bytes: usize) -> Self {
        self.max_output = bytes;
        self
    }

    /// How long a success is answered from the cache. Default: 30 seconds; zero for no cache.
    #[must_use]
    pub const fn cache_ttl(mut self, ttl: Duration) -> Self {
        self.ttl = ttl;
        self
    }

    /// How many successes the cache holds; the oldest go first. Default: 256.
    #[must_use]
    pub const fn max_cached(mut self, outputs: usize) -> Self {
        self.max_cached = outputs;
        self
    }

    /// What times are measured by. Default: the operating system's clock; set it where a test turns the time.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Who is told of refused and failed commands. Default: nobody.
    #[must_use]
    pub fn telemetry(mut self, telemetry: Telemetry) -> Self {
        self.telemetry = Some(telemetry);
        self
    }

    pub(super) fn allows(&self, executable: &OsStr) -> bool {
        self.allowed.contains(executable)
    }
}

impl Default for CommandConfig {
    fn default() -> Self {
        Self::new()
    }
}
