//! Patterns that are made, each with a seed of its own.

use fastrand::Rng;

const KEYS: usize = 20_000;

/// Name, capacity and keys.
pub(crate) fn patterns(length: usize) -> Vec<(&'static str, u64, Vec<u64>)> {
    let mut all = Vec::new();
    for capacity in [16, 100, 500, 5_000] {
        for (name, exponent) in [("zipf 0.7", 0.7), ("zipf 0.9", 0.9), ("zipf 1.1", 1.1)] {
            all.push((name, capacity, zipf(exponent, length)));
        }
        all.push((
            "zipf 0.9 with scans",
            capacity,
            with_scans(capacity, length),
        ));
        let longer = capacity + capacity.div_ceil(5);
        let around = (0..length as u64).map(|at| at % longer).collect();
        all.push(("loop of 1.2 times", capacity, around));
        all.push(("shifting hot set", capacity, shifting(capacity, length)));
        all.push(("half one-hit wonders", capacity, one_hit_wonders(length)));
    }
    all
}

/// Draws from so many keys, whose odds fall with the given power of their rank.
pub(crate) struct Zipf(Vec<f64>);

impl Zipf {
    pub(crate) fn new(keys: usize, exponent: f64) -> Self {
        let mut sum = 0.0;
        let odds = (1..=keys).map(|rank| {
            sum += (rank as f64).powf(-exponent);
            sum
        });
        Self(odds.collect())
    }

    pub(crate) fn draw(&self, random: &mut Rng) -> u64 {
        let at = random.f64() * self.0[self.0.len() - 1];
        self.0.partition_point(|sum| *sum < at) as u64
    }
}

fn zipf(exponent: f64, length: usize) -> Vec<u64> {
    let (zipf, mut random) = (Zipf::new(KEYS, exponent), Rng::with_seed(1));
    (0..length).map(|_| zipf.draw(&mut random)).collect()
}

/// After each ten capacities of draws a scan of two capacities of new keys.
fn with_scans(capacity: u64, length: usize) -> Vec<u64> {
    let (zipf, mut random) = (Zipf::new(KEYS, 0.9), Rng::with_seed(2));
    let mut fresh = 1_u64 << 40;
    let mut keys = Vec::with_capacity(length);
    while keys.len() < length {
        keys.extend((0..10 * capacity).map(|_| zipf.draw(&mut random)));
        keys.extend(fresh..fresh + 2 * capacity);
        fresh += 2 * capacity;
    }
    keys.truncate(length);
    keys
}

/// Uniform over four fifths of a capacity of keys, which move on by a tenth of it after each capacity of draws.
fn shifting(capacity: u64, length: usize) -> Vec<u64> {
    let mut random = Rng::with_seed(3);
    let width = (capacity * 4 / 5).max(1);
    let begin = |at: usize| at as u64 / capacity * capacity.div_ceil(10);
    (0..length)
        .map(|at| begin(at) + random.u64(..width))
        .collect()
}

/// Each second key is never seen again.
fn one_hit_wonders(length: usize) -> Vec<u64> {
    let (zipf, mut random) = (Zipf::new(KEYS, 0.9), Rng::with_seed(4));
    let key = |at: usize| match at % 2 {
        0 => zipf.draw(&mut random),
        _ => (1 << 40) + at as u64,
    };
    (0..length).map(key).collect()
}
