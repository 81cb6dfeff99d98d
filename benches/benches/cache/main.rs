//! The cache beside moka, quick_cache, mini-moka and TinyUFO, and beside two maps that evict nothing.
//!
//! `cargo bench -p steadfast-benches --bench cache`, and a word after `--` for single rows.
//!
//! Each row stands twice where a goal asks for it: defaults against defaults, and *equipped*: by the rival's hasher, with
//! a time to live and statistics.

mod caches;
mod work;

use caches::{Contender, Key, TinyUfo, equipped};
use steadfast::Cache;
use steadfast_benches::{Goal, Suite, resident_bytes, resident_of};
use work::{Any, Work, hot, insert, load, look_up, mix, on_threads, uniform, zipf};

/// Keys that all fit.
const RESIDENT: u64 = 50_000;

/// Keys that a load draws from.
const WIDE: u64 = 100_000;

fn main() {
    if let Some(which) =
        std::env::args().find_map(|arg| Some(arg.strip_prefix("fill=")?.to_owned()))
    {
        return fill(&which);
    }
    let mut suite = Suite::begin("cache");
    hits(&mut suite);
    misses_and_loads(&mut suite);
    writes(&mut suite);
    strings(&mut suite);
    memory(&mut suite);
    allocations(&mut suite);
    suite.end();
}

fn ours<K: Key>(capacity: u64) -> Cache<K, u64> {
    Cache::new(capacity).expect("a valid capacity")
}

fn quick<K: Key>(capacity: u64) -> quick_cache::sync::Cache<K, u64> {
    quick_cache::sync::Cache::new(capacity as usize)
}

