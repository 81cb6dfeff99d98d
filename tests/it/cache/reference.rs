//! Random sequences of all operations beside a reference that knows everything but which entries were evicted.

use std::collections::HashMap;
use std::time::Duration;

use fastrand::Rng;
use steadfast::Cache;
use steadfast::guards::cache::{CacheConfig, EntryOptions, InsertRefusal};
use steadfast::time::ManualClock;

const KEYS: u64 = 24;
const CAPACITY: u64 = 16;
const GROUPS: usize = 3;
const TTL: u64 = 160;
const NEGATIVE: u64 = 20;

/// How many operations there are: thousands in a usual run, more by the environment.
fn storm() -> u64 {
    let asked = std::env::var("STEADFAST_STORM").ok();
    asked.and_then(|it| it.parse().ok()).unwrap_or(3_000) * 10
}

/// What a cache of these tests is like.
#[derive(Clone, Copy, Debug)]
struct Nature {
    is_weighed: bool,
    idle: Option<u64>,
    grace: u64,
    ahead: u64,
}

impl Nature {
    fn random(rng: &mut Rng) -> Self {
        Self {
            is_weighed: rng.bool(),
            idle: rng.bool().then_some(48),
            grace: if rng.bool() { 30 } else { 0 },
            ahead: if rng.bool() { 40 } else { 0 },
        }
    }

    fn weight(self, value: u64) -> u64 {
        if self.is_weighed { 1 + value % 5 } else { 1 }
    }
}

/// A value that says that there is nothing: it has a short life.
const fn is_negative(value: u64) -> bool {
    value.is_multiple_of(7)
}

#[derive(Clone, Copy, Debug)]
struct Known {
    value: u64,
    hard: u64,
    /// When it is idle for too long.
    idle_end: u64,
    group: Option<usize>,
    pinned: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Is {
    Fresh,
    Either,
    Over,
}

struct Both {
    nature: Nature,
    cache: Cache<u64, u64>,
    manual: ManualClock,
    now: u64,
    known: HashMap<u64, Known>,
    evicted: u64,
    next: u64,
}

impl Both {
    fn new(nature: Nature) -> Self {
        let manual = ManualClock::new();
        let nanoseconds = Duration::from_nanos;
        let config = CacheConfig::new(CAPACITY).clock(manual.clock());
        let config = config
            .ttl(nanoseconds(TTL))
            .grace(nanoseconds(nature.grace));
        let config = config.groups(GROUPS).statistics(true);
        let config = config.refresh_ahead(nanoseconds(nature.ahead));
        let mut config =
            config.ttl_of(|_, value| is_negative(*value).then_some(Duration::from_nanos(NEGATIVE)));
        if nature.is_weighed {
            config = config.weigher(|_, value| 1 + (*value % 5) as u32);
        }
        if let Some(idle) = nature.idle {
            config = config.time_to_idle(nanoseconds(idle));
        }
        Self {
            nature,
            cache: config.build().expect("valid"),
            manual,
            now: 0,
            known: HashMap::new(),
            evicted: 0,
            next: 0,
        }
    }

