//! A tree that escalates: a child that cannot be mended ends its supervisor, and the one above decides.
//!
//! ```text
//! cargo run --example 02_escalation
//! ```
//!
//! `reader` fails for as long as the connection that `session` holds is broken. Restarting `reader`
//! alone cannot help; restarting the whole subtree, `session` included, does.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use steadfast::supervision::Waited;
use steadfast::{Backoff, Child, Intensity, Strategy, Supervisor, System, channel};

fn main() -> Result<(), Box<dyn Error>> {
    env_logger::init();
    let (results, outbox) = channel::bounded::<String>(16);
    // Each start of the session makes a new connection; the first one is broken.
    let connections = Arc::new(AtomicU32::new(0));

    // The start function is through before the reader starts.
    let opened = Arc::clone(&connections);
    let open = move || opened.fetch_add(1, Ordering::Relaxed) + 1;
    let session = Child::worker_from("session", open, |connection, ctx| {
        println!("session holds connection {connection}");
        while let Waited::Elapsed = ctx.wait(Duration::from_secs(60)) {}
        Ok(())
    });
    let reader = Child::worker("reader", move |ctx| {
        let connection = connections.load(Ordering::Relaxed);
        if connection < 2 {
            println!("reader fails in run {}", ctx.generation());
            return Err(format!("connection {connection} is broken").into());
        }
        results.send(format!("read over connection {connection}"))?;
        while let Waited::Elapsed = ctx.wait(Duration::from_secs(60)) {}
        Ok(())
    })
    .backoff(Backoff::none());

    // The subtree tries twice by itself, then it gives up, and `top` starts all of it anew.
    let client = Supervisor::new("client")
        .strategy(Strategy::OneForOne)
        .intensity(Intensity::new(2, Duration::from_secs(5)))
        .child(session)
        .child(reader);
    let top = Supervisor::new("top")
        .intensity(Intensity::new(1, Duration::from_secs(5)))
        .child(client);

    let system = System::new("course")?;
    system.supervise(top)?;
    let result = outbox.recv_timeout(Duration::from_secs(2))?;
    println!("{result:?}");
    assert_eq!(result.as_deref(), Some("read over connection 2"));
    println!("{}", system.snapshot());

    let report = system.stop_within(Duration::from_secs(1));
    println!("{report}");
    Ok(report.into_result()?)
}
