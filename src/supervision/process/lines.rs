//! Bytes to lines, with a bound on both: a pure part.

use std::collections::VecDeque;

/// Which of its two streams a program wrote to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OutputStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// A line that a program wrote.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct OutputLine {
    /// Where it was written to.
    pub stream: OutputStream,
    /// The line without its end; what is no UTF-8 in it is replaced.
    pub text: String,
    /// Whether the line was longer than the bound, and its rest was dropped.
    pub is_cut: bool,
}

/// Cuts one stream of bytes into lines of at most `max` bytes.
#[derive(Debug)]
pub(super) struct LineSplitter {
    stream: OutputStream,
    max: usize,
    line: Vec<u8>,
    is_cut: bool,
}

impl LineSplitter {
    pub(super) fn new(stream: OutputStream, max: usize) -> Self {
        Self {
            stream,
            max,
            line: Vec::new(),
            is_cut: false,
        }
    }

    /// Takes the next bytes, and hands out each line that they end.
    pub(super) fn push(&mut self, bytes: &[u8], mut emit: impl FnMut(OutputLine)) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let text = part.strip_suffix(b"\n");
            self.append(text.unwrap_or(part));
            if text.is_some() {
                emit(self.take());
            }
        }
    }

    /// The stream has ended: what is left is the last line.
    pub(super) fn end(&mut self) -> Option<OutputLine> {
        (!self.line.is_empty()).then(|| self.take())
    }

    fn append(&mut self, bytes: &[u8]) {
        let room = self.max - self.line.len();
        self.is_cut |= bytes.len() > room;
        self.line.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn take(&mut self) -> OutputLine {
        let line = OutputLine {
            stream: self.stream,
            text: String::from_utf8_lossy(&self.line).into_owned(),
            is_cut: self.is_cut,
        };
        self.line.clear();
        self.is_cut = false;
        line
    }
}

/// The last lines of a program: the newest push the oldest out.
#[derive(Debug)]
pub(super) struct Tail {
    lines: VecDeque<OutputLine>,
    max: usize,
}

impl Tail {
    pub(super) fn new(max: usize) -> Self {
        Self {
            lines: VecDeque::new(),
            max,
        }
    }

    pub(super) fn push(&mut self, line: OutputLine) {
        self.lines.push_back(line);
        if self.lines.len() > self.max {
            self.lines.pop_front();
        }
    }

    pub(super) fn lines(&self) -> Vec<OutputLine> {
        self.lines.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{LineSplitter, OutputLine, OutputStream, Tail};

    fn line(text: &str, is_cut: bool) -> OutputLine {
        OutputLine {
            stream: OutputStream::Stdout,
            text: text.to_owned(),
            is_cut,
        }
    }

    /// Looks at the whole text at once.
    fn naive(text: &str, max: usize) -> Vec<OutputLine> {
        let lines = text.lines();
        lines
            .map(|whole| line(&whole[..whole.len().min(max)], whole.len() > max))
            .collect()
    }

    #[test]
    fn however_the_bytes_arrive_the_lines_are_the_same() {
        let seed = fastrand::u64(..);
        let mut rng = fastrand::Rng::with_seed(seed);
        for _ in 0..2_000 {
            let letter = |rng: &mut fastrand::Rng| *rng.choice(&['a', 'b', '\n']).unwrap_or(&'a');
            let text: String = (0..rng.usize(0..60)).map(|_| letter(&mut rng)).collect();
            let max = rng.usize(1..8);
            let mut splitter = LineSplitter::new(OutputStream::Stdout, max);
            let (mut found, mut rest) = (Vec::new(), text.as_bytes());
            while !rest.is_empty() {
                let (chunk, later) = rest.split_at(rng.usize(1..=rest.len()));
                splitter.push(chunk, |line| found.push(line));
                rest = later;
            }
            found.extend(splitter.end());
            assert_eq!(found, naive(&text, max), "seed {seed}: {text:?}, {max}");
        }
    }

    #[test]
    fn what_is_no_text_is_replaced() {
        let mut splitter = LineSplitter::new(OutputStream::Stdout, 10);
        let mut found = Vec::new();
        splitter.push(b"a\xFFb\n", |line| found.push(line));
        assert_eq!(found, [line("a\u{FFFD}b", false)]);
    }

    #[test]
    fn a_tail_keeps_the_last_lines() {
        let mut tail = Tail::new(2);
        for text in ["a", "b", "c"] {
            tail.push(line(text, false));
        }
        assert_eq!(tail.lines(), [line("b", false), line("c", false)]);
        let mut none = Tail::new(0);
        none.push(line("a", false));
        assert!(none.lines().is_empty());
    }
}
