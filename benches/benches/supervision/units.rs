//! Systems, workers and nested supervisors: to start and to stop them.

use std::sync::mpsc::sync_channel;
use std::time::Duration;

use steadfast::{Child, Restart, Supervisor, System};
use steadfast_benches::{Goal, Suite, per_operation, thread_count};

const PATIENCE: Duration = Duration::from_secs(60);
const NESTED: u32 = 1_000;

pub(crate) fn rows(suite: &mut Suite) {
    systems(suite);
    workers(suite);
    supervisors(suite);
}

fn system() -> System {
    System::new("bench").expect("the configuration is valid")
}

fn stop(system: &System) {
    let report = system.stop_within(PATIENCE);
    assert!(report.is_clean(), "{report}");
}

fn waiting(id: &'static str) -> Child<steadfast::WorkerRef> {
    Child::worker(id, |ctx| {
        let _stopped = ctx.wait(Duration::MAX);
        Ok(())
    })
}

fn systems(suite: &mut Suite) {
    let times = suite.of(1_000, 2);
    let goal = Goal::Time(Duration::from_millis(1));
    suite.time("System::new and stop", goal, || {
        per_operation(times, || stop(&system()))
    });
    let times = suite.of(200, 2);
    suite.compare(
        "System::new, one worker, stop: two threads",
        Goal::Shown,
        || {
            per_operation(times, || {
                let system = system();
                system.spawn(waiting("worker")).expect("the worker starts");
                stop(&system);
            })
        },
        "two raw threads, one after the other",
        || 2.0 * per_operation(times, raw_thread),
    );
}

fn workers(suite: &mut Suite) {
    let times = suite.of(300, 2);
    let system = system();
    suite.compare(
        "spawn a worker and stop it",
        Goal::Shown,
        || {
            per_operation(times, || {
                let child = waiting("worker").restart(Restart::Temporary);
                system.spawn(child).expect("the worker starts");
                let stopped = system.root().terminate_child("worker");
                stopped.expect("the worker stops");
            })
        },
        "raw thread, event, join",
        || per_operation(times, raw_thread),
    );
    stop(&system);
}

/// A thread that waits for an event, and is joined after it.
fn raw_thread() {
    let (stop, stopped) = sync_channel::<()>(1);
    #[expect(
        clippy::disallowed_methods,
        reason = "the rival of supervised threads is a raw thread"
    )]
    let thread = std::thread::spawn(move || stopped.recv());
    stop.send(()).expect("the thread waits");
    let heard = thread.join().expect("the thread does not panic");
    heard.expect("the event comes");
}

fn supervisors(suite: &mut Suite) {
    for (row, tree) in [
        (
            "supervisor within supervisor, 1000 deep",
            deep as fn() -> Supervisor,
        ),
        ("supervisors beside each other, 1000", flat),
    ] {
        let mut threads = None;
        let each = f64::from(NESTED);
        suite.time(&format!("{row}: start, each"), Goal::Shown, || {
            let (system, tree) = (system(), tree());
            let mut tree = Some(tree);
            let cost = per_operation(1, || {
                let tree = tree.take().expect("taken once");
                system.supervise(tree).expect("the tree starts");
            });
            stop(&system);
            cost / each
        });
        suite.time(&format!("{row}: stop, each"), Goal::Shown, || {
            let system = system();
            let before = thread_count();
            system.supervise(tree()).expect("the tree starts");
            threads = thread_count().zip(before).map(|(now, before)| now - before);
            per_operation(1, || stop(&system)) / each
        });
        if suite.wants(row) {
            let threads = threads.map(|threads| threads as f64);
            suite.figure(
                &format!("{row}: threads of theirs"),
                Goal::Most(0.0),
                threads,
                "threads",
            );
        }
    }
}

fn deep() -> Supervisor {
    (1..NESTED).fold(Supervisor::new("innermost"), |inner, level| {
        Supervisor::new(format!("s{level}")).child(inner)
    })
}

fn flat() -> Supervisor {
    (1..NESTED).fold(Supervisor::new("all"), |all, number| {
        all.child(Supervisor::new(format!("s{number}")))
    })
}
