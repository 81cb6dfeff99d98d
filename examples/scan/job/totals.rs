//! The sums over all results.

use super::digest::{Digest, Term};
use super::parse::Summary;

/// The sums over all results that count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) bytes: u64,
    pub(crate) lines: u64,
    pub(crate) words: u64,
    pub(crate) longest_line: u64,
    pub(crate) digest: Digest,
}

impl Totals {
    /// Adds the result of one file; answers with the mark by which `--verify` finds it again.
    pub(crate) fn add(&mut self, path: &[u8], summary: &Summary) -> Mark {
        self.add_term(path, summary, &Term::of(path, summary))
    }

    /// As `add`, with a term that was computed before.
    pub(crate) fn add_term(&mut self, path: &[u8], summary: &Summary, term: &Term) -> Mark {
        self.bytes += summary.bytes;
        self.lines += summary.lines;
        self.words += summary.words;
        self.longest_line = self.longest_line.max(summary.longest_line);
        self.digest.add(term);
        Mark {
            path: hash_of_path(path),
            result: term.short(),
        }
    }

    /// How many results were added.
    pub(crate) fn results(&self) -> u64 {
        self.digest.results()
    }
}

/// Sixteen bytes that stand for a path and its result: enough to name the files in which two scans of
/// the same directory differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Mark {
    path: u64,
    result: u64,
}

/// The marks of a whole scan.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    sorted: Vec<Mark>,
    met: usize,
}

/// What a second scan finds of a file of the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Met {
    Same,
    Different,
    /// The first scan has no result for it.
    New,
}

impl Marks {
    pub(crate) fn new(mut marks: Vec<Mark>) -> Self {
        marks.sort_unstable();
        Marks {
            sorted: marks,
            met: 0,
        }
    }

    /// Compares one file of the second scan.
    pub(crate) fn meet(&mut self, mark: Mark) -> Met {
        let at = self.sorted.partition_point(|known| known.path < mark.path);
        match self.sorted.get(at) {
            Some(known) if known.path == mark.path => {
                self.met += 1;
                if known.result == mark.result {
                    Met::Same
                } else {
                    Met::Different
                }
            }
            _ => Met::New,
        }
    }

    /// Files of the first scan that the second did not come upon.
    pub(crate) fn missing(&self) -> usize {
        self.sorted.len().saturating_sub(self.met)
    }
}

/// FNV-1a; a collision would only name a wrong file in a message.
fn hash_of_path(path: &[u8]) -> u64 {
    path.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(bytes: u64) -> Summary {
        Summary {
            bytes,
            lines: 2,
            words: 3,
            longest_line: bytes,
            hash: [0; 32],
        }
    }

    #[test]
    fn sums_are_sums_and_the_longest_line_is_the_longest() {
        let mut totals = Totals::default();
        totals.add(b"a", &summary(5));
        totals.add(b"b", &summary(3));
        assert_eq!(
            (
                totals.bytes,
                totals.lines,
                totals.words,
                totals.longest_line
            ),
            (8, 4, 6, 5)
        );
        assert_eq!(totals.results(), 2);
    }

    #[test]
    fn marks_name_what_differs_is_new_or_is_missing() {
        let mut totals = Totals::default();
        let first: Vec<Mark> = [(b"a", 1), (b"b", 2), (b"c", 3)]
            .map(|(path, n)| totals.add(path, &summary(n)))
            .into();
        let mut marks = Marks::new(first);
        assert_eq!(marks.meet(totals.add(b"a", &summary(1))), Met::Same);
        assert_eq!(marks.meet(totals.add(b"b", &summary(9))), Met::Different);
        assert_eq!(marks.meet(totals.add(b"d", &summary(1))), Met::New);
        assert_eq!(marks.missing(), 1);
    }
}
