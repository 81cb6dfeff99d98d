//! A bounded ring for many producers and many consumers that refuses instead of waiting, and counts what it refused.
//!
//! # State
//! ```text
//!   tail: the next position to write      head: the next position to read      (both only rise, wrapping)
//!   slot[p mod n]: turn + cell            n: a power of two, at least 2
//!
//!   turn == p        the slot is free for the producer of position p
//!   turn == p + 1    the slot holds the value of position p
//!   turn == p + n    the slot is free again, for the producer of the next lap
//! ```
//!
//! # Invariants
//! * I1: between winning position `p` on `tail` and storing `turn = p + 1` its producer alone touches the cell.
//! * I2: between winning position `p` on `head` and storing `turn = p + n` its consumer alone touches the cell.
//! * I3: the cell is initialised exactly while `turn == p + 1`, and by then until its consumer has read it.
//! * I4: each position is won once on each side, because `tail` and `head` only rise by compare-and-swap.
//!
//! # Protocol
//! * P1 `push`: read `tail`; turn is the position: win it, write the cell, store `turn = p + 1`. Turn is behind: full,
//!   give up and count. Turn is ahead: another producer was faster, read `tail` again.
//! * P2 `pop`: read `head`; turn is the position + 1: win it, read the cell, store `turn = p + n`. Behind: empty. Ahead:
//!   read `head` again.
//!
//! A ring may report full while a slow consumer still holds the oldest slot, and empty while a slow producer has not
//! yet filled the oldest: it never waits for another thread. Who drains it is notified *after* a push and drains again.
//!
//! # Orderings
//! | site | ordering | pairs with | why |
//! |---|---|---|---|
//! | `ring.push.turn` | Acquire | `ring.pop.free` | the consumer of the last lap is done with the cell before it is written |
//! | `ring.push.fill` | Release | `ring.pop.turn` | the value is in the cell before a consumer reads it |
//! | `ring.pop.turn` | Acquire | `ring.push.fill` | as above |
//! | `ring.pop.free` | Release | `ring.push.turn` | as above |

#![expect(
    unsafe_code,
    reason = "a slot's cell is handed from thread to thread by its turn, which the compiler cannot see"
)]

use std::fmt;
use std::mem::MaybeUninit;

use crossbeam_utils::CachePadded;

use crate::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use crate::sync::{UnsafeCell, ord};

struct Slot<T> {
    turn: AtomicUsize,
    cell: UnsafeCell<MaybeUninit<T>>,
}

/// A bounded, lossy ring: a push into a full one drops the *new* value and counts it.
pub(crate) struct Ring<T> {
    head: CachePadded<AtomicUsize>,
    tail: CachePadded<AtomicUsize>,
    dropped: CachePadded<AtomicU64>,
    slots: Box<[Slot<T>]>,
}

// SAFETY: I1, I2: values move through the ring from thread to thread and are never shared by two, so `T: Send` is enough.
unsafe impl<T: Send> Send for Ring<T> {}
// SAFETY: I1, I2: a cell is touched by one thread at a time, which its turn names.
unsafe impl<T: Send> Sync for Ring<T> {}

impl<T> Ring<T> {
    /// An empty ring with room for at least `capacity` values (rounded up to a power of two, at least 2).
    pub(crate) fn new(capacity: usize) -> Self {
        let capacity = capacity.max(2).next_power_of_two();
        let slot = |turn| Slot {
            turn: AtomicUsize::new(turn),
            cell: UnsafeCell::new(MaybeUninit::uninit()),
        };
        Self {
            head: CachePadded::new(AtomicUsize::new(0)),
            tail: CachePadded::new(AtomicUsize::new(0)),
            dropped: CachePadded::new(AtomicU64::new(0)),
            slots: (0..capacity).map(slot).collect(),
        }
    }

    /// Puts `value` in. False if there was no room: the value is dropped and counted.
    pub(crate) fn push(&self, value: T) -> bool {
        let Some(position) = self.win_tail() else {
            // Relaxed: a statistic, publishes nothing.
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return false;
        };
        let slot = self.slot(position);
        slot.cell.with_mut(|cell| {
            // SAFETY: I1: this thread won `position`, the turn said that the slot is free, nobody else touches it now.
            unsafe { (*cell).write(value) };
        });
        // Release: P1, pairs with the Acquire in `win_head` (P2).
        slot.turn
            .store(position.wrapping_add(1), ord!("ring.push.fill", Release));
        true
    }

