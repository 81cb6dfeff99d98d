//! Leaks by linear growth: after four times as many cycles there are as many threads, files, monitors and bytes.
//!
//! A binary of its own with one test, because what tests beside it use would be counted as well.
#![cfg(all(feature = "testkit", target_os = "linux"))]

use std::alloc;
use std::fs::File;
use std::sync::{Arc, Barrier};
use std::time::Duration;

use cap::Cap;
use steadfast::telemetry::Filter;
use steadfast::testkit::{Growth, LinearGrowth, TestSystem, open_descriptors, process_threads};
use steadfast::{
    Child, DynamicSupervisor, ExitReason, Failure, Restart, Shutdown, Supervisor, SupervisorRef,
    System, SystemConfig, Waited, WorkerContext, WorkerRef, channel,
};

/// Counts the bytes that are in use.
#[global_allocator]
static MEMORY: Cap<alloc::System> = Cap::new(alloc::System, usize::MAX);

/// Cycles for what is counted one by one, and for what wavers a little.
const FEW: u32 = 3;
const MANY: u32 = 100;

/// For the leaks that are planted, which do not settle.
const SOON: Duration = Duration::from_millis(500);

const LONG: Duration = Duration::from_secs(10);
const FAR: Duration = Duration::from_secs(100_000);

/// The memory in use, in the smallest blocks that an allocator hands out: what wavers, by a thread in its last steps
/// or a half-full queue, is less than a quarter of one per cycle.
fn blocks() -> u64 {
    MEMORY.allocated() as u64 / 16
}

fn threads() -> u64 {
    process_threads().expect("linux")
}

fn idle(ctx: &WorkerContext) -> Result<(), Failure> {
    assert_eq!(ctx.wait(FAR), Waited::Stopped);
    Ok(())
}

fn crash_once(ctx: &WorkerContext) -> Result<(), Failure> {
    assert!(ctx.generation().get() > 1, "as it was told");
    idle(ctx)
}

fn quiet() -> TestSystem {
    TestSystem::with(SystemConfig::new("test").quiet_panics().without_log())
}

fn growth<'a>(cycles: u32) -> LinearGrowth<'a> {
    LinearGrowth::over(cycles)
        .settling(if cycles == FEW { SOON } else { LONG })
        .count("threads", threads)
        .count("descriptors", || open_descriptors().expect("linux"))
        .amount("blocks", blocks)
}

/// A whole life: a tree with a crash, a channel, a monitor, a handler and a recorder.
fn life() {
    let test = quiet();
    let (jobs, inbox) = test.channel(4);
    let reader = Child::worker("reader", move |ctx| {
        while inbox.recv(ctx)?.is_some() {}
        Ok(())
    });
    let crashing = Child::worker("crashing", crash_once);
    let worker = crashing.handle();
    let tree = Supervisor::new("tree").child(reader).child(crashing);
    test.supervise(tree).expect("started");
    test.eventually(|| worker.generation().get() == 2);
    let _monitor = worker.monitor();
    jobs.send(1).expect("room");
    test.advance(LONG);
}

/// What happens again and again in a system that lives for long.
fn day(test: &TestSystem, tree: &SupervisorRef) {
    let (order, orders) = channel::bounded::<()>(1);
    let worker = Child::worker("w", move |ctx| {
        let ordered = orders.recv(ctx)?;
        assert!(ordered.is_none(), "as it was told");
        Ok(())
    });
    let worker = tree.start_child(worker).expect("started");
    let monitor = worker.monitor();
    order.send(()).expect("room");
    test.eventually(|| worker.generation().get() == 2);
    assert!(matches!(
        test.eventually(|| monitor.try_down()).reason,
        Some(ExitReason::Panic(_))
    ));
    let unheard = worker.monitor();
    let telemetry = test.telemetry();
    telemetry.attach("day", Filter::All, |_| {}).expect("free");
    worker.terminate().expect("terminated");
    telemetry.detach("day").expect("attached");
    drop(unheard);
    abandoned(tree);
    // A thread that has ended is let go by the start of another: in the evening only one is left to be.
    let are_gone = || tree.count_children().specs == 0 && test.snapshot().threads.len() == 1;
    test.eventually(are_gone);
    let last = tree.start_child(Child::worker("last", |_| Ok(())).restart(Restart::Temporary));
    assert!(last.is_ok());
    test.eventually(are_gone);
    // The budget of the next day.
    test.advance(LONG);
    test.recorder().clear();
}

