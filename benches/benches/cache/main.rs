//! The cache beside moka, quick_cache, mini-moka and TinyUFO, and beside two maps that evict nothing.
//!
//! `cargo bench -p steadfast-benches --bench cache`, and words after `--` for the rows that contain one of them: `hit`,
//! `strings`, `"2 threads"`, `equipped`, and so on. A full run takes some minutes, `-- --quick` some seconds.
//!
//! Each row stands twice: all as they are from the beginning, and *equipped*: by one hasher, with a time to live where a
//! rival knows one, ours with statistics too.
//!
//! The maps that evict nothing, dashmap and papaya, are floors: shown beside, no rivals.
//!
//! Times are wall-clock time per operation and thread, so on more threads than cores they include the wait for a core.
//! Beside each stands the 99.9th percentile of *single* operations, of runs of their own: each operation is timed, and
//! the reading of the clock is included, some 25 ns.

mod caches;
mod work;

use caches::{Contender, Key, NAMES, Named, equipped, equipped_field, plain, plain_field};
use steadfast_benches::{Entrant, Goal, Suite, resident_bytes, resident_of};
use work::{Task, insert, load, look_up, mix, shuffled, uniform, zipf};

/// Keys that all fit.
const RESIDENT: u64 = 50_000;

/// Keys that a load draws from.
const WIDE: u64 = 100_000;

/// Keys of a list that is drawn from either.
const DRAWS: usize = 400_000;

/// The rival that the goals are about.
const MEASURE: &str = "quick_cache";

fn main() {
    if let Some(which) =
        std::env::args().find_map(|arg| Some(arg.strip_prefix("fill=")?.to_owned()))
    {
        return fill(&which);
    }
    let mut suite = Suite::begin("cache");
    for mode in [Mode::Plain, Mode::Equipped] {
        numbers(&mut suite, mode);
        strings(&mut suite, mode);
    }
    memory(&mut suite);
    allocations(&mut suite);
    suite.end();
}

#[derive(Clone, Copy, Debug)]
enum Mode {
    Plain,
    Equipped,
}

impl Mode {
    const fn suffix(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Equipped => ", equipped",
        }
    }
}

/// Caches of one capacity: they are made when the first row asks for them.
struct Field<'k, K> {
    mode: Mode,
    capacity: u64,
    /// What all of them are filled with.
    keys: &'k [K],
    caches: Vec<Named<K>>,
}

impl<'k, K: Key> Field<'k, K> {
    const fn new(mode: Mode, capacity: u64, keys: &'k [K]) -> Self {
        Self {
            mode,
            capacity,
            keys,
            caches: Vec::new(),
        }
    }

    fn fill(&mut self) {
        self.caches = match self.mode {
            Mode::Plain => plain_field(self.capacity),
            Mode::Equipped => equipped_field(self.capacity),
        };
        for named in &self.caches {
            for key in self.keys {
                named.cache.insert(key.clone(), 1);
            }
        }
    }

    /// One row: the same work on all. `goal` is what is to be reached on two threads.
    fn row(
        &mut self,
        suite: &mut Suite,
        row: &str,
        goal: Option<Goal>,
        threads: u64,
        task: &impl Task<K>,
    ) {
        let plural = if threads == 1 { "" } else { "s" };
        let row = format!("{row}, {threads} thread{plural}{}", self.mode.suffix());
        if !suite.wants(&row) {
            return;
        }
        if self.caches.is_empty() {
            self.fill();
        }
        let times = suite.of(80_000, 400) / threads.max(2);
        let singles = suite.of(20_000, 1_000) / threads;
        let caches = self.caches.iter();
        let entrants = caches.map(|named| {
            let cache = &*named.cache;
            let round = move || task.mean(cache, threads, times);
            let tail = move || task.tail(cache, threads, singles);
            Entrant::new(named.name, named.is_floor, round, tail)
        });
        let mut entrants: Vec<_> = entrants.collect();
        let goal = goal.filter(|_| threads == 2).map(|goal| (MEASURE, goal));
        suite.contest(&row, goal, &mut entrants);
    }
}

/// Keys of one word.
fn numbers(suite: &mut Suite, mode: Mode) {
    let resident: Vec<u64> = (0..RESIDENT).collect();
    let absent: Vec<u64> = (WIDE..2 * WIDE).collect();
    let fresh = shuffled(DRAWS as u64);
    let lists = Lists {
        resident: &resident,
        hot: &[7],
        uniform: &uniform(RESIDENT, DRAWS),
        zipf: &zipf(RESIDENT, 0.99, DRAWS),
        absent: &absent,
        fresh: &fresh,
        wide: &zipf(WIDE, 0.9, 2 * DRAWS),
    };
    lists.run(suite, mode, "", &[1, 2, 4, 8]);
}

/// Keys that are text.
fn strings(suite: &mut Suite, mode: Mode) {
    let named = |keys: Vec<u64>| -> Vec<String> {
        let name = |key| format!("a key of some length {key}");
        keys.into_iter().map(name).collect()
    };
    let lists = Lists {
        resident: &named((0..RESIDENT).collect()),
        hot: &named(vec![7]),
        uniform: &named(uniform(RESIDENT, DRAWS / 4)),
        zipf: &named(zipf(RESIDENT, 0.99, DRAWS / 4)),
        absent: &named((WIDE..2 * WIDE).collect()),
        fresh: &named(shuffled(DRAWS as u64 / 4)),
        wide: &named(zipf(WIDE, 0.9, DRAWS)),
    };
    lists.run(suite, mode, "strings: ", &[1, 2, 4, 8]);
}

