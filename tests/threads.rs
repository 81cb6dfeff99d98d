//! The threads of a process, counted by the operating system: a report of a stop is never wrong about them.
//!
//! A binary of its own with one test, because the threads of tests beside it would be counted as well.
//! `STEADFAST_TREES` sets the number of random trees; without it there are 10 000.
#![cfg(target_os = "linux")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use steadfast::supervision::{Init, ShutdownReport};
use steadfast::{
    AutoShutdown, Backoff, Child, ChildSpec, Clock, DynamicSupervisor, Failure, Intensity, Restart,
    Shutdown, Strategy, Supervisor, System, SystemConfig, TaskSupervisor, TaskSupervisorRef,
    WorkerContext, WorkerRef,
};

const LONG: Duration = Duration::from_secs(30);
const FAR: Duration = Duration::from_secs(100_000);

/// What hangs in here hears no stop, until the gate opens.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    fn pass(&self) {
        let open = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = self.0.1.wait_while(open, |open| !*open);
        drop(passed.unwrap_or_else(PoisonError::into_inner));
    }

    fn open(&self) {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.1.notify_all();
    }
}

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count)
}

/// How often each thread of the process but the calling one has given its processor away to wait: a thread
/// that wakes up and sleeps again has done so once more.
fn waits() -> Vec<(String, u64)> {
    let own = std::fs::read_link("/proc/thread-self").expect("linux");
    let tasks = std::fs::read_dir("/proc/self/task").expect("linux");
    let waits = |task: std::io::Result<std::fs::DirEntry>| {
        let task = task.ok()?;
        if own.file_name() == Some(&*task.file_name()) {
            return None;
        }
        let status = std::fs::read_to_string(task.path().join("status")).ok()?;
        let line = status
            .lines()
            .find(|line| line.starts_with("voluntary_ctxt_switches"))?;
        let number = line.split_whitespace().last()?.parse().ok()?;
        Some((task.file_name().to_string_lossy().into_owned(), number))
    };
    let mut all: Vec<_> = tasks.filter_map(waits).collect();
    all.sort();
    all
}

#[track_caller]
fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let clock = Clock::system();
    let until = clock.deadline(LONG);
    while !holds() {
        assert!(!until.is_past(clock.now()), "not within {LONG:?}: {what}");
        std::thread::yield_now();
    }
}

fn config() -> SystemConfig {
    SystemConfig::new("random").quiet_panics().without_log()
}

fn idle(ctx: &WorkerContext) -> Result<(), Failure> {
    let _ = ctx.wait(FAR);
    Ok(())
}

/// Grows random trees of which some leaves crash, end, fail to start, or hang.
struct Gardener {
    rng: fastrand::Rng,
    gate: Gate,
}

impl Gardener {
    fn leaf(&mut self, id: &str) -> Child<WorkerRef> {
        let gate = self.gate.clone();
        let crashes = u64::from(self.rng.u32(0..4));
        let hangs_not_waited_for = if self.rng.bool() {
            Shutdown::Abandon
        } else {
            Shutdown::Deadline(Duration::from_millis(1))
        };
        let child = match self.rng.u32(0..100) {
            0..50 => Child::worker(id, idle),
            50..70 => Child::worker(id, move |ctx| {
                assert!(ctx.generation().get() > crashes, "as it was told");
                idle(ctx)
            }),
            70..80 => Child::worker(id, |_| Ok(())).restart(Restart::Temporary),
            80..85 => Child::worker_from(id, || (), |(), ctx| idle(ctx)),
            85..88 => Child::worker_try_from(id, |_| Ok(Init::Ignore), |(), ctx| idle(ctx)),
            88..90 => {
                let init = |_: &WorkerContext| Err::<Init<()>, _>("no start".into());
                Child::worker_try_from(id, init, |(), ctx| idle(ctx))
            }
            90..92 => Child::worker_from(id, move || gate.pass(), |(), ctx| idle(ctx))
                .start_deadline(Duration::from_millis(1))
                .shutdown(hangs_not_waited_for),
            92..95 => Child::worker(id, |ctx| {
                ctx.on_stop(|| panic!("a hook")).keep();
                idle(ctx)
            }),
            _ => Child::worker(id, move |ctx| {
                gate.pass();
                ctx.checkpoint("after the gate");
                Ok(())
            })
            .shutdown(hangs_not_waited_for),
        };
        let child = child.backoff(Backoff::none()).give_up_after(10);
        if self.rng.u32(0..10) == 0 {
            return child.restart(Restart::Transient);
        }
        child
    }

