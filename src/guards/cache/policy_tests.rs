//! The queues beside a naive model: lists that are searched from end to end, and ghosts that are kept exactly.

use std::collections::BTreeMap;

use fastrand::Rng;

use super::{Census, MOST_HITS, S3Fifo, Standing};

/// What stands where, and how often it was hit.
#[derive(Clone, Debug, Default)]
struct Inside {
    standing: BTreeMap<u32, Standing>,
    weights: BTreeMap<u32, u64>,
    last: u32,
}

impl Census for Inside {
    fn standing(&mut self, place: u32) -> Standing {
        self.last = place;
        self.standing.get(&place).copied().unwrap_or(Standing::Gone)
    }

    fn weight(&self) -> u64 {
        self.weights[&self.last]
    }

    fn set_hits(&mut self, hits: u8) {
        if let Some(Standing::Hit(now)) = self.standing.get_mut(&self.last) {
            *now = hits;
        }
    }
}

/// (place, print, weight), the oldest first.
type Line = Vec<(u32, u32, u64)>;

/// S3-FIFO as its description reads.
struct Naive {
    small: Line,
    main: Line,
    pinned: Line,
    ghosts: Vec<u32>,
    /// As many as one bucket holds, or none.
    kept_ghosts: usize,
    capacity: u64,
    was_full: bool,
}

fn weight(line: &Line) -> u64 {
    line.iter().map(|(_, _, weight)| weight).sum()
}

impl Naive {
    fn new(capacity: u64, entries: usize) -> Self {
        Self {
            small: Line::new(),
            main: Line::new(),
            pinned: Line::new(),
            ghosts: Vec::new(),
            kept_ghosts: if entries == 0 { 0 } else { 16 },
            capacity,
            was_full: false,
        }
    }

    fn small_share(&self) -> u64 {
        (self.capacity / 10).max(1)
    }

    fn admit(&mut self, place: u32, print: u32, heavy: u64) {
        let room_in_main = weight(&self.main) + heavy <= self.capacity - self.small_share();
        let ghost = self.ghosts.iter().rposition(|ghost| *ghost == print);
        let was_ghost = ghost.map(|at| self.ghosts.remove(at)).is_some();
        let to_main = (!self.was_full && room_in_main) || was_ghost || heavy > self.small_share();
        let line = if to_main {
            &mut self.main
        } else {
            &mut self.small
        };
        line.push((place, print, heavy));
    }

    fn choose(&mut self, inside: &mut Inside) -> Option<u32> {
        self.was_full = true;
        if !self.pinned.is_empty() {
            let seat = self.pinned.remove(0);
            match inside.standing(seat.0) {
                Standing::Pinned => self.pinned.push(seat),
                Standing::Hit(_) => self.main.push(seat),
                _ => return Some(seat.0),
            }
        }
        for _ in 0..100_000 {
            let of_small = weight(&self.small) > self.small_share() || self.main.is_empty();
            let line = if of_small {
                &mut self.small
            } else {
                &mut self.main
            };
            if line.is_empty() {
                break;
            }
            let seat = line.remove(0);
            match (inside.standing(seat.0), of_small) {
                (Standing::Hit(0), true) => {
                    self.ghosts.push(seat.1);
                    let forgotten = self.ghosts.len().saturating_sub(self.kept_ghosts);
                    self.ghosts.drain(..forgotten);
                    return Some(seat.0);
                }
                (Standing::Hit(hits), false) if hits > 0 => inside.set_hits(hits - 1),
                (Standing::Hit(_), true) => inside.set_hits(0),
                (Standing::Pinned, _) => {
                    self.pinned.push(seat);
                    continue;
                }
                _ => return Some(seat.0),
            }
            self.main.push(seat);
        }
        let is_free = |seat: &(u32, _, _)| inside.standing(seat.0) != Standing::Pinned;
        let at = self.pinned.iter().position(is_free)?;
        self.pinned.rotate_left(at);
        Some(self.pinned.remove(0).0)
    }
}

/// Both, and what they choose from.
struct Pair {
    queues: S3Fifo,
    naive: Naive,
    inside: Inside,
    next: u32,
    capacity: u64,
}

