//! What an event costs: unheard, heard, posted; and what a span costs.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use steadfast::telemetry::{EventKind, Filter, Telemetry};
use steadfast::time::{Clock, Deadline};

static STEP: EventKind = EventKind {
    name: "bench.step",
    target: "bench",
    level: log::Level::Info,
    measurements: &["n"],
    metadata: &["path"],
    doc: "The bench emits it.",
};

fn emit(telemetry: &Telemetry, n: u64) {
    telemetry.emit(&STEP, |event| {
        event.measure("n", n).tag("path", "demo/reader");
    });
}

fn post(telemetry: &Telemetry, n: u64) {
    telemetry.post(&STEP, |event| {
        event.measure("n", n).tag("path", "demo/reader");
    });
}

/// The floor: what no check can be cheaper than.
fn unheard(c: &mut Criterion) {
    let mut group = c.benchmark_group("unheard");
    let count = AtomicUsize::new(0);
    group.bench_function("a relaxed load", |b| {
        b.iter(|| black_box(&count).load(Relaxed) == 0);
    });
    let telemetry = Telemetry::new();
    group.bench_function("emit", |b| b.iter(|| emit(black_box(&telemetry), 1)));
    group.bench_function("post", |b| b.iter(|| post(black_box(&telemetry), 1)));
    group.bench_function("span", |b| b.iter(|| black_box(&telemetry).span("work")));
    group.finish();
}

/// A handler that only counts. The coarse clock shows how much of it is reading the time.
fn heard(c: &mut Criterion) {
    let mut group = c.benchmark_group("heard");
    for (name, clock) in [
        ("emit", Clock::system()),
        ("emit, coarse clock", Clock::coarse()),
    ] {
        let telemetry = counted(clock, Filter::All);
        group.bench_function(name, |b| b.iter(|| emit(black_box(&telemetry), 1)));
    }
    let telemetry = counted(Clock::system(), Filter::prefix("other"));
    group.bench_function("emit of another kind", |b| {
        b.iter(|| emit(black_box(&telemetry), 1));
    });
    let telemetry = counted(Clock::system(), Filter::All);
    group.bench_function("post", |b| b.iter(|| post(black_box(&telemetry), 1)));
    let flushed = telemetry.flush(soon());
    assert!(flushed, "the drainer did not keep up");
    println!("of the posts {} were dropped", telemetry.dropped());
    group.finish();
}

fn soon() -> Deadline {
    Clock::system().deadline(Duration::from_secs(10))
}

fn counted(clock: Clock, filter: Filter) -> Telemetry {
    let telemetry = Telemetry::with_clock(clock);
    let heard = AtomicU64::new(0);
    let count = move |_: &_| {
        heard.fetch_add(1, Relaxed);
    };
    let attached = telemetry.attach("count", filter, count);
    assert!(attached.is_ok(), "nobody else has the id");
    telemetry
}

criterion_group!(benches, unheard, heard);
criterion_main!(benches);
