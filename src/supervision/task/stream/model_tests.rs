//! Random sequences of what happens to a stream, against a naive model: a list that says of each item where it is.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::super::hand::Hand;
use super::*;
use crate::supervision::task::book::{Fate, Tally};
use crate::time::Clock;

const SEQUENCES: u64 = if cfg!(debug_assertions) {
    1_000
} else {
    50_000
};
const STEPS: usize = 200;
const LANES: usize = 3;
const MOST: usize = 8;
const LIMIT: Duration = Duration::from_nanos(20);

/// Where an item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Pending,
    Todo(usize),
    Current(usize, u32),
    Done,
    Emitted,
}

/// An outcome: the index of its item, and how it ended.
type Outcome = (u64, Fate);

/// A stream of which everything is known twice.
struct Stage {
    random: fastrand::Rng,
    order: Order,
    window: Window<u64, Outcome>,
    hands: [Hand<u64, Outcome>; LANES],
    places: Vec<Place>,
    /// In which order results came to be.
    ends: Vec<Outcome>,
    emitted: Vec<Outcome>,
    tally: Tally,
    began: Instant,
    tick: u32,
    ready: VecDeque<Outcome>,
}

impl Stage {
    fn new(seed: u64) -> Self {
        let order = [Order::OfInputs, Order::OfEnds][usize::from(seed % 2 == 1)];
        Stage {
            random: fastrand::Rng::with_seed(seed),
            order,
            window: Window::new(order),
            hands: std::array::from_fn(|_| Hand::new()),
            places: Vec::new(),
            ends: Vec::new(),
            emitted: Vec::new(),
            tally: Tally::default(),
            began: Clock::system().now(),
            tick: 0,
            ready: VecDeque::new(),
        }
    }

    fn at(&self, tick: u32) -> Instant {
        self.began + Duration::from_nanos(tick.into())
    }

    fn all(&self, place: Place) -> Vec<u64> {
        let items = (0..).zip(&self.places);
        items
            .filter(|(_, at)| **at == place)
            .map(|(i, _)| i)
            .collect()
    }

    fn current(&self, lane: usize) -> Option<(u64, u32)> {
        let mut items = (0..).zip(&self.places);
        items.find_map(|(index, at)| match *at {
            Place::Current(of, since) if of == lane => Some((index, since)),
            _ => None,
        })
    }

    fn step(&mut self) {
        self.tick += self.random.u32(..3);
        let lane = self.random.usize(..LANES);
        match self.random.u8(..12) {
            0..3 => self.push(),
            3..5 => self.deal(lane),
            5..7 => self.begin(lane),
            7..9 => self.finish(lane),
            9 => self.share(lane),
            10 => self.expire(),
            _ => self.emit(),
        }
    }

    fn push(&mut self) {
        if self.places.len() - self.emitted.len() < MOST {
            self.window.push(self.places.len() as u64);
            self.places.push(Place::Pending);
        }
    }

    fn deal(&mut self, lane: usize) {
        let hand = &mut self.hands[lane];
        if hand.is_lost() || hand.is_busy() || !hand.todo.is_empty() {
            return;
        }
        let most = self.random.usize(1..4);
        self.window.collect(hand);
        self.window.deal(hand, most);
        for index in self.all(Place::Pending).into_iter().take(most) {
            self.places[index as usize] = Place::Todo(lane);
        }
    }

    fn begin(&mut self, lane: usize) {
        if self.hands[lane].is_busy() {
            return;
        }
        let since = Some(self.at(self.tick));
        let begun = self.hands[lane].begin(since).map(|item| item.index);
        let expected = self.all(Place::Todo(lane)).first().copied();
        assert_eq!(begun, expected.filter(|_| !self.hands[lane].is_lost()));
        if let Some(index) = begun {
            self.places[index as usize] = Place::Current(lane, self.tick);
            self.tally.start();
        }
    }

    /// A lane that has lost its item says what became of it all the same, and is then as good as a new one.
    fn finish(&mut self, lane: usize) {
        let end = [Fate::Completed, Fate::Failed, Fate::Cancelled][self.random.usize(..3)];
        let Some((index, _)) = self.current(lane) else {
            if self.hands[lane].is_lost() {
                assert_eq!(self.hands[lane].end(end), None, "it comes too late");
                self.tally_of(lane);
                self.window.collect(&mut self.hands[lane]);
                self.hands[lane] = Hand::new();
            }
            return;
        };
        let wanted = match self.hands[lane].wanted {
            Wanted::Nothing => false,
            Wanted::This(wanted) => wanted == index,
            Wanted::Any => true,
        };
        let item = self.hands[lane].end(end).expect("not lost");
        assert_eq!((item.index, item.input), (index, index));
        assert_eq!(self.hands[lane].put(index, (index, end)), wanted);
        self.tally.end(end);
        self.end(index, end);
    }

    fn end(&mut self, index: u64, end: Fate) {
        self.places[index as usize] = Place::Done;
        self.ends.push((index, end));
    }

