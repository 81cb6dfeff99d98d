//! Many children of one dynamic supervisor: units without threads, so that only supervision is measured,
//! in processor time.

use std::time::Duration;

use steadfast::testkit::Script;
use steadfast::{DynamicSupervisor, SupervisorRef, System};
use steadfast_benches::{Goal, Suite, median, processor_time, resident_bytes, resident_of};

const PATIENCE: Duration = Duration::from_secs(120);
const RESIDENT: &str = "--resident";
const SIZES: [u32; 3] = [1_000, 10_000, 100_000];

/// What the children of one size cost.
#[derive(Default)]
struct Costs {
    start: Vec<f64>,
    count: Vec<f64>,
    stop: Vec<f64>,
}

pub(crate) fn rows(suite: &mut Suite) {
    if !suite.wants("dynamic children") {
        return;
    }
    let sizes = suite.of(SIZES, [10, 100, 1_000]);
    let costs = measure(suite, sizes);
    for (size, costs) in sizes.iter().zip(&costs) {
        let row = |what| format!("{size} dynamic children: {what}");
        show(suite, &row("start, each"), &costs.start);
        show(suite, &row("stop, each"), &costs.stop);
        show(suite, &row("count"), &costs.count);
    }
    let (few, many) = (&costs[0], &costs[2]);
    let sizes_named = format!("{} beside {} dynamic children", sizes[2], sizes[0]);
    for (what, many, few, most) in [
        ("time to start one", &many.start, &few.start, 2.0),
        ("time to stop one", &many.stop, &few.stop, 2.0),
        ("time to count all", &many.count, &few.count, 1.5),
    ] {
        let ratio = median(many) / median(few);
        let row = format!("{sizes_named}: {what}");
        suite.figure(&row, Goal::Most(most), Some(ratio), "times");
    }
    for size in sizes {
        let bytes = resident_of(&[RESIDENT, &size.to_string()]);
        let row = format!("{size} dynamic children: resident, each");
        suite.figure(&row, Goal::Shown, bytes, "bytes");
    }
}

fn show(suite: &mut Suite, row: &str, figures: &[f64]) {
    let mut figures = figures.iter().copied().cycle();
    suite.time(row, Goal::Shown, || figures.next().unwrap_or_default());
}

/// The sizes take turns, as rivals do; the smaller ones more often, so that each is at work for as long.
fn measure(suite: &Suite, sizes: [u32; 3]) -> [Costs; 3] {
    let mut costs = [const {
        Costs {
            start: Vec::new(),
            count: Vec::new(),
            stop: Vec::new(),
        }
    }; 3];
    for _ in 0..suite.of(5, 1) {
        for (size, costs) in sizes.iter().zip(&mut costs) {
            for _ in 0..(sizes[2] / size).min(20) {
                costs.add(*size, suite.of(200_000, 10));
            }
        }
    }
    costs
}

impl Costs {
    fn add(&mut self, size: u32, counts: u32) {
        let (system, pool) = pool();
        let each = f64::from(size);
        self.start.push(processor_time(|| fill(&pool, size)) / each);
        let count = || assert_eq!(pool.count_children().active, size as usize);
        let counting = processor_time(|| (0..counts).for_each(|_| count()));
        self.count.push(counting / f64::from(counts));
        self.stop.push(processor_time(|| stop(&system)) / each);
    }
}

fn pool() -> (System, SupervisorRef) {
    let system = System::new("bench").expect("the configuration is valid");
    let pool = system.supervise(DynamicSupervisor::new("pool"));
    (system, pool.expect("the supervisor starts"))
}

fn fill(pool: &SupervisorRef, size: u32) {
    for number in 0..size {
        let child = Script::child(format!("c{number}"));
        pool.start_child(child).expect("the child starts");
    }
}

fn stop(system: &System) {
    let report = system.stop_within(PATIENCE);
    assert!(report.is_clean(), "{report}");
}

/// `--resident N` on the command line: how many bytes each of N children keeps resident.
pub(crate) fn resident_answer(mut args: impl Iterator<Item = String>) -> Option<f64> {
    args.find(|arg| arg == RESIDENT)?;
    let size: u32 = args.next()?.parse().ok()?;
    let (system, pool) = pool();
    let before = resident_bytes()?;
    fill(&pool, size);
    let after = resident_bytes()?;
    stop(&system);
    Some((after - before) as f64 / f64::from(size))
}
