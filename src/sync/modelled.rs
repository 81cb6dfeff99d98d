//! What the kernel stands on inside a model: loom's types in the shapes of the real ones.

pub(crate) use loom::cell::UnsafeCell;
pub(crate) use loom::sync::{Arc, MutexGuard, atomic};

/// A fence; one that was weakened to `Relaxed` is no fence (loom, as std, would panic on it).
pub(crate) fn fence(order: atomic::Ordering) {
    if order != atomic::Ordering::Relaxed {
        atomic::fence(order);
    }
}

/// A thread as a wait sees it. Loom's own `unpark` also wakes a thread that is blocked in a lock or a join, and fails the
/// model; its `Notify` is the same token, with spurious wake-ups, and touches nothing else.
#[derive(Debug)]
pub(crate) struct Parker(loom::sync::Notify);

impl Parker {
    /// A parker for the thread that makes it.
    pub(crate) fn of_this_thread() -> Self {
        Self(loom::sync::Notify::new())
    }

    /// Parks until unparked; may return early.
    pub(crate) fn park(&self) {
        self.0.wait();
    }

    /// Ends the park, or the next one.
    pub(crate) fn unpark(&self) {
        self.0.notify();
    }
}

/// Loom's mutex in the shape of `parking_lot`'s: no poisoning.
#[derive(Debug)]
pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

impl<T> Mutex<T> {
    /// A free mutex around `value`.
    pub(crate) fn new(value: T) -> Self {
        Self(loom::sync::Mutex::new(value))
    }

    /// Takes the mutex; inside a model a poisoned one means that the model has failed already.
    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        match self.0.lock() {
            Ok(guard) => guard,
            Err(poisoned) => poisoned.into_inner(),
        }
    }
}