    fn share(&mut self, lane: usize) {
        let other = (lane + 1) % LANES;
        let todo = self.all(Place::Todo(lane));
        let idle = &self.hands[other];
        if idle.is_lost() || !idle.todo.is_empty() {
            return;
        }
        let [from, to] = self.hands.get_disjoint_mut([lane, other]).unwrap();
        from.share(to);
        for index in todo.iter().skip(todo.len() / 2) {
            self.places[*index as usize] = Place::Todo(other);
        }
    }

    /// What has used up its time ends; what its lane has not begun is taken back.
    fn expire(&mut self) {
        for lane in 0..LANES {
            let due = self.hands[lane].due(LIMIT);
            let expected = self.current(lane).map(|(_, since)| self.at(since) + LIMIT);
            assert_eq!(due, expected);
            if due.is_none_or(|due| due > self.at(self.tick)) {
                continue;
            }
            let item = self.hands[lane].lose(Fate::TimedOut).expect("it is due");
            self.window.recall(&mut self.hands[lane]);
            self.window.collect(&mut self.hands[lane]);
            self.window
                .deliver(item.index, (item.index, Fate::TimedOut));
            for index in self.all(Place::Todo(lane)) {
                self.places[index as usize] = Place::Pending;
            }
            self.tally.end(Fate::TimedOut);
            self.end(item.index, Fate::TimedOut);
        }
    }

    /// The consumer collects, emits, and says what it waits for if there is nothing.
    fn emit(&mut self) {
        for hand in &mut self.hands {
            self.window.collect(hand);
        }
        self.window.emit(&mut self.ready);
        let nothing = self.ready.is_empty();
        for outcome in self.ready.drain(..) {
            assert_eq!(self.places[outcome.0 as usize], Place::Done);
            self.places[outcome.0 as usize] = Place::Emitted;
            self.emitted.push(outcome);
        }
        assert_eq!(self.expected_emissions(), self.emitted);
        let wanted = self.window.next_wanted();
        for hand in &mut self.hands {
            hand.wanted = if nothing { wanted } else { Wanted::Nothing };
        }
    }

    /// In the order of inputs: as far as all are done. Else all that are done; lanes keep their own order only.
    fn expected_emissions(&self) -> Vec<Outcome> {
        let mut ends = self.ends.clone();
        if self.order == Order::OfEnds {
            let mut own = self.emitted.clone();
            own.sort_by_key(|outcome| outcome.0);
            ends.sort_by_key(|outcome| outcome.0);
            assert_eq!(own, ends);
            return self.emitted.clone();
        }
        ends.sort_by_key(|outcome| outcome.0);
        let row = (0..)
            .zip(ends)
            .take_while(|(place, (index, _))| place == index);
        row.map(|(_, outcome)| outcome).collect()
    }

    fn tally_of(&mut self, lane: usize) {
        // What a lane has counted is taken before it is forgotten.
        let counted = self.hands[lane].take_tally();
        self.tally.started -= counted.started;
        self.tally.completed -= counted.completed;
        self.tally.failed -= counted.failed;
        self.tally.timed_out -= counted.timed_out;
        self.tally.cancelled -= counted.cancelled;
    }

    fn check(&self) {
        let pending = self.all(Place::Pending);
        let own: Vec<_> = self.window.pending.iter().map(|item| item.index).collect();
        assert_eq!(own, pending, "pending, in the order of the source");
        assert!(self.window.done.len() <= MOST, "bounded");
        let all_out = self.places.len() == self.emitted.len();
        assert_eq!(self.window.is_empty(), all_out);
        for (lane, hand) in self.hands.iter().enumerate() {
            let own: Vec<_> = hand.todo.iter().map(|item| item.index).collect();
            assert_eq!(own, self.all(Place::Todo(lane)));
            assert_eq!(hand.is_busy(), self.current(lane).is_some());
        }
    }

    /// Everything that was pushed comes out once.
    fn run_out(&mut self) {
        for lane in 0..LANES {
            self.window.recall(&mut self.hands[lane]);
            if let Some(item) = self.hands[lane].lose(Fate::Cancelled) {
                self.window
                    .deliver(item.index, (item.index, Fate::Cancelled));
                self.tally.end(Fate::Cancelled);
                self.end(item.index, Fate::Cancelled);
            }
        }
        while let Some(item) = self.window.withdraw() {
            self.window
                .deliver(item.index, (item.index, Fate::Cancelled));
            self.end(item.index, Fate::Cancelled);
        }
        self.emit();
        assert!(self.window.is_empty());
        (0..LANES).for_each(|lane| self.tally_of(lane));
        assert_eq!(self.tally, Tally::default(), "counted otherwise");
    }
}

// property 15, T7, T8, decision 41
#[test]
fn no_random_sequence_loses_an_item_emits_it_twice_or_out_of_turn() {
    let mut ended = Tally::default();
    for seed in 0..SEQUENCES {
        let mut stage = Stage::new(seed);
        for _ in 0..STEPS {
            stage.step();
            stage.check();
        }
        stage.run_out();
        stage.ends.iter().for_each(|(_, end)| ended.end(*end));
    }
    let each = [
        ended.completed,
        ended.failed,
        ended.timed_out,
        ended.cancelled,
    ];
    assert!(
        each.iter().all(|ends| *ends > SEQUENCES),
        "a poor mix: {ended:?}"
    );
}