/// What the rows draw their keys from.
struct Lists<'k, K> {
    resident: &'k [K],
    hot: &'k [K],
    uniform: &'k [K],
    zipf: &'k [K],
    absent: &'k [K],
    fresh: &'k [K],
    wide: &'k [K],
}

impl<K: Key> Lists<'_, K> {
    fn run(&self, suite: &mut Suite, mode: Mode, prefix: &str, threads: &[u64]) {
        self.look_ups(suite, mode, prefix, threads);
        self.loads(suite, mode, prefix, threads);
        self.writes(suite, mode, prefix, threads);
    }

    fn look_ups(&self, suite: &mut Suite, mode: Mode, prefix: &str, threads: &[u64]) {
        // Room to spare: rivals evict before they are full.
        let mut field = Field::new(mode, 2 * RESIDENT, self.resident);
        let rows = [
            (
                "hit, one hot key",
                Some(Goal::Ratio(1.0 / 6.0)),
                look_up(self.hot),
            ),
            (
                "hit, 50k uniform",
                Some(Goal::Ratio(0.5)),
                look_up(self.uniform),
            ),
            ("hit, zipf 0.99", None, look_up(self.zipf)),
            ("miss", None, look_up(self.absent)),
        ];
        for (row, goal, task) in &rows {
            let goal = goal.filter(|_| prefix.is_empty());
            for threads in threads {
                field.row(suite, &format!("{prefix}{row}"), goal, *threads, task);
            }
        }
    }

    fn loads(&self, suite: &mut Suite, mode: Mode, prefix: &str, threads: &[u64]) {
        for part in [1, 10, 50] {
            let mut field = Field::new(mode, WIDE * part / 100, &[]);
            let goal = (part == 10 && prefix.is_empty()).then_some(Goal::Ratio(0.9));
            let row = format!("{prefix}get or insert, zipf 0.9, room for {part} %");
            for threads in threads {
                field.row(suite, &row, goal, *threads, &load(self.wide));
            }
        }
    }

    fn writes(&self, suite: &mut Suite, mode: Mode, prefix: &str, threads: &[u64]) {
        let mut small = Field::new(mode, WIDE / 10, &[]);
        let mut large = Field::new(mode, 2 * RESIDENT, self.resident);
        let row = |row: &str| format!("{prefix}{row}");
        for threads in threads {
            let (row, task) = (row("insert, new keys"), insert(self.fresh));
            small.row(suite, &row, None, *threads, &task);
        }
        for threads in threads {
            let (row, task) = (row("insert, present keys"), insert(self.uniform));
            large.row(suite, &row, None, *threads, &task);
        }
        for threads in threads {
            let (row, task) = (row("nine looks, one insert"), mix(self.uniform));
            large.row(suite, &row, None, *threads, &task);
        }
    }
}

/// What an entry takes beside its key and value, of a cache that is full and has evicted as much again.
fn memory(suite: &mut Suite) {
    let row = "bytes per entry, beside key and value";
    if suite.wants(row) {
        for name in NAMES {
            let goal = if name == "ours" {
                Goal::Most(90.0)
            } else {
                Goal::Shown
            };
            let bytes = resident_of(&[&format!("fill={name}")]);
            suite.figure(&format!("{row}, {name}"), goal, bytes, "bytes");
        }
    }
}

/// In a process of its own: fills a cache and prints what an entry takes.
fn fill(which: &str) {
    const ENTRIES: u64 = 500_000;
    let Some(name) = NAMES.into_iter().find(|name| *name == which) else {
        return;
    };
    let before = resident_bytes().unwrap_or_default();
    let named = plain::<u64>(name, ENTRIES);
    let more = if named.is_floor { 1 } else { 2 };
    (0..more * ENTRIES).for_each(|key| named.cache.insert(key, key));
    let taken = resident_bytes().unwrap_or_default().saturating_sub(before);
    println!("{}", taken as f64 / ENTRIES as f64 - 16.0);
}

/// Nothing is allocated by who only looks.
fn allocations(suite: &mut Suite) {
    let cache = equipped::<u64>(1000);
    (0..100).for_each(|key| Contender::insert(&cache, key, key));
    let of = |work: &dyn Fn()| {
        work();
        allocation_counter::measure(work).count_total as f64
    };
    let rows = [
        (
            "a hit",
            of(&|| assert_eq!(Contender::get(&cache, &7), Some(7))),
        ),
        (
            "a miss",
            of(&|| assert_eq!(Contender::get(&cache, &7_000), None)),
        ),
        (
            "a removal that finds nothing",
            of(&|| assert!(!cache.remove(&7_000))),
        ),
        (
            "a get or insert that hits",
            of(&|| assert_eq!(cache.get_or_insert(&7, 8), 7)),
        ),
    ];
    for (what, count) in rows {
        let row = format!("allocations of {what}");
        if suite.wants(&row) {
            suite.figure(&row, Goal::Most(0.0), Some(count), "allocations");
        }
    }
}
