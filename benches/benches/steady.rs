//! The steady state: what allocates nothing, and a system that waits and costs nothing.
//!
//! `cargo bench -p steadfast-benches --bench steady`

use std::time::Duration;

use steadfast::telemetry::EventKind;
use steadfast::{Child, System, Telemetry, WorkerContext, channel};
use steadfast_benches::{Goal, Suite, cpu_time};

static STEP: EventKind = EventKind {
    name: "bench.step",
    target: "bench",
    level: log::Level::Info,
    measurements: &["number"],
    metadata: &["what"],
    doc: "A step was made.",
};

const PATIENCE: Duration = Duration::from_secs(60);
const WORKERS: usize = 16;

fn main() {
    let mut suite = Suite::begin("steady");
    allocations(&mut suite);
    idle(&mut suite);
    suite.end();
}

/// Allocations per call, on the thread of a worker, once the first calls have been made.
fn allocations(suite: &mut Suite) {
    let times = suite.of(100_000, 100);
    let rows = within_a_worker(move |ctx| {
        let telemetry = Telemetry::new();
        let mut rows = vec![
            ("checkpoint", per_call(times, || ctx.checkpoint("step"))),
            ("progress", per_call(times, || ctx.progress())),
            ("emit, no handler", per_call(times, || step(&telemetry))),
        ];
        rows.extend(of_channels(ctx, times));
        rows
    });
    for (what, allocations) in rows {
        let row = format!("allocations of {what}, each");
        // A thread makes a second waiter when it first outruns its notifier, be that after the first calls.
        let most = if what.ends_with("waits") { 0.001 } else { 0.0 };
        suite.figure(&row, Goal::Most(most), Some(allocations), "allocations");
    }
}

/// A channel on one thread, and one between two, where each waits for the other.
fn of_channels(ctx: &WorkerContext, times: u32) -> [(&'static str, f64); 2] {
    let (values, own) = channel::bounded::<u64>(16);
    let alone = per_call(times, || {
        values.send(1).expect("there is room");
        let received = own.recv(ctx).expect("the worker is not fenced");
        assert_eq!(received, Some(1));
    });
    let (ping, pings) = channel::bounded::<u64>(1);
    let (pong, pongs) = channel::bounded::<u64>(1);
    let together = std::thread::scope(|scope| {
        scope.spawn(move || {
            while let Ok(Some(value)) = pings.recv_timeout(PATIENCE) {
                pong.send(value).expect("the worker takes it");
            }
        });
        let together = per_call(times / 10, || {
            ping.send(1).expect("the other thread takes it");
            let received = pongs.recv(ctx).expect("the worker is not fenced");
            assert_eq!(received, Some(1));
        });
        drop(ping);
        together
    });
    [
        ("channel send and receive, one thread", alone),
        ("channel send and receive that waits", together),
    ]
}

fn step(telemetry: &Telemetry) {
    telemetry.emit(&STEP, |event| {
        event.measure("number", 1u64).tag("what", "step");
    });
}

fn per_call(times: u32, mut call: impl FnMut()) -> f64 {
    // The first calls set things up, once: a thread's waiter, say, when it has to wait for the first time.
    (0..times.min(2_000)).for_each(|_| call());
    let counted = allocation_counter::measure(|| (0..times).for_each(|_| call()));
    counted.count_total as f64 / f64::from(times)
}

/// Runs the function in a worker, and brings back what it found.
fn within_a_worker<T: Send + 'static>(
    measure: impl Fn(&WorkerContext) -> T + Send + Sync + 'static,
) -> T {
    let (found, answer) = flume::bounded(1);
    let system = System::new("bench").expect("the configuration is valid");
    let worker = Child::worker("worker", move |ctx| {
        let _heard = found.send(measure(ctx));
        let _stopped = ctx.wait(Duration::MAX);
        Ok(())
    });
    system.spawn(worker).expect("the worker starts");
    let answer = answer.recv_timeout(PATIENCE).expect("the worker answers");
    assert!(system.stop_within(PATIENCE).is_clean());
    answer
}

/// Workers that wait: the share of one processor that the whole process takes.
fn idle(suite: &mut Suite) {
    let span = suite.of(Duration::from_secs(5), Duration::from_millis(50));
    let system = System::new("bench").expect("the configuration is valid");
    for number in 0..WORKERS {
        let worker = Child::worker(format!("worker-{number}"), |ctx| {
            let _stopped = ctx.wait(Duration::from_secs(3_600));
            Ok(())
        });
        let watched = worker.warn_after(Duration::from_secs(1));
        system.spawn(watched).expect("the worker starts");
    }
    let spent = processor_share(&system, span);
    let row = format!("processor time of a system with {WORKERS} waiting workers");
    suite.figure(&row, Goal::Most(0.1), spent, "%");
    assert!(system.stop_within(PATIENCE).is_clean());
}

fn processor_share(system: &System, span: Duration) -> Option<f64> {
    // The workers have come to their wait by then.
    let _running = system.wait_timeout(span / 5);
    let before = cpu_time()?;
    let _running = system.wait_timeout(span);
    let spent = cpu_time()?.saturating_sub(before);
    Some(100.0 * spent.as_secs_f64() / span.as_secs_f64())
}
