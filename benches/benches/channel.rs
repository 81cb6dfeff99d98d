//! A channel beside raw flume, crossbeam-channel and std's `sync_channel`.
//!
//! `cargo bench -p steadfast-benches --bench channel`
//!
//! The goal of the house is `receive, never empty`: at most 1.2 times flume, also with 200 ns of work for each value.
//! There one thread empties a queue that it has filled before, so no wait and no other thread is part of the figure.
//! What a channel does when two threads do nothing but send and receive is shown and not judged: no program does that.

use std::hint::black_box;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver as StdReceiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use steadfast::channel;
use steadfast::supervision::StopAware;
use steadfast::time::Clock;
use steadfast::{Child, Deadline, StopToken, System, SystemConfig};
use steadfast_benches::{Goal, Suite, nanoseconds, processor_time};

const CAPACITY: usize = 1024;
const PATIENCE: Duration = Duration::from_secs(60);

/// Both ends of one channel, whoever made it.
trait Lane: Sync {
    fn open(capacity: usize, token: &StopToken) -> Self;
    fn send(&self, value: usize);
    fn recv(&self) -> usize;
}

struct Ours {
    tx: channel::Sender<usize>,
    rx: channel::Receiver<usize>,
    token: StopToken,
}

impl Lane for Ours {
    fn open(capacity: usize, token: &StopToken) -> Self {
        let (tx, rx) = channel::bounded(capacity);
        let token = token.clone();
        Self { tx, rx, token }
    }

    fn send(&self, value: usize) {
        self.tx.send_deadline(value, Deadline::NEVER).expect("open");
    }

    fn recv(&self) -> usize {
        let received = self.rx.recv(&self.token).expect("not fenced");
        received.expect("open")
    }
}

struct Flume(flume::Sender<usize>, flume::Receiver<usize>);

impl Lane for Flume {
    fn open(capacity: usize, _: &StopToken) -> Self {
        let (tx, rx) = flume::bounded(capacity);
        Self(tx, rx)
    }

    fn send(&self, value: usize) {
        self.0.send(value).expect("open");
    }

    fn recv(&self) -> usize {
        self.1.recv().expect("open")
    }
}

struct Crossbeam(
    crossbeam_channel::Sender<usize>,
    crossbeam_channel::Receiver<usize>,
);

impl Lane for Crossbeam {
    fn open(capacity: usize, _: &StopToken) -> Self {
        let (tx, rx) = crossbeam_channel::bounded(capacity);
        Self(tx, rx)
    }

    fn send(&self, value: usize) {
        self.0.send(value).expect("open");
    }

    fn recv(&self) -> usize {
        self.1.recv().expect("open")
    }
}

/// std's receiver cannot be shared, so it has a lock here, as programs give it one.
struct Std(SyncSender<usize>, Mutex<StdReceiver<usize>>);

impl Lane for Std {
    fn open(capacity: usize, _: &StopToken) -> Self {
        let (tx, rx) = sync_channel(capacity);
        Self(tx, Mutex::new(rx))
    }

    fn send(&self, value: usize) {
        self.0.send(value).expect("open");
    }

    fn recv(&self) -> usize {
        let receiver = self.1.lock().expect("not poisoned");
        receiver.recv().expect("open")
    }
}

/// Compares ours with each rival: `$run` is generic over the lane. The goal is beside flume.
macro_rules! compare {
    ($suite:expr, $row:expr, $goal:expr, $run:ident($($arg:expr),*)) => {{
        let row: String = $row;
        let ours = || $run::<Ours>($($arg),*);
        $suite.compare(&row, $goal, ours, "flume", || $run::<Flume>($($arg),*));
        $suite.compare(&row, Goal::Shown, ours, "crossbeam-channel", || $run::<Crossbeam>($($arg),*));
        $suite.compare(&row, Goal::Shown, ours, "std", || $run::<Std>($($arg),*));
    }};
}

fn main() {
    let mut suite = Suite::begin("channel");
    let config = SystemConfig::new("bench").without_log();
    let system = System::with(config).expect("a system");
    let token = &token(&system);
    one_sided(&mut suite, token);
    two_sided(&mut suite, token);
    suite.end();
    let stopped = system.stop_within(PATIENCE).into_result();
    stopped.expect("a clean stop");
}

