//! The book of a task supervisor: who has a slot, who waits for one in which order, and what became of the tasks.
//!
//! A slot that is given back is handed to who has waited longest, at once: nobody overtakes, and who gives one
//! back to ask for another stands at the end of the line.

use std::collections::{BTreeSet, VecDeque};

/// The place of one who waits for a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Ticket(u64);

/// What became of who asked for a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// The slot is taken.
    Taken,
    /// There is none: here is the place in the line.
    Waits(Ticket),
}

/// How a task came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Fate {
    /// It returned a value.
    Completed,
    /// It returned an error, panicked, or hung.
    Failed,
    /// It ran for longer than it might.
    TimedOut,
    /// It was asked to stop.
    Cancelled,
}

/// What became of the tasks: `started = completed + failed + timed_out + cancelled + active`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) started: u64,
    pub(crate) completed: u64,
    pub(crate) failed: u64,
    pub(crate) timed_out: u64,
    pub(crate) cancelled: u64,
}

impl Tally {
    /// A task began.
    pub(crate) const fn start(&mut self) {
        self.started += 1;
    }

    /// A task that was counted as begun did not begin after all.
    pub(crate) const fn unstart(&mut self) {
        self.started -= 1;
    }

    /// A task that began came to its end.
    pub(crate) const fn end(&mut self, fate: Fate) {
        let count = match fate {
            Fate::Completed => &mut self.completed,
            Fate::Failed => &mut self.failed,
            Fate::TimedOut => &mut self.timed_out,
            Fate::Cancelled => &mut self.cancelled,
        };
        *count += 1;
    }

    /// Takes in what was counted elsewhere.
    pub(crate) const fn add(&mut self, other: Self) {
        self.started += other.started;
        self.completed += other.completed;
        self.failed += other.failed;
        self.timed_out += other.timed_out;
        self.cancelled += other.cancelled;
    }

    /// Tasks that began and have not come to their end.
    pub(crate) const fn active(&self) -> u64 {
        self.started - self.completed - self.failed - self.timed_out - self.cancelled
    }
}

/// Slots, the line before them, and the tally.
///
/// Somebody waits only while no slot is free: what is given back, or added, goes to the line first.
#[derive(Clone, Debug)]
pub(crate) struct Book {
    max: usize,
    /// Slots in use, with those that were handed to who has not picked them up yet.
    taken: usize,
    line: VecDeque<Ticket>,
    handed: BTreeSet<Ticket>,
    last_ticket: u64,
    abandoned: usize,
    refused: u64,
    pub(crate) tally: Tally,
}

impl Book {
    /// An empty book with so many slots.
    pub(crate) const fn new(max: usize) -> Self {
        Self {
            max,
            taken: 0,
            line: VecDeque::new(),
            handed: BTreeSet::new(),
            last_ticket: 0,
            abandoned: 0,
            refused: 0,
            tally: Tally {
                started: 0,
                completed: 0,
                failed: 0,
                timed_out: 0,
                cancelled: 0,
            },
        }
    }

    /// Takes a slot if one is free.
    pub(crate) const fn try_take(&mut self) -> bool {
        let is_free = self.taken < self.max;
        if is_free {
            self.taken += 1;
        }
        is_free
    }

    /// Takes a slot, or a place in the line.
    pub(crate) fn ask(&mut self) -> Asked {
        if self.try_take() {
            return Asked::Taken;
        }
        self.last_ticket += 1;
        let ticket = Ticket(self.last_ticket);
        self.line.push_back(ticket);
        Asked::Waits(ticket)
    }

    /// Whether the slot that was waited for has been handed over; if so, it is picked up.
    pub(crate) fn pick_up(&mut self, ticket: Ticket) -> bool {
        self.handed.remove(&ticket)
    }

    /// Leaves the line. A slot that was handed over meanwhile goes on to the next, whom this names.
    pub(crate) fn leave(&mut self, ticket: Ticket) -> Option<Ticket> {
        if self.pick_up(ticket) {
            return self.give_back();
        }
        self.line.retain(|waiting| *waiting != ticket);
        None
    }

    /// Gives a slot back; names who has it now.
    pub(crate) fn give_back(&mut self) -> Option<Ticket> {
        self.taken -= 1;
        self.hand_over()
    }

    fn hand_over(&mut self) -> Option<Ticket> {
        if self.taken >= self.max {
            return None;
        }
        let next = self.line.pop_front()?;
        self.taken += 1;
        self.handed.insert(next);
        Some(next)
    }

    /// Another number of slots; names who has one now. Those who have more than there are keep them.
    pub(crate) fn resize(&mut self, max: usize) -> Vec<Ticket> {
        self.max = max;
        std::iter::from_fn(|| self.hand_over()).collect()
    }

    /// A thread was written off. Its slot is given back apart from this.
    pub(crate) const fn abandon(&mut self) {
        self.abandoned += 1;
    }

