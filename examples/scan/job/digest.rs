//! One number for all results, whatever the order in which they came.
//!
//! Each result (path, counts, content hash) is hashed to 512 bits, and these are summed lane by lane;
//! the digest is the hash of the sum and of the number of results. Files that are lost, counted twice,
//! or read wrong change it. It guards against mistakes, not against somebody who chooses the files.

use std::fmt;

use super::parse::Summary;

/// The sum of the results so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Digest {
    lanes: [u64; 8],
    results: u64,
}

/// What one result adds to the sum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Term([u64; 8]);

impl Term {
    /// The term of the file with this path below the directory.
    pub(crate) fn of(path: &[u8], summary: &Summary) -> Self {
        let mut hasher = blake3::Hasher::new();
        // The length goes first, so that no path can run into the numbers.
        hasher.update(&(path.len() as u64).to_le_bytes());
        hasher.update(path);
        for number in [
            summary.bytes,
            summary.lines,
            summary.words,
            summary.longest_line,
        ] {
            hasher.update(&number.to_le_bytes());
        }
        hasher.update(&summary.hash);
        let mut wide = [0; 64];
        hasher.finalize_xof().fill(&mut wide);
        let mut term = Term([0; 8]);
        let (words, _) = wide.as_chunks::<8>();
        for (lane, word) in term.0.iter_mut().zip(words) {
            *lane = u64::from_le_bytes(*word);
        }
        term
    }

    /// Enough of the term to tell two results apart.
    pub(crate) fn short(&self) -> u64 {
        self.0[0]
    }
}

impl Digest {
    /// Adds one result.
    pub(crate) fn add(&mut self, term: &Term) {
        for (lane, word) in self.lanes.iter_mut().zip(term.0) {
            *lane = lane.wrapping_add(word);
        }
        self.results += 1;
    }

    /// How many results were added.
    pub(crate) fn results(&self) -> u64 {
        self.results
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.results.to_le_bytes());
        for lane in self.lanes {
            hasher.update(&lane.to_le_bytes());
        }
        write!(f, "{}", hasher.finalize().to_hex())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(bytes: u64) -> Summary {
        Summary {
            bytes,
            lines: 1,
            words: 2,
            longest_line: 3,
            hash: [7; 32],
        }
    }

    fn digest(results: &[(&[u8], u64)]) -> String {
        let mut digest = Digest::default();
        for (path, bytes) in results {
            digest.add(&Term::of(path, &summary(*bytes)));
        }
        digest.to_string()
    }

    #[test]
    fn the_order_does_not_matter() {
        assert_eq!(
            digest(&[(b"a", 1), (b"b", 2), (b"c", 3)]),
            digest(&[(b"c", 3), (b"a", 1), (b"b", 2)])
        );
    }

    #[test]
    fn what_is_missing_doubled_or_different_is_seen() {
        let all = digest(&[(b"a", 1), (b"b", 2)]);
        for other in [
            digest(&[(b"a", 1)]),
            digest(&[(b"a", 1), (b"b", 2), (b"b", 2)]),
            digest(&[(b"a", 2), (b"b", 1)]),
            digest(&[(b"a", 1), (b"B", 2)]),
            digest(&[]),
        ] {
            assert_ne!(all, other);
        }
    }
}
