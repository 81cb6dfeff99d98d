//! The books of one scan: the ledger, the totals, and everything that is counted on the way.
//!
//! A plain value; whoever runs the scan keeps it behind a lock. A result goes into the totals exactly
//! when the ledger has settled its file.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::checkpoint::{Kept, Results};
use super::digest::Term;
use super::ledger::{Audit, Counts, FileId, Ledger, Refusal, Settled};
use super::open::{Stamp, Trouble};
use super::parse::Summary;
use super::totals::{Mark, Totals};
use super::walk::{Entry, Skip};

/// So many troubles are kept with their text; all are counted.
const EXAMPLES: usize = 5;

/// The books of one scan.
#[derive(Debug, Default)]
pub(crate) struct Book {
    ledger: Ledger,
    totals: Totals,
    /// The walk has come to its end.
    walked: bool,
    skipped: BTreeMap<Skip, u64>,
    /// Directories and names that the walk could not read.
    unread_dirs: u64,
    vanished: u64,
    replaced: u64,
    unreadable: u64,
    examples: Vec<String>,
    poisoned: Vec<Entry>,
    /// Results for a checkpoint, when there is to be one.
    kept: Option<Results>,
    restored: u64,
    /// Marks for `--verify`, when there is to be one.
    marks: Option<Vec<Mark>>,
}

/// What an attempt at a file brings.
#[derive(Debug)]
pub(crate) enum Outcome {
    Done {
        stamp: Stamp,
        summary: Summary,
        /// What it adds to the digest, computed by the parser: the books are locked for a moment only.
        term: Term,
    },
    Failed(Trouble),
}

/// Why files were not read, by number, with a few examples.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Troubles {
    pub(crate) unread_dirs: u64,
    pub(crate) vanished: u64,
    pub(crate) replaced: u64,
    pub(crate) unreadable: u64,
    pub(crate) examples: Vec<String>,
}

impl Book {
    /// `kept`: the results of a checkpoint, possibly none, when one is to be written on Ctrl-C.
    pub(crate) fn new(kept: Option<Results>, verify: bool) -> Self {
        Book {
            kept,
            marks: verify.then(Vec::new),
            ..Book::default()
        }
    }

    /// A file was found. `None`: its result comes from the checkpoint, for the file is unchanged.
    pub(crate) fn found(
        &mut self,
        entry: &Entry,
        stamp: Option<Stamp>,
    ) -> Result<Option<FileId>, TooMany> {
        let id = self.ledger.discover().ok_or(TooMany)?;
        let Some(kept) = self
            .kept
            .as_ref()
            .and_then(|kept| kept.get(entry.key()))
            .copied()
        else {
            return Ok(Some(id));
        };
        if stamp != Some(kept.stamp) {
            return Ok(Some(id));
        }
        // A file that was just discovered can be taken and settled.
        if self.ledger.take(id, 0).is_ok() && self.ledger.settle(id, 0, Settled::Done).is_ok() {
            self.count(entry, &kept.summary, &Term::of(entry.key(), &kept.summary));
            self.restored += 1;
        }
        Ok(None)
    }

    /// The walk passed something over.
    pub(crate) fn skipped(&mut self, skip: Skip) {
        *self.skipped.entry(skip).or_default() += 1;
    }

    /// The walk could not read something.
    pub(crate) fn walk_trouble(&mut self, path: &std::path::Path, trouble: &Trouble) {
        self.unread_dirs += 1;
        self.example(path, trouble);
    }

    /// The walk has come to its end: from now on all files are known.
    pub(crate) fn walked(&mut self) {
        self.walked = true;
    }

    /// A parser takes a file in hand.
    pub(crate) fn take(&mut self, id: FileId, attempt: u8) -> Result<(), Refusal> {
        self.ledger.take(id, attempt)
    }

