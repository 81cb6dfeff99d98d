//! The walk: finds the regular files below a directory, and says what it passes over and why.
//!
//! It never follows a symbolic link (so a loop cannot catch it) and opens nothing but directories, so a
//! FIFO or a device cannot block it.

use std::fmt;
use std::fs::FileType;
use std::io;
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use super::open::Trouble;

/// One thing that the walk came upon.
#[derive(Debug)]
pub(crate) enum Found {
    /// A regular file.
    File(Entry),
    /// Something that is not read.
    Skipped(Skip),
    /// A directory, or a name in one, that could not be read.
    Trouble(PathBuf, Trouble),
}

/// A regular file that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Where to open it.
    pub(crate) path: PathBuf,
    /// How much of `path` is the directory of the scan.
    root: usize,
}

impl Entry {
    /// The path below the directory, as bytes: what identifies the file in digests and checkpoints.
    pub(crate) fn key(&self) -> &[u8] {
        let bytes = self.path.as_os_str().as_encoded_bytes();
        let key = &bytes[self.root.min(bytes.len())..];
        key.strip_prefix(std::path::MAIN_SEPARATOR_STR.as_bytes())
            .unwrap_or(key)
    }
}

/// Why something is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Skip {
    Symlink,
    Fifo,
    Socket,
    Device,
    /// The checkpoint of this very scan.
    Checkpoint,
    /// A kind that this platform has and we do not know.
    Unknown,
}

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Skip::Symlink => "symbolic links",
            Skip::Fifo => "FIFOs",
            Skip::Socket => "sockets",
            Skip::Device => "devices",
            Skip::Checkpoint => "own checkpoint",
            Skip::Unknown => "of unknown kind",
        })
    }
}

/// Walks below `root`. `own` is the scan's checkpoint, which may lie there and is not part of the work.
pub(crate) fn walk(root: &Path, own: Option<&Path>) -> impl Iterator<Item = Found> + use<> {
    let length = root.as_os_str().as_encoded_bytes().len();
    let own = own.map(own_names);
    WalkDir::new(root)
        .min_depth(1)
        .into_iter()
        .filter_map(move |item| match item {
            Ok(entry) if entry.file_type().is_dir() => None,
            Ok(entry) => Some(classify(entry, length, own.as_ref())),
            Err(error) => Some(trouble(error)),
        })
}

/// Whether the directory can be scanned at all: it exists, is a directory, and can be listed.
pub(crate) fn check(root: &Path) -> io::Result<()> {
    std::fs::read_dir(root).map(drop)
}

/// The checkpoint's directory and file name, and that of its temporary twin.
fn own_names(own: &Path) -> (PathBuf, Vec<std::ffi::OsString>) {
    let parent = super::checkpoint::parent(own);
    let parent = parent
        .canonicalize()
        .unwrap_or_else(|_| parent.to_path_buf());
    let twin = super::checkpoint::temporary(own);
    let names = [own, &twin]
        .into_iter()
        .filter_map(|path| path.file_name().map(Into::into));
    (parent, names.collect())
}

fn classify(
    entry: DirEntry,
    root: usize,
    own: Option<&(PathBuf, Vec<std::ffi::OsString>)>,
) -> Found {
    if let Some(skip) = skip_reason(entry.file_type()) {
        return Found::Skipped(skip);
    }
    if let Some((parent, names)) = own
        && names.iter().any(|name| name == entry.file_name())
        && super::checkpoint::parent(entry.path())
            .canonicalize()
            .is_ok_and(|here| here == *parent)
    {
        return Found::Skipped(Skip::Checkpoint);
    }
    Found::File(Entry {
        path: entry.into_path(),
        root,
    })
}

fn trouble(error: walkdir::Error) -> Found {
    let path = error.path().map(Path::to_path_buf).unwrap_or_default();
    let error = error
        .into_io_error()
        .unwrap_or_else(|| io::Error::other("loop of directories"));
    Found::Trouble(path, error.into())
}

fn skip_reason(kind: FileType) -> Option<Skip> {
    if kind.is_file() {
        return None;
    }
    Some(if kind.is_symlink() {
        Skip::Symlink
    } else {
        special(kind)
    })
}

#[cfg(unix)]
fn special(kind: FileType) -> Skip {
    use std::os::unix::fs::FileTypeExt;
    if kind.is_fifo() {
        Skip::Fifo
    } else if kind.is_socket() {
        Skip::Socket
    } else if kind.is_block_device() || kind.is_char_device() {
        Skip::Device
    } else {
        Skip::Unknown
    }
}

#[cfg(not(unix))]
fn special(_: FileType) -> Skip {
    Skip::Unknown
}

