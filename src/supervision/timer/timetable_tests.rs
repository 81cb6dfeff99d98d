//! The steward's part, called by hand at exact times.

use std::sync::mpsc::{Receiver as Heard, SyncSender, sync_channel};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use super::{BATCH, Owner, Timetable};
use crate::supervision::channel::{self, Receiver};
use crate::supervision::timer::delivery::{Delivery, Outcome, Remains};
use crate::supervision::timer::schedule::Chain;
use crate::supervision::timer::{Every, Tick, Timer, Timers};
use crate::supervision::tree::runtime::{Runtime, ThreadOptions};
use crate::supervision::tree::steward::Timed;
use crate::telemetry::Telemetry;
use crate::time::{Clock, Deadline, ManualClock};

const SECOND: Duration = Duration::from_secs(1);

/// How long a call is watched that must not come back.
const MOMENT: Duration = Duration::from_millis(50);

/// A system whose steward has ended: nothing fires but when the test says so.
struct Stage {
    manual: ManualClock,
    runtime: Arc<Runtime>,
    timers: Timers,
    table: Arc<Timetable>,
}

impl Stage {
    fn new() -> Self {
        let manual = ManualClock::new();
        let options = ThreadOptions::default();
        let runtime = Runtime::new(manual.clock(), Telemetry::new(), options, 1);
        assert!(runtime.steward().close(&manual.clock(), Deadline::NEVER));
        Self {
            timers: Timers::of_system(&runtime, "t"),
            table: Arc::clone(runtime.timetable()),
            runtime,
            manual,
        }
    }

    fn every(&self, every: Every, capacity: usize) -> (Timer, Receiver<Tick>) {
        let (tx, rx) = channel::bounded(capacity);
        let timer = self.timers.every(every).send(&tx);
        (timer.expect("armed"), rx)
    }

    /// The time for which the steward was asked last.
    fn asked(&self) -> Option<Duration> {
        let armed = self.table.plan.lock().armed;
        armed.map(|at| at.saturating_duration_since(self.manual.now()))
    }

    /// The steward comes, however late it is.
    fn call(&self) {
        let asked = self.table.plan.lock().armed;
        Arc::clone(&self.table).due(asked.expect("asked"));
    }

    fn pass(&self, time: Duration) {
        self.manual.advance(time);
        self.call();
    }
}

// S5: missed ticks are coalesced and counted
#[test]
fn a_steward_that_comes_late_delivers_the_latest_tick_and_says_how_many_it_stands_for() {
    let stage = Stage::new();
    let begin = stage.manual.now();
    let (timer, rx) = stage.every(Every::rate(2 * SECOND), 8);
    stage.pass(11 * SECOND);
    let tick = rx.try_recv().expect("open").expect("a tick");
    assert_eq!((tick.number, tick.missed), (5, 4));
    assert_eq!(tick.due, begin + 10 * SECOND);
    assert_eq!((rx.depth(), timer.due()), (0, Some(begin + 12 * SECOND)));
    assert_eq!(stage.asked(), Some(SECOND));
}

#[test]
fn a_fixed_delay_counts_from_the_delivery_however_late_that_is() {
    let stage = Stage::new();
    let (timer, rx) = stage.every(Every::delay(2 * SECOND), 8);
    for _ in 0..3 {
        stage.pass(11 * SECOND);
        assert_eq!(timer.due(), Some(stage.manual.now() + 2 * SECOND));
    }
    assert!(
        rx.drain()
            .map(|tick| (tick.number, tick.missed))
            .eq([(1, 0), (2, 0), (3, 0)])
    );
}

#[test]
fn the_steward_looks_for_other_work_between_batches_of_timers() {
    let stage = Stage::new();
    let (tx, rx) = channel::bounded(2 * BATCH);
    for number in 0..BATCH + 3 {
        stage.timers.after(SECOND).send(&tx, number).expect("armed");
    }
    stage.pass(SECOND);
    assert_eq!((rx.depth(), stage.timers.pending()), (BATCH, 3));
    assert_eq!(
        stage.asked(),
        Some(Duration::ZERO),
        "to be called again at once"
    );
    stage.call();
    assert_eq!((rx.depth(), stage.table.pending()), (BATCH + 3, 0));
    assert_eq!(stage.asked(), None);
}

#[test]
fn a_call_that_nobody_waits_for_any_more_does_nothing() {
    let stage = Stage::new();
    let late = stage.manual.now() + SECOND;
    let (timer, rx) = stage.every(Every::rate(5 * SECOND), 8);
    Arc::clone(&stage.table).due(late);
    assert_eq!((rx.depth(), stage.asked()), (0, Some(5 * SECOND)));
    assert!(timer.cancel());
    stage.pass(5 * SECOND);
    assert_eq!((rx.depth(), stage.asked()), (0, None));
}

#[test]
fn the_steward_is_asked_again_only_for_an_earlier_time() {
    let stage = Stage::new();
    let (tx, _rx) = channel::bounded(1);
    let mut asked = Vec::new();
    for seconds in [5, 7, 3, 4] {
        stage
            .timers
            .after(seconds * SECOND)
            .send(&tx, ())
            .expect("armed");
        asked.push(stage.asked().map(|time| time.as_secs()));
    }
    assert_eq!(asked, [Some(5), Some(5), Some(3), Some(3)]);
}

