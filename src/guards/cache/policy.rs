//! Who goes when there is no room: S3-FIFO over places, with *fill main first*.
//!
//! A newcomer goes to the small queue, a tenth of the capacity; most are never asked for again and leave it soon, for the
//! ghosts: a memory of their prints. Who was hit meanwhile moves on to the main queue, and so does who comes back while it
//! is a ghost. In the main queue each hit is worth one more round, three at most. While the cache has never been full,
//! newcomers fill the main queue first: that costs nothing, and a loop that is a little larger than the cache keeps most
//! of it.
//!
//! Who is pinned steps aside into a queue of its own when its turn comes, where one is asked per choice whether it still
//! is; so the pinned neither keep the others from their turn nor cost them one. Where hits come as fast as seats are asked,
//! patience ends, and the first one in line goes whatever its hits.
//!
//! Queues hold what was admitted and was not let go of: removals are noticed when their turn comes. Weights count in the
//! queues, entries among the ghosts.

use std::collections::VecDeque;

use super::ghosts::Ghosts;

/// More hits than this are worth no more: the cap of the paper, which measurements confirm.
pub(super) const MOST_HITS: u8 = 3;

/// One part in so many of the capacity is the small queue's.
const SMALL_PART: u64 = 10;

/// What stands at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nothing any more: the place can be emptied.
    Gone,
    /// Something that is worth nothing: it has expired, or is invalid.
    Spent,
    /// Something that must stay.
    Pinned,
    /// Something that was hit so often since it was asked last.
    Hit(u8),
}

/// Tells what stands where.
pub(super) trait Census {
    /// What stands at a place.
    fn standing(&mut self, place: u32) -> Standing;

    /// What that weighs which was last asked for.
    fn weight(&self) -> u64;

    /// Sets the hits of what was last asked for, if it still stands there.
    fn set_hits(&mut self, hits: u8);
}

/// A place that was let go of, and the print of what came to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seat {
    pub(super) place: u32,
    pub(super) print: u32,
    weight: u32,
}

/// The queues of one shard.
#[derive(Debug)]
pub(super) struct S3Fifo {
    small: Queue,
    main: Queue,
    pinned: Queue,
    ghosts: Ghosts,
    capacity: u64,
    small_share: u64,
    was_full: bool,
}

#[derive(Debug, Default)]
struct Queue {
    seats: VecDeque<Seat>,
    weight: u64,
}

impl Queue {
    fn push(&mut self, seat: Seat) {
        self.weight += u64::from(seat.weight);
        self.seats.push_back(seat);
    }

    fn pop(&mut self) -> Option<Seat> {
        let seat = self.seats.pop_front()?;
        self.weight -= u64::from(seat.weight);
        Some(seat)
    }

    fn sweep(&mut self, is_gone: &mut dyn FnMut(u32) -> bool, freed: &mut dyn FnMut(Seat)) {
        let weight = &mut self.weight;
        self.seats.retain(|seat| {
            let gone = is_gone(seat.place);
            if gone {
                *weight -= u64::from(seat.weight);
                freed(*seat);
            }
            !gone
        });
    }
}

impl S3Fifo {
    /// Empty queues for `capacity` of weight, which `entries` are expected to fill.
    pub(super) fn new(capacity: u64, entries: usize) -> Self {
        let small_share = (capacity / SMALL_PART).max(1);
        Self {
            small: Queue::default(),
            main: Queue::default(),
            pinned: Queue::default(),
            ghosts: Ghosts::new(entries - entries / 10),
            capacity,
            small_share,
            was_full: false,
        }
    }

    /// Something came to a place.
    pub(super) fn admit(&mut self, place: u32, print: u32, weight: u32) {
        let seat = Seat {
            place,
            print,
            weight,
        };
        let main_has_room =
            self.main.weight + u64::from(weight) <= self.capacity - self.small_share;
        let fills_main = !self.was_full && main_has_room;
        let is_known = self.ghosts.forget(print);
        // What is heavier than the small queue would only push out all that is in it.
        if fills_main || is_known || u64::from(weight) > self.small_share {
            self.main.push(seat);
        } else {
            self.small.push(seat);
        }
    }

    /// Whether so much weight would come free if all went that may.
    pub(super) fn can_free(&self, census: &mut impl Census, weight: u64) -> bool {
        let mut free = 0;
        self.seats().any(|seat| {
            if let Standing::Spent | Standing::Hit(_) = census.standing(seat.place) {
                free += census.weight();
            }
            free >= weight
        })
    }

    /// What all that weighs that is pinned.
    pub(super) fn kept(&self, census: &mut impl Census) -> u64 {
        let weights = self.seats().map(|seat| match census.standing(seat.place) {
            Standing::Pinned => census.weight(),
            _ => 0,
        });
        weights.sum()
    }

