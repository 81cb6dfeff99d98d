//! The gate of a task supervisor: the book behind a lock, and those who wait before it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::book::{Asked, Book, Fate, Tally, Ticket};
use super::spawn_error::SpawnRefusal;
use super::stats::TaskStats;
use crate::kernel::waiters::{WaitList, Wake};
use crate::supervision::WorkerContext;
use crate::supervision::supervisor::Attendant;
use crate::supervision::tree::cell::Cell;
use crate::supervision::unit::current;
use crate::time::Deadline;

/// Whether, and until when, to wait for a slot.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Patience {
    None,
    Until(Deadline),
}

/// Who holds slots that it may do without for a while.
pub(crate) trait Lender: Send + Sync {
    /// Somebody begins to wait for a slot. Called without a lock; it must not block.
    fn wanted(&self);
}

/// Admits as many tasks as there are slots, whoever asks, in the order of the asking.
pub(crate) struct Gate {
    desk: Mutex<Desk>,
    /// How many wait: a hint for who might give a slot up.
    waiting: AtomicUsize,
    numbers: AtomicU64,
    lenders: Mutex<Vec<Weak<dyn Lender>>>,
}

struct Desk {
    book: Book,
    /// Where each of those in the line waits.
    seats: BTreeMap<Ticket, Arc<WaitList>>,
}

impl Gate {
    pub(crate) fn new(max: usize) -> Arc<Self> {
        Arc::new(Gate {
            desk: Mutex::new(Desk {
                book: Book::new(max),
                seats: BTreeMap::new(),
            }),
            waiting: AtomicUsize::new(0),
            numbers: AtomicU64::new(1),
            lenders: Mutex::default(),
        })
    }

    /// A number that tells a task from all others of its supervisor.
    pub(crate) fn number(&self) -> u64 {
        // Relaxed: a number that is given once.
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// Takes a slot under the supervisor that runs in `cell`.
    pub(super) fn enter(
        self: &Arc<Self>,
        cell: &Arc<Cell>,
        patience: Patience,
    ) -> Result<Slot, SpawnRefusal> {
        match patience {
            Patience::None => self.try_take()?,
            Patience::Until(deadline) => self.take(cell, deadline)?,
        }
        Ok(Slot::taken(self))
    }

    fn try_take(&self) -> Result<(), SpawnRefusal> {
        let mut desk = self.desk.lock();
        if desk.book.try_take() {
            return Ok(());
        }
        let max = desk.book.max();
        Err(SpawnRefusal::Full { max })
    }

    fn take(&self, cell: &Arc<Cell>, deadline: Deadline) -> Result<(), SpawnRefusal> {
        match self.ask() {
            (Asked::Taken, _) => Ok(()),
            (Asked::Waits(ticket), seat) => self.wait(cell, ticket, &seat, deadline),
        }
    }

    fn ask(&self) -> (Asked, Arc<WaitList>) {
        let seat = Arc::new(WaitList::new());
        let mut desk = self.desk.lock();
        let asked = desk.book.ask();
        if let Asked::Waits(ticket) = asked {
            desk.seats.insert(ticket, Arc::clone(&seat));
        }
        self.publish(&desk);
        drop(desk);
        if let Asked::Waits(_) = asked {
            self.ask_lenders();
        }
        (asked, seat)
    }

    /// From here on, the lender is told when somebody begins to wait.
    pub(crate) fn enlist(&self, lender: Weak<dyn Lender>) {
        let mut lenders = self.lenders.lock();
        lenders.retain(|lender| lender.strong_count() > 0);
        lenders.push(lender);
    }

    fn ask_lenders(&self) {
        let lenders = self.lenders.lock().clone();
        for lender in lenders.iter().filter_map(Weak::upgrade) {
            lender.wanted();
        }
    }

    /// Waits in the line until the slot is handed over.
    fn wait(
        &self,
        cell: &Arc<Cell>,
        ticket: Ticket,
        seat: &WaitList,
        deadline: Deadline,
    ) -> Result<(), SpawnRefusal> {
        let _place = InLine { gate: self, ticket };
        let clock = cell.runtime().clock();
        let waited = current::wait(seat, clock, deadline, || {
            if self.desk.lock().book.pick_up(ticket) {
                return Some(Ok(()));
            }
            cell.is_ending().then_some(Err(SpawnRefusal::Stopping))
        });
        waited.unwrap_or_else(|why| {
            Err(match why {
                Wake::Stopped => SpawnRefusal::CallerStopped,
                _ => SpawnRefusal::TimedOut,
            })
        })
    }

    /// Applies what may hand slots over, and wakes who has one now.
    fn hand_over<H: IntoIterator<Item = Ticket>>(&self, change: impl FnOnce(&mut Book) -> H) {
        let woken: Vec<_> = {
            let mut desk = self.desk.lock();
            let handed = change(&mut desk.book).into_iter();
            let woken = handed.filter_map(|ticket| desk.seats.remove(&ticket));
            let woken = woken.collect();
            self.publish(&desk);
            woken
        };
        for seat in woken {
            seat.notify_one();
        }
    }

    fn publish(&self, desk: &Desk) {
        // Relaxed: a hint; who acts on it takes the lock.
        self.waiting.store(desk.book.waiting(), Ordering::Relaxed);
    }

    /// Whether somebody waits for a slot: one load, and old news at once.
    pub(super) fn is_wanted(&self) -> bool {
        // Relaxed: see `publish`.
        self.waiting.load(Ordering::Relaxed) > 0
    }

    pub(crate) fn resize(&self, max: usize) {
        self.hand_over(|book| book.resize(max));
    }

    // --- the tally -----------------------------------------------------------------------------------

    pub(crate) fn count(&self, count: impl FnOnce(&mut Tally)) {
        count(&mut self.desk.lock().book.tally);
    }

    pub(crate) fn count_refused(&self) {
        self.desk.lock().book.refuse();
    }

    pub(crate) fn count_end(&self, fate: Fate) {
        self.count(|tally| tally.end(fate));
    }

    pub(crate) fn stats(&self) -> TaskStats {
        TaskStats::of(&self.desk.lock().book)
    }
}

impl Attendant for Gate {
    /// Who waits will not be let in any more, and is to look again.
    fn ending(&self) {
        let seats: Vec<_> = self.desk.lock().seats.values().cloned().collect();
        for seat in seats {
            seat.notify_all();
        }
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").finish_non_exhaustive()
    }
}

/// A place in the line, left when it is dropped; a slot that came meanwhile, and was not picked up, goes on.
struct InLine<'a> {
    gate: &'a Gate,
    ticket: Ticket,
}

