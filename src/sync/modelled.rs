//! What the kernel stands on inside a model: loom's types in the shapes of the real ones.

pub(crate) use loom::cell::UnsafeCell;
pub(crate) use loom::sync::{Arc, MutexGuard, atomic};
pub(crate) use loom::thread;

/// A fence; one that was weakened to `Relaxed` is no fence (loom, as std, would panic on it).
pub(crate) fn fence(order: atomic::Ordering) {
    if order != atomic::Ordering::Relaxed {
        atomic::fence(order);
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
