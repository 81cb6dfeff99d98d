//! What the threads of a round do.

use std::hint::black_box;
use std::sync::Barrier;
use std::thread;

use fastrand::Rng;
use steadfast_benches::nanoseconds;

use crate::caches::{Contender, Key};

/// Some cache.
pub(crate) type Any<K> = dyn Contender<K, u64>;

/// What a thread does with it: its number, and how often.
pub(crate) type Work<'w, K> = &'w (dyn Fn(&Any<K>, u64, u64) + Sync);

/// Nanoseconds per operation and thread: `work` gets a cache, the number of its thread, and how often to do it.
pub(crate) fn on_threads<K: Key>(
    cache: &Any<K>,
    threads: u64,
    times: u64,
    work: Work<'_, K>,
) -> f64 {
    let start = Barrier::new(threads as usize);
    let clock = steadfast::Clock::system();
    let spent: Vec<_> = thread::scope(|scope| {
        let started: Vec<_> = (0..threads)
            .map(|number| {
                let (start, clock) = (&start, &clock);
                scope.spawn(move || {
                    start.wait();
                    let begin = clock.now();
                    work(cache, number, times);
                    clock.now() - begin
                })
            })
            .collect();
        started
            .into_iter()
            .map(|it| it.join().expect("no panic"))
            .collect()
    });
    let sum: f64 = spent.into_iter().map(nanoseconds).sum();
    sum / threads as f64 / times as f64
}

/// The same key again and again.
pub(crate) fn hot<K: Key>(key: K) -> impl Fn(&Any<K>, u64, u64) + Sync {
    move |cache, _, times| {
        for _ in 0..times {
            black_box(cache.get(black_box(&key)));
        }
    }
}

/// Looks keys of a list up, from a place of the list that is the thread's own.
pub(crate) fn look_up<K: Key>(keys: &[K]) -> impl Fn(&Any<K>, u64, u64) + Sync {
    move |cache, number, times| {
        for key in own(keys, number).take(times as usize) {
            black_box(cache.get(key));
        }
    }
}

/// Looks keys of a list up, and loads what is missing.
pub(crate) fn load<K: Key>(keys: &[K]) -> impl Fn(&Any<K>, u64, u64) + Sync {
    move |cache, number, times| {
        for key in own(keys, number).take(times as usize) {
            black_box(cache.get_or_insert(key.clone(), 1));
        }
    }
}

/// Looks keys of a list up, but inserts each tenth.
pub(crate) fn mix<K: Key>(keys: &[K]) -> impl Fn(&Any<K>, u64, u64) + Sync {
    move |cache, number, times| {
        for (at, key) in own(keys, number).take(times as usize).enumerate() {
            if at % 10 == 0 {
                cache.insert(key.clone(), at as u64);
            } else {
                black_box(cache.get(key));
            }
        }
    }
}

/// Inserts keys of a list.
pub(crate) fn insert<K: Key>(keys: &[K]) -> impl Fn(&Any<K>, u64, u64) + Sync {
    move |cache, number, times| {
        for key in own(keys, number).take(times as usize) {
            cache.insert(key.clone(), 1);
        }
    }
}

fn own<K>(keys: &[K], number: u64) -> impl Iterator<Item = &K> {
    keys.iter().cycle().skip(number as usize * keys.len() / 7)
}

/// So many draws from `keys` equals.
pub(crate) fn uniform(keys: u64, length: usize) -> Vec<u64> {
    let mut random = Rng::with_seed(5);
    (0..length).map(|_| random.u64(..keys)).collect()
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