impl Pair {
    fn new(capacity: u64, entries: usize) -> Self {
        Self {
            queues: S3Fifo::new(capacity, entries),
            naive: Naive::new(capacity, entries),
            inside: Inside::default(),
            next: 0,
            capacity,
        }
    }

    fn used(&self) -> u64 {
        let living = self.inside.standing.keys();
        living.map(|place| self.inside.weights[place]).sum()
    }

    fn pinned(&self) -> u64 {
        let standing = self.inside.standing.iter();
        let pinned = standing.filter(|(_, it)| **it == Standing::Pinned);
        pinned.map(|(place, _)| self.inside.weights[place]).sum()
    }

    /// Lets one in, for which others go; both must choose the same, and enough, if that was foretold.
    fn insert(&mut self, print: u32, heavy: u64) {
        let pinned = self.pinned();
        assert_eq!(self.queues.kept(&mut self.inside), pinned);
        let lacking = (self.used() + heavy).saturating_sub(self.capacity);
        if lacking > 0 {
            let is_enough = self.queues.can_free(&mut self.inside, lacking);
            assert_eq!(is_enough, pinned + heavy <= self.capacity);
            if !is_enough {
                return;
            }
        }
        while self.used() + heavy > self.capacity {
            let mut others = self.inside.clone();
            let chosen = self.queues.choose(&mut self.inside).map(|seat| seat.place);
            assert_eq!(chosen, self.naive.choose(&mut others));
            assert_eq!(self.inside.standing, others.standing);
            let place = chosen.expect("enough may go");
            self.inside.standing.remove(&place);
        }
        self.next += 1;
        let weight = u32::try_from(heavy).unwrap();
        self.queues.admit(self.next, print, weight);
        self.naive.admit(self.next, print, heavy);
        self.inside.weights.insert(self.next, heavy);
        self.inside.standing.insert(self.next, Standing::Hit(0));
    }

    fn change_some(&mut self, random: &mut Rng, pins: bool) {
        let places: Vec<_> = self.inside.standing.keys().copied().collect();
        if places.is_empty() {
            return;
        }
        let place = places[random.usize(..places.len())];
        let new = match random.u32(..20) {
            0 => None,
            1 => Some(Standing::Spent),
            2 if pins => Some(Standing::Pinned),
            _ => match self.inside.standing[&place] {
                Standing::Hit(hits) => Some(Standing::Hit((hits + 1).min(MOST_HITS))),
                other => Some(other),
            },
        };
        match new {
            Some(standing) => {
                self.inside.standing.insert(place, standing);
            }
            None => {
                self.inside.standing.remove(&place);
            }
        }
    }
}

fn sequences() -> u64 {
    let asked = std::env::var("STEADFAST_STORM").ok();
    asked
        .and_then(|it| it.parse::<u64>().ok())
        .map_or(200, |storm| storm / 10)
}

#[test]
fn the_queues_choose_what_the_description_says() {
    for seed in 0..sequences() {
        let mut random = Rng::with_seed(seed);
        let capacity = random.u64(1..60);
        let is_weighed = random.bool();
        // So few ghosts that they have one bucket.
        let mut pair = Pair::new(capacity, random.usize(..16));
        for _ in 0..300 {
            let heavy = if is_weighed {
                random.u64(1..=capacity.min(8))
            } else {
                1
            };
            pair.insert(random.u32(1..100), heavy);
            for _ in 0..random.u32(..4) {
                pair.change_some(&mut random, capacity > 8);
            }
        }
    }
}

#[test]
fn a_loop_that_is_longer_than_the_cache_keeps_most_of_it() {
    let (capacity, longer) = (100, 120);
    let mut pair = Pair::new(capacity, 0);
    let mut places = BTreeMap::new();
    let mut hits = 0;
    for number in 0..50 * longer {
        let key = u32::try_from(number % longer).unwrap();
        match places
            .get(&key)
            .and_then(|place| pair.inside.standing.get_mut(place))
        {
            Some(Standing::Hit(count)) => {
                *count = (*count + 1).min(MOST_HITS);
                hits += 1;
            }
            _ => {
                pair.insert(key, 1);
                places.insert(key, pair.next);
            }
        }
    }
    assert!(hits > 50 * longer * 6 / 10, "{hits} hits");
}

