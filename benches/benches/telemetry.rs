//! What events and spans cost, with and without somebody who listens.
//!
//! `cargo bench -p steadfast-benches --bench telemetry`

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use steadfast::telemetry::{EventKind, Filter};
use steadfast::{Clock, Telemetry};
use steadfast_benches::{Goal, Suite, per_operation};

static SOLD: EventKind = EventKind {
    name: "shop.sold",
    target: "shop",
    level: log::Level::Info,
    measurements: &["price"],
    metadata: &["what"],
    doc: "Something was sold.",
};

const WAIT: Duration = Duration::from_secs(60);

fn main() {
    let mut suite = Suite::begin("telemetry");
    unheard(&mut suite);
    heard(&mut suite);
    suite.end();
}

/// Nobody listens: what instrumented code pays for being instrumented.
fn unheard(suite: &mut Suite) {
    let times = suite.of(20_000_000, 1_000);
    let telemetry = Telemetry::new();
    let flag = AtomicUsize::new(0);
    let load = || {
        // Relaxed: it is the cost of just this load that is measured.
        per_operation(times, || {
            black_box(black_box(&flag).load(Ordering::Relaxed));
        })
    };
    let emit = || per_operation(times, || sell(black_box(&telemetry)));
    let post = || per_operation(times, || sell_later(black_box(&telemetry)));
    let goal = Goal::Time(Duration::from_nanos(2));
    suite.compare("emit, no handler", goal, emit, "a relaxed load", load);
    suite.compare("post, no handler", goal, post, "a relaxed load", load);
    let times = suite.of(1_000_000, 1_000);
    suite.time("span, no handler", Goal::Shown, || {
        per_operation(times, || drop(black_box(telemetry.span("sale"))))
    });
}

/// One handler adds a measurement up.
fn heard(suite: &mut Suite) {
    let times = suite.of(500_000, 1_000);
    let clock = Clock::system();
    let (telemetry, sum) = adding(clock.clone(), Filter::All);
    let read = || {
        per_operation(times, || {
            black_box(clock.now());
        })
    };
    let (coarse, _) = adding(Clock::coarse(), Filter::All);
    let (other, _) = adding(clock.clone(), Filter::prefix("other"));
    for (row, telemetry) in [
        ("emit, one handler", &telemetry),
        ("emit, one handler, coarse clock", &coarse),
        ("emit, one handler, of other events", &other),
    ] {
        let emit = || per_operation(times, || sell(black_box(telemetry)));
        suite.compare(row, Goal::Shown, emit, "a clock reading", read);
    }
    // As many as the queue holds, and not its drain: what the poster pays.
    let posts = suite.of(4_000, 1_000);
    suite.compare(
        "post, one handler, the poster's side",
        Goal::Shown,
        || {
            let cost = per_operation(posts, || sell_later(black_box(&telemetry)));
            flush(&telemetry);
            cost
        },
        "a clock reading",
        read,
    );
    suite.compare(
        "post, one handler, until it is handled",
        Goal::Shown,
        || {
            per_operation(1, || {
                for _ in 0..posts {
                    sell_later(black_box(&telemetry));
                }
                flush(&telemetry);
            }) / f64::from(posts)
        },
        "a clock reading",
        read,
    );
    suite.compare(
        "span, one handler",
        Goal::Shown,
        || per_operation(times, || drop(black_box(telemetry.span("sale")))),
        "a clock reading",
        read,
    );
    assert_eq!(telemetry.dropped(), 0, "posts were dropped, not measured");
    // Relaxed: read when all is over.
    assert!(sum.load(Ordering::Relaxed) > 0, "nobody listened");
}

fn adding(clock: Clock, filter: Filter) -> (Telemetry, Arc<AtomicU64>) {
    let telemetry = Telemetry::with_clock(clock);
    let sum = Arc::new(AtomicU64::new(0));
    let own = Arc::clone(&sum);
    let attached = telemetry.attach("sum", filter, move |event| {
        // Relaxed: a sum, read when all is over.
        own.fetch_add(event.measurements().len() as u64, Ordering::Relaxed);
    });
    attached.expect("the id is free");
    (telemetry, sum)
}

fn flush(telemetry: &Telemetry) {
    let handled = telemetry.flush(telemetry.clock().deadline(WAIT));
    assert!(handled, "the drainer is stuck");
}

fn sell(telemetry: &Telemetry) {
    telemetry.emit(&SOLD, |event| {
        event.measure("price", 3u64).tag("what", "apples");
    });
}

fn sell_later(telemetry: &Telemetry) {
    telemetry.post(&SOLD, |event| {
        event.measure("price", 3u64).tag("what", "apples");
    });
}