    /// An attempt brings its outcome, which counts or is refused.
    pub(crate) fn deliver(
        &mut self,
        id: FileId,
        attempt: u8,
        entry: &Entry,
        outcome: &Outcome,
    ) -> Result<(), Refusal> {
        match outcome {
            Outcome::Done {
                stamp,
                summary,
                term,
            } => {
                self.ledger.settle(id, attempt, Settled::Done)?;
                self.count(entry, summary, term);
                if let Some(kept) = &mut self.kept {
                    kept.insert(
                        entry.key().into(),
                        Kept {
                            stamp: *stamp,
                            summary: *summary,
                        },
                    );
                }
            }
            Outcome::Failed(trouble) => {
                self.ledger.settle(id, attempt, Settled::Failed)?;
                match trouble {
                    Trouble::Vanished => self.vanished += 1,
                    Trouble::Replaced => self.replaced += 1,
                    Trouble::Unreadable(_) => self.unreadable += 1,
                }
                self.example(&entry.path, trouble);
            }
        }
        Ok(())
    }

    /// The file has killed too many parsers.
    pub(crate) fn poison(&mut self, id: FileId, attempt: u8, entry: &Entry) -> Result<(), Refusal> {
        self.ledger.settle(id, attempt, Settled::Poisoned)?;
        self.poisoned.push(entry.clone());
        Ok(())
    }

    /// The scan ends and this file, wherever it was found, was not done.
    pub(crate) fn leave(&mut self, id: FileId) {
        self.ledger.leave(id);
    }

    /// A fenced thread could not even deliver what it brought.
    pub(crate) fn refused_elsewhere(&mut self) {
        self.ledger.refused_elsewhere();
    }

    /// Whether all files are known and settled.
    pub(crate) fn is_complete(&self) -> bool {
        self.walked && self.ledger.all_settled()
    }

    pub(crate) fn is_walked(&self) -> bool {
        self.walked
    }

    pub(crate) fn counts(&self) -> Counts {
        self.ledger.counts()
    }

    pub(crate) fn audit(&self) -> Audit {
        self.ledger.audit(self.totals.results())
    }

    pub(crate) fn totals(&self) -> &Totals {
        &self.totals
    }

    pub(crate) fn restored(&self) -> u64 {
        self.restored
    }

    pub(crate) fn skips(&self) -> &BTreeMap<Skip, u64> {
        &self.skipped
    }

    pub(crate) fn poisoned(&self) -> &[Entry] {
        &self.poisoned
    }

    pub(crate) fn troubles(&self) -> Troubles {
        Troubles {
            unread_dirs: self.unread_dirs,
            vanished: self.vanished,
            replaced: self.replaced,
            unreadable: self.unreadable,
            examples: self.examples.clone(),
        }
    }

    /// What a checkpoint holds.
    pub(crate) fn kept(&self) -> Option<&Results> {
        self.kept.as_ref()
    }

    /// The marks for `--verify`; they are needed once.
    pub(crate) fn take_marks(&mut self) -> Vec<Mark> {
        self.marks.take().unwrap_or_default()
    }

    /// The paths of the files that a comparison must leave out.
    pub(crate) fn poisoned_paths(&self) -> impl Iterator<Item = PathBuf> + '_ {
        self.poisoned.iter().map(|entry| entry.path.clone())
    }

    fn count(&mut self, entry: &Entry, summary: &Summary, term: &Term) {
        let mark = self.totals.add_term(entry.key(), summary, term);
        if let Some(marks) = &mut self.marks {
            marks.push(mark);
        }
    }

    fn example(&mut self, path: &std::path::Path, trouble: &Trouble) {
        if self.examples.len() < EXAMPLES {
            self.examples.push(format!("{}: {trouble}", path.display()));
        }
    }
}