#[test]
fn where_all_is_pinned_nothing_is_chosen() {
    let mut pair = Pair::new(4, 4);
    (0..4).for_each(|print| pair.insert(print, 1));
    let standing = pair.inside.standing.values_mut();
    standing.for_each(|it| *it = Standing::Pinned);
    assert_eq!(pair.queues.choose(&mut pair.inside), None);
    assert_eq!(pair.queues.len(), 4, "and nothing is let go of");
}

#[test]
fn the_one_that_is_not_pinned_is_chosen_wherever_it_waits() {
    for free in 0..10 {
        let mut pair = Pair::new(10, 10);
        (0..10).for_each(|print| pair.insert(print, 1));
        for (at, standing) in pair.inside.standing.values_mut().enumerate() {
            *standing = if at == free {
                Standing::Hit(3)
            } else {
                Standing::Pinned
            };
        }
        let chosen = pair.queues.choose(&mut pair.inside);
        assert_eq!(chosen.map(|seat| seat.place), Some(free as u32 + 1));
        assert_eq!(pair.queues.choose(&mut pair.inside), None);
        assert_eq!(pair.queues.len(), 9);
    }
}

#[test]
fn who_was_pinned_takes_its_turns_again() {
    let mut pair = Pair::new(4, 4);
    (0..4).for_each(|print| pair.insert(print, 1));
    let standing = &mut pair.inside.standing;
    standing.values_mut().for_each(|it| *it = Standing::Pinned);
    assert_eq!(pair.queues.choose(&mut pair.inside), None);
    *pair.inside.standing.get_mut(&3).unwrap() = Standing::Hit(0);
    let chosen = pair.queues.choose(&mut pair.inside);
    assert_eq!(chosen.map(|seat| seat.place), Some(3));
}

/// Everybody is hit as fast as it is asked, but the pinned one.
struct Restless {
    pinned: u32,
    asked: usize,
}

impl Census for Restless {
    fn standing(&mut self, place: u32) -> Standing {
        self.asked += 1;
        if place == self.pinned {
            Standing::Pinned
        } else {
            Standing::Hit(MOST_HITS)
        }
    }

    fn weight(&self) -> u64 {
        1
    }

    fn set_hits(&mut self, _: u8) {}
}

#[test]
fn who_is_hit_as_fast_as_it_is_asked_goes_all_the_same() {
    for pinned in 1..=4 {
        let mut queues = S3Fifo::new(4, 4);
        (1..=4).for_each(|place| queues.admit(place, place, 1));
        let mut restless = Restless { pinned, asked: 0 };
        for left in (1..4).rev() {
            let seat = queues.choose(&mut restless).expect("not all are pinned");
            assert!(seat.place != pinned && queues.len() == left);
        }
        assert_eq!(queues.choose(&mut restless), None);
        assert!(restless.asked < 100, "{} looks", restless.asked);
    }
}

#[test]
fn what_was_spared_is_chosen_later() {
    let mut pair = Pair::new(4, 4);
    (0..4).for_each(|print| pair.insert(print, 1));
    let first = pair.queues.choose(&mut pair.inside).unwrap();
    pair.queues.spare(first);
    let next = pair.queues.choose(&mut pair.inside).unwrap();
    assert_ne!(first, next);
    assert_eq!(pair.queues.len(), 3);
}

#[test]
fn a_sweep_lets_go_of_what_is_gone_and_of_nothing_else() {
    let mut pair = Pair::new(10, 10);
    (0..10).for_each(|print| pair.insert(print, 1));
    let mut freed = Vec::new();
    pair.queues.sweep(&mut |place| place % 2 == 0, &mut |seat| {
        freed.push(seat.place)
    });
    freed.sort_unstable();
    assert_eq!(freed, [2, 4, 6, 8, 10]);
    assert_eq!(pair.queues.len(), 5);
}