    fn seats(&self) -> impl Iterator<Item = &Seat> {
        let queues = [&self.small, &self.main, &self.pinned];
        queues.into_iter().flat_map(|queue| &queue.seats)
    }

    /// The next place to empty, with which it lets go of it; `None` if there is none, or all that is left is pinned.
    pub(super) fn choose(&mut self, census: &mut impl Census) -> Option<Seat> {
        self.was_full = true;
        if let Turn::Out(seat) = self.turn_of_pinned(census, false) {
            return Some(seat);
        }
        // Each seat is moved on four times at most before its hits are used up, unless it is hit again meanwhile.
        let mut patience = (usize::from(MOST_HITS) + 2) * (self.len() + 1);
        while patience > 0 {
            patience -= 1;
            let of_small = self.small.weight > self.small_share || self.main.seats.is_empty();
            let turn = if of_small {
                self.turn_of_small(census, false)
            } else {
                self.turn_of_main(census, false)
            };
            match turn {
                Turn::Out(seat) => return Some(seat),
                Turn::Stays => {}
                Turn::Nobody => break,
            }
        }
        self.choose_at_any_rate(census)
    }

    /// The first of small, then of main, then of those that were pinned, that is not pinned now, whatever its hits.
    fn choose_at_any_rate(&mut self, census: &mut impl Census) -> Option<Seat> {
        type ATurn<C> = fn(&mut S3Fifo, &mut C, bool) -> Turn;
        let turns: [(usize, ATurn<_>); 3] = [
            (self.small.seats.len(), Self::turn_of_small),
            (self.main.seats.len(), Self::turn_of_main),
            (self.len(), Self::turn_of_pinned),
        ];
        for (seats, turn) in turns {
            for _ in 0..seats {
                if let Turn::Out(seat) = turn(self, census, true) {
                    return Some(seat);
                }
            }
        }
        None
    }

    fn turn_of_small(&mut self, census: &mut impl Census, at_any_rate: bool) -> Turn {
        let Some(seat) = self.small.pop() else {
            return Turn::Nobody;
        };
        match census.standing(seat.place) {
            Standing::Gone | Standing::Spent => Turn::Out(seat),
            Standing::Hit(hits) if hits == 0 || at_any_rate => {
                self.ghosts.remember(seat.print);
                Turn::Out(seat)
            }
            Standing::Hit(_) => {
                census.set_hits(0);
                self.main.push(seat);
                Turn::Stays
            }
            Standing::Pinned => {
                self.pinned.push(seat);
                Turn::Stays
            }
        }
    }

    fn turn_of_main(&mut self, census: &mut impl Census, at_any_rate: bool) -> Turn {
        let Some(seat) = self.main.pop() else {
            return Turn::Nobody;
        };
        match census.standing(seat.place) {
            Standing::Gone | Standing::Spent => Turn::Out(seat),
            Standing::Hit(hits) if hits == 0 || at_any_rate => Turn::Out(seat),
            Standing::Hit(hits) => {
                census.set_hits(hits.min(MOST_HITS) - 1);
                self.main.push(seat);
                Turn::Stays
            }
            Standing::Pinned => {
                self.pinned.push(seat);
                Turn::Stays
            }
        }
    }

    /// Who is not pinned any more takes its turns in the main queue again.
    fn turn_of_pinned(&mut self, census: &mut impl Census, at_any_rate: bool) -> Turn {
        let Some(seat) = self.pinned.pop() else {
            return Turn::Nobody;
        };
        match census.standing(seat.place) {
            Standing::Gone | Standing::Spent => return Turn::Out(seat),
            Standing::Hit(_) if at_any_rate => return Turn::Out(seat),
            Standing::Hit(_) => self.main.push(seat),
            Standing::Pinned => self.pinned.push(seat),
        }
        Turn::Stays
    }

    /// What was chosen was replaced before it could go: it is as if it had just been hit in the small queue.
    pub(super) fn spare(&mut self, seat: Seat) {
        self.main.push(seat);
    }

    /// Lets go of every place where nothing stands any more.
    pub(super) fn sweep(
        &mut self,
        is_gone: &mut dyn FnMut(u32) -> bool,
        freed: &mut dyn FnMut(Seat),
    ) {
        self.small.sweep(is_gone, freed);
        self.main.sweep(is_gone, freed);
        self.pinned.sweep(is_gone, freed);
    }

    /// How many places it holds.
    pub(super) fn len(&self) -> usize {
        self.small.seats.len() + self.main.seats.len() + self.pinned.seats.len()
    }
}

enum Turn {
    Out(Seat),
    Stays,
    Nobody,
}

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;
