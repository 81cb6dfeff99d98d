//! Marks: bits of one byte that several threads set and clear, one of which may keep another from being set.
//!
//! # State
//! One byte; what its bits mean is its owner's.
//!
//! # Invariants
//! * I1: bits that were set unless others are came onto a byte that had none of those.
//!
//! # Protocol
//! * P1 `set`, `clear`: one step, which says what the byte was before.
//! * P2 `set_unless`: read; none of the others: exchange exactly that byte. Fails also if it changed meanwhile, so that it
//!   ends whatever others do.
//!
//! So of two marks that exclude each other one is set by P2 unless the other is, and who sets that one by P1 sees in what
//! comes back whether it came too late.
//!
//! # Orderings
//! All are Relaxed: one byte decides, and it publishes nothing but itself.

use std::fmt;

use crate::sync::atomic::{AtomicU8, Ordering};

/// Marks of something.
pub(crate) struct Marks(AtomicU8);

impl Marks {
    /// With these bits set.
    pub(crate) fn new(bits: u8) -> Self {
        Self(AtomicU8::new(bits))
    }

    /// What is set.
    #[inline]
    pub(crate) fn get(&self) -> u8 {
        // Relaxed: publishes nothing.
        self.0.load(Ordering::Relaxed)
    }

    /// Forgets all, and sets these bits; before others see it.
    pub(crate) fn begin(&self, bits: u8) {
        // Relaxed: nobody else is here yet.
        self.0.store(bits, Ordering::Relaxed);
    }

    /// Sets bits (P1). What was set before.
    pub(crate) fn set(&self, bits: u8) -> u8 {
        // Relaxed: publishes nothing.
        self.0.fetch_or(bits, Ordering::Relaxed)
    }

    /// Clears bits (P1). What was set before.
    pub(crate) fn clear(&self, bits: u8) -> u8 {
        // Relaxed: publishes nothing.
        self.0.fetch_and(!bits, Ordering::Relaxed)
    }

    /// Sets bits unless one of `others` is set, or the byte changes at this very moment (P2). True if it did.
    pub(crate) fn set_unless(&self, bits: u8, others: u8) -> bool {
        let seen = self.get();
        // Relaxed, both: publishes nothing.
        let (won, lost) = (Ordering::Relaxed, Ordering::Relaxed);
        let exchange = || self.0.compare_exchange(seen, seen | bits, won, lost);
        seen & others == 0 && exchange().is_ok()
    }
}

impl fmt::Debug for Marks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Marks({:#010b})", self.get())
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::Marks;

    #[test]
    fn a_mark_keeps_another_from_being_set_and_no_third_one() {
        let marks = Marks::new(0b001);
        assert!(!marks.set_unless(0b010, 0b001) && marks.set_unless(0b010, 0b100));
        assert_eq!((marks.set(0b100), marks.clear(0b001)), (0b011, 0b111));
        assert_eq!(marks.get(), 0b110);
        marks.begin(0b1);
        assert_eq!(format!("{marks:?}"), "Marks(0b00000001)");
    }
}
