//! The steward's part, called by hand at exact times.

use std::sync::Arc;
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

/// A system whose steward has ended: nothing fires but when the test says so.
struct Stage {
    manual: ManualClock,
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
