//! The lines of a kept process: its tail for those who ask why it ended, a channel for those who read along, and, until it
//! is ready, a queue for whoever waits for the line that says so.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;

use super::lines::{LineSplitter, OutputLine, OutputStream, Tail};
use super::sink::Sink;
use crate::supervision::channel::Sender;

/// Lines that wait to be looked at before the process is ready; while there are so many, it has to wait.
const MAX_AWAITED: usize = 64;

/// What was counted of the lines of one run of a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProcessStats {
    /// Lines that it wrote.
    pub lines: u64,
    /// Lines whose rest was dropped, because they were longer than the bound.
    pub cut: u64,
    /// Lines that the channel for them did not take.
    pub refused: u64,
}

/// The lines of one run.
pub(super) struct LineStore {
    state: Mutex<State>,
}

struct State {
    tail: Tail,
    /// While somebody waits for a line.
    awaited: Option<VecDeque<OutputLine>>,
    stats: ProcessStats,
}

impl LineStore {
    pub(super) fn new(tail: usize, is_awaited: bool) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                tail: Tail::new(tail),
                awaited: is_awaited.then(VecDeque::new),
                stats: ProcessStats::default(),
            }),
        })
    }

    pub(super) fn tail(&self) -> Vec<OutputLine> {
        self.state.lock().tail.lines()
    }

    pub(super) fn stats(&self) -> ProcessStats {
        self.state.lock().stats
    }

    /// The next line that nobody has looked at, and whether its going made room for another one.
    pub(super) fn next_awaited(&self) -> Option<(OutputLine, bool)> {
        let mut state = self.state.lock();
        let awaited = state.awaited.as_mut()?;
        let line = awaited.pop_front()?;
        Some((line, awaited.len() + 1 == MAX_AWAITED))
    }

    /// Nobody waits for a line any more.
    pub(super) fn stop_awaiting(&self) {
        let _lines = self.state.lock().awaited.take();
    }

    /// Keeps a line; true if somebody waits for it.
    fn keep(&self, line: OutputLine) -> bool {
        let mut state = self.state.lock();
        state.stats.lines += 1;
        state.stats.cut += u64::from(line.is_cut);
        if let Some(awaited) = &mut state.awaited {
            // Beyond the bound only in what is left of a process that has ended.
            if awaited.len() < MAX_AWAITED + BATCH {
                awaited.push_back(line.clone());
            }
        }
        state.tail.push(line);
        state.awaited.is_some()
    }

    fn is_full(&self) -> bool {
        let state = self.state.lock();
        let awaited = state.awaited.as_ref();
        awaited.is_some_and(|awaited| awaited.len() >= MAX_AWAITED)
    }

    fn refused(&self) {
        self.state.lock().stats.refused += 1;
    }
}

impl fmt::Debug for LineStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LineStore").finish_non_exhaustive()
    }
}

/// The lines that one read may bring beyond the bound.
const BATCH: usize = 16 * 1024;

/// Cuts both streams into lines.
pub(super) struct LineSink {
    store: Arc<LineStore>,
    reader: Option<Sender<OutputLine>>,
    stdout: LineSplitter,
    stderr: LineSplitter,
}

impl LineSink {
    pub(super) fn new(
        store: Arc<LineStore>,
        reader: Option<Sender<OutputLine>>,
        max_line: usize,
    ) -> Self {
        Self {
            store,
            reader,
            stdout: LineSplitter::new(OutputStream::Stdout, max_line),
            stderr: LineSplitter::new(OutputStream::Stderr, max_line),
        }
    }

    fn splitter(&mut self, stream: OutputStream) -> &mut LineSplitter {
        match stream {
            OutputStream::Stdout => &mut self.stdout,
            OutputStream::Stderr => &mut self.stderr,
        }
    }

    /// Kept before it is sent, so that who reads it finds it counted.
    fn keep(&self, line: OutputLine) -> bool {
        let Some(reader) = &self.reader else {
            return self.store.keep(line);
        };
        let is_awaited = self.store.keep(line.clone());
        if reader.try_send(line).is_err() {
            self.store.refused();
        }
        is_awaited
    }
}

impl Sink for LineSink {
    fn take(&mut self, stream: OutputStream, bytes: &[u8]) -> bool {
        let mut lines = Vec::new();
        self.splitter(stream).push(bytes, |line| lines.push(line));
        let mut is_news = false;
        for line in lines {
            is_news |= self.keep(line);
        }
        is_news
    }

    fn end(&mut self, stream: OutputStream) -> bool {
        let last = self.splitter(stream).end();
        last.is_some_and(|line| self.keep(line))
    }

    fn is_full(&self) -> bool {
        self.store.is_full()
    }
}
