//! Timers: a job that runs at a fixed rate, and a worker that flushes when nothing has come for a while.
//!
//! ```text
//! cargo run --example 04_periodic_job
//! ```

use std::error::Error;
use std::time::Duration;

use steadfast::channel::{self, Receiver, Sender};
use steadfast::timer::Every;
use steadfast::{Child, Failure, System, TaskSupervisor, WorkerContext};

const SAMPLE: Duration = Duration::from_millis(60);
const QUIET: Duration = Duration::from_millis(200);

/// All that the worker hears comes through one channel.
enum Message {
    Line(String),
    Flush,
}

fn main() -> Result<(), Box<dyn Error>> {
    env_logger::init();
    let (messages, inbox) = channel::bounded(64);
    let (flushed, is_flushed) = channel::bounded(1);
    let system = System::new("course")?;
    let own = messages.clone();
    system.spawn(Child::worker("writer", move |ctx| {
        write(ctx, &own, &inbox, &flushed)
    }))?;

    // The job runs as a supervised task, once at a time. One that takes too long misses ticks; none pile up.
    let jobs = system.spawn(TaskSupervisor::new("jobs"))?;
    let sample = system
        .timers()
        .every(Every::rate(SAMPLE))
        .run(&jobs, move |ctx| {
            Ok(messages.send(Message::Line(format!("by {}", ctx.path())))?)
        })?;
    // A timer of the system needs no worker, and ends when the system begins to stop.
    let (tick, is_time) = channel::bounded(1);
    system.timers().after(4 * SAMPLE).send(&tick, ())?;
    is_time.recv_timeout(Duration::from_secs(2))?;
    let (was_pending, stats) = (sample.cancel(), sample.stats());
    println!(
        "cancelled: {was_pending}, {} runs, {} missed",
        stats.delivered, stats.missed
    );

    is_flushed.recv_timeout(Duration::from_secs(2))?;
    let report = system.stop_within(Duration::from_secs(1));
    println!("{report}");
    Ok(report.into_result()?)
}

/// Collects lines. Each one puts the flush off: with its key, the new timer takes the place of the old one.
fn write(
    ctx: &WorkerContext,
    own: &Sender<Message>,
    inbox: &Receiver<Message>,
    flushed: &Sender<()>,
) -> Result<(), Failure> {
    let timers = ctx.timers();
    let mut lines = Vec::new();
    while let Some(message) = inbox.recv(ctx)? {
        match message {
            Message::Line(line) => {
                lines.push(line);
                timers.after(QUIET).key("flush").send(own, Message::Flush)?;
            }
            Message::Flush => {
                println!("flushed {:?}", std::mem::take(&mut lines));
                flushed.try_send(())?;
            }
        }
    }
    Ok(())
}
