//! What the kernel stands on in a real build.

pub(crate) use std::hint::spin_loop;
pub(crate) use std::sync::Arc;
pub(crate) use std::sync::atomic;
pub(crate) use std::sync::atomic::fence;

pub(crate) use parking_lot::Mutex;

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, available_parallelism};
use std::time::Duration;

/// A thread as a wait sees it: it parks itself, others unpark it.
#[derive(Debug)]
pub(crate) struct Parker(thread::Thread);

impl Parker {
    /// The parker of the current thread.
    pub(crate) fn of_this_thread() -> Self {
        Self(thread::current())
    }

    /// Parks the current thread, whose parker this must be, until it is unparked; may return early.
    pub(crate) fn park(&self) {
        debug_assert_eq!(self.0.id(), thread::current().id());
        thread::park();
    }

    /// As [`park`](Self::park), for about `limit` at most.
    pub(crate) fn park_for(&self, limit: Duration) {
        debug_assert_eq!(self.0.id(), thread::current().id());
        thread::park_timeout(limit);
    }

    /// Ends the thread's park, or its next one if it does not park now.
    pub(crate) fn unpark(&self) {
        self.0.unpark();
    }
}

/// How many cores this process may use, asked once: the answer costs several system calls.
pub(crate) fn cores() -> usize {
    /// Zero: not asked yet. Two threads that ask at once get the same answer.
    static CORES: AtomicUsize = AtomicUsize::new(0);
    match CORES.load(Ordering::Relaxed) {
        0 => {
            let cores = available_parallelism().map_or(1, NonZero::get);
            CORES.store(cores, Ordering::Relaxed);
            cores
        }
        known => known,
    }
}

/// Runs `body` on `threads` threads at once and returns what each made of its number. Each is joined by name: that is a
/// join which the ThreadSanitizer sees, unlike the end of a scope.
#[cfg(test)]
pub(crate) fn on_threads<R: Send>(threads: usize, body: impl Fn(usize) -> R + Sync) -> Vec<R> {
    let body = &body;
    thread::scope(|scope| {
        let started: Vec<_> = (0..threads)
            .map(|number| scope.spawn(move || body(number)))
            .collect();
        started
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    })
}

/// Lets other threads run: for tests of the kernel that watch it from outside until something is so.
#[cfg(test)]
pub(crate) fn give_way() {
    thread::yield_now();
}

/// Loom's shape over std's cell: access is a closure, so that a model can watch its begin and its end.
#[derive(Debug)]
pub(crate) struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

impl<T> UnsafeCell<T> {
    /// A cell that holds `value`.
    pub(crate) fn new(value: T) -> Self {
        Self(std::cell::UnsafeCell::new(value))
    }

    /// Hands out the place for an exclusive access; the caller's protocol is what makes it exclusive.
    pub(crate) fn with_mut<R>(&self, access: impl FnOnce(*mut T) -> R) -> R {
        access(self.0.get())
    }
}