impl Drop for InLine<'_> {
    fn drop(&mut self) {
        let _own = self.gate.desk.lock().seats.remove(&self.ticket);
        self.gate.hand_over(|book| book.leave(self.ticket));
    }
}

/// A slot of one task. It is given back when the task is over, or was given up.
pub(crate) struct Slot {
    gate: Arc<Gate>,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    is_taken: bool,
    /// The task was given up before its thread came back.
    is_abandoned: bool,
    has_returned: bool,
}

impl Slot {
    fn taken(gate: &Arc<Gate>) -> Self {
        let held = Held {
            is_taken: true,
            ..Held::default()
        };
        Slot {
            gate: Arc::clone(gate),
            held: Mutex::new(held),
        }
    }

    /// The task is over.
    pub(super) fn give_back(&self) {
        let was_taken = std::mem::take(&mut self.held.lock().is_taken);
        if was_taken {
            self.gate.hand_over(Book::give_back);
        }
    }

    /// The task was given up; its thread may live on, without a slot.
    pub(super) fn abandon(&self) {
        {
            let mut held = self.held.lock();
            if !held.has_returned {
                held.is_abandoned = true;
                self.gate.desk.lock().book.abandon();
            }
        }
        self.give_back();
    }

    /// Lets those who wait for a slot go first: gives this one up if there are any, and stands in the line for
    /// another, until the deadline. Costs one load while nobody waits. Called by the errand's own thread.
    ///
    /// # Errors
    /// There is no slot any more: none came in time, the errand was asked to stop, or the supervisor ends.
    pub(crate) fn lend(&self, ctx: &WorkerContext, deadline: Deadline) -> Result<(), SpawnRefusal> {
        if !self.gate.is_wanted() {
            return Ok(());
        }
        let cell = ctx.run().home().ok_or(SpawnRefusal::Stopping)?;
        self.give_back();
        self.gate.take(&cell, deadline)?;
        let mut held = self.held.lock();
        if held.is_abandoned {
            // It was given up while it stood in the line.
            drop(held);
            self.gate.hand_over(Book::give_back);
            return Err(SpawnRefusal::Fenced);
        }
        held.is_taken = true;
        Ok(())
    }

    /// The thread has come back, maybe after its task was given up.
    pub(super) fn returned(&self) {
        let mut held = self.held.lock();
        held.has_returned = true;
        if held.is_abandoned {
            self.gate.desk.lock().book.returned();
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.give_back();
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot").finish_non_exhaustive()
    }
}
