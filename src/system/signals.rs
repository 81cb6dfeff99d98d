//! Running until the operating system asks the process to end.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::handle::SystemHandle;
use crate::fault::thread::{ThreadPlan, start};
use crate::supervision::ShutdownReport;
use crate::time::Clock;

/// How long the thread that listens may take to end.
const LAST_STEPS: Duration = Duration::from_secs(1);

/// How a [`run_until_signal`](SystemHandle::run_until_signal) ended.
#[derive(Debug)]
#[must_use = "the report says who did not stop"]
#[non_exhaustive]
pub struct RunReport {
    /// The signal that ended it; `None` when the root supervisor ended by itself.
    pub signal: Option<i32>,
    /// The stop.
    pub shutdown: ShutdownReport,
}

impl SystemHandle {
    /// Runs until SIGINT or SIGTERM comes or the root supervisor ends, then stops within `time`.
    ///
    /// The first signal stops in order; a second one ends the process at once, with 128 plus its
    /// number as the exit code.
    ///
    /// The process keeps its handlers: a signal that comes after this has returned does nothing, so the
    /// program should end soon.
    ///
    /// # Blocking
    /// Until then, and for the stop.
    ///
    /// # Errors
    /// The operating system refused the signal handler or its thread.
    pub fn run_until_signal(&self, time: Duration) -> io::Result<RunReport> {
        let mut signals = Signals::new([SIGINT, SIGTERM])?;
        let closer = signals.handle();
        let first = Arc::new(AtomicI32::new(0));
        let (runtime, seen) = (Arc::clone(self.runtime()), Arc::clone(&first));
        let watcher = start(
            ThreadPlan {
                name: "signals".into(),
                stack_size: None,
            },
            move || {
                for signal in signals.forever() {
                    // Relaxed: a number; the wake-up after it publishes it.
                    if seen.swap(signal, Ordering::Relaxed) != 0 {
                        exit(128 + signal);
                    }
                    runtime.wake_root_waiters();
                }
            },
        )?;
        // Relaxed: a number; the wait looks again after the wake-up.
        let signalled = || match first.load(Ordering::Relaxed) {
            0 => None,
            signal => Some(signal),
        };
        self.runtime().wait_root_or(|| signalled().is_some());
        let shutdown = self.stop_within(time);
        closer.close();
        // Its loop has nothing left to wait for.
        let _gone = watcher
            .gone()
            .wait(&Clock::system(), Clock::system().deadline(LAST_STEPS));
        Ok(RunReport {
            signal: signalled(),
            shutdown,
        })
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a second signal asks for just this"
)]
fn exit(code: i32) -> ! {
    std::process::exit(code)
}
