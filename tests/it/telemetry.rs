//! The way of an event to a line of the program's log.

use std::sync::{Mutex, MutexGuard, PoisonError};

use steadfast::telemetry::{EventKind, Telemetry, log_bridge};

static SOLD: EventKind = EventKind {
    name: "shop.sold",
    target: "it::shop",
    level: log::Level::Warn,
    measurements: &["price"],
    metadata: &["what"],
    doc: "Something was sold.",
};

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn lines() -> MutexGuard<'static, Vec<String>> {
    LINES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A process has one logger: what is not about the shop it leaves alone.
struct Keeper;

impl log::Log for Keeper {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.target() == SOLD.target
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            let line = format!("{} {} {}", record.level(), record.target(), record.args());
            lines().push(line);
        }
    }

    fn flush(&self) {}
}

fn sell(telemetry: &Telemetry, what: &str) {
    telemetry.emit(&SOLD, |event| {
        event.measure("price", 3u64).tag("what", what);
    });
}

#[test]
fn an_event_reaches_the_log_with_its_target_and_level() {
    log::set_logger(&Keeper).unwrap();
    let telemetry = Telemetry::new();
    log_bridge::attach(&telemetry).unwrap();
    log::set_max_level(log::LevelFilter::Error);
    sell(&telemetry, "too quiet");
    log::set_max_level(log::LevelFilter::Info);
    sell(&telemetry, "red apples");
    telemetry.detach(log_bridge::ID).unwrap();
    sell(&telemetry, "after the bridge left");
    let line = "WARN it::shop shop.sold what=\"red apples\" price=3";
    assert_eq!(*lines(), [line]);
}