    fn tree(&mut self, id: &str, depth: u32) -> Supervisor {
        let strategies = [
            Strategy::OneForOne,
            Strategy::OneForAll,
            Strategy::RestForOne,
        ];
        let mut tree = Supervisor::new(id)
            .strategy(strategies[self.rng.usize(0..3)])
            .intensity(Intensity::new(self.rng.u32(0..6), FAR))
            .auto_shutdown(AutoShutdown::AnySignificant)
            .max_abandoned(self.rng.u32(0..4));
        for number in 0..self.rng.u32(0..4) {
            let id = format!("c{number}");
            let child: ChildSpec = match self.rng.u32(0..6) {
                0 | 1 if depth > 0 => self.tree(&id, depth - 1).into(),
                2 if depth > 0 => DynamicSupervisor::new(&*id).into(),
                _ => self.leaf(&id).into(),
            };
            tree = tree.child(child);
        }
        tree
    }

    /// Tasks that return, panic, wait for their stop or hang, some of them cancelled.
    fn spawn(&mut self, tasks: &TaskSupervisorRef) {
        for _ in 0..self.rng.u32(0..6) {
            let work: fn(&WorkerContext) -> Result<(), Failure> = match self.rng.u32(0..8) {
                0..=3 => |_| Ok(()),
                4 => |_| panic!("a task"),
                5 | 6 => idle,
                _ => {
                    self.hang(tasks);
                    continue;
                }
            };
            match tasks.try_spawn(work) {
                Ok(task) if self.rng.bool() => task.request_cancel(),
                Ok(task) => task.detach(),
                Err(_) => {}
            }
        }
    }

    /// A task that hangs, and is not waited for.
    fn hang(&mut self, tasks: &TaskSupervisorRef) {
        let (gate, begun) = (self.gate.clone(), Arc::new(AtomicBool::new(false)));
        let says = Arc::clone(&begun);
        let tasks = tasks.with(|task| task.shutdown(Shutdown::Abandon));
        let task = tasks.try_spawn(move |_| {
            says.store(true, Ordering::Release);
            gate.pass();
            Ok(())
        });
        let Ok(task) = task else { return };
        eventually("it hangs, or was stopped before", || {
            begun.load(Ordering::Acquire) || task.is_finished()
        });
        if self.rng.bool() {
            task.request_cancel();
        }
    }

    /// Grows a tree and stops it in one of the ways there are.
    fn live_and_die(&mut self) -> ShutdownReport {
        let system = System::with(config()).expect("a system");
        let tasks = TaskSupervisor::new("tasks")
            .max_tasks(4)
            .max_abandoned(self.rng.u32(0..4));
        if self.rng.bool()
            && let Ok(tasks) = system.spawn(tasks)
        {
            self.spawn(&tasks);
        }
        let tree = self.tree("tree", 2);
        match self.rng.u32(0..6) {
            // Before or during its start.
            0 => stop_while(&system, || drop(system.supervise(tree))),
            // While it works, or has given up already.
            1 => {
                let _tree = system.supervise(tree);
                system.stop_now(LONG)
            }
            2 => {
                let _tree = system.supervise(tree);
                stop_while(&system, || drop(system.stop_within(LONG * 2)))
            }
            3 => {
                let _tree = system.supervise(tree);
                system.request_stop(LONG);
                system.stop_within(LONG)
            }
            4 => {
                let handle = system.handle();
                let _tree = system.supervise(tree);
                drop(system);
                handle.stop_within(LONG)
            }
            _ => {
                if let Ok(tree) = system.supervise(tree) {
                    for number in 0..3 {
                        let leaf = self.leaf(&format!("d{number}"));
                        let _started = tree.start_child(leaf);
                        let _terminated = tree.terminate_child(format!("c{number}"));
                    }
                }
                system.stop_within(LONG)
            }
        }
    }
}

