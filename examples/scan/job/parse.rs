//! What is learned from one file: counts, its longest line and a strong hash of its content.
//!
//! Files are bytes: nothing here cares for encodings. They are read in chunks, so a file may be larger
//! than the memory.

use std::io::{self, Read};
use std::ops::ControlFlow;

/// Bytes read at a time.
pub(crate) const CHUNK: usize = 64 * 1024;

/// What was learned from one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) bytes: u64,
    /// Lines end with a line feed or with the file.
    pub(crate) lines: u64,
    /// Runs of bytes that are not ASCII white space.
    pub(crate) words: u64,
    /// Bytes of the longest line, without its line feed.
    pub(crate) longest_line: u64,
    pub(crate) hash: [u8; 32],
}

/// Reads `source` to its end through `buffer`.
///
/// `look` is told how many bytes have been read, after every chunk and again at the end, and may end
/// the reading early: then there is no summary.
pub(crate) fn read(
    source: &mut impl Read,
    buffer: &mut [u8],
    mut look: impl FnMut(u64, Progress) -> ControlFlow<()>,
) -> io::Result<Option<Summary>> {
    let mut scanner = Scanner::new();
    loop {
        let length = match source.read(buffer) {
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        scanner.update(&buffer[..length]);
        let progress = if length == 0 {
            Progress::End
        } else {
            Progress::Chunk
        };
        if look(scanner.bytes, progress).is_break() {
            return Ok(None);
        }
        if length == 0 {
            return Ok(Some(scanner.finish()));
        }
    }
}

/// Where the reading of a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    Chunk,
    End,
}

/// The state between two chunks.
struct Scanner {
    hasher: blake3::Hasher,
    bytes: u64,
    lines: u64,
    words: u64,
    longest_line: u64,
    /// Bytes since the last line feed.
    line: u64,
    in_word: bool,
}

impl Scanner {
    fn new() -> Self {
        Scanner {
            hasher: blake3::Hasher::new(),
            bytes: 0,
            lines: 0,
            words: 0,
            longest_line: 0,
            line: 0,
            in_word: false,
        }
    }

    fn update(&mut self, chunk: &[u8]) {
        self.hasher.update(chunk);
        self.bytes += chunk.len() as u64;
        let mut rest = chunk;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            self.part_of_line(&rest[..end]);
            self.end_of_line();
            rest = &rest[end + 1..];
        }
        self.part_of_line(rest);
    }

    fn part_of_line(&mut self, part: &[u8]) {
        self.line += part.len() as u64;
        for byte in part {
            let space = is_space(*byte);
            self.words += u64::from(!space && !self.in_word);
            self.in_word = !space;
        }
    }

    fn end_of_line(&mut self) {
        self.lines += 1;
        self.longest_line = self.longest_line.max(self.line);
        self.line = 0;
        self.in_word = false;
    }

    fn finish(mut self) -> Summary {
        if self.line > 0 {
            self.end_of_line();
        }
        Summary {
            bytes: self.bytes,
            lines: self.lines,
            words: self.words,
            longest_line: self.longest_line,
            hash: *self.hasher.finalize().as_bytes(),
        }
    }
}

/// White space as `wc` sees it in the C locale.
fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0b
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(content: &[u8], chunk: usize) -> Summary {
        let mut buffer = vec![0; chunk];
        let all = |_, _| ControlFlow::Continue(());
        read(&mut &content[..], &mut buffer, all).unwrap().unwrap()
    }

    fn counts(content: &[u8]) -> (u64, u64, u64, u64) {
        let found = summary(content, CHUNK);
        (found.bytes, found.lines, found.words, found.longest_line)
    }

    #[test]
    fn lines_and_words_are_counted_as_wc_does_and_an_open_last_line_is_one() {
        assert_eq!(counts(b""), (0, 0, 0, 0));
        assert_eq!(counts(b"\n"), (1, 1, 0, 0));
        assert_eq!(counts(b"one two\nthree\n"), (14, 2, 3, 7));
        assert_eq!(counts(b"one two\nthree"), (13, 2, 3, 7));
        assert_eq!(counts(b"  a\t\x0bb\r\n\n  "), (11, 3, 2, 7));
    }

    #[test]
    fn binary_content_is_content() {
        assert_eq!(counts(&[0, 0xff, b'\n', 0x80, b' ', 0xfe]), (6, 2, 3, 3));
    }

    #[test]
    fn the_size_of_the_chunks_does_not_matter() {
        let content: Vec<u8> = (0..5000u32).map(|n| (n * n % 251) as u8).collect();
        let whole = summary(&content, CHUNK);
        for chunk in [1, 2, 3, 7, 64, 1000] {
            assert_eq!(summary(&content, chunk), whole, "chunks of {chunk}");
        }
        assert_eq!(whole.hash, *blake3::hash(&content).as_bytes());
    }

    #[test]
    fn reading_can_be_ended_early_and_is_told_of_the_end() {
        let mut seen = Vec::new();
        let ended = read(&mut &b"abcdef"[..], &mut [0; 2], |bytes, progress| {
            seen.push((bytes, progress));
            if bytes < 4 {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        });
        assert_eq!(ended.unwrap(), None);
        assert_eq!(seen, [(2, Progress::Chunk), (4, Progress::Chunk)]);

        seen.clear();
        let all = read(&mut &b""[..], &mut [0; 2], |bytes, progress| {
            seen.push((bytes, progress));
            ControlFlow::Continue(())
        });
        assert!(all.unwrap().is_some());
        assert_eq!(seen, [(0, Progress::End)]);
    }

    #[test]
    fn an_interrupted_read_is_tried_again_and_an_error_is_returned() {
        struct Moody(u32);
        impl Read for Moody {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                self.0 += 1;
                Err(io::Error::from(match self.0 {
                    1 => io::ErrorKind::Interrupted,
                    _ => io::ErrorKind::PermissionDenied,
                }))
            }
        }
        let mut source = Moody(0);
        let result = read(&mut source, &mut [0; 2], |_, _| ControlFlow::Continue(()));
        assert_eq!(result.unwrap_err().kind(), io::ErrorKind::PermissionDenied);
        assert_eq!(source.0, 2);
    }
}