    /// Takes the oldest value out.
    pub(crate) fn pop(&self) -> Option<T> {
        let position = self.win_head()?;
        let slot = self.slot(position);
        let value = slot.cell.with_mut(|cell| {
            // SAFETY: I2, I3: this thread won `position`, the turn said that the cell holds its value.
            unsafe { (*cell).assume_init_read() }
        });
        // Release: P2, pairs with the Acquire in `win_tail` (P1).
        slot.turn.store(
            position.wrapping_add(self.slots.len()),
            ord!("ring.pop.free", Release),
        );
        Some(value)
    }

    /// How many values were refused.
    pub(crate) fn dropped(&self) -> u64 {
        // Relaxed: a statistic, publishes nothing.
        self.dropped.load(Ordering::Relaxed)
    }

    /// About how many values are inside: exact while nobody pushes or pops.
    pub(crate) fn len(&self) -> usize {
        // Relaxed: a statistic, publishes nothing. The head first: the tail is never behind an older head.
        let head = self.head.load(Ordering::Relaxed);
        // Relaxed: as above.
        let tail = self.tail.load(Ordering::Relaxed);
        tail.wrapping_sub(head).min(self.slots.len())
    }

    /// How many values fit.
    pub(crate) fn capacity(&self) -> usize {
        self.slots.len()
    }

    fn slot(&self, position: usize) -> &Slot<T> {
        &self.slots[position & (self.slots.len() - 1)]
    }

    /// Wins the next position to write; `None` if the ring is full.
    fn win_tail(&self) -> Option<usize> {
        // Relaxed: a guess that the slot's turn confirms.
        let mut position = self.tail.load(Ordering::Relaxed);
        loop {
            // Acquire: P1, pairs with the Release in `pop` (P2).
            let order = ord!("ring.push.turn", Acquire);
            let turn = self.slot(position).turn.load(order);
            position = match distance(turn, position) {
                0 => match win(&self.tail, position) {
                    Ok(()) => return Some(position),
                    Err(newer) => newer,
                },
                behind if behind < 0 => return None,
                // Relaxed: a guess that the slot's turn confirms.
                _ => self.tail.load(Ordering::Relaxed),
            };
        }
    }

    /// Wins the next position to read; `None` if the ring is empty.
    fn win_head(&self) -> Option<usize> {
        // Relaxed: a guess that the slot's turn confirms.
        let mut position = self.head.load(Ordering::Relaxed);
        loop {
            // Acquire: P2, pairs with the Release in `push` (P1).
            let order = ord!("ring.pop.turn", Acquire);
            let turn = self.slot(position).turn.load(order);
            position = match distance(turn, position.wrapping_add(1)) {
                0 => match win(&self.head, position) {
                    Ok(()) => return Some(position),
                    Err(newer) => newer,
                },
                behind if behind < 0 => return None,
                // Relaxed: a guess that the slot's turn confirms.
                _ => self.head.load(Ordering::Relaxed),
            };
        }
    }
}

impl<T> Drop for Ring<T> {
    fn drop(&mut self) {
        while self.pop().is_some() {}
    }
}

impl<T> fmt::Debug for Ring<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ring")
            .field("len", &self.len())
            .field("capacity", &self.capacity())
            .field("dropped", &self.dropped())
            .finish_non_exhaustive()
    }
}

/// Moves a side from `position` to the next one (I4), or says where the side is now.
fn win(side: &AtomicUsize, position: usize) -> Result<(), usize> {
    let next = position.wrapping_add(1);
    // Relaxed, both: the turns order the cells; a side only says who is next.
    let (won, lost) = (Ordering::Relaxed, Ordering::Relaxed);
    side.compare_exchange_weak(position, next, won, lost)
        .map(|_| ())
}

