//! What the threads of a round do.

use std::hint::black_box;
use std::sync::Barrier;
use std::thread;

use fastrand::Rng;
use steadfast::Clock;
use steadfast_benches::nanoseconds;

use crate::caches::{Contender, Key};

/// Some cache.
pub(crate) type Any<K> = dyn Contender<K, u64>;

/// One operation for each key of a list, over and over; each thread begins at a place of the list that is its own.
pub(crate) struct Work<'k, K, F> {
    pub(crate) keys: &'k [K],
    /// What is done with a cache and a key; the number says how many were done before.
    pub(crate) step: F,
}

/// What every [`Work`] can do.
pub(crate) trait Task<K>: Sync {
    /// Nanoseconds per operation and thread.
    fn mean(&self, cache: &Any<K>, threads: u64, times: u64) -> f64;

    /// Nanoseconds that one operation of a thousand takes at least. Each operation is timed on its own, so that it
    /// includes one reading of the clock.
    fn tail(&self, cache: &Any<K>, threads: u64, times: u64) -> f64;
}

impl<K: Key, F: Fn(&Any<K>, &K, u64) + Sync> Task<K> for Work<'_, K, F> {
    fn mean(&self, cache: &Any<K>, threads: u64, times: u64) -> f64 {
        let clock = Clock::system();
        let spent = on_threads(threads, |number| {
            let begin = clock.now();
            for (key, done) in self.own(number).zip(0..times) {
                (self.step)(cache, key, done);
            }
            nanoseconds(clock.now() - begin)
        });
        spent.iter().sum::<f64>() / threads as f64 / times as f64
    }

    fn tail(&self, cache: &Any<K>, threads: u64, times: u64) -> f64 {
        let clock = Clock::system();
        let timed = on_threads(threads, |number| {
            let mut times_taken = Vec::with_capacity(times as usize);
            let mut begin = clock.now();
            for (key, done) in self.own(number).zip(0..times) {
                (self.step)(cache, key, done);
                let end = clock.now();
                times_taken.push(end - begin);
                begin = end;
            }
            times_taken
        });
        let mut all: Vec<_> = timed.into_iter().flatten().collect();
        let at = all.len() - 1 - all.len() / 1000;
        let (_, tail, _) = all.select_nth_unstable(at);
        nanoseconds(*tail)
    }
}

impl<K, F> Work<'_, K, F> {
    fn own(&self, number: u64) -> impl Iterator<Item = &K> {
        /// No two threads of a row begin at the same place.
        const MOST_THREADS: usize = 8;
        let first = number as usize * self.keys.len() / MOST_THREADS;
        self.keys.iter().cycle().skip(first)
    }
}

/// Runs the same on so many threads, which begin together, and returns what each returns.
fn on_threads<R: Send>(threads: u64, work: impl Fn(u64) -> R + Sync) -> Vec<R> {
    let start = Barrier::new(threads as usize);
    thread::scope(|scope| {
        let started: Vec<_> = (0..threads)
            .map(|number| {
                let (start, work) = (&start, &work);
                scope.spawn(move || {
                    start.wait();
                    work(number)
                })
            })
            .collect();
        let ended = started.into_iter().map(|it| it.join().expect("no panic"));
        ended.collect()
    })
}

/// Looks keys up.
pub(crate) fn look_up<K: Key>(keys: &[K]) -> impl Task<K> {
    let step = |cache: &Any<K>, key: &K, _| {
        black_box(cache.get(black_box(key)));
    };
    Work { keys, step }
}

/// Looks keys up, and loads what is missing.
pub(crate) fn load<K: Key>(keys: &[K]) -> impl Task<K> {
    let step = |cache: &Any<K>, key: &K, _| {
        black_box(cache.get_or_insert(key, 1));
    };
    Work { keys, step }
}

/// Looks keys up, but inserts each tenth.
pub(crate) fn mix<K: Key>(keys: &[K]) -> impl Task<K> {
    let step = |cache: &Any<K>, key: &K, done: u64| {
        if done.is_multiple_of(10) {
            cache.insert(key.clone(), done);
        } else {
            black_box(cache.get(key));
        }
    };
    Work { keys, step }
}

/// Inserts keys.
pub(crate) fn insert<K: Key>(keys: &[K]) -> impl Task<K> {
    let step = |cache: &Any<K>, key: &K, done| cache.insert(key.clone(), done);
    Work { keys, step }
}

/// So many draws from `keys` equals.
pub(crate) fn uniform(keys: u64, length: usize) -> Vec<u64> {
    let mut random = Rng::with_seed(5);
    (0..length).map(|_| random.u64(..keys)).collect()
}

/// Each key once, in no order.
pub(crate) fn shuffled(keys: u64) -> Vec<u64> {
    let mut all: Vec<u64> = (0..keys).collect();
    Rng::with_seed(7).shuffle(&mut all);
    all
}

/// So many draws from `keys`, whose odds fall with the given power of their rank.
pub(crate) fn zipf(keys: u64, exponent: f64, length: usize) -> Vec<u64> {
    let mut sum = 0.0;
    let odds: Vec<_> = (1..=keys)
        .map(|rank| {
            sum += (rank as f64).powf(-exponent);
            sum
        })
        .collect();
    let mut random = Rng::with_seed(6);
    let draw = |_| {
        let at = random.f64() * sum;
        odds.partition_point(|it| *it < at) as u64
    };
    (0..length).map(draw).collect()
}
