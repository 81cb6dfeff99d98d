use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Index, OwnerId, TimerId};
use crate::time::Clock;

const OWNERS: usize = 3;
const KEYS: [&str; 3] = ["a", "b", "c"];

/// A timer of the naive model: looked for from front to end.
#[derive(Clone, Copy, Debug)]
struct Row {
    id: TimerId,
    key: Option<&'static str>,
    due: Option<Instant>,
    number: u32,
}

#[derive(Default)]
struct Naive(Vec<Row>);

impl Naive {
    fn take(&mut self, is_it: impl Fn(&Row) -> bool) -> Vec<u32> {
        let (taken, kept) = self.0.iter().partition(|row| is_it(row));
        self.0 = kept;
        taken.iter().map(|row: &Row| row.number).collect()
    }

    fn pop_due(&mut self, now: Instant) -> Option<u32> {
        let waiting = self.0.iter_mut().filter(|row| row.due.is_some());
        let first = waiting.min_by_key(|row| (row.due, row.id))?;
        if first.due > Some(now) {
            return None;
        }
        first.due = None;
        Some(first.number)
    }
}

struct Pair {
    index: Index<u32>,
    naive: Naive,
    ids: Vec<TimerId>,
    random: fastrand::Rng,
    start: Instant,
}

impl Pair {
    fn time(&mut self) -> Instant {
        self.start + Duration::from_millis(self.random.u64(..100))
    }

    fn owner(&mut self) -> OwnerId {
        OwnerId(self.random.usize(..OWNERS))
    }

    /// Any timer that ever was.
    fn id(&mut self) -> Option<TimerId> {
        self.random.choice(&self.ids).copied()
    }

    fn insert(&mut self) {
        let owner = self.owner();
        let id = self.index.draw(owner);
        let key = self.random.choice(KEYS).filter(|_| self.random.bool());
        let number = self.ids.len() as u32;
        let replaced = self.index.insert(id, key.map(Arc::from), number);
        let same = |row: &Row| key.is_some() && row.key == key && row.id.owner == owner;
        assert_eq!(replaced, self.naive.take(same).first().copied());
        self.naive.0.push(Row {
            id,
            key,
            due: None,
            number,
        });
        self.ids.push(id);
    }

    fn set_due(&mut self) {
        let Some(id) = self.id() else { return };
        let due = Some(self.time()).filter(|_| self.random.u32(..5) > 0);
        let row = self.naive.0.iter_mut().find(|row| row.id == id);
        assert_eq!(self.index.set_due(id, due), row.is_some());
        row.into_iter().for_each(|row| row.due = due);
    }

    fn remove(&mut self) {
        let Some(id) = self.id() else { return };
        let theirs = self.naive.take(|row| row.id == id);
        assert_eq!(self.index.remove(id), theirs.first().copied());
    }

    fn check(&mut self) {
        let rows = &self.naive.0;
        assert_eq!(self.index.len(), rows.len());
        assert_eq!(
            self.index.first_due(),
            rows.iter().filter_map(|row| row.due).min()
        );
        for owner in (0..OWNERS).map(OwnerId) {
            let of_owner = || rows.iter().filter(|row| row.id.owner == owner);
            let numbers: Vec<_> = of_owner().map(|row| row.number).collect();
            assert_eq!(self.index.of(owner), numbers);
            assert_eq!(self.index.len_of(owner), numbers.len());
            for key in KEYS {
                let theirs = of_owner().find(|row| row.key == Some(key));
                let theirs = theirs.map(|row| row.number);
                assert_eq!(self.index.keyed(owner, key), theirs);
            }
        }
    }
}

// property 18, S5: at most one pending timer per owner and key; nothing is left of what was taken out
#[test]
fn the_index_agrees_with_a_list_that_is_searched_from_front_to_end() {
    for seed in 0..500 {
        let mut pair = Pair {
            index: Index::new(),
            naive: Naive::default(),
            ids: Vec::new(),
            random: fastrand::Rng::with_seed(seed),
            start: Clock::system().now(),
        };
        for _ in 0..60 {
            match pair.random.u32(..20) {
                0..8 => pair.insert(),
                8..14 => pair.set_due(),
                14..16 => pair.remove(),
                16..19 => {
                    let now = pair.time();
                    assert_eq!(pair.index.pop_due(now), pair.naive.pop_due(now));
                }
                _ => {
                    let owner = pair.owner();
                    let theirs = pair.naive.take(|row| row.id.owner == owner);
                    assert_eq!(pair.index.remove_owner(owner), theirs);
                }
            }
            pair.check();
        }
        for owner in (0..OWNERS).map(OwnerId) {
            pair.index.remove_owner(owner);
        }
        assert!(pair.index.owners.is_empty() && pair.index.queue.is_empty());
        assert_eq!(pair.index.len(), 0);
    }
}