/// Ends the timers of the system from within its delivery, as the beginning of a job may.
struct EndsItsOwner(Arc<Timetable>);

impl Delivery for EndsItsOwner {
    fn deliver(&mut self, _: Tick, _: &mut Remains) -> Outcome {
        self.0.system_stopping("t");
        Outcome::Delivered
    }

    fn holds_values(&self) -> bool {
        true
    }
}

#[test]
fn an_owner_that_ends_within_a_delivery_ends_the_timer_after_it() {
    let stage = Stage::new();
    let owner = Owner::System("t".into());
    let chain = Chain::every(Every::rate(SECOND), stage.manual.now());
    let table = Arc::clone(&stage.table);
    let armed = stage.table.arm(&owner, None, chain, table, |table, _| {
        Box::new(EndsItsOwner(table))
    });
    let Ok(entry) = armed else { panic!("refused") };
    stage.pass(SECOND);
    assert!(entry.with(|state| state.is_over()));
    assert_eq!((stage.table.pending(), stage.asked()), (0, None));
}

/// A job that has ended before its beginning has been noted.
struct Quick {
    clock: Clock,
    ended: Option<Instant>,
}

impl Delivery for Quick {
    fn deliver(&mut self, _: Tick, _: &mut Remains) -> Outcome {
        self.ended = Some(self.clock.now());
        Outcome::Began
    }

    fn holds_values(&self) -> bool {
        false
    }

    fn has_ended(&self) -> bool {
        self.ended.is_some()
    }

    fn take_end(&mut self) -> Option<Instant> {
        self.ended.take()
    }
}

#[test]
fn the_end_of_a_job_that_is_told_before_its_beginning_is_noted_is_not_lost() {
    let stage = Stage::new();
    let owner = Owner::System("t".into());
    let chain = Chain::every(Every::delay(2 * SECOND), stage.manual.now());
    let clock = stage.manual.clock();
    let armed = stage.table.arm(&owner, None, chain, (), |(), _| {
        Box::new(Quick { clock, ended: None })
    });
    assert!(armed.is_ok());
    for _ in 0..3 {
        stage.pass(2 * SECOND);
        assert_eq!(stage.asked(), Some(Duration::ZERO), "to look at the end");
        stage.call();
        assert_eq!(stage.asked(), Some(2 * SECOND));
    }
}

/// Takes its time over a delivery, and tells whether somebody came back meanwhile.
struct Lingers {
    begin: Arc<Barrier>,
    back: Heard<()>,
    tell: SyncSender<bool>,
}

impl Delivery for Lingers {
    fn deliver(&mut self, _: Tick, _: &mut Remains) -> Outcome {
        self.begin.wait();
        let _heard = self.tell.send(self.back.recv_timeout(MOMENT).is_ok());
        Outcome::Delivered
    }

    fn holds_values(&self) -> bool {
        true
    }
}

/// What promises that a timer delivers nothing any more.
type Ending = fn(&Stage, &Timer);

/// Whether one of the callers comes back while the timer, which fires once, delivers.
fn comes_back_early(callers: usize, ending: Ending) -> bool {
    let stage = Stage::new();
    let begin = Arc::new(Barrier::new(callers + 1));
    let ((came_back, back), (tell, early)) = (sync_channel(callers), sync_channel(1));
    let lingers = Lingers {
        begin: Arc::clone(&begin),
        back,
        tell,
    };
    let chain = Chain::once(Some(stage.manual.now()));
    let (owner, key) = (Owner::System("t".into()), Some("k".into()));
    let armed = stage
        .table
        .arm(&owner, key, chain, lingers, |lingers, _| Box::new(lingers));
    let Ok(entry) = armed else { panic!("refused") };
    let timer = Timer::new(entry, &stage.table);
    std::thread::scope(|scope| {
        for _ in 0..callers {
            scope.spawn(|| {
                begin.wait();
                ending(&stage, &timer);
                let _heard = came_back.try_send(());
            });
        }
        stage.call();
    });
    early.recv().expect("delivered")
}

// property 18, S5, decision 48: after it has returned, nothing is delivered
#[test]
fn who_ends_a_timer_waits_for_its_last_delivery_to_be_over() {
    let endings: [(&str, Ending); 4] = [
        ("cancel", |_, timer| assert!(!timer.cancel())),
        ("cancel all", |stage, _| {
            assert_eq!(stage.timers.cancel_all(), 0);
        }),
        ("replace", |stage, _| {
            let (tx, _rx) = channel::bounded(1);
            let armed = stage.timers.after(SECOND).key("k").send(&tx, ());
            assert!(armed.is_ok());
        }),
        ("end of the owner", |stage, _| {
            stage.table.system_stopping("t");
        }),
    ];
    for (name, ending) in endings {
        assert!(!comes_back_early(1, ending), "{name}");
    }
}

#[test]
fn who_comes_second_to_the_stop_of_the_system_waits_for_its_timers_too() {
    assert!(!comes_back_early(2, |stage, _| stage
        .runtime
        .open_journal("t")));
}
