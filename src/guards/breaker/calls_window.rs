//! The last calls in shared memory: a window under a lock, and a word beside it that says when there is nothing to do.
//!
//! A good call changes nothing in a window that is full of good calls. The word says of which generation the window is
//! that; it is written under the lock, and who reads it without has recorded its call before whatever comes next. A model
//! holds the two together: a word that is written behind the lock's back would say of a failure that it is none.

use super::count_window::{CountWindow, Sample};
use super::threshold::{Sums, Threshold};
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU32, Ordering};

/// The word of a window that is not full of good calls: no generation is as large.
const NOT_CLEAN: u32 = u32::MAX;

/// The last calls, counted by all threads.
pub(crate) struct CallsWindow {
    clean: AtomicU32,
    window: Mutex<CountWindow>,
}

impl CallsWindow {
    /// An empty window of at least one call.
    pub(crate) fn new(size: u32) -> Self {
        Self {
            clean: AtomicU32::new(NOT_CLEAN),
            window: Mutex::new(CountWindow::new(size)),
        }
    }

    /// Whether one more good call of this generation would change nothing.
    #[inline]
    pub(crate) fn is_clean(&self, generation: u32) -> bool {
        // Relaxed: it publishes nothing, and an old one is an earlier answer (see the head).
        self.clean.load(Ordering::Relaxed) == generation
    }

    /// Takes a call in, if its generation still `is_present`: that is asked under the lock, so that no call of an older one
    /// comes after those of a newer one. Whether it is enough.
    pub(crate) fn record(
        &self,
        generation: u32,
        sample: Sample,
        threshold: &Threshold,
        is_present: impl FnOnce() -> bool,
    ) -> bool {
        let mut window = self.window.lock();
        if !is_present() {
            return false;
        }
        let is_enough = window.record(generation, sample, threshold);
        let clean = if window.is_clean() {
            generation
        } else {
            NOT_CLEAN
        };
        // Relaxed: written under the lock, read as a hint (see the head).
        self.clean.store(clean, Ordering::Relaxed);
        is_enough
    }

    /// The sums of this generation.
    pub(crate) fn sums(&self, generation: u32) -> Sums {
        self.window.lock().sums(generation)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    // property 38
    #[test]
    fn a_call_of_a_generation_that_is_over_does_not_begin_the_window_anew() {
        let window = CallsWindow::new(4);
        let failed = Sample {
            failed: true,
            slow: false,
        };
        window.record(2, failed, &Threshold::NEVER, || true);
        assert!(!window.record(1, failed, &Threshold::NEVER, || false));
        assert_eq!((window.sums(2).calls, window.sums(1).calls), (1, 0));
    }
}