/// A worker that hangs in its stop, and returns after it was given up.
fn abandoned(tree: &SupervisorRef) {
    let arrived = Arc::new(Barrier::new(2));
    let gate = Arc::clone(&arrived);
    let hanging = Child::worker("hanging", move |_| {
        gate.wait();
        gate.wait();
        Ok(())
    });
    let hanging = tree.start_child(hanging.shutdown(Shutdown::Abandon));
    let hanging = hanging.expect("started");
    arrived.wait();
    hanging.terminate().expect("terminated");
    arrived.wait();
}

/// Lives the cycles in one system; `leak` may keep something of each.
fn long_life(cycles: u32, mut leak: impl FnMut(&TestSystem, &WorkerRef)) -> Result<(), Growth> {
    let test = quiet();
    test.expect_failures();
    let tree = test
        .supervise(DynamicSupervisor::new("tree"))
        .expect("started");
    let settled = test.spawn(Child::worker("settled", idle)).expect("started");
    let growth = growth(cycles)
        .count("monitors", || test.monitor_count() as u64)
        .count("handlers", || test.telemetry().handlers().len() as u64)
        .count("timers", || test.pending_timers() as u64)
        .count("threads of units", || test.snapshot().threads.len() as u64)
        .run(|_| {
            day(&test, &tree);
            leak(&test, &settled);
        });
    // What is planted contaminates it.
    let _contaminated = test.finish();
    growth
}

/// What grew when `leak` kept one thing in each of a few cycles, beside the memory of it.
fn found(leak: impl FnMut(&TestSystem, &WorkerRef)) -> Vec<(&'static str, u64)> {
    let growth = long_life(FEW, leak).expect_err("a leak was planted");
    let counts = growth.grown().iter().filter(|grown| grown.what != "blocks");
    counts
        .map(|grown| (grown.what, grown.after - grown.before))
        .collect()
}

/// The measures can fail: one thing per cycle is found, however few the cycles are.
fn planted_leaks_are_found() {
    let all = u64::from(4 * FEW);
    let mut monitors = Vec::new();
    let keep_monitor = |_: &TestSystem, unit: &WorkerRef| monitors.push(unit.monitor());
    assert_eq!(found(keep_monitor), [("monitors", all)]);

    let mut number = 0;
    let keep_handler = |test: &TestSystem, _: &WorkerRef| {
        number += 1;
        let id = format!("leaked {number}");
        let attached = test.telemetry().attach(id, Filter::All, |_| {});
        attached.expect("free");
    };
    assert_eq!(found(keep_handler), [("handlers", all)]);

    let (ticks, _unread) = channel::bounded(1);
    let keep_timer = |test: &TestSystem, _: &WorkerRef| {
        let timer = test.timers().after(Duration::from_secs(3600));
        timer.send(&ticks, ()).expect("armed");
    };
    assert_eq!(found(keep_timer), [("timers", all)]);

    let mut files = Vec::new();
    let keep_file = |_: &TestSystem, _: &WorkerRef| {
        files.push(File::open("/proc/self/status").expect("linux"));
    };
    assert_eq!(found(keep_file), [("descriptors", all)]);

    let mut systems = Vec::new();
    let keep_threads = |_: &TestSystem, _: &WorkerRef| {
        let system = System::with(SystemConfig::new("leaked").without_log()).expect("a system");
        system.spawn(Child::worker("w", idle)).expect("started");
        systems.push(system);
    };
    // A worker's and a steward's.
    assert_eq!(found(keep_threads), [("threads", 2 * all)]);
    drop(systems);

    let mut boxes = Vec::new();
    let keep_box = |_: &TestSystem, _: &WorkerRef| boxes.push(Box::new(0_u64));
    let growth = long_life(MANY, keep_box).expect_err("a leak was planted");
    assert!(
        growth.grown().iter().all(|grown| grown.what == "blocks"),
        "{growth}"
    );
}

// property 94, S66, property 2
#[test]
fn nothing_grows_with_the_number_of_cycles() {
    planted_leaks_are_found();
    assert_eq!(growth(MANY).run(|_| life()), Ok(()));
    assert_eq!(long_life(MANY, |_, _| {}), Ok(()));
}
