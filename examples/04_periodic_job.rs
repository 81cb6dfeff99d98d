//! Timers: a worker that counts lines, reports at a fixed rate, and flushes when nothing has come for a while.
//!
//! ```text
//! cargo run --example 04_periodic_job
//! ```

use std::error::Error;
use std::time::Duration;

use steadfast::channel::{self, Receiver, Sender};
use steadfast::timer::Every;
use steadfast::{Child, Failure, System, WorkerContext};

const REPORT: Duration = Duration::from_millis(100);
const QUIET: Duration = Duration::from_millis(250);

/// All that the worker hears comes through one channel.
enum Message {
    Line(String),
    Flush,
}

fn main() -> Result<(), Box<dyn Error>> {
    env_logger::init();
    let (messages, inbox) = channel::bounded(64);
    let system = System::new("course")?;
    let own = messages.clone();
    system.spawn(Child::worker("counter", move |ctx| {
        count(ctx, &own, &inbox)
    }))?;

    // A timer of the system itself: it needs no worker. It ends when the system begins to stop.
    let (ticks, is_time) = channel::bounded(1);
    system.timers().every(Every::rate(REPORT)).send(&ticks)?;
    while let Some(tick) = is_time.recv_timeout(Duration::from_secs(1))? {
        // What this thread slept through is in `missed`: ticks do not pile up.
        println!("report {}, {} missed", tick.number, tick.missed);
        match tick.number {
            ..4 => messages.send(Message::Line(format!("line {}", tick.number)))?,
            4..8 => {}
            _ => break,
        }
    }
    let report = system.stop_within(Duration::from_secs(1));
    println!("{report}");
    Ok(report.into_result()?)
}

/// Counts lines. Each one puts the flush off: with its key, the new timer takes the place of the old one.
fn count(
    ctx: &WorkerContext,
    own: &Sender<Message>,
    inbox: &Receiver<Message>,
) -> Result<(), Failure> {
    let timers = ctx.timers();
    let mut lines = Vec::new();
    while let Some(message) = inbox.recv(ctx)? {
        match message {
            Message::Line(line) => {
                lines.push(line);
                let flush = timers.after(QUIET).key("flush");
                flush.send(own, Message::Flush)?;
            }
            Message::Flush => println!("flushed {:?}", std::mem::take(&mut lines)),
        }
    }
    Ok(())
}