fn stop_while(system: &System, beside: impl FnOnce() + Send) -> ShutdownReport {
    std::thread::scope(|scope| {
        let beside = scope.spawn(beside);
        let report = system.stop_within(LONG);
        // Joined by hand: the end of a scope does not wait until its threads are gone.
        beside.join().expect("no panic");
        report
    })
}

fn number_of_trees() -> u64 {
    let set = std::env::var("STEADFAST_TREES").ok();
    set.and_then(|set| set.parse().ok()).unwrap_or(10_000)
}

/// Over random trees and stops: the threads left in the process are those of the reports.
fn reports_are_true(baseline: usize) {
    let seed = fastrand::u64(..);
    let clock = Clock::system();
    let (began, trees) = (clock.now(), number_of_trees());
    let (mut left, mut with_left) = (0, 0);
    for tree in 0..trees {
        let gate = Gate::default();
        let mut gardener = Gardener {
            rng: fastrand::Rng::with_seed(seed.wrapping_add(tree)),
            gate: gate.clone(),
        };
        let report = gardener.live_and_die();
        let found = report.threads_left.len();
        let why = format!("seed {seed}, tree {tree}: {report}");
        assert!(report.is_complete(), "{why}");
        // A thread that was joined is on the kernel's list for some microseconds more; one that was not
        // told of stays there, because its gate is closed.
        eventually(&why, || threads() == baseline + found);
        left += found;
        with_left += u64::from(found > 0);
        gate.open();
        eventually("all abandoned threads end", || threads() == baseline);
    }
    let took = clock.now().saturating_duration_since(began);
    println!("{trees} trees in {took:.1?}: {left} threads of {with_left} trees abandoned");
    assert!(with_left * 20 > trees, "nearly nothing hung");
}

/// An idle system has no thread; one with a sleeping worker has two, and none of them wakes up.
fn idle_systems_sleep(baseline: usize) {
    let system = System::with(config()).expect("a system");
    system
        .supervise(Supervisor::new("tree").child(Supervisor::new("inner")))
        .expect("started");
    assert_eq!(threads(), baseline, "supervisors are values");
    let up = Arc::new(AtomicBool::new(false));
    let said = Arc::clone(&up);
    let worker = Child::worker("w", move |ctx| {
        said.store(true, Ordering::Release);
        idle(ctx)
    });
    system.spawn(worker).expect("started");
    eventually("the worker is up", || up.load(Ordering::Acquire));
    assert_eq!(threads(), baseline + 2, "the worker and the steward");
    // A while for both to go to sleep, however busy the machine; from then on nothing wakes them.
    let other = System::with(config()).expect("a system");
    assert!(other.wait_timeout(Duration::from_millis(200)).is_none());
    let asleep = waits();
    assert!(other.wait_timeout(Duration::from_millis(300)).is_none());
    assert_eq!(waits(), asleep, "something woke up");
    drop(other);
    assert!(system.stop_within(LONG).is_clean());
    eventually("all threads are gone", || threads() == baseline);
}

/// Many tasks make few threads, and none is left when their system has stopped.
fn tasks_share_threads(baseline: usize) {
    const TASKS: usize = 1_000;
    const MAX: usize = 3;
    let system = System::with(config()).expect("a system");
    let tasks = TaskSupervisor::new("tasks").max_tasks(MAX);
    let tasks = system.spawn(tasks).expect("started");
    let mut most = 0;
    for _ in 0..TASKS {
        tasks.spawn(|_| Ok(())).expect("spawned").detach();
        most = most.max(threads());
    }
    // A thread that is through sits down before its slot is free.
    assert!(most <= baseline + 1 + MAX, "{most} threads");
    assert!(system.stop_within(LONG).is_clean());
    eventually("all threads are gone", || threads() == baseline);
}

// decision 15, decision 22, property 94, property 4
#[test]
fn the_threads_left_in_the_process_are_those_that_the_reports_name() {
    let baseline = threads();
    idle_systems_sleep(baseline);
    tasks_share_threads(baseline);
    reports_are_true(baseline);
}
