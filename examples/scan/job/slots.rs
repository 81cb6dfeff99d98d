//! What each parser has in hand, kept outside of its stack, so that a file outlives the thread that
//! read it.
//!
//! A slot belongs to the newest generation of its parser. When a generation moves in it finds the file
//! that its predecessor died with; what the predecessor still tries with the slot is refused.

use std::sync::Arc;

use parking_lot::{Condvar, Mutex};

use super::ledger::{FileId, KILLS_TO_POISON};
use super::plan::Count;
use super::walk::Entry;

/// A file to be read, and in which attempt (0 is the first).
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) id: FileId,
    pub(crate) entry: Arc<Entry>,
    pub(crate) attempt: u8,
}

impl Job {
    /// The next attempt, after this one killed its parser. `None`: it has killed enough of them.
    pub(crate) fn again(&self) -> Option<Job> {
        let attempt = self.attempt + 1;
        (attempt < KILLS_TO_POISON).then(|| Job {
            attempt,
            ..self.clone()
        })
    }
}

/// The slots of all parsers.
#[derive(Debug)]
pub(crate) struct Slots {
    slots: Vec<Slot>,
    /// Threads that have lost their slot while they ran.
    pub(crate) abandoned: Count,
}

#[derive(Debug, Default)]
struct Slot {
    state: Mutex<State>,
    moved: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// The generation to which the slot belongs.
    owner: u64,
    /// The owner's thread runs.
    alive: bool,
    job: Option<Job>,
    /// The scan is over: nobody moves in any more.
    closed: bool,
}

impl Slots {
    pub(crate) fn new(parsers: usize) -> Self {
        Slots {
            slots: (0..parsers).map(|_| Slot::default()).collect(),
            abandoned: Count::default(),
        }
    }

    /// This generation of a parser moves in; its predecessor, if it is still alive, has lost the slot.
    pub(crate) fn move_in(&self, parser: usize, generation: u64) -> Tenant<'_> {
        let slot = &self.slots[parser];
        let mut state = slot.state.lock();
        if generation > state.owner && !state.closed {
            if state.alive {
                // It neither returned nor unwound: it was abandoned.
                self.abandoned.up();
            }
            state.owner = generation;
            state.alive = true;
            slot.moved.notify_all();
        }
        drop(state);
        Tenant { slot, generation }
    }

    /// The scan is over: answers with what is left in the slots, lets the hanging go, and counts the
    /// threads that have not ended among the abandoned.
    pub(crate) fn close(&self) -> Vec<Job> {
        let mut left = Vec::new();
        for slot in &self.slots {
            let mut state = slot.state.lock();
            state.closed = true;
            left.extend(state.job.take());
            if std::mem::take(&mut state.alive) {
                self.abandoned.up();
            }
            slot.moved.notify_all();
        }
        left
    }
}

/// One generation of a parser in its slot, for as long as its thread runs: a panic drops it, too.
#[derive(Debug)]
pub(crate) struct Tenant<'a> {
    slot: &'a Slot,
    generation: u64,
}

impl Tenant<'_> {
    /// The file that is in the slot, if the slot is ours.
    pub(crate) fn in_hand(&self) -> Option<Job> {
        let state = self.slot.state.lock();
        state.job.clone().filter(|_| self.owns(&state))
    }

    /// This file is in hand now; it comes back if the slot has a newer owner.
    pub(crate) fn put(&self, job: Job) -> Result<(), Job> {
        let mut state = self.slot.state.lock();
        if !self.owns(&state) {
            return Err(job);
        }
        state.job = Some(job);
        Ok(())
    }

    /// The file in hand is settled.
    pub(crate) fn clear(&self) {
        let mut state = self.slot.state.lock();
        if self.owns(&state) {
            state.job = None;
        }
    }

    /// Blocks until the slot has a newer owner or the scan is over. This is no wait of the library:
    /// nothing but the watchdog can find a thread that hangs here.
    pub(crate) fn hang(&self) {
        let mut state = self.slot.state.lock();
        while self.owns(&state) {
            self.slot.moved.wait(&mut state);
        }
    }

    fn owns(&self, state: &State) -> bool {
        state.owner == self.generation && !state.closed
    }
}

impl Drop for Tenant<'_> {
    fn drop(&mut self) {
        let mut state = self.slot.state.lock();
        if self.owns(&state) {
            state.alive = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::ledger::Ledger;
    use crate::job::walk::entry_for_test;

    fn job() -> Job {
        let id = Ledger::default().discover().unwrap();
        Job {
            id,
            entry: Arc::new(entry_for_test("a")),
            attempt: 0,
        }
    }

    #[test]
    fn the_next_generation_finds_the_file_of_the_last_one() {
        let slots = Slots::new(2);
        let first = slots.move_in(1, 1);
        assert!(first.in_hand().is_none());
        first.put(job()).unwrap();
        drop(first);
        assert!(slots.move_in(0, 2).in_hand().is_none());
        assert_eq!(slots.move_in(1, 2).in_hand().unwrap().id, job().id);
        assert_eq!(slots.abandoned.get(), 0);
    }

    #[test]
    fn what_an_old_generation_does_has_no_effect() {
        let slots = Slots::new(1);
        let old = slots.move_in(0, 1);
        old.put(job()).unwrap();
        let new = slots.move_in(0, 2);
        old.clear();
        assert!(old.put(job()).is_err());
        assert!(old.in_hand().is_none());
        assert!(new.in_hand().is_some());
        drop(old);
        new.clear();
        drop(new);
        assert!(slots.move_in(0, 3).in_hand().is_none());
    }

    #[test]
    fn who_loses_the_slot_alive_is_abandoned_and_who_unwound_is_not() {
        let slots = Slots::new(1);
        drop(slots.move_in(0, 1));
        let hung = slots.move_in(0, 2);
        assert_eq!(slots.abandoned.get(), 0);
        let newest = slots.move_in(0, 3);
        assert_eq!(slots.abandoned.get(), 1);
        drop(hung);
        slots.close();
        assert_eq!(slots.abandoned.get(), 2);
        drop(newest);
        slots.close();
        assert_eq!(slots.abandoned.get(), 2);
    }

    #[test]
    fn a_hanging_generation_wakes_when_it_is_replaced_or_all_is_over() {
        for over in [false, true] {
            let slots = Slots::new(1);
            let hanging = slots.move_in(0, 1);
            std::thread::scope(|scope| {
                scope.spawn(|| hanging.hang());
                if over {
                    slots.close();
                } else {
                    slots.move_in(0, 2);
                }
            });
        }
    }

    #[test]
    fn closing_gives_back_what_is_in_hand_and_takes_nothing_more() {
        let slots = Slots::new(2);
        let tenant = slots.move_in(0, 1);
        tenant.put(job()).unwrap();
        assert_eq!(slots.close().len(), 1);
        assert!(tenant.put(job()).is_err());
        assert!(slots.move_in(0, 2).put(job()).is_err());
    }

    #[test]
    fn a_file_is_tried_as_often_as_it_may_kill() {
        let mut tries = vec![job()];
        while let Some(next) = tries[tries.len() - 1].again() {
            tries.push(next);
        }
        assert_eq!(tries.len(), usize::from(KILLS_TO_POISON));
    }
}