/// An entry that no walk has found.
#[cfg(test)]
pub(crate) fn entry_for_test(path: &str) -> Entry {
    Entry {
        path: path.into(),
        root: 0,
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::collections::BTreeMap;
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;

    use rustix::fs::{CWD, FileType as Kind, Mode, mknodat};

    use super::*;
    use crate::job::scratch::Scratch;

    fn keys(root: &Path, own: Option<&Path>) -> Vec<Vec<u8>> {
        let mut keys: Vec<_> = walk(root, own)
            .filter_map(|found| match found {
                Found::File(entry) => Some(entry.key().to_vec()),
                Found::Skipped(_) | Found::Trouble(..) => None,
            })
            .collect();
        keys.sort();
        keys
    }

    fn skips(root: &Path, own: Option<&Path>) -> BTreeMap<Skip, usize> {
        let mut skips = BTreeMap::new();
        for found in walk(root, own) {
            if let Found::Skipped(skip) = found {
                *skips.entry(skip).or_default() += 1;
            }
        }
        skips
    }

    #[test]
    fn keys_are_paths_below_the_directory_however_it_is_spelled() {
        let scratch = Scratch::new("walk-keys");
        scratch.file("a", "");
        scratch.file("dir/deeper/b", "");
        let expected = [b"a".to_vec(), b"dir/deeper/b".to_vec()];
        assert_eq!(keys(scratch.path(), None), expected);
        let mut slashed = scratch.path().as_os_str().to_owned();
        slashed.push("/");
        assert_eq!(keys(Path::new(&slashed), None), expected);
        slashed.push("dir/..");
        assert_eq!(keys(Path::new(&slashed), None), expected);
    }

    #[test]
    fn links_fifos_sockets_and_devices_are_passed_over_and_counted() {
        let scratch = Scratch::new("walk-kinds");
        scratch.file("dir/file", "");
        symlink("..", scratch.path().join("dir/loop")).unwrap();
        symlink("nowhere", scratch.path().join("dangling")).unwrap();
        mknodat(CWD, scratch.path().join("fifo"), Kind::Fifo, Mode::RUSR, 0).unwrap();
        let socket = scratch.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        assert_eq!(keys(scratch.path(), None), [b"dir/file".to_vec()]);
        let expected = [(Skip::Symlink, 2), (Skip::Fifo, 1), (Skip::Socket, 1)];
        assert_eq!(skips(scratch.path(), None), expected.into());
        // Making a device takes privileges; every system has one.
        let null = std::fs::symlink_metadata("/dev/null").unwrap();
        assert_eq!(skip_reason(null.file_type()), Some(Skip::Device));
    }

    #[test]
    fn a_name_needs_no_utf8() {
        let scratch = Scratch::new("walk-names");
        let name = OsStr::from_bytes(b"bad-\xff-name");
        std::fs::write(scratch.path().join(name), "x").unwrap();
        assert_eq!(keys(scratch.path(), None), [b"bad-\xff-name".to_vec()]);
    }

    #[test]
    fn the_own_checkpoint_is_no_part_of_the_work_but_its_namesakes_are() {
        let scratch = Scratch::new("walk-own");
        let own = scratch.file("state", "");
        scratch.file(".state.tmp", "");
        scratch.file("dir/state", "");
        assert_eq!(keys(scratch.path(), Some(&own)), [b"dir/state".to_vec()]);
        assert_eq!(
            skips(scratch.path(), Some(&own)),
            [(Skip::Checkpoint, 2)].into()
        );
    }

    #[test]
    fn a_missing_directory_and_a_file_are_no_directories() {
        let scratch = Scratch::new("walk-check");
        let file = scratch.file("file", "");
        assert!(check(scratch.path()).is_ok());
        assert_eq!(
            check(&scratch.path().join("missing")).unwrap_err().kind(),
            io::ErrorKind::NotFound
        );
        assert_eq!(
            check(&file).unwrap_err().kind(),
            io::ErrorKind::NotADirectory
        );
    }

    #[test]
    fn a_directory_that_vanishes_during_the_walk_is_told() {
        let scratch = Scratch::new("walk-shrinks");
        for dir in ["a", "b", "c"] {
            scratch.file(&format!("{dir}/file"), "");
        }
        let mut walk = walk(scratch.path(), None);
        assert!(matches!(walk.next(), Some(Found::File(_))));
        for dir in ["a", "b", "c"] {
            let _ = std::fs::remove_dir_all(scratch.path().join(dir));
        }
        let rest: Vec<_> = walk.collect();
        assert!(
            rest.iter()
                .all(|found| matches!(found, Found::Trouble(_, Trouble::Vanished))),
            "{rest:?}"
        );
        assert_eq!(rest.len(), 2);
    }
}
