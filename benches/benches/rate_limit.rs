//! What a check of a rate limiter costs, beside governor with the same clock, and beside the floor of both.
//!
//! `cargo bench -p steadfast-benches --bench rate_limit`

use std::hint::black_box;
use std::num::NonZero;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use allocation_counter::measure;
use governor::clock::{Clock as GovernorClock, DefaultClock, FakeRelativeClock, MonotonicClock};
use governor::middleware::NoOpMiddleware;
use governor::state::InMemoryState;
use governor::state::direct::NotKeyed;
use governor::state::keyed::DashMapStateStore;
use steadfast::guards::rate_limit::{KeyedRateLimiter, RateLimiterConfig};
use steadfast::time::ManualClock;
use steadfast::{Clock, Quota, RateLimiter};
use steadfast_benches::{Goal, Suite, nanoseconds};

type Plain<C> = NoOpMiddleware<<C as GovernorClock>::Instant>;
type Governor<C> = governor::RateLimiter<NotKeyed, InMemoryState, C, Plain<C>>;
type KeyedGovernor<C> = governor::RateLimiter<u64, DashMapStateStore<u64>, C, Plain<C>>;

const KEYS: u64 = 10_000;

fn main() {
    let mut suite = Suite::begin("rate_limit");
    for threads in [1, 2] {
        direct(&mut suite, threads);
        refused(&mut suite, threads);
        keyed(&mut suite, threads);
    }
    others(&mut suite);
    allocations(&mut suite);
    suite.end();
}

/// So many that none is refused while it is measured.
fn plenty() -> Quota {
    Quota::per_second(u32::MAX)
}

fn governor_plenty() -> governor::Quota {
    governor::Quota::per_second(NonZero::<u32>::MAX)
}

fn governor_one() -> governor::Quota {
    governor::Quota::per_hour(NonZero::<u32>::MIN)
}

fn limiter(quota: Quota, clock: Clock) -> RateLimiter {
    let config = RateLimiterConfig::new(quota).clock(clock);
    config.build().expect("valid")
}

fn keyed_limiter(clock: Clock) -> KeyedRateLimiter<u64> {
    let config = RateLimiterConfig::new(plenty()).clock(clock);
    config.build_keyed().expect("valid")
}

/// Runs the operation on so many threads at once; what one took on its thread.
fn on(threads: u32, times: u32, operation: impl Fn(u64) + Sync) -> f64 {
    let (start, clock) = (Barrier::new(threads as usize), Clock::system());
    let run = |thread: u32| {
        start.wait();
        let begin: Instant = clock.now();
        for time in 0..times {
            operation(u64::from(time) * 7 + u64::from(thread));
        }
        nanoseconds(clock.now() - begin) / f64::from(times)
    };
    let run = &run;
    thread::scope(|scope| {
        let others: Vec<_> = (1..threads)
            .map(|it| scope.spawn(move || run(it)))
            .collect();
        let sum = others
            .into_iter()
            .fold(run(0), |sum, other| sum + other.join().expect("no panic"));
        sum / f64::from(threads)
    })
}

fn ask(limiter: &RateLimiter) -> bool {
    black_box(limiter).check().is_ok()
}

fn ask_governor<C: GovernorClock>(limiter: &Governor<C>) -> bool {
    black_box(limiter).check().is_ok()
}

/// Every check passes.
fn direct(suite: &mut Suite, threads: u32) {
    let times = suite.of(5_000_000, 1_000);
    let row = |what: &str| format!("direct, allowed, {what}, {threads} threads");
    let quanta: Governor<DefaultClock> = governor::RateLimiter::direct(governor_plenty());
    let monotonic = governor::RateLimiter::direct_with_clock(governor_plenty(), MonotonicClock);
    let fake =
        governor::RateLimiter::direct_with_clock(governor_plenty(), FakeRelativeClock::default());
    let (manual, system) = (ManualClock::new(), limiter(plenty(), Clock::system()));
    let (still, coarse) = (
        limiter(plenty(), manual.clock()),
        limiter(plenty(), Clock::coarse()),
    );
    let pass = |limiter: &RateLimiter| on(threads, times, |_| assert!(ask(limiter)));
    suite.compare(
        &row("system clock"),
        Goal::Ratio(1.0),
        || pass(&system),
        "governor",
        || on(threads, times, |_| assert!(ask_governor(&monotonic))),
    );
    suite.compare(
        &row("manual clock"),
        Goal::Ratio(0.9),
        || pass(&still),
        "governor",
        || on(threads, times, |_| assert!(ask_governor(&fake))),
    );
    suite.compare(
        &row("coarse clock"),
        Goal::Ratio(0.65),
        || pass(&coarse),
        "governor's default",
        || on(threads, times, |_| assert!(ask_governor(&quanta))),
    );
    let word = AtomicU64::new(0);
    let least = |clock: Clock| on(threads, times, |_| floor(&word, &clock));
    // Where this ratio is above the goal of the row above, nothing that reads the clock and swaps a word reaches it.
    let row = |what: &str| format!("floor: clock, load and swap, {what}, {threads} threads");
    suite.compare(
        &row("system clock"),
        Goal::Shown,
        || least(Clock::system()),
        "governor",
        || on(threads, times, |_| assert!(ask_governor(&monotonic))),
    );
    suite.compare(
        &row("manual clock"),
        Goal::Shown,
        || least(manual.clock()),
        "governor",
        || on(threads, times, |_| assert!(ask_governor(&fake))),
    );
    suite.compare(
        &row("coarse clock"),
        Goal::Shown,
        || least(Clock::coarse()),
        "governor's default",
        || on(threads, times, |_| assert!(ask_governor(&quanta))),
    );
}

