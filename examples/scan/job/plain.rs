//! The same work in one plain thread, without the library and without its pipeline: for `--verify`.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use super::open::{Trouble, open};
use super::parse::{self, CHUNK, Summary};
use super::totals::{Marks, Met, Totals};
use super::walk::{Entry, Found, walk};

/// So many files are named in which two scans differ.
const NAMED: usize = 5;

/// What `--verify` finds.
#[derive(Debug, Default)]
pub(crate) struct Verification {
    pub(crate) totals: Totals,
    /// Files that differ, and how; the first of them.
    pub(crate) named: Vec<String>,
    pub(crate) differing: u64,
    /// Files of the scan that are not there any more.
    pub(crate) missing: usize,
}

/// Reads everything again, in this thread, but for the files to `leave_out`. `marks` are those of the
/// scan that is checked. `None`: `look`, which is asked now and then, broke it off.
pub(crate) fn verify(
    root: &Path,
    own: Option<&Path>,
    leave_out: &HashSet<PathBuf>,
    marks: &mut Marks,
    look: impl Fn() -> ControlFlow<()>,
) -> Option<Verification> {
    let mut found = Verification::default();
    let mut buffer = vec![0; CHUNK];
    for entry in files(root, own).filter(|entry| !leave_out.contains(&entry.path)) {
        let read = read(&entry, &mut buffer, &look);
        if look().is_break() {
            return None;
        }
        let Ok(summary) = read else { continue };
        let mark = found.totals.add(entry.key(), &summary);
        let how = match marks.meet(mark) {
            Met::Same => continue,
            Met::Different => "differs",
            Met::New => "was not counted by the scan",
        };
        found.differing += 1;
        if found.named.len() < NAMED {
            found.named.push(format!("{} {how}", entry.path.display()));
        }
    }
    found.missing = marks.missing();
    Some(found)
}

/// The files below `root`, without what a walk passes over.
pub(crate) fn files(root: &Path, own: Option<&Path>) -> impl Iterator<Item = Entry> + use<> {
    walk(root, own).filter_map(|found| match found {
        Found::File(entry) => Some(entry),
        Found::Skipped(_) | Found::Trouble(..) => None,
    })
}

/// Reads one file to its end, or until `look` breaks it off.
pub(crate) fn read(
    entry: &Entry,
    buffer: &mut [u8],
    look: impl Fn() -> ControlFlow<()>,
) -> Result<Summary, Trouble> {
    let (mut file, _) = open(&entry.path)?;
    let summary = parse::read(&mut file, buffer, |_, _| look())?;
    summary.ok_or_else(|| Trouble::Unreadable(std::io::ErrorKind::Interrupted.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::scratch::Scratch;
    use crate::job::totals::Mark;

    fn on() -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    fn marks(root: &Path) -> Vec<Mark> {
        let mut totals = Totals::default();
        let mut buffer = vec![0; CHUNK];
        let marks = files(root, None).map(|entry| {
            let summary = read(&entry, &mut buffer, on).unwrap();
            totals.add(entry.key(), &summary)
        });
        marks.collect()
    }

    fn check(root: &Path, marks: Vec<Mark>) -> Verification {
        verify(root, None, &HashSet::new(), &mut Marks::new(marks), on).unwrap()
    }

    #[test]
    fn what_changed_came_and_went_is_named() {
        let scratch = Scratch::new("plain-differs");
        let (changed, gone) = (scratch.file("changed", "1"), scratch.file("gone", ""));
        scratch.file("same", "");
        let marks = marks(scratch.path());
        std::fs::write(changed, "2").unwrap();
        std::fs::remove_file(gone).unwrap();
        scratch.file("new", "");
        let found = check(scratch.path(), marks);
        assert_eq!((found.differing, found.missing), (2, 1));
        let named = found.named.join("\n");
        assert!(
            named.contains("changed differs") && named.contains("new was not counted"),
            "{named}"
        );
    }

    #[test]
    fn what_is_left_out_is_left_out() {
        let scratch = Scratch::new("plain-out");
        let poisoned = scratch.file("poisoned", "");
        let found = verify(
            scratch.path(),
            None,
            &[poisoned].into(),
            &mut Marks::new(Vec::new()),
            on,
        )
        .unwrap();
        assert_eq!((found.totals.results(), found.differing), (0, 0));
    }

    #[test]
    fn a_verification_can_be_broken_off() {
        let scratch = Scratch::new("plain-off");
        scratch.file("a", "");
        let mut none = Marks::new(Vec::new());
        let off = || ControlFlow::Break(());
        assert!(verify(scratch.path(), None, &HashSet::new(), &mut none, off).is_none());
    }
}
