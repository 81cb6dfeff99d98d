//! A real server as a child: Redis is killed with SIGKILL twice while clients use it, and no client gives up.

use std::error::Error;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use steadfast::process::{Process, Program, Ready, Signal};
use steadfast::supervision::Waited;
use steadfast::{Child, Clock, System, WorkerRef};

const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(5);

fn main() -> Result<(), Box<dyn Error>> {
    env_logger::init();
    let socket = std::env::temp_dir().join(format!("steadfast-{}.sock", std::process::id()));
    let socket: &'static Path = Box::leak(socket.into_boxed_path());
    let system = System::new("shop")?;
    let server = Program::new("redis-server").args(["--port", "0", "--save", "", "--unixsocket"]);
    let answers = move || ask(socket, "PING").is_ok_and(|answer| answer == "+PONG");
    let server = Process::new(server.arg(socket)).ready(Ready::probe(SHORT, answers));
    let redis = match system.spawn(Child::process("redis", server)) {
        Err(error) if error.to_string().contains("not in the PATH") => {
            println!("{error}; Debian has it: redis-server");
            return Ok(());
        }
        started => started?,
    };
    for name in ["a", "b"] {
        system.spawn(client(name, socket))?;
    }
    for kill in 1..=2 {
        // A server that was killed has forgotten all: each client has to have begun again.
        while ask(socket, "GET a")? == "$-1" || ask(socket, "GET b")? == "$-1" {}
        let (pid, run, killed) = (redis.pid(), redis.generation(), Clock::system().now());
        redis.signal(Signal::Kill)?;
        redis.up_after(run, LONG).ok_or("not up again")?;
        let outage = Clock::system().now() - killed;
        println!(
            "kill {kill}: {pid:?} became {:?} after {outage:.1?}",
            redis.pid()
        );
    }
    let (pid, report) = (redis.pid().unwrap_or(0), system.stop_within(LONG));
    let is_gone = !Path::new(&format!("/proc/{pid}")).exists();
    println!("{report}; {pid} is gone: {is_gone}");
    Ok(report.into_result()?)
}

/// Counts in a key of its own until it is asked to stop; a call that fails is made again until it succeeds.
fn client(name: &'static str, socket: &'static Path) -> Child<WorkerRef> {
    Child::worker(name, move |ctx| {
        let (mut calls, mut failed, mut slowest) = (0, 0, Duration::ZERO);
        let mut began = ctx.clock().now();
        while !ctx.is_stopping() {
            if ask(socket, &format!("INCR {name}")).is_ok_and(|found| found.starts_with(':')) {
                slowest = slowest.max(ctx.clock().now() - began);
                (calls, began) = (calls + 1, ctx.clock().now());
            } else if ctx.wait(SHORT) == Waited::Elapsed {
                failed += 1;
            }
        }
        println!("client {name}: {calls} answers, {failed} failures, at worst {slowest:.1?}");
        Ok(())
    })
}

/// A command over a connection of its own, in the protocol's inline form; the answer's first line.
fn ask(socket: &Path, command: &str) -> io::Result<String> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    write!(stream, "{command}\r\n")?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer)?;
    Ok(answer.trim_end().to_owned())
}