/// What no limiter can do without.
fn floor(word: &AtomicU64, clock: &Clock) {
    black_box(clock.now());
    // Relaxed: it is the cost of just these that is measured.
    let mut seen = word.load(Ordering::Relaxed);
    while let Err(other) =
        word.compare_exchange_weak(seen, seen + 1, Ordering::AcqRel, Ordering::Relaxed)
    {
        seen = other;
    }
}

/// No check passes.
fn refused(suite: &mut Suite, threads: u32) {
    let times = suite.of(5_000_000, 1_000);
    let row = |what: &str| format!("direct, refused, {what}, {threads} threads");
    let quanta: Governor<DefaultClock> = governor::RateLimiter::direct(governor_one());
    let monotonic = governor::RateLimiter::direct_with_clock(governor_one(), MonotonicClock);
    assert!(ask_governor(&quanta) && ask_governor(&monotonic));
    let one = |clock| {
        let limiter = limiter(Quota::per_hour(1), clock);
        assert!(ask(&limiter));
        limiter
    };
    let (system, coarse) = (one(Clock::system()), one(Clock::coarse()));
    suite.compare(
        &row("system clock"),
        Goal::Ratio(1.0),
        || on(threads, times, |_| assert!(!ask(&system))),
        "governor",
        || on(threads, times, |_| assert!(!ask_governor(&monotonic))),
    );
    suite.compare(
        &row("coarse clock"),
        Goal::Ratio(1.0),
        || on(threads, times, |_| assert!(!ask(&coarse))),
        "governor's default",
        || on(threads, times, |_| assert!(!ask_governor(&quanta))),
    );
}

/// Ten thousand keys, by the same hasher.
fn keyed(suite: &mut Suite, threads: u32) {
    let times = suite.of(3_000_000, 1_000);
    let monotonic: KeyedGovernor<MonotonicClock> = governor::RateLimiter::new(
        governor_plenty(),
        DashMapStateStore::default(),
        MonotonicClock,
    );
    let quanta: KeyedGovernor<DefaultClock> = governor::RateLimiter::new(
        governor_plenty(),
        DashMapStateStore::default(),
        DefaultClock::default(),
    );
    let (system, coarse) = (
        keyed_limiter(Clock::system()),
        keyed_limiter(Clock::coarse()),
    );
    let check = |limiter: &KeyedRateLimiter<u64>| {
        on(threads, times, |time| {
            assert!(black_box(limiter).check(&(time % KEYS)).is_ok());
        })
    };
    suite.compare(
        &format!("keyed, allowed, system clock, {threads} threads"),
        Goal::Ratio(0.8),
        || check(&system),
        "governor",
        || {
            on(threads, times, |time| {
                assert!(black_box(&monotonic).check_key(&(time % KEYS)).is_ok());
            })
        },
    );
    suite.compare(
        &format!("keyed, allowed, coarse clock, {threads} threads"),
        Goal::Shown,
        || check(&coarse),
        "governor's default",
        || {
            on(threads, times, |time| {
                assert!(black_box(&quanta).check_key(&(time % KEYS)).is_ok());
            })
        },
    );
}

/// The other algorithms, and counting.
fn others(suite: &mut Suite) {
    let times = suite.of(2_000_000, 1_000);
    let coarse = limiter(plenty(), Clock::coarse());
    let fixed = limiter(plenty().fixed_window(), Clock::coarse());
    let remembered = Quota::per(1 << 20, std::time::Duration::from_millis(50)).sliding_window();
    let sliding = limiter(remembered, Clock::coarse());
    let counting = RateLimiterConfig::new(plenty())
        .clock(Clock::coarse())
        .statistics(true);
    let counting = counting.build().expect("valid");
    for (row, limiter) in [
        ("fixed window", &fixed),
        ("sliding window", &sliding),
        ("counting", &counting),
    ] {
        suite.compare(
            &format!("{row}, coarse clock"),
            Goal::Shown,
            || {
                on(1, times, |_| {
                    black_box(ask(limiter));
                })
            },
            "token bucket",
            || {
                on(1, times, |_| {
                    black_box(ask(&coarse));
                })
            },
        );
    }
}

/// A check allocates nothing, of a known key neither.
fn allocations(suite: &mut Suite) {
    let (direct, keyed) = (
        limiter(plenty(), Clock::coarse()),
        keyed_limiter(Clock::coarse()),
    );
    let warm = (direct.check(), keyed.check(&1));
    assert!(warm.0.is_ok() && warm.1.is_ok());
    let counted = measure(|| {
        for _ in 0..1_000 {
            assert!(direct.check().is_ok() && keyed.check(&1).is_ok());
        }
    });
    let allocated = counted.count_total as f64;
    suite.figure(
        "allocations of a thousand checks",
        Goal::Most(0.0),
        Some(allocated),
        "allocations",
    );
}