fn one_sided(suite: &mut Suite, token: &StopToken) {
    let values = suite.of(1 << 16, 1 << 8);
    for work in [0, 200] {
        let turns = turns_of(Duration::from_nanos(work));
        let row = format!("receive, never empty, {work} ns of work");
        compare!(
            suite,
            row,
            Goal::Ratio(1.2),
            never_empty(values, turns, token)
        );
    }
    let row = "send, never full".to_owned();
    compare!(suite, row, Goal::Shown, never_full(values, token));
}

fn two_sided(suite: &mut Suite, token: &StopToken) {
    let values = suite.of(1 << 17, 1 << 8);
    for threads in [1, 4] {
        let row = format!("{threads} to {threads}, no work, capacity {CAPACITY}");
        compare!(suite, row, Goal::Shown, stream(threads, values, token));
    }
    let trips = suite.of(1 << 12, 1 << 4);
    let row = "round trip, both sides wait".to_owned();
    compare!(suite, row, Goal::Shown, round_trip(trips, token));
}

/// Empties a full queue, with some work for each value.
fn never_empty<L: Lane>(values: usize, turns: u32, token: &StopToken) -> f64 {
    let lane = L::open(values, token);
    (0..values).for_each(|value| lane.send(value));
    let spent = processor_time(|| {
        for _ in 0..values {
            black_box(lane.recv());
            work(turns);
        }
    });
    per(spent, values)
}

/// Fills an empty queue that has room for all.
fn never_full<L: Lane>(values: usize, token: &StopToken) -> f64 {
    let lane = L::open(values, token);
    // Once before, so that the queue's memory is there.
    (0..values).for_each(|value| lane.send(value));
    receive(&lane, values);
    per(
        processor_time(|| (0..values).for_each(|value| lane.send(value))),
        values,
    )
}

/// `threads` senders beside as many receivers.
fn stream<L: Lane>(threads: usize, values: usize, token: &StopToken) -> f64 {
    let lane = L::open(CAPACITY, token);
    let each = values / threads;
    let clock = Clock::system();
    let start = clock.now();
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| (0..each).for_each(|value| lane.send(value)));
            scope.spawn(|| receive(&lane, each));
        }
    });
    per(nanoseconds(clock.now() - start), values)
}

/// There and back through two channels, so that both sides wait for each value.
fn round_trip<L: Lane>(trips: usize, token: &StopToken) -> f64 {
    let (there, back) = (L::open(1, token), L::open(1, token));
    let clock = Clock::system();
    let start = clock.now();
    thread::scope(|scope| {
        scope.spawn(|| (0..trips).for_each(|_| back.send(there.recv())));
        for value in 0..trips {
            there.send(value);
            black_box(back.recv());
        }
    });
    per(nanoseconds(clock.now() - start), trips)
}

fn receive(lane: &impl Lane, values: usize) {
    for _ in 0..values {
        black_box(lane.recv());
    }
}

fn per(spent: f64, values: usize) -> f64 {
    spent / values as f64
}

/// Work that no compiler leaves out: so many multiplications, each of the product before it.
fn work(turns: u32) {
    let mut product = black_box(1_u64);
    for _ in 0..turns {
        product = black_box(product.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    }
}

/// How many turns of [`work`] take so long.
fn turns_of(length: Duration) -> u32 {
    const TURNS: u32 = 1 << 16;
    let spent = (0..20).map(|_| processor_time(|| work(TURNS)));
    let spent = spent.fold(f64::INFINITY, f64::min);
    let turns = nanoseconds(length) * f64::from(TURNS) / spent;
    turns.round() as u32
}

/// A token that nobody raises while the system lives.
fn token(system: &System) -> StopToken {
    let (give, token) = channel::bounded(1);
    let owner = Child::worker("owner", move |ctx| {
        give.send(ctx.stop_token().clone())?;
        let _stopped = ctx.wait(Duration::MAX);
        Ok(())
    });
    system.spawn(owner).expect("started");
    let token = token.recv_timeout(PATIENCE).expect("in time");
    token.expect("sent")
}