    fn value(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// When an entry that is used now is idle for too long.
    fn idle_end(&self) -> u64 {
        self.nature.idle.map_or(u64::MAX, |idle| self.now + idle)
    }

    fn state(&self, it: &Known, grace: u64) -> Is {
        let last = it.hard.min(it.idle_end) + grace;
        // A use moves the end only if it moves it by more than that.
        let slack = self.nature.idle.map_or(0, |idle| idle / 16);
        match self.now {
            now if now < last.saturating_sub(slack) => Is::Fresh,
            now if now < last => Is::Either,
            _ => Is::Over,
        }
    }

    /// What a look-up returned must be the last value, and in time; what is missing must have been evicted.
    fn check(&mut self, key: u64, got: Option<u64>, grace: u64) {
        let known = self.known.get(&key).copied();
        let state = known.map_or(Is::Over, |it| self.state(&it, grace));
        match (got, state) {
            (Some(got), Is::Fresh | Is::Either) => {
                assert_eq!(Some(got), known.map(|it| it.value), "another value");
            }
            (Some(got), Is::Over) => panic!(
                "{key} gave {got}, which is over: {known:?}, now {}, {:?}",
                self.now, self.nature
            ),
            (None, Is::Fresh) => self.miss(key),
            (None, Is::Either) if grace >= self.nature.grace => drop(self.known.remove(&key)),
            (None, _) => {}
        }
    }

    /// It is not there though it should be: it was evicted.
    fn miss(&mut self, key: u64) {
        let gone = self.known.remove(&key).expect("known");
        assert!(!gone.pinned, "{key} was pinned");
        self.evicted += 1;
    }

    fn used(&mut self, key: u64, got: Option<u64>) {
        self.check(key, got, 0);
        let idle_end = self.idle_end();
        if let (Some(known), Some(_)) = (self.known.get_mut(&key), got) {
            known.idle_end = idle_end;
        }
    }

    /// A value comes in; a newer one of a pinned entry is pinned too.
    fn come(&mut self, key: u64, value: u64, options: (Option<u64>, Option<usize>, bool)) {
        let (ttl, group, pinned) = options;
        let own = ttl.or(is_negative(value).then_some(NEGATIVE));
        let known = Known {
            value,
            hard: self.now + own.unwrap_or(TTL),
            idle_end: self.idle_end(),
            group,
            pinned,
        };
        self.known.insert(key, known);
    }

    /// Whether the entry that a key has, stale or not, is pinned.
    fn is_pinned(&mut self, key: u64) -> bool {
        let present = self.cache.get_stale(&key);
        self.check(key, present, self.nature.grace);
        present.is_some() && self.known.get(&key).is_some_and(|it| it.pinned)
    }

    fn insert(&mut self, key: u64, rng: &mut Rng) {
        let (value, was_pinned) = (self.value(), self.is_pinned(key));
        let ttl = rng.bool().then(|| rng.u64(1..TTL));
        let group = rng.bool().then(|| rng.usize(..GROUPS));
        let pinned = rng.u32(..5) == 0;
        let mut options = EntryOptions::new().pinned(pinned);
        if let Some(ttl) = ttl {
            options = options.ttl(Duration::from_nanos(ttl));
        }
        if let Some(group) = group {
            options = options.group(group);
        }
        match self.cache.insert_with(key, value, options) {
            Ok(()) => self.come(key, value, (ttl, group, pinned || was_pinned)),
            Err(error) => {
                assert_eq!(error.why(), InsertRefusal::AllPinned);
                self.assert_full(key, value);
            }
        }
    }

    /// There is no room only if what is pinned takes it.
    fn assert_full(&self, key: u64, value: u64) {
        let others = self.known.iter().filter(|(other, it)| {
            let is_there = self.state(it, self.nature.grace) != Is::Over;
            **other != key && it.pinned && is_there
        });
        let taken: u64 = others.map(|(_, it)| self.nature.weight(it.value)).sum();
        assert!(
            taken + self.nature.weight(value) > CAPACITY,
            "there was room"
        );
    }

    /// Looks up with a loader, which may fail; an entry that is near its end is loaded anew.
    fn load(&mut self, key: u64, fails: bool) {
        let (value, before) = (self.value(), self.cache.peek(&key));
        let was_pinned = self.is_pinned(key);
        let mut is_loaded = false;
        let loaded = self.cache.try_get_or_insert_with(key, || {
            is_loaded = true;
            if fails { Err("down") } else { Ok(value) }
        });
        if !is_loaded || fails {
            self.used(key, before);
            assert_eq!(loaded.ok(), before);
            return;
        }
        assert_eq!(loaded, Ok(value));
        let known = self.known.get(&key);
        if let (Some(_), Some(known)) = (before, known) {
            assert!(
                known.hard <= self.now + self.nature.ahead,
                "loaded too early"
            );
        }
        let group = before.and(known).and_then(|it| it.group);
        match self.cache.get_stale(&key) {
            Some(inside) if inside == value => self.come(key, value, (None, group, was_pinned)),
            // It had no room, and the one that was there stays; or that one went for it.
            Some(_) => self.assert_full(key, value),
            None => drop(self.known.remove(&key)),
        }
    }

    fn pin(&mut self, key: u64, pinned: bool) {
        let was_there = self.cache.get_stale(&key);
        self.check(key, was_there, self.nature.grace);
        let done = if pinned {
            self.cache.pin(&key)
        } else {
            self.cache.unpin(&key)
        };
        assert_eq!(done, was_there.is_some());
        if let (true, Some(known)) = (done, self.known.get_mut(&key)) {
            known.pinned = pinned;
        }
    }

    fn remove(&mut self, key: u64, condition: impl Fn(u64) -> bool) {
        let before = self.cache.peek(&key);
        self.check(key, before, 0);
        let stale = self.cache.get_stale(&key);
        let removed = self.cache.remove_if(&key, |value| condition(*value));
        assert_eq!(removed, before.is_some_and(&condition));
        if stale.is_none_or(&condition) {
            self.known.remove(&key);
            assert_eq!(self.cache.get_stale(&key), None);
        }
    }

    fn retain(&mut self) {
        let keep = |key: u64, value: u64| !(key + value).is_multiple_of(4);
        self.cache.retain(|key, value| keep(*key, *value));
        self.known.retain(|key, it| keep(*key, it.value));
    }

    /// All that is shown is known, and all that is pinned is shown.
    fn show(&mut self) {
        let shown: HashMap<u64, u64> = self.cache.iter().collect();
        for key in 0..KEYS {
            self.check(key, shown.get(&key).copied(), 0);
        }
        assert!(shown.len() <= self.cache.len());
    }

    fn step(&mut self, rng: &mut Rng) {
        let key = rng.u64(..KEYS).min(rng.u64(..KEYS));
        match rng.u32(..100) {
            0..25 => {
                let got = self.cache.get(&key);
                self.used(key, got);
            }
            25..30 => self.check(key, self.cache.peek(&key), 0),
            30..35 => self.check(key, self.cache.get_stale(&key), self.nature.grace),
            35..60 => self.insert(key, rng),
            60..70 => self.load(key, rng.u32(..4) == 0),
            70..76 => self.pin(key, rng.u32(..3) > 0),
            76..79 => self.remove(key, |_| true),
            79..82 => self.remove(key, |value| value.is_multiple_of(2)),
            82 => {
                let group = key as usize % GROUPS;
                assert!(self.cache.invalidate_group(group));
                self.known.retain(|_, it| it.group != Some(group));
            }
            83 if rng.u32(..8) == 0 => {
                self.cache.invalidate_all();
                self.known.clear();
                assert!(self.cache.is_empty());
            }
            84 => self.retain(),
            85 => drop(self.cache.purge()),
            86 => self.show(),
            _ => {
                let step = rng.u64(..TTL / 16);
                self.manual.advance(Duration::from_nanos(step));
                self.now += step;
            }
        }
        assert!(self.cache.weighted_size() <= CAPACITY);
    }
}

// property 26, property 27, property 28, property 29
#[test]
fn no_random_sequence_of_all_operations_differs_from_the_reference() {
    const STEPS: u64 = 1_500;
    let mut happened = [0; 6];
    for seed in 0..storm() / STEPS {
        let mut rng = Rng::with_seed(seed);
        let nature = Nature::random(&mut rng);
        let mut both = Both::new(nature);
        for _ in 0..STEPS {
            both.step(&mut rng);
        }
        let stats = both.cache.stats();
        let evicted = both.evicted;
        assert!(evicted <= stats.evictions, "seed {seed}: lost, not evicted");
        let of_these = [
            stats.hits,
            stats.misses_expired,
            stats.misses_invalidated,
            stats.evictions,
            stats.loads,
            stats.refused,
        ];
        happened = std::array::from_fn(|at| happened[at] + of_these[at]);
    }
    assert!(happened.iter().all(|it| *it > 0), "{happened:?}");
}