    /// A thread that was written off has ended after all.
    pub(crate) const fn returned(&mut self) {
        self.abandoned -= 1;
    }

    /// Somebody did not get a slot.
    pub(crate) const fn refuse(&mut self) {
        self.refused += 1;
    }

    pub(crate) const fn max(&self) -> usize {
        self.max
    }

    pub(crate) const fn taken(&self) -> usize {
        self.taken
    }

    pub(crate) fn waiting(&self) -> usize {
        self.line.len()
    }

    pub(crate) const fn abandoned(&self) -> usize {
        self.abandoned
    }

    pub(crate) const fn refused(&self) -> u64 {
        self.refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEQUENCES: u64 = 2_000;
    const STEPS: usize = 60;

    /// What the book must be, kept in the simplest way: one list of all that asked, in their order.
    struct Model {
        max: usize,
        /// Slots that somebody has in hand.
        held: usize,
        /// Who waits, and whether the slot has been handed over.
        line: Vec<(Ticket, bool)>,
    }

    impl Model {
        fn taken(&self) -> usize {
            self.held + self.line.iter().filter(|(_, handed)| *handed).count()
        }

        /// Hands free slots to the first that have none; says to whom.
        fn hand_over(&mut self) -> Vec<Ticket> {
            let mut handed = Vec::new();
            while self.taken() < self.max
                && let Some(place) = self.line.iter_mut().find(|(_, handed)| !handed)
            {
                place.1 = true;
                handed.push(place.0);
            }
            handed
        }

        fn some(&self, rng: &mut fastrand::Rng, handed: bool) -> Option<Ticket> {
            let some = self.line.iter().filter(|(_, has)| *has == handed);
            rng.choice(some.collect::<Vec<_>>())
                .map(|(ticket, _)| *ticket)
        }

        fn forget(&mut self, ticket: Ticket) {
            self.line.retain(|(other, _)| *other != ticket);
        }

        fn step(&mut self, book: &mut Book, rng: &mut fastrand::Rng) {
            match rng.u32(0..6) {
                0 => {
                    let took = book.try_take();
                    assert_eq!(took, self.taken() < self.max);
                    self.held += usize::from(took);
                }
                1 => match book.ask() {
                    Asked::Taken => self.held += 1,
                    Asked::Waits(ticket) => {
                        assert!(self.taken() >= self.max, "there was room");
                        self.line.push((ticket, false));
                    }
                },
                2 => {
                    let Some(ticket) = self.some(rng, rng.clone().bool()) else {
                        return;
                    };
                    let handed = self.line.contains(&(ticket, true));
                    assert_eq!(book.pick_up(ticket), handed);
                    if handed {
                        self.forget(ticket);
                        self.held += 1;
                    }
                }
                3 => {
                    let Some(ticket) = self.some(rng, rng.clone().bool()) else {
                        return;
                    };
                    let next = book.leave(ticket);
                    self.forget(ticket);
                    assert_eq!(Vec::from_iter(next), self.hand_over());
                }
                4 if self.held > 0 => {
                    self.held -= 1;
                    let next = book.give_back();
                    assert_eq!(Vec::from_iter(next), self.hand_over());
                }
                5 => {
                    self.max = rng.usize(1..5);
                    let next = book.resize(self.max);
                    assert_eq!(next, self.hand_over());
                }
                _ => {}
            }
        }
    }

    // property 17
    #[test]
    fn random_sequences_hand_slots_over_in_order_and_never_too_many() {
        for seed in 0..SEQUENCES {
            let mut rng = fastrand::Rng::with_seed(seed);
            let max = rng.usize(1..5);
            let mut book = Book::new(max);
            let (held, line) = (0, Vec::new());
            let mut model = Model { max, held, line };
            for _ in 0..STEPS {
                let (max, taken) = (book.max(), book.taken());
                model.step(&mut book, &mut rng);
                assert_eq!(book.taken(), model.taken(), "seed {seed}");
                let waiting = model.line.iter().filter(|(_, handed)| !handed).count();
                assert_eq!(book.waiting(), waiting, "seed {seed}");
                assert!(waiting == 0 || book.taken() >= book.max(), "seed {seed}");
                let grew = book.taken() > taken;
                assert!(!grew || book.taken() <= book.max().max(max), "seed {seed}");
            }
        }
    }

    // property 17
    #[test]
    fn the_tally_adds_up_whatever_becomes_of_the_tasks() {
        let mut tally = Tally::default();
        let fates = [
            Fate::Completed,
            Fate::Failed,
            Fate::TimedOut,
            Fate::Cancelled,
        ];
        for (ended, fate) in fates.into_iter().enumerate() {
            tally.start();
            tally.start();
            tally.end(fate);
            tally.unstart();
            assert_eq!((tally.active(), tally.started), (0, ended as u64 + 1));
        }
        assert_eq!(
            (
                tally.completed,
                tally.failed,
                tally.timed_out,
                tally.cancelled
            ),
            (1, 1, 1, 1)
        );
    }
}
