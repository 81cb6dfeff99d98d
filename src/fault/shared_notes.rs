//! Notes of panics that some threads keep together: in a pool, what was caught on one thread is thrown on by
//! another, and the catch site there asks for a note that it did not make.

use std::any::Any;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::Arc;
use std::thread::{self, ThreadId};

use parking_lot::Mutex;

use super::context::ErrorContext;
use super::hook::{Note, Recorded};

/// Notes that the threads keep at most; panics that were swallowed fall out first.
const MAX_SHARED: usize = 64;

thread_local! {
    static SHARED: RefCell<Option<SharedNotes>> = const { RefCell::new(None) };
}

/// Where the threads of one pool keep their notes.
#[derive(Clone, Default)]
pub(crate) struct SharedNotes(Arc<Mutex<Shelf>>);

#[derive(Default)]
struct Shelf {
    /// The oldest first.
    notes: VecDeque<Shelved>,
    /// How many there ever were.
    made: u64,
}

struct Shelved {
    number: u64,
    thread: ThreadId,
    note: Note,
}

impl SharedNotes {
    /// The calling thread keeps its notes here, until its end.
    pub(crate) fn keep_here(&self) {
        SHARED.set(Some(self.clone()));
    }

    /// Where the calling thread keeps its notes, if it shares them.
    pub(super) fn current() -> Option<Self> {
        let shared = SHARED.try_with(|shared| shared.try_borrow().ok()?.clone());
        shared.ok().flatten()
    }

    /// How many notes there ever were.
    pub(super) fn made(&self) -> u64 {
        self.0.lock().made
    }

    pub(super) fn put(&self, note: Note) {
        let _fell_out = {
            let mut shelf = self.0.lock();
            let shelved = Shelved {
                number: shelf.made,
                thread: thread::current().id(),
                note,
            };
            shelf.made += 1;
            shelf.notes.push_back(shelved);
            (shelf.notes.len() > MAX_SHARED).then(|| shelf.notes.pop_front())
        };
    }

    /// The newest note of this payload, but none of the first `before`; rather one of the calling thread
    /// than of another.
    pub(super) fn take(&self, payload: &(dyn Any + Send), before: u64) -> Option<Recorded> {
        let own = thread::current().id();
        let mut shelf = self.0.lock();
        let fitting = shelf
            .notes
            .iter()
            .enumerate()
            .filter(|(_, shelved)| shelved.number >= before && shelved.note.is_of(payload));
        let best = fitting.max_by_key(|(_, shelved)| (shelved.thread == own, shelved.number));
        let index = best.map(|(index, _)| index)?;
        let taken = shelf.notes.remove(index)?;
        drop(shelf);
        let mut recorded = taken.note.into_recorded();
        if taken.thread != own {
            // The other thread may have had somebody else's work in hand, of which this was stolen.
            recorded.context = ErrorContext::capture();
        }
        Some(recorded)
    }
}
