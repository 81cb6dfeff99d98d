//! A parallel map in which some items fail: each failure brings its item along, and harms no other.
//!
//! ```text
//! cargo run --example 05_parallel_map
//! ```

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

use steadfast::fault::Classify;
use steadfast::supervision::Waited;
use steadfast::{Failure, System, SystemConfig, TaskSupervisor, WorkerContext};

/// What comes from outside: most of it is well-formed.
fn orders() -> impl Iterator<Item = String> {
    (1..=40).map(|number| match number {
        7 => "7 x apples".to_owned(),
        13 => "13 broken".to_owned(),
        21 => "21 slow".to_owned(),
        _ => format!("{number} {} plums", number * 3 % 10),
    })
}

/// How many pieces an order is about. One kind of order is an error, one finds a bug, one takes for ever.
fn pieces(order: &str, ctx: &WorkerContext) -> Result<u32, Failure> {
    let mut words = order.split(' ').skip(1);
    let amount = words.next().ok_or("no amount")?;
    match amount {
        "broken" => unreachable!("nobody orders {amount}"),
        "slow" => match ctx.wait(Duration::from_secs(3600)) {
            Waited::Elapsed => Ok(0),
            Waited::Stopped => Err("too slow".into()),
        },
        _ => Ok(amount.parse()?),
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    env_logger::init();
    let system = System::with(SystemConfig::new("course").quiet_panics())?;
    let tasks = system.spawn(TaskSupervisor::new("orders").max_tasks(4))?;

    // Nothing is pulled yet; then never more than four in work and eight ahead.
    let map = tasks.map(orders(), |order, ctx| pieces(order, ctx));
    let map = map.max_concurrency(4).buffer(8);
    let results = map.timeout(Duration::from_millis(200)).start()?;

    let mut total = 0;
    let mut failures = BTreeMap::new();
    for result in results {
        match result {
            Ok(pieces) => total += pieces,
            Err(failure) => {
                println!("{:?}: {}", failure.input(), failure.error());
                *failures.entry(failure.code()).or_insert(0) += 1;
            }
        }
    }
    println!("{total} pieces; not counted: {failures:?}");

    let stats = tasks.stats();
    assert_eq!((stats.completed, stats.failed, stats.timed_out), (37, 2, 1));
    assert_eq!(stats.started, 40);

    let report = system.stop_within(Duration::from_secs(1));
    println!("{report}");
    Ok(report.into_result()?)
}