/// How far `turn` is ahead of `expected`, over the wrap.
fn distance(turn: usize, expected: usize) -> isize {
    turn.wrapping_sub(expected).cast_signed()
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::sync::Arc;
    use std::sync::Barrier;

    use super::*;
    use crate::sync::on_threads;

    #[test]
    fn values_come_out_in_order() {
        let ring = Ring::new(4);
        assert!((0..4).all(|value| ring.push(value)));
        assert_eq!(ring.len(), 4);
        assert_eq!(
            (0..5).map(|_| ring.pop()).collect::<Vec<_>>(),
            [Some(0), Some(1), Some(2), Some(3), None]
        );
    }

    #[test]
    fn a_full_ring_drops_the_new_value_and_counts_it() {
        let ring = Ring::new(2);
        assert!(ring.push(1) && ring.push(2));
        assert!(!ring.push(3));
        assert_eq!((ring.dropped(), ring.len(), ring.capacity()), (1, 2, 2));
        assert_eq!(ring.pop(), Some(1));
        assert!(ring.push(4));
    }

    #[test]
    fn a_ring_has_room_for_what_was_asked() {
        for (asked, given) in [(0, 2), (1, 2), (2, 2), (3, 4), (1000, 1024)] {
            assert_eq!(Ring::<u8>::new(asked).capacity(), given);
        }
    }

    #[test]
    fn positions_wrap_around() {
        let mut ring = Ring::new(2);
        let last = usize::MAX - 1;
        *ring.head.get_mut() = last;
        *ring.tail.get_mut() = last;
        for (slot, turn) in ring.slots.iter_mut().zip([last, usize::MAX]) {
            *slot.turn.get_mut() = turn;
        }
        for value in 0..8 {
            assert!(ring.push(value));
            assert_eq!((ring.len(), ring.pop()), (1, Some(value)));
        }
    }

    #[test]
    fn a_dropped_ring_drops_what_is_inside_once() {
        let value = Arc::new(());
        let ring = Ring::new(4);
        let accepted = (0..6).filter(|_| ring.push(Arc::clone(&value))).count();
        assert_eq!(accepted, 4);
        assert_eq!(Arc::strong_count(&value), 5);
        drop(ring);
        assert_eq!(Arc::strong_count(&value), 1);
    }

    #[test]
    fn what_was_pushed_is_popped_or_counted_under_contention() {
        const EACH: u64 = 20_000;
        let ring = Ring::new(8);
        let (start, all_popped) = (Barrier::new(4), AtomicU64::new(0));
        let (popped, sum) = std::thread::scope(|scope| {
            let producers: Vec<_> = (0..2)
                .map(|_| scope.spawn(|| produce(&ring, &start, EACH)))
                .collect();
            let consumers: Vec<_> = (0..2)
                .map(|_| scope.spawn(|| consume(&ring, &start, &all_popped, 2 * EACH)))
                .collect();
            let accepted: u64 = producers
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .sum();
            let (popped, sum) = consumers
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .fold((0, 0), add);
            assert_eq!(accepted, sum);
            (popped, sum)
        });
        assert_eq!(popped + ring.dropped(), 2 * EACH);
        assert!(ring.dropped() > 0, "the ring was never full: no contention");
        assert!(sum > 0, "nothing got through");
    }

    fn add(left: (u64, u64), right: (u64, u64)) -> (u64, u64) {
        (left.0 + right.0, left.1 + right.1)
    }

    /// Pushes 1 to `each`; returns the sum of what was accepted.
    fn produce(ring: &Ring<u64>, start: &Barrier, each: u64) -> u64 {
        start.wait();
        (1..=each).filter(|value| ring.push(*value)).sum()
    }

    /// Pops until all that was attempted is popped or dropped; returns how many it popped and their sum.
    fn consume(
        ring: &Ring<u64>,
        start: &Barrier,
        all_popped: &AtomicU64,
        attempted: u64,
    ) -> (u64, u64) {
        start.wait();
        let mut mine = (0, 0);
        while all_popped.load(Ordering::Relaxed) + ring.dropped() < attempted {
            match ring.pop() {
                Some(value) => {
                    mine = add(mine, (1, value));
                    all_popped.fetch_add(1, Ordering::Relaxed);
                }
                None => crate::sync::give_way(),
            }
        }
        mine
    }

    #[test]
    #[ignore = "a race, planted for the ThreadSanitizer: .ci/tsan fails if it is not found"]
    fn planted_race() {
        let (ring, start) = (Ring::<u64>::new(2), Barrier::new(2));
        let write = |value| {
            start.wait();
            for _ in 0..1_000 {
                ring.slot(0).cell.with_mut(|cell| {
                    // SAFETY: none: I1 is broken on purpose, nobody won the position.
                    unsafe { (*cell).write(value) };
                });
            }
        };
        on_threads(2, |number| write(number as u64));
    }
}
