//! Opens a file that was found, without ever blocking on something that is no file any more.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// Why a file that was found could not be read.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// It was there when the directory was read, and is gone.
    Vanished,
    /// It has become something else: a FIFO, a directory, a symbolic link.
    Replaced,
    /// The operating system says no.
    Unreadable(io::Error),
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Trouble::Vanished => f.write_str("vanished while the scan ran"),
            Trouble::Replaced => f.write_str("is no longer a regular file"),
            Trouble::Unreadable(error) => write!(f, "{error}"),
        }
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Trouble::Vanished,
            _ => Trouble::Unreadable(error),
        }
    }
}

/// What tells whether a file is still the one that was read: its length and the time of its last change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) length: u64,
    /// Since the epoch; negative before it.
    pub(crate) modified_ns: i64,
}

impl Stamp {
    pub(crate) fn of(metadata: &Metadata) -> Self {
        let modified_ns = metadata.modified().map_or(0, nanoseconds);
        Stamp {
            length: metadata.len(),
            modified_ns,
        }
    }
}

fn nanoseconds(time: SystemTime) -> i64 {
    let signed = |distance: Duration| i64::try_from(distance.as_nanos()).unwrap_or(i64::MAX);
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => signed(after),
        Err(before) => -signed(before.duration()),
    }
}

/// Opens a regular file for reading. The kind is checked on the open handle, where nobody can change
/// it any more; a FIFO that took the place of the file is not waited for.
pub(crate) fn open(path: &Path) -> Result<(File, Stamp), Trouble> {
    let mut options = OpenOptions::new();
    options.read(true);
    careful(&mut options);
    let file = options.open(path).map_err(classify)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(Trouble::Replaced);
    }
    let stamp = Stamp::of(&metadata);
    Ok((file, stamp))
}

#[cfg(unix)]
fn careful(options: &mut OpenOptions) {
    use rustix::fs::OFlags;
    use std::os::unix::fs::OpenOptionsExt;
    let flags = OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::NOCTTY;
    options.custom_flags(flags.bits().cast_signed());
}

#[cfg(not(unix))]
fn careful(_: &mut OpenOptions) {}

/// A symbolic link (refused by `NOFOLLOW`) or a socket has taken the place of the file.
#[cfg(unix)]
fn classify(error: io::Error) -> Trouble {
    use rustix::io::Errno;
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::LOOP | Errno::NXIO) => Trouble::Replaced,
        _ => error.into(),
    }
}

#[cfg(not(unix))]
fn classify(error: io::Error) -> Trouble {
    error.into()
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use crate::job::scratch::Scratch;
    use rustix::fs::{CWD, FileType, Mode, mknodat};

    fn refused(path: &Path) -> String {
        open(path).map_or_else(|trouble| trouble.to_string(), |_| "opened".into())
    }

    #[test]
    fn a_regular_file_is_opened_with_its_stamp() {
        let scratch = Scratch::new("open");
        let (_, stamp) = open(&scratch.file("a", "hello")).unwrap();
        assert_eq!(stamp.length, 5);
        assert!(stamp.modified_ns > 0);
    }

    #[test]
    fn what_took_the_place_of_a_file_is_neither_waited_for_nor_followed() {
        let scratch = Scratch::new("open-kinds");
        let file = scratch.file("file", "");
        let (fifo, link, dir, socket) = ("fifo", "link", "dir", "socket");
        let [fifo, link, dir, socket] =
            [fifo, link, dir, socket].map(|name| scratch.path().join(name));
        mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        std::fs::create_dir(&dir).unwrap();
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        for path in [&fifo, &link, &dir, &socket, Path::new("/dev/null")] {
            assert_eq!(
                refused(path),
                "is no longer a regular file",
                "{}",
                path.display()
            );
        }
    }

    #[test]
    fn what_is_gone_has_vanished_even_with_its_directory() {
        let scratch = Scratch::new("open-gone");
        let file = scratch.file("a", "");
        assert_eq!(
            refused(&scratch.path().join("b")),
            "vanished while the scan ran"
        );
        assert_eq!(refused(&file.join("c")), "vanished while the scan ran");
    }

    #[test]
    fn a_changed_file_has_another_stamp() {
        let scratch = Scratch::new("stamp");
        let file = scratch.file("a", "one");
        let before = open(&file).unwrap().1;
        std::fs::write(&file, "three").unwrap();
        assert_ne!(open(&file).unwrap().1, before);
    }
}
