//! The smallest program that supervises: one worker, asked to stop, and a report that says that it did.
//!
//! ```text
//! cargo run --example 00_hello
//! ```

use std::error::Error;
use std::time::Duration;

use steadfast::{Child, System, Waited};

fn main() -> Result<(), Box<dyn Error>> {
    let system = System::new("hello")?;
    system.spawn(Child::worker("greeter", |ctx| {
        println!("{} is up", ctx.path());
        // A wait ends when the worker is asked to stop.
        assert_eq!(ctx.wait(Duration::from_secs(3600)), Waited::Stopped);
        Ok(())
    }))?;
    let report = system.stop_within(Duration::from_secs(5));
    println!("{report}");
    Ok(report.into_result()?)
}
