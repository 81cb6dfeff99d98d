//! Channels between supervised workers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use steadfast::channel::{self, Receiver, RecvError, SendError, Sender};
use steadfast::supervision::{StopAware, Waited};
use steadfast::telemetry::{Filter, Recorder};
use steadfast::time::ManualClock;
use steadfast::{
    Child, Deadline, Failure, Generation, Supervisor, System, SystemConfig, Telemetry,
    WorkerContext,
};

const SECOND: Duration = Duration::from_secs(1);
const LONG: Duration = Duration::from_secs(10);

fn config() -> SystemConfig {
    SystemConfig::new("test").quiet_panics().without_log()
}

/// Forwards what it reads, one larger, until it has to stop.
fn stage(
    inbox: Receiver<u64>,
    next: Sender<u64>,
) -> impl Fn(&WorkerContext) -> Result<(), Failure> {
    move |ctx| {
        while let Some(value) = inbox.recv(ctx)? {
            next.send(value + 1).map_err(|_| "not forwarded")?;
        }
        Ok(())
    }
}

/// Counts and sums what it reads.
fn sink(
    inbox: Receiver<u64>,
    total: Arc<[AtomicU64; 2]>,
) -> impl Fn(&WorkerContext) -> Result<(), Failure> {
    move |ctx| {
        for value in inbox.iter(ctx) {
            total[0].fetch_add(1, Ordering::Relaxed);
            total[1].fetch_add(value, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// Sends 0, 1, 2, … until it has to stop, and says how many after the first thousand.
fn source(
    jobs: Sender<u64>,
    sent: Arc<AtomicU64>,
    warm: Sender<()>,
) -> impl Fn(&WorkerContext) -> Result<(), Failure> {
    move |ctx| {
        while !ctx.is_stopping() {
            let value = sent.load(Ordering::Relaxed);
            jobs.send(value).map_err(|_| "not sent")?;
            sent.store(value + 1, Ordering::Relaxed);
            if value == 1000 {
                warm.send(())?;
            }
        }
        Ok(())
    }
}

#[test]
fn a_pipeline_that_is_stopped_in_reverse_order_of_start_loses_nothing() {
    for _ in 0..10 {
        let (jobs, jobs_out) = channel::bounded(2);
        let (results, results_out) = channel::bounded(2);
        let (warm, is_warm) = channel::bounded(1);
        let (sent, total) = (Arc::default(), Arc::new([const { AtomicU64::new(0) }; 2]));
        let stages =
            ["a", "b", "c"].map(|id| Child::worker(id, stage(jobs_out.clone(), results.clone())));
        let mut pipeline = Supervisor::new("pipeline")
            .child(Child::worker("sink", sink(results_out, Arc::clone(&total))));
        for stage in stages {
            pipeline = pipeline.child(stage);
        }
        let pipeline = pipeline.child(Child::worker(
            "source",
            source(jobs, Arc::clone(&sent), warm),
        ));
        let system = System::with(config()).expect("a system");
        system.supervise(pipeline).expect("started");
        assert_eq!(is_warm.recv_timeout(LONG), Ok(Some(())));
        let report = system.stop_within(LONG);
        assert!(report.is_clean() && report.remarks.is_empty(), "{report}");
        let sent = sent.load(Ordering::Relaxed);
        assert!(sent > 1000);
        assert_eq!(total[0].load(Ordering::Relaxed), sent);
        assert_eq!(total[1].load(Ordering::Relaxed), sent * (sent + 1) / 2);
    }
}

#[test]
fn a_stop_without_draining_says_what_was_left() {
    let (tx, rx) = channel::bounded(8);
    let (begun, has_begun) = channel::bounded(1);
    let system = System::with(config()).expect("a system");
    let worker = Child::worker("w", move |ctx| {
        while let Some(()) = rx.recv(ctx)? {
            begun.send(())?;
            assert_eq!(ctx.wait(LONG * 100), Waited::Stopped);
        }
        Ok(())
    });
    system.spawn(worker).expect("started");
    (0..5).for_each(|_| tx.send(()).expect("room"));
    assert_eq!(has_begun.recv_timeout(LONG), Ok(Some(())));
    let report = system.stop_now(LONG);
    let left: Vec<_> = report.remarks.iter().map(|end| end.left).collect();
    assert_eq!(left, [4], "{report}");
}

#[test]
fn a_stop_without_draining_gives_a_blocked_value_back() {
    let (tx, _rx) = channel::bounded(1);
    let (back, given_back) = channel::bounded(1);
    tx.send(0).expect("room");
    let system = System::with(config()).expect("a system");
    let (begun, has_begun) = channel::bounded(1);
    let worker = Child::worker("w", move |_| {
        begun.send(())?;
        let refused = tx.send_deadline(7, Deadline::NEVER);
        if let Err(SendError::Stopped(value)) = refused {
            back.send(value)?;
        }
        Ok(())
    });
    system.spawn(worker).expect("started");
    assert_eq!(has_begun.recv_timeout(LONG), Ok(Some(())));
    assert!(system.stop_now(LONG).is_clean());
    assert_eq!(given_back.try_recv(), Ok(Some(7)));
}

#[test]
fn the_queue_outlives_the_panic_of_its_reader() {
    let (tx, rx) = channel::bounded(8);
    let (seen, has_seen) = channel::bounded(8);
    let system = System::with(config()).expect("a system");
    let worker = Child::worker("w", move |ctx| {
        while let Some(value) = rx.recv(ctx)? {
            assert_ne!(value, 2, "the second");
            seen.send((value, ctx.generation()))?;
        }
        Ok(())
    });
    system.spawn(worker).expect("started");
    (1..=3).for_each(|value| tx.send(value).expect("room"));
    let first = Generation::first();
    let seen = [(); 2].map(|()| has_seen.recv_timeout(LONG));
    assert_eq!(seen, [Ok(Some((1, first))), Ok(Some((3, first.next())))]);
    assert!(system.stop_within(LONG).is_clean());
}

#[test]
fn a_channel_waits_by_the_clock_of_the_system_whose_unit_waits() {
    let manual = ManualClock::new();
    let (_tx, rx) = channel::bounded::<()>(1);
    let (ended, has_ended) = channel::bounded(1);
    let system = System::with(config().clock(manual.clock())).expect("a system");
    let worker = Child::worker("w", move |ctx| {
        let before = ctx.clock().now();
        let received = rx.recv_timeout(100 * SECOND);
        ended.send((received, ctx.clock().now() - before))?;
        let _ = ctx.wait(LONG * 100);
        Ok(())
    });
    system.spawn(worker).expect("started");
    let mut received = has_ended.try_recv();
    while received == Err(RecvError::Empty) {
        manual.advance(SECOND);
        received = has_ended.try_recv();
        std::thread::yield_now();
    }
    let (received, waited) = received.expect("open").expect("sent");
    assert_eq!(received, Err(RecvError::Timeout));
    assert!(waited >= 100 * SECOND);
    assert!(system.stop_within(LONG).is_clean());
}

#[test]
fn a_send_that_is_blocked_in_a_long_stop_ends_in_time_for_a_shorter_one() {
    let manual = ManualClock::new();
    let (tx, _rx) = channel::bounded(1);
    let (give, token) = channel::bounded(1);
    let (ended, has_ended) = channel::bounded(1);
    let system = System::with(config().clock(manual.clock())).expect("a system");
    let worker = Child::worker("w", move |ctx| {
        tx.send(0)?;
        give.send(ctx.stop_token().clone())?;
        ended.send(tx.send_deadline(7, Deadline::NEVER))?;
        Ok(())
    });
    system.spawn(worker).expect("started");
    let token = token.recv_timeout(LONG).expect("in time").expect("sent");
    let changed = |from| loop {
        let until = token.drain_until();
        if until != from {
            return until;
        }
        std::thread::yield_now();
    };
    std::thread::scope(|scope| {
        let long = scope.spawn(|| system.stop_within(LONG * 100));
        let later = changed(None);
        let short = scope.spawn(|| system.stop_within(SECOND));
        let until = changed(later).expect("a deadline");
        assert!(Some(until) < later);
        manual.advance(until - manual.clock().now());
        for stop in [short, long] {
            assert!(stop.join().expect("no panic").is_clean());
        }
    });
    let ended = has_ended.try_recv().expect("open").expect("sent");
    assert!(matches!(ended, Err(SendError::Stopped(7))), "{ended:?}");
}

#[test]
fn a_worker_that_waits_for_work_is_not_silent() {
    let (tx, rx) = channel::bounded(1);
    let (seen, has_seen) = channel::bounded(1);
    let telemetry = Telemetry::new();
    let recorder = Recorder::attach(&telemetry, Filter::Kind("child.hung".into()));
    let manual = ManualClock::new();
    let system = System::with(config().clock(manual.clock()).telemetry(telemetry.clone()))
        .expect("a system");
    let worker = Child::worker("w", move |ctx| {
        while let Some(number) = rx.recv(ctx)? {
            seen.send(number)?;
        }
        Ok(())
    });
    system.spawn(worker.hang_after(SECOND)).expect("started");
    for number in 0..20 {
        tx.send(number).expect("room");
        assert_eq!(has_seen.recv_timeout(LONG), Ok(Some(number)));
        while tx.stats().waiting_receivers == 0 {
            std::thread::yield_now();
        }
        manual.advance(SECOND * 10);
    }
    assert!(telemetry.flush(Deadline::NEVER));
    assert_eq!(recorder.count("child.hung"), 0);
    assert!(system.stop_within(LONG).is_clean());
}

#[test]
fn a_token_ends_the_wait_of_a_thread_that_is_no_unit() {
    let (_tx, rx) = channel::bounded::<()>(1);
    let (give, token) = channel::bounded(1);
    let system = System::with(config()).expect("a system");
    let worker = Child::worker("w", move |ctx| {
        give.send(ctx.stop_token().clone())?;
        let _ = ctx.wait(LONG * 100);
        Ok(())
    });
    system.spawn(worker).expect("started");
    let token = token.recv_timeout(LONG).expect("in time").expect("sent");
    std::thread::scope(|scope| {
        let other = scope.spawn(|| rx.recv(&token));
        assert!(system.stop_within(LONG).is_clean());
        assert_eq!(other.join().expect("no panic"), Ok(None));
    });
}