/// More files than the ledger has numbers for (four thousand million).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("more files than scan can number")]
pub(crate) struct TooMany;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::walk::entry_for_test;

    const SUMMARY: Summary = Summary {
        bytes: 9,
        lines: 1,
        words: 1,
        longest_line: 9,
        hash: [1; 32],
    };
    const STAMP: Stamp = Stamp {
        length: 9,
        modified_ns: 1,
    };

    fn done() -> Outcome {
        let (stamp, summary) = (STAMP, SUMMARY);
        let term = Term::of(b"any", &summary);
        Outcome::Done {
            stamp,
            summary,
            term,
        }
    }

    #[test]
    fn a_result_counts_when_the_ledger_says_so_and_only_then() {
        let mut book = Book::new(None, false);
        let entry = entry_for_test("a");
        let id = book.found(&entry, None).unwrap().unwrap();
        book.take(id, 0).unwrap();
        book.take(id, 1).unwrap();
        assert!(book.deliver(id, 0, &entry, &done()).is_err());
        assert_eq!(book.totals().results(), 0);
        book.deliver(id, 1, &entry, &done()).unwrap();
        assert!(book.deliver(id, 1, &entry, &done()).is_err());
        assert_eq!(book.totals().results(), 1);
        assert_eq!(book.counts().refused, 2);
        assert!(!book.is_complete());
        book.walked();
        assert!(book.is_complete());
    }

    #[test]
    fn an_unchanged_file_comes_from_the_checkpoint_and_a_changed_one_is_read_again() {
        let kept = Kept {
            stamp: STAMP,
            summary: SUMMARY,
        };
        let results: Results = [
            (b"a".as_slice().into(), kept),
            (b"b".as_slice().into(), kept),
        ]
        .into();
        let mut book = Book::new(Some(results), false);
        let (same, changed, new) = (
            entry_for_test("a"),
            entry_for_test("b"),
            entry_for_test("c"),
        );
        assert_eq!(book.found(&same, Some(STAMP)), Ok(None));
        let later = Stamp {
            modified_ns: 2,
            ..STAMP
        };
        assert!(book.found(&changed, Some(later)).unwrap().is_some());
        assert!(book.found(&new, None).unwrap().is_some());
        assert_eq!(
            (book.restored(), book.counts().done, book.totals().results()),
            (1, 1, 1)
        );
        assert_eq!(book.counts().discovered, 3);
    }

    #[test]
    fn what_the_walk_has_not_reached_yet_stays_in_the_checkpoint() {
        let kept = Kept {
            stamp: STAMP,
            summary: SUMMARY,
        };
        let mut book = Book::new(Some([(b"far".as_slice().into(), kept)].into()), false);
        let entry = entry_for_test("near");
        let id = book.found(&entry, None).unwrap().unwrap();
        book.take(id, 0).unwrap();
        book.deliver(id, 0, &entry, &done()).unwrap();
        let paths: Vec<_> = book
            .kept()
            .unwrap()
            .keys()
            .map(|path| path.to_vec())
            .collect();
        assert_eq!(paths, [b"far".to_vec(), b"near".to_vec()]);
    }

    #[test]
    fn troubles_are_counted_by_kind_and_the_first_are_told() {
        let mut book = Book::new(None, false);
        for n in 0..10 {
            let entry = entry_for_test(&format!("file-{n}"));
            let id = book.found(&entry, None).unwrap().unwrap();
            book.take(id, 0).unwrap();
            let trouble = if n % 2 == 0 {
                Trouble::Vanished
            } else {
                Trouble::Replaced
            };
            book.deliver(id, 0, &entry, &Outcome::Failed(trouble))
                .unwrap();
        }
        let troubles = book.troubles();
        assert_eq!(
            (troubles.vanished, troubles.replaced, book.counts().failed),
            (5, 5, 10)
        );
        assert_eq!(troubles.examples.len(), EXAMPLES);
        assert!(troubles.examples[0].contains("file-0: vanished"));
    }

    #[test]
    fn a_poisoned_file_is_named_and_its_late_result_refused() {
        let mut book = Book::new(None, false);
        let entry = entry_for_test("p");
        let id = book.found(&entry, None).unwrap().unwrap();
        book.take(id, 0).unwrap();
        book.poison(id, 0, &entry).unwrap();
        assert!(book.deliver(id, 0, &entry, &done()).is_err());
        assert_eq!(book.poisoned().len(), 1);
        assert_eq!((book.counts().poisoned, book.counts().done), (1, 0));
    }
}
