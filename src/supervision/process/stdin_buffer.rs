//! What is still to be written to the standard input of a process: a bounded buffer, a pure part.

use std::collections::VecDeque;

use super::process_error::WriteError;

/// How much is handed to the operating system at once.
const CHUNK: usize = 16 * 1024;

/// The bytes that a process has not taken yet.
#[derive(Debug)]
pub(super) struct StdinBuffer {
    bytes: VecDeque<u8>,
    capacity: usize,
    is_open: bool,
}

impl StdinBuffer {
    /// A standard input that may be written to.
    pub(super) fn open(capacity: usize) -> Self {
        Self {
            bytes: VecDeque::new(),
            capacity,
            is_open: true,
        }
    }

    /// One that has all that it will ever hold.
    pub(super) fn whole(bytes: &[u8]) -> Self {
        Self {
            bytes: bytes.iter().copied().collect(),
            capacity: bytes.len(),
            is_open: false,
        }
    }

    /// Takes all of the bytes or none.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        if !self.is_open {
            return Err(WriteError::Closed);
        }
        if bytes.len() > self.capacity {
            return Err(WriteError::TooLarge {
                capacity: self.capacity,
            });
        }
        if bytes.len() > self.capacity - self.bytes.len() {
            return Err(WriteError::Full);
        }
        self.bytes.extend(bytes);
        Ok(())
    }

    /// Takes nothing more. What was taken is still written.
    pub(super) fn close(&mut self) {
        self.is_open = false;
    }

    /// The process reads no more: what is left is dropped.
    pub(super) fn break_off(&mut self) {
        self.is_open = false;
        self.bytes.clear();
    }

    /// What to write next.
    pub(super) fn chunk(&self) -> Vec<u8> {
        let (front, back) = self.bytes.as_slices();
        let chunk = if front.is_empty() { back } else { front };
        chunk[..chunk.len().min(CHUNK)].to_vec()
    }

    /// So much of the last chunk was written.
    pub(super) fn written(&mut self, bytes: usize) {
        self.bytes.drain(..bytes.min(self.bytes.len()));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Whether nothing is left to write, for ever.
    pub(super) fn is_over(&self) -> bool {
        self.bytes.is_empty() && !self.is_open
    }
}

#[cfg(test)]
mod tests {
    use super::{StdinBuffer, WriteError};

    #[test]
    fn a_push_takes_all_or_nothing() {
        let mut buffer = StdinBuffer::open(4);
        buffer.push(b"abc").unwrap();
        assert_eq!(buffer.push(b"de"), Err(WriteError::Full));
        let too_large = WriteError::TooLarge { capacity: 4 };
        assert_eq!(buffer.push(b"abcde"), Err(too_large));
        buffer.written(1);
        buffer.push(b"de").unwrap();
        let mut read = Vec::new();
        while !buffer.is_empty() {
            let chunk = buffer.chunk();
            buffer.written(chunk.len());
            read.extend(chunk);
        }
        assert_eq!(read, b"bcde");
    }

    #[test]
    fn a_closed_one_is_over_once_all_is_written() {
        let mut buffer = StdinBuffer::open(4);
        buffer.push(b"ab").unwrap();
        buffer.close();
        assert_eq!(buffer.push(b"c"), Err(WriteError::Closed));
        assert!(!buffer.is_over());
        buffer.written(2);
        assert!(buffer.is_over());
        let mut broken = StdinBuffer::whole(b"ab");
        assert!(!broken.is_over());
        broken.break_off();
        assert!(broken.is_over());
    }
}
