//! What a call through a closed circuit breaker costs, beside recloser and failsafe.
//!
//! `cargo bench -p steadfast-benches --bench breaker`

use std::hint::black_box;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use allocation_counter::measure;
use failsafe::CircuitBreaker as FailsafeBreaker;
use failsafe::failure_policy::consecutive_failures;
use recloser::Recloser;
use steadfast::guards::breaker::{BreakerConfig, Trip};
use steadfast::{CircuitBreaker, Clock};
use steadfast_benches::{Goal, Suite, nanoseconds};

/// As many as recloser remembers by default.
const CALLS: u32 = 100;

fn main() {
    let mut suite = Suite::begin("breaker");
    for threads in [1, 2] {
        floor(&mut suite, threads);
        closed(&mut suite, threads);
    }
    refused(&mut suite);
    allocations(&mut suite);
    suite.end();
}

fn breaker(trip: Trip, clock: Clock) -> CircuitBreaker {
    let config = BreakerConfig::new(trip).clock(clock);
    config.build().expect("valid")
}

fn recloser() -> Recloser {
    Recloser::custom().closed_len(CALLS as usize).build()
}

fn failsafe() -> impl FailsafeBreaker + Sync {
    let backoff = failsafe::backoff::constant(Duration::from_secs(30));
    let policy = consecutive_failures(5, backoff);
    failsafe::Config::new().failure_policy(policy).build()
}

/// A call that is not optimised away, and succeeds.
fn work() -> Result<u64, u64> {
    black_box(Ok(7))
}

/// Runs the operation on so many threads at once; what one took on its thread.
fn on(threads: u32, times: u32, operation: impl Fn() + Sync) -> f64 {
    let (start, clock) = (Barrier::new(threads as usize), Clock::system());
    let run = || {
        start.wait();
        let begin = clock.now();
        for _ in 0..times {
            operation();
        }
        nanoseconds(clock.now() - begin) / f64::from(times)
    };
    let run = &run;
    thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(run)).collect();
        let sum = others
            .into_iter()
            .fold(run(), |sum, other| sum + other.join().expect("no panic"));
        sum / f64::from(threads)
    })
}

/// What no breaker can do without: the call. Where this ratio is above a goal below, none reaches it.
fn floor(suite: &mut Suite, threads: u32) {
    let times = suite.of(5_000_000, 1_000);
    let recloser = recloser();
    suite.compare(
        &format!("floor: the call alone, {threads} threads"),
        Goal::Shown,
        || on(threads, times, || assert!(work().is_ok())),
        "recloser",
        || {
            on(threads, times, || {
                assert!(black_box(&recloser).call(work).is_ok());
            })
        },
    );
}

/// Every call succeeds.
fn closed(suite: &mut Suite, threads: u32) {
    let times = suite.of(5_000_000, 1_000);
    let (recloser, failsafe) = (recloser(), failsafe());
    let second = Duration::from_secs(1);
    let consecutive = breaker(Trip::consecutive(5), Clock::system());
    let counted = breaker(Trip::count_window(CALLS), Clock::system());
    let spotted = breaker(Trip::count_window(CALLS), Clock::system());
    let timed = breaker(Trip::time_window(10 * second), Clock::coarse());
    let ours = |breaker: &CircuitBreaker| {
        on(threads, times, || {
            assert!(black_box(breaker).call(work).is_ok());
        })
    };
    let theirs = || {
        on(threads, times, || {
            assert!(black_box(&recloser).call(work).is_ok());
        })
    };
    let row = |what: &str| format!("closed, success, {what}, {threads} threads");
    suite.compare(
        &row("failures in a row"),
        Goal::Ratio(0.33),
        || ours(&consecutive),
        "recloser",
        theirs,
    );
    suite.compare(
        &row("count window"),
        Goal::Ratio(1.0),
        || ours(&counted),
        "recloser",
        theirs,
    );
    suite.compare(
        &row("count window, two of a hundred fail"),
        Goal::Shown,
        || {
            let calls = AtomicU32::new(0);
            on(threads, times, || {
                // Relaxed: it only spreads the failures.
                let call = calls.fetch_add(1, Ordering::Relaxed);
                let fails = call.is_multiple_of(CALLS / 2);
                let run = || if fails { Err(7) } else { work() };
                assert_eq!(black_box(&spotted).call(run).is_err(), fails);
            })
        },
        "recloser",
        theirs,
    );
    suite.compare(
        &row("time window, coarse clock"),
        Goal::Shown,
        || ours(&timed),
        "recloser",
        theirs,
    );
    suite.compare(
        &row("failures in a row"),
        Goal::Ratio(0.33),
        || ours(&consecutive),
        "failsafe",
        || {
            on(threads, times, || {
                assert!(black_box(&failsafe).call(work).is_ok());
            })
        },
    );
}

/// Open, and the time has not come.
fn refused(suite: &mut Suite) {
    let times = suite.of(2_000_000, 1_000);
    let open = breaker(Trip::consecutive(1), Clock::system());
    open.open();
    let recloser = recloser();
    for _ in 0..2 * CALLS {
        let _failed = recloser.call(|| Err::<u64, u64>(7));
    }
    suite.compare(
        "open, refused",
        Goal::Shown,
        || on(1, times, || assert!(black_box(&open).call(work).is_err())),
        "recloser",
        || {
            on(1, times, || {
                assert!(black_box(&recloser).call(work).is_err())
            })
        },
    );
}

/// A call allocates nothing.
fn allocations(suite: &mut Suite) {
    let consecutive = breaker(Trip::consecutive(5), Clock::system());
    let counted = breaker(Trip::count_window(CALLS), Clock::system());
    for _ in 0..2 * CALLS {
        assert!(counted.call(work).is_ok());
    }
    let count = measure(|| {
        for _ in 0..1_000 {
            assert!(consecutive.call(work).is_ok() && counted.call(work).is_ok());
        }
    });
    suite.figure(
        "allocations of a thousand calls",
        Goal::Most(0.0),
        Some(count.count_total as f64),
        "allocations",
    );
}
