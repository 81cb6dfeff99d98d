//! What one lane has in hand: the items that it took, the one that it works on, and what came out.
//!
//! A lane takes small items several at a time, so that the lock of the stream is not taken for each. What it
//! took stays within reach: a consumer that waits collects what is done, a lane that has nothing takes a share
//! of what is still to do, and when an item hangs, all the rest is taken back.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::supervision::task::book::{Fate, Tally};

/// One item of the source, with its place in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item<I> {
    pub(super) index: u64,
    pub(super) input: I,
}

/// Which result the consumer waits for; the lane that has it wakes the consumer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    Nothing,
    This(u64),
    Any,
}

/// What one lane has in hand.
#[derive(Debug)]
pub(super) struct Hand<I, O> {
    pub(super) todo: VecDeque<Item<I>>,
    current: Option<Current<I>>,
    pub(super) done: VecDeque<(u64, O)>,
    pub(super) wanted: Wanted,
    is_lost: bool,
    /// The lane stands in the line for a slot.
    pub(super) is_queued: bool,
    tally: Tally,
}

#[derive(Debug)]
struct Current<I> {
    item: Item<I>,
    /// `None` for an item that may take any time.
    since: Option<Instant>,
}

impl<I, O> Hand<I, O> {
    pub(super) fn new() -> Self {
        Hand {
            todo: VecDeque::new(),
            current: None,
            done: VecDeque::new(),
            wanted: Wanted::Nothing,
            is_lost: false,
            is_queued: false,
            tally: Tally::default(),
        }
    }

    /// Begins with the next item, if there is one. A lane that lost an item begins no other.
    pub(super) fn begin(&mut self, since: Option<Instant>) -> Option<Item<I>>
    where
        I: Clone,
    {
        debug_assert!(self.current.is_none(), "one item at a time");
        if self.is_lost {
            return None;
        }
        let item = self.todo.pop_front()?;
        let begun = item.clone();
        self.current = Some(Current { item, since });
        self.tally.start();
        Some(begun)
    }

    /// The current item has ended: what is made of it is [`put`](Self::put). `None` if it was lost meanwhile.
    pub(super) fn end(&mut self, fate: Fate) -> Option<Item<I>> {
        let current = self.current.take()?;
        self.tally.end(fate);
        Some(current.item)
    }

    /// Takes the current item from the lane, which is not to begin another one: what it says of it from now on
    /// comes too late.
    pub(super) fn lose(&mut self, fate: Fate) -> Option<Item<I>> {
        self.is_lost = true;
        self.end(fate)
    }

    /// As [`lose`](Self::lose), but the item stays for the lane's thread to drop.
    pub(super) fn forfeit(&mut self, fate: Fate) {
        let item = self.lose(fate);
        self.todo.extend(item);
    }

    /// Puts what came of an item where it is collected; true if the consumer waits for it.
    pub(super) fn put(&mut self, index: u64, outcome: O) -> bool {
        self.done.push_back((index, outcome));
        match self.wanted {
            Wanted::Nothing => false,
            Wanted::This(wanted) => wanted == index,
            Wanted::Any => true,
        }
    }

    /// When the current item has used up its time.
    pub(super) fn due(&self, limit: Duration) -> Option<Instant> {
        self.current.as_ref()?.since?.checked_add(limit)
    }

    pub(super) fn is_lost(&self) -> bool {
        self.is_lost
    }

    /// Whether the lane is not to be counted on: it hangs with an item that it has lost, or has no slot.
    pub(super) fn is_absent(&self) -> bool {
        self.is_lost || self.is_queued
    }

    /// Whether the lane works on an item.
    pub(super) fn is_busy(&self) -> bool {
        self.current.is_some()
    }

    /// Gives half of what is to do, the later half, to a hand that has nothing.
    pub(super) fn share(&mut self, idle: &mut Self) {
        let kept = self.todo.len() / 2;
        idle.todo = self.todo.split_off(kept);
    }

    /// Whether the lane has something to do or works on it.
    pub(super) fn has_work(&self) -> bool {
        self.is_busy() || !self.todo.is_empty()
    }

    /// Takes out all that is left in it, of a stream that nobody reads; what was begun counts as ended like this.
    pub(super) fn clear(&mut self, fate: Fate) -> (Vec<Item<I>>, VecDeque<(u64, O)>) {
        let mut items = Vec::from(std::mem::take(&mut self.todo));
        items.extend(self.lose(fate));
        (items, std::mem::take(&mut self.done))
    }

    /// What has been counted since the last look.
    pub(super) fn take_tally(&mut self) -> Tally {
        std::mem::take(&mut self.tally)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A hand that works on the first of two items.
    fn busy() -> Hand<u8, char> {
        let mut hand = Hand::new();
        hand.todo = (0..)
            .zip([b'a', b'b'])
            .map(|(index, input)| Item { index, input })
            .collect();
        assert!(hand.begin(None).is_some());
        hand
    }

    #[test]
    fn what_is_forfeited_counts_at_once_and_stays_for_the_lane_to_drop() {
        let mut hand = busy();
        hand.forfeit(Fate::Cancelled);
        let tally = hand.take_tally();
        assert_eq!((tally.started, tally.cancelled, tally.active()), (1, 1, 0));
        assert!(hand.begin(None).is_none() && hand.end(Fate::Completed).is_none());
        let (items, done) = hand.clear(Fate::Failed);
        assert_eq!((items.len(), done.len()), (2, 0));
        assert_eq!(hand.take_tally(), Tally::default(), "not counted again");
    }

    #[test]
    fn what_is_cleared_away_is_all_that_was_in_the_hand() {
        let mut hand = busy();
        let item = hand.end(Fate::Completed).expect("in hand");
        assert!(!hand.put(item.index, 'A'));
        assert!(hand.begin(None).is_some());
        let (items, done) = hand.clear(Fate::Cancelled);
        assert_eq!((items.len(), done.len()), (1, 1));
        assert!(!hand.has_work() && hand.is_absent());
    }
}
