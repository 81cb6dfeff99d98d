//! From a worker's panic until its replacement runs.

use std::backtrace::Backtrace;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use steadfast::fault::Backtraces;
use steadfast::{Backoff, Child, Clock, Intensity, Supervisor, System, SystemConfig};
use steadfast_benches::{Goal, Suite, median, nanoseconds};

/// Whether the panics of raw threads capture a backtrace, as those of units do by default.
static CAPTURES: AtomicBool = AtomicBool::new(false);

const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn rows(suite: &mut Suite) {
    for (what, work) in [
        ("panics in a row", Duration::ZERO),
        ("1 ms of work before each", Duration::from_millis(1)),
    ] {
        for (backtraces, goal, rival, captures) in [
            (Backtraces::Never, Goal::Ratio(1.5), "raw threads", false),
            (Backtraces::Always, Goal::Ratio(1.5), "raw threads", false),
            (
                Backtraces::Always,
                Goal::Shown,
                "raw threads that capture one too",
                true,
            ),
        ] {
            let row = format!("restart after a panic, {what}, backtraces {backtraces:?}");
            let panics = suite.of(400, 5);
            suite.compare(
                &row,
                goal,
                || supervised(panics, work, backtraces),
                rival,
                || by_hand(panics, work, captures),
            );
        }
    }
}

/// A line of runs, each of which but the last panics. It is the same on both sides.
struct Line {
    state: Mutex<State>,
    work: Duration,
    clock: Clock,
}

struct State {
    panics_left: u32,
    thrown: Option<Instant>,
    restarts: Vec<f64>,
}

impl Line {
    fn new(panics: u32, work: Duration) -> Arc<Self> {
        let state = State {
            panics_left: panics,
            thrown: None,
            restarts: Vec::new(),
        };
        Arc::new(Line {
            state: Mutex::new(state),
            work,
            clock: Clock::system(),
        })
    }

    /// One run. It notes how long ago the run before it panicked, and comes back only if it is the last.
    fn run(&self) {
        {
            let mut state = self.state.lock();
            if let Some(thrown) = state.thrown.take() {
                let waited = self.clock.now() - thrown;
                state.restarts.push(nanoseconds(waited));
            }
            if state.panics_left == 0 {
                return;
            }
            state.panics_left -= 1;
        }
        self.keep_busy();
        self.state.lock().thrown = Some(self.clock.now());
        panic!("as the bench wants it");
    }

    /// Works, so that whoever monitors the run has gone to sleep by the time of the panic.
    fn keep_busy(&self) {
        let end = self.clock.now() + self.work;
        while self.clock.now() < end {
            std::hint::spin_loop();
        }
    }

    fn median(&self) -> f64 {
        median(&self.state.lock().restarts)
    }
}

fn supervised(panics: u32, work: Duration, backtraces: Backtraces) -> f64 {
    let line = Line::new(panics, work);
    let own = Arc::clone(&line);
    let (done, last) = flume::bounded(1);
    let system = System::with(SystemConfig::new("bench").backtraces(backtraces));
    let system = system.expect("the configuration is valid");
    let worker = Child::worker("worker", move |ctx| {
        own.run();
        done.send(())?;
        let _stopped = ctx.wait(Duration::MAX);
        Ok(())
    });
    let endless = Intensity::new(Intensity::MAX_RESTARTS, Duration::from_millis(1));
    let tree = Supervisor::new("tree")
        .intensity(endless)
        .child(worker.backoff(Backoff::none()).give_up_after(u32::MAX));
    system.supervise(tree).expect("the worker starts");
    last.recv_timeout(PATIENCE).expect("all restarts are made");
    assert!(system.stop_within(PATIENCE).is_clean());
    line.median()
}

/// The least that one would write without a library: this thread waits for the end of the worker's
/// thread and starts the next. Nobody joins, names, counts or reports anything.
fn by_hand(panics: u32, work: Duration, captures: bool) -> f64 {
    // Relaxed: the threads that read it are started after this.
    CAPTURES.store(captures, Ordering::Relaxed);
    let line = Line::new(panics, work);
    let (ended, ends) = sync_channel(1);
    loop {
        let (own, ended) = (Arc::clone(&line), ended.clone());
        #[expect(
            clippy::disallowed_methods,
            reason = "the rival of supervised threads is a raw thread"
        )]
        let _detached = std::thread::spawn(move || {
            let panicked = catch_unwind(AssertUnwindSafe(|| own.run())).is_err();
            let _heard = ended.send(panicked);
        });
        if !ends.recv().expect("the thread tells its end") {
            CAPTURES.store(false, Ordering::Relaxed);
            return line.median();
        }
    }
}

/// Neither side prints its panics: to print takes longer than to restart.
pub(crate) fn install_quiet_hook() {
    std::panic::set_hook(Box::new(|_| {
        // Relaxed: see `by_hand`.
        if CAPTURES.load(Ordering::Relaxed) {
            drop(Backtrace::force_capture());
        }
    }));
}
