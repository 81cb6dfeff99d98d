//! The pump: one thread that moves bytes between the pipes of a process and us.
//!
//! It sits in `poll` over all of them and a socket by which it is told to look again, so nothing can hold it: a process that
//! reads or writes nothing, one that never stops writing, or a descendant that keeps the pipes open after all is over.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::{Errno, ioctl_fionbio};

use super::lines::OutputStream;
use super::running::Running;
use super::sink::Sink;

/// How much is read at once.
const BUFFER: usize = 16 * 1024;

/// How much of each stream is read after the end of the process, at most: more than a pipe holds by default, and a bound for
/// a descendant that has left the group and writes on.
const LAST_BYTES: usize = 1024 * 1024;

/// Our ends of the pipes of a process.
pub(super) struct Pipes {
    pub(super) woken: UnixStream,
    pub(super) stdin: Option<File>,
    pub(super) outputs: [(OutputStream, Option<File>); 2],
}

/// What a look at a pipe came to.
enum Got {
    Bytes(usize),
    Nothing,
    End,
}

pub(super) struct Pump {
    running: Arc<Running>,
    pipes: Pipes,
    sink: Box<dyn Sink>,
    buffer: Vec<u8>,
}

/// Says that the pump is through, however it ended.
struct Drained(Arc<Running>);

impl Drop for Drained {
    fn drop(&mut self) {
        self.0.drained();
    }
}

impl Pump {
    /// No end of ours blocks.
    pub(super) fn new(
        running: Arc<Running>,
        pipes: Pipes,
        sink: Box<dyn Sink>,
    ) -> io::Result<Self> {
        let outputs = pipes.outputs.iter().filter_map(|(_, pipe)| pipe.as_ref());
        for pipe in outputs.chain(&pipes.stdin) {
            ioctl_fionbio(pipe, true)?;
        }
        Ok(Self {
            running,
            pipes,
            sink,
            buffer: vec![0; BUFFER],
        })
    }

    /// The pump's whole life. The pipes are closed when it ends, and then it is said.
    pub(super) fn run(self) {
        let _said_last = Drained(Arc::clone(&self.running));
        let mut own = self;
        while !own.running.is_reaped() && own.has_work() {
            if own.turn().is_err() {
                break;
            }
        }
        own.read_the_rest();
    }

    fn has_work(&self) -> bool {
        self.pipes.stdin.is_some() || self.pipes.outputs.iter().any(|(_, pipe)| pipe.is_some())
    }

    /// Waits until a pipe can move, or somebody calls; then moves what can be moved.
    fn turn(&mut self) -> io::Result<()> {
        if self.running.with_stdin(|stdin| stdin.is_over()) {
            self.pipes.stdin = None;
        }
        if !self.has_work() {
            return Ok(());
        }
        self.look()?;
        self.heed();
        if !self.sink.is_full() {
            for output in 0..self.pipes.outputs.len() {
                self.read(output);
            }
        }
        self.write();
        Ok(())
    }

    /// Sits in `poll`.
    fn look(&self) -> io::Result<()> {
        let mut looked_at = vec![PollFd::new(&self.pipes.woken, PollFlags::IN)];
        if !self.sink.is_full() {
            let open = self
                .pipes
                .outputs
                .iter()
                .filter_map(|(_, pipe)| pipe.as_ref());
            looked_at.extend(open.map(|pipe| PollFd::new(pipe, PollFlags::IN)));
        }
        let has_bytes = self.running.with_stdin(|stdin| !stdin.is_empty());
        let stdin = self.pipes.stdin.as_ref().filter(|_| has_bytes);
        looked_at.extend(stdin.map(|pipe| PollFd::from_borrowed_fd(pipe.as_fd(), PollFlags::OUT)));
        match poll(&mut looked_at, None) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(refused) => Err(refused.into()),
        }
    }

    /// Takes the calls: what they are about is looked at next.
    fn heed(&mut self) {
        while let Got::Bytes(_) = got((&self.pipes.woken).read(&mut self.buffer)) {}
    }

    /// Reads once; how much it found.
    fn read(&mut self, output: usize) -> usize {
        let (stream, pipe) = &mut self.pipes.outputs[output];
        let Some(open) = pipe else { return 0 };
        let (is_news, found) = match got(open.read(&mut self.buffer)) {
            Got::Bytes(number) => (self.sink.take(*stream, &self.buffer[..number]), number),
            Got::Nothing => return 0,
            Got::End => {
                *pipe = None;
                (self.sink.end(*stream), 0)
            }
        };
        if is_news {
            self.running.changed().notify_all();
        }
        found
    }

    /// Writes once.
    fn write(&mut self) {
        let Some(pipe) = &mut self.pipes.stdin else {
            return;
        };
        let chunk = self.running.with_stdin(|stdin| stdin.chunk());
        if chunk.is_empty() {
            return;
        }
        match got(pipe.write(&chunk)) {
            Got::Nothing => return,
            Got::Bytes(number) => self.running.with_stdin(|stdin| stdin.written(number)),
            // Nobody reads any more.
            Got::End => self.running.with_stdin(|stdin| stdin.break_off()),
        }
        // There is room again, or there will never be.
        self.running.changed().notify_all();
    }

    /// The process is gone, or wants nothing of us: what it wrote before is in the pipes.
    fn read_the_rest(&mut self) {
        for output in 0..self.pipes.outputs.len() {
            let mut total = 0;
            while total < LAST_BYTES {
                match self.read(output) {
                    0 => break,
                    found => total += found,
                }
            }
            let (stream, pipe) = &mut self.pipes.outputs[output];
            if pipe.take().is_some() {
                self.sink.end(*stream);
            }
        }
    }
}

fn got(moved: io::Result<usize>) -> Got {
    match moved {
        Ok(0) => Got::End,
        Ok(number) => Got::Bytes(number),
        Err(error) => match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => Got::Nothing,
            // A broken pipe is an end as well, and no other error goes away by itself.
            _ => Got::End,
        },
    }
}
