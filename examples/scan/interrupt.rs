//! Ctrl-C and SIGTERM.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use super::exit::Exit;

/// Whether somebody wants the scan to end. The first signal asks for an orderly end; one that comes
/// after the first was seen ends the program at once.
#[derive(Debug)]
pub(crate) struct Interrupt {
    raised: Arc<AtomicBool>,
    /// The first signal was seen. (Programs like `timeout` send it twice: to the process and its group.)
    seen: Arc<AtomicBool>,
}

impl Interrupt {
    /// From now on signals are noted.
    pub(crate) fn listen() -> io::Result<Self> {
        let (raised, seen) = (Arc::<AtomicBool>::default(), Arc::<AtomicBool>::default());
        for signal in [SIGINT, SIGTERM] {
            let code = Exit::Interrupted.code().into();
            flag::register_conditional_shutdown(signal, code, Arc::clone(&seen))?;
            flag::register(signal, Arc::clone(&raised))?;
        }
        Ok(Interrupt { raised, seen })
    }

    /// `Break` once a signal has come.
    pub(crate) fn look(&self) -> ControlFlow<()> {
        // Relaxed: the flags carry nothing but themselves.
        if !self.raised.load(Ordering::Relaxed) {
            return ControlFlow::Continue(());
        }
        self.seen.store(true, Ordering::Relaxed);
        ControlFlow::Break(())
    }
}
