//! A TCP server that can be stopped: `accept` knows nothing of the library, so a stop hook wakes it.
//!
//! ```text
//! cargo run --example 03_tcp_accept
//! ```
//!
//! The server echoes lines. Three clients talk to it, then the system stops in order.

use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use steadfast::{Child, Failure, System, WorkerContext, channel};

fn main() -> Result<(), Box<dyn Error>> {
    env_logger::init();
    let (bound, address) = channel::bounded::<SocketAddr>(1);
    let system = System::new("course")?;
    system.spawn(Child::worker("server", move |ctx| {
        // Bound in the run, not before it: after a restart the port is opened anew.
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        bound.send(listener.local_addr()?)?;
        serve(&listener, ctx)
    }))?;

    let address = address
        .recv_timeout(Duration::from_secs(1))?
        .ok_or("no server")?;
    for name in ["one", "two", "three"] {
        println!("{}", ask(address, name)?);
    }
    let report = system.stop_within(Duration::from_secs(1));
    println!("{report}");
    Ok(report.into_result()?)
}

/// Accepts and answers until it is asked to stop.
fn serve(listener: &TcpListener, ctx: &WorkerContext) -> Result<(), Failure> {
    let address = listener.local_addr()?;
    // A connection to itself is what ends a blocked `accept` on every platform.
    let _hook =
        ctx.on_stop(move || drop(TcpStream::connect_timeout(&address, Duration::from_secs(1))));
    loop {
        ctx.checkpoint("accepting");
        let (client, _) = listener.accept()?;
        if ctx.is_stopping() {
            return Ok(());
        }
        ctx.checkpoint("answering");
        if let Err(error) = answer(client) {
            println!("a client went away: {error}");
        }
    }
}

/// Echoes one line. A silent client is given up, for it must not keep the server from stopping.
fn answer(mut client: TcpStream) -> std::io::Result<()> {
    client.set_read_timeout(Some(Duration::from_millis(500)))?;
    let mut line = String::new();
    BufReader::new(&client).read_line(&mut line)?;
    client.write_all(line.as_bytes())
}

fn ask(server: SocketAddr, name: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(server)?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    writeln!(stream, "hello from {name}")?;
    let mut answer = String::new();
    BufReader::new(&stream).read_line(&mut answer)?;
    Ok(answer.trim_end().to_owned())
}