/// Caches by name.
type Named<K> = Vec<(&'static str, Box<Any<K>>)>;

fn rivals<K: Key>(capacity: u64) -> Named<K> {
    let size = capacity as usize;
    vec![
        ("quick_cache", Box::new(quick(capacity))),
        ("moka", Box::new(moka::sync::Cache::new(capacity))),
        ("mini-moka", Box::new(mini_moka::sync::Cache::new(capacity))),
        (
            "TinyUFO",
            Box::new(TinyUfo(tinyufo::TinyUfo::new(size, size))),
        ),
    ]
}

fn floors<K: Key>() -> Named<K> {
    vec![
        ("dashmap, evicts nothing", Box::new(dashmap::DashMap::new())),
        ("papaya, evicts nothing", Box::new(papaya::HashMap::new())),
    ]
}

/// One row per rival: the same work on both, after both were filled with the keys.
fn rows<K: Key>(
    suite: &mut Suite,
    row: &str,
    threads: u64,
    goals: [Goal; 2],
    (capacity, keys): (u64, &[K]),
    work: Work<'_, K>,
) {
    let times = suite.of(400_000, 500);
    let run = |cache: &Any<K>| on_threads(cache, threads, times, work);
    let filled = |cache: &Any<K>| {
        keys.iter().for_each(|key| cache.insert(key.clone(), 1));
    };
    let plain = ours::<K>(capacity);
    let full = equipped::<K>(capacity);
    let mine: [(&str, &Any<K>); 2] = [("", &plain), (", equipped", &full)];
    let of_floors = if row.contains("hit") {
        floors()
    } else {
        Vec::new()
    };
    for (name, rival) in rivals::<K>(capacity).into_iter().chain(of_floors) {
        for ((mode, cache), goal) in mine.into_iter().zip(goals) {
            let goal = if name == "quick_cache" {
                goal
            } else {
                Goal::Shown
            };
            let row = format!("{row}, {threads} threads{mode}, {name}");
            if suite.wants(&row) {
                filled(cache);
                filled(&*rival);
                suite.compare(&row, goal, || run(cache), name, || run(&*rival));
            }
        }
    }
}

fn hits(suite: &mut Suite) {
    let resident: Vec<u64> = (0..RESIDENT).collect();
    let (uniform, zipf) = (uniform(RESIDENT, 400_000), zipf(RESIDENT, 0.99, 400_000));
    // Room to spare: rivals evict before they are full.
    let cache = (2 * RESIDENT, &*resident);
    for threads in [1, 2, 4, 8] {
        let goals = |ratio| match threads {
            2 => [Goal::Ratio(ratio); 2],
            _ => [Goal::Shown; 2],
        };
        rows(
            suite,
            "hit, one hot key",
            threads,
            goals(1.0 / 6.0),
            cache,
            &hot(7),
        );
        rows(
            suite,
            "hit, 50k uniform",
            threads,
            goals(0.5),
            cache,
            &look_up(&uniform),
        );
        rows(
            suite,
            "hit, zipf 0.99",
            threads,
            [Goal::Shown; 2],
            cache,
            &look_up(&zipf),
        );
    }
}

fn misses_and_loads(suite: &mut Suite) {
    let absent: Vec<u64> = (WIDE..2 * WIDE).collect();
    let shown = [Goal::Shown; 2];
    rows(suite, "miss", 1, shown, (RESIDENT, &[]), &look_up(&absent));
    let zipf = zipf(WIDE, 0.9, 1_000_000);
    for (part, threads) in [(1, 2), (10, 1), (10, 2), (50, 2)] {
        let goals = match (part, threads) {
            (10, 2) => [Goal::Ratio(0.9), Goal::Shown],
            _ => shown,
        };
        let row = format!("get or insert, zipf 0.9, room for {part} %");
        rows(
            suite,
            &row,
            threads,
            goals,
            (WIDE * part / 100, &[]),
            &load(&zipf),
        );
    }
}

fn writes(suite: &mut Suite) {
    let shown = [Goal::Shown; 2];
    let wide = uniform(WIDE, 400_000);
    for threads in [1, 2] {
        let small = (WIDE / 10, &[][..]);
        rows(
            suite,
            "insert, new keys",
            threads,
            shown,
            small,
            &insert(&wide),
        );
        let resident: Vec<u64> = (0..RESIDENT).collect();
        let large = (2 * RESIDENT, &*resident);
        let narrow = uniform(RESIDENT, 400_000);
        rows(
            suite,
            "insert, present keys",
            threads,
            shown,
            large,
            &insert(&narrow),
        );
        rows(
            suite,
            "nine looks, one insert",
            threads,
            shown,
            large,
            &mix(&narrow),
        );
    }
}

fn strings(suite: &mut Suite) {
    let name = |key: &u64| format!("a key of some length {key}");
    let resident: Vec<String> = (0..RESIDENT).collect::<Vec<_>>().iter().map(name).collect();
    let keys: Vec<_> = uniform(RESIDENT, 200_000).iter().map(name).collect();
    let cache = (2 * RESIDENT, &*resident);
    let shown = [Goal::Shown; 2];
    rows(suite, "hit, 50k strings", 2, shown, cache, &look_up(&keys));
}

/// What an entry takes beside its key and value, of a cache that is full and has evicted as much again.
fn memory(suite: &mut Suite) {
    let row = "bytes per entry, beside key and value";
    if suite.wants(row) {
        for (which, goal) in [
            ("ours", Goal::Most(90.0)),
            ("quick_cache", Goal::Shown),
            ("moka", Goal::Shown),
        ] {
            let bytes = resident_of(&[&format!("fill={which}")]);
            suite.figure(&format!("{row}, {which}"), goal, bytes, "bytes");
        }
    }
}

/// In a process of its own: fills a cache and prints what an entry takes.
fn fill(which: &str) {
    const ENTRIES: u64 = 1_000_000;
    let before = resident_bytes().unwrap_or_default();
    let cache: Box<dyn Contender<u64, u64>> = match which {
        "ours" => Box::new(ours(ENTRIES)),
        "quick_cache" => Box::new(quick(ENTRIES)),
        _ => Box::new(moka::sync::Cache::new(ENTRIES)),
    };
    (0..2 * ENTRIES).for_each(|key| cache.insert(key, key));
    let taken = resident_bytes().unwrap_or_default().saturating_sub(before);
    println!("{}", taken as f64 / ENTRIES as f64 - 16.0);
}

/// Nothing is allocated by a hit, a miss or a removal.
fn allocations(suite: &mut Suite) {
    let cache = equipped::<u64>(1000);
    (0..100).for_each(|key| cache.insert(key, key).expect("room"));
    let of = |work: &dyn Fn()| {
        work();
        allocation_counter::measure(work).count_total as f64
    };
    let hit = of(&|| assert_eq!(cache.get(&7), Some(7)));
    suite.figure(
        "allocations of a hit",
        Goal::Most(0.0),
        Some(hit),
        "allocations",
    );
    let miss = of(&|| assert_eq!(cache.get(&7_000), None));
    suite.figure(
        "allocations of a miss",
        Goal::Most(0.0),
        Some(miss),
        "allocations",
    );
    let loaded = of(&|| assert_eq!(cache.get_or_insert_with(7, || 8), Ok(7)));
    let row = "allocations of a get or insert that hits";
    suite.figure(row, Goal::Most(0.0), Some(loaded), "allocations");
}
