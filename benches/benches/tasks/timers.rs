//! Timers beside many others that are pending.

use std::time::Duration;

use steadfast::channel::{self, Receiver, Sender};
use steadfast::time::ManualClock;
use steadfast::timer::{Timer, Timers};
use steadfast::{System, SystemConfig};
use steadfast_benches::{Goal, Suite, per_operation};

const SECOND: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn rows(suite: &mut Suite) {
    for pending in [1_000, suite.of(100_000, 2_000)] {
        let stage = Stage::new(pending);
        let times = suite.of(20_000, 200);
        let beside = format!("beside {pending} pending timers");
        suite.time(&format!("arm, {beside}"), Goal::Shown, || stage.arm(times));
        suite.time(&format!("cancel, {beside}"), Goal::Shown, || {
            stage.cancel(times)
        });
        suite.time(
            &format!("arm in place of its key, {beside}"),
            Goal::Shown,
            || stage.replace(times),
        );
        suite.time(&format!("fire {pending} timers, each"), Goal::Shown, || {
            fire(pending)
        });
    }
}

/// A system in whose time nothing fires.
struct Stage {
    _system: System,
    timers: Timers,
    elsewhere: Sender<u32>,
    _inbox: Receiver<u32>,
}

impl Stage {
    fn new(pending: u32) -> Self {
        let (system, _manual) = timeless();
        let (elsewhere, inbox) = channel::bounded(1);
        let stage = Self {
            timers: system.timers(),
            _system: system,
            elsewhere,
            _inbox: inbox,
        };
        for number in 0..pending {
            let _pending = stage.begin(number);
        }
        stage
    }

    /// A timer in the midst of the others: their times are not in the order of their arming.
    fn begin(&self, number: u32) -> Timer {
        let time = SECOND + Duration::from_micros(u64::from(number.wrapping_mul(2_654_435_761)));
        let armed = self.timers.after(time).send(&self.elsewhere, number);
        armed.expect("the system runs")
    }

    fn arm(&self, times: u32) -> f64 {
        let mut armed = Vec::with_capacity(times as usize);
        let cost = per_operation(times, || armed.push(self.begin(armed.len() as u32)));
        for timer in armed {
            assert!(timer.cancel());
        }
        cost
    }

    fn cancel(&self, times: u32) -> f64 {
        let mut armed: Vec<_> = (0..times).map(|number| self.begin(number)).collect();
        per_operation(times, || {
            assert!(armed.pop().is_some_and(|timer| timer.cancel()));
        })
    }

    fn replace(&self, times: u32) -> f64 {
        let cost = per_operation(times, || {
            let armed = self.timers.after(SECOND).key("key");
            armed.send(&self.elsewhere, 0).expect("the system runs");
        });
        assert!(self.timers.get("key").is_some_and(|timer| timer.cancel()));
        cost
    }
}

/// From the moment at which all are due until the last has arrived.
fn fire(pending: u32) -> f64 {
    let (system, manual) = timeless();
    let timers = system.timers();
    let (tx, _inbox) = channel::bounded(pending as usize);
    let (last, is_last) = channel::bounded(1);
    for number in 0..pending {
        timers
            .after(SECOND)
            .send(&tx, number)
            .expect("the system runs");
    }
    timers
        .after(SECOND)
        .send(&last, ())
        .expect("the system runs");
    let all = per_operation(1, || {
        manual.advance(SECOND);
        is_last.recv_timeout(PATIENCE).expect("in time");
    });
    assert_eq!(tx.stats().accepted, u64::from(pending));
    all / f64::from(pending)
}

fn timeless() -> (System, ManualClock) {
    let manual = ManualClock::new();
    let config = SystemConfig::new("bench").clock(manual.clock());
    let system = System::with(config).expect("the configuration is valid");
    (system, manual)
}
