//! A supervised worker: it panics now and then, its supervisor starts it again, and the work goes on.
//!
//! ```text
//! cargo run --example 01_supervised_worker
//! RUST_LOG=steadfast=info cargo run --example 01_supervised_worker     (shows each restart)
//! ```

use std::error::Error;
use std::time::Duration;

use steadfast::{Child, Intensity, Supervisor, System, channel};

fn main() -> Result<(), Box<dyn Error>> {
    env_logger::init();
    let (numbers, inbox) = channel::bounded::<u32>(16);
    let (squares, outbox) = channel::bounded::<u32>(16);

    // The function runs again after each restart, so it borrows what it needs from its captures.
    let squarer = Child::worker("squarer", move |ctx| {
        println!("run {} begins", ctx.generation());
        while let Some(number) = inbox.recv(ctx)? {
            assert!(!number.is_multiple_of(4), "{number} is a multiple of four");
            squares.send(number * number)?;
            // A piece of work is done: the count of failures in a row begins anew.
            ctx.progress();
        }
        Ok(())
    });

    let system = System::new("course")?;
    system.supervise(
        Supervisor::new("workers")
            .intensity(Intensity::new(10, Duration::from_secs(5)))
            .child(squarer),
    )?;

    for number in 1..=9 {
        numbers.send(number)?;
    }
    // Nine numbers, of which two kill the worker: what was in its hand is gone, what was queued is not.
    let results: Vec<u32> = (0..7)
        .map(|_| outbox.recv_timeout(Duration::from_secs(1)))
        .map_while(|square| square.ok().flatten())
        .collect();
    println!("{results:?}");
    assert_eq!(results, [1, 4, 9, 25, 36, 49, 81]);

    let report = system.stop_within(Duration::from_secs(1));
    println!("{report}");
    Ok(report.into_result()?)
}
