//! The state of one stream between its source and its consumer: what is to do, and what is done and not yet
//! emitted.
//!
//! An item is pushed, dealt to a hand, finished there, collected, and emitted: in the order of the source, or as
//! it comes. The consumer pushes no more than it may hold at a time, so nothing here grows beyond that, however
//! slow the first item is.

use std::collections::VecDeque;

use super::hand::{Hand, Item, Wanted};

/// In which order results are emitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// As their inputs came.
    OfInputs,
    /// As they are done.
    OfEnds,
}

/// What is to do and what is done of one stream.
#[derive(Debug)]
pub(super) struct Window<I, O> {
    order: Order,
    pushed: u64,
    emitted: u64,
    pending: VecDeque<Item<I>>,
    /// In the order of inputs a place for each item from the first that was not emitted on; else only what is done.
    done: VecDeque<Option<O>>,
}

impl<I, O> Window<I, O> {
    pub(super) fn new(order: Order) -> Self {
        Window {
            order,
            pushed: 0,
            emitted: 0,
            pending: VecDeque::new(),
            done: VecDeque::new(),
        }
    }

    /// Takes in the next item of the source.
    pub(super) fn push(&mut self, input: I) {
        let index = self.pushed;
        self.pushed += 1;
        self.pending.push_back(Item { index, input });
    }

    /// How many items wait for a lane.
    pub(super) fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Whether every item that was pushed has been emitted.
    pub(super) fn is_empty(&self) -> bool {
        self.pushed == self.emitted
    }

    /// Deals at most so many of the pending items, the first ones, to a lane that has nothing to do.
    pub(super) fn deal(&mut self, hand: &mut Hand<I, O>, most: usize) {
        debug_assert!(hand.todo.is_empty(), "an earlier item would wait behind");
        let share = most.min(self.pending.len());
        hand.todo.extend(self.pending.drain(..share));
    }

    /// Takes back what a lane has not begun; it stands before what was pushed later.
    pub(super) fn recall(&mut self, hand: &mut Hand<I, O>) {
        while let Some(item) = hand.todo.pop_back() {
            let before = |other: &Item<I>| other.index < item.index;
            let place = self.pending.partition_point(before);
            self.pending.insert(place, item);
        }
    }

    /// Takes the first pending item out, of a stream that does no more.
    pub(super) fn withdraw(&mut self) -> Option<Item<I>> {
        self.pending.pop_front()
    }

    /// Collects what a lane has done.
    pub(super) fn collect(&mut self, hand: &mut Hand<I, O>) {
        for (index, outcome) in hand.done.drain(..) {
            self.deliver(index, outcome);
        }
    }

    /// Takes in what became of an item.
    pub(super) fn deliver(&mut self, index: u64, outcome: O) {
        if self.order == Order::OfEnds {
            self.done.push_back(Some(outcome));
            return;
        }
        let place = usize::try_from(index - self.emitted).expect("within the window");
        if self.done.len() <= place {
            self.done.resize_with(place + 1, || None);
        }
        debug_assert!(self.done[place].is_none(), "an item has one outcome");
        self.done[place] = Some(outcome);
    }

    /// Emits all that is done and in turn.
    pub(super) fn emit(&mut self, into: &mut VecDeque<O>) {
        while let Some(outcome) = self.done.front_mut().and_then(Option::take) {
            self.done.pop_front();
            self.emitted += 1;
            into.push_back(outcome);
        }
    }

    /// Takes out all that is done, in turn or not, of a stream that nobody reads.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = O> {
        self.done.drain(..).flatten()
    }

    /// The result that a consumer waits for who has found nothing to emit.
    pub(super) fn next_wanted(&self) -> Wanted {
        match self.order {
            Order::OfInputs => Wanted::This(self.emitted),
            Order::OfEnds => Wanted::Any,
        }
    }
}

#[cfg(test)]
#[path = "model_tests.rs"]
mod model_tests;
