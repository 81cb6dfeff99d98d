//! The checkpoint: what an interrupted scan knows, on disk.
//!
//! It is written beside its place, synced and renamed, so that there is always a whole one or none.
//! What is in it, and how, is in `format.rs`.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::chaos::Chaos;
use super::format::{MAGIC, decode, encode};
use super::open::Stamp;
use super::parse::Summary;

/// The scan that a checkpoint belongs to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Identity {
    /// The directory, canonical.
    pub(crate) dir: PathBuf,
    /// What decides which files are poisoned.
    pub(crate) chaos: Chaos,
}

/// A result that is kept, and of which state of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) stamp: Stamp,
    pub(crate) summary: Summary,
}

/// The results by path below the directory.
pub(crate) type Results = BTreeMap<Box<[u8]>, Kept>;

/// Why a checkpoint cannot be used or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CheckpointError {
    #[error("it is not a checkpoint of scan")]
    Foreign,
    #[error("it has format {0}; this scan reads format 1")]
    Version(u32),
    #[error("it is corrupt: {0}")]
    Corrupt(&'static str),
    #[error("it belongs to the directory {}, not to {}", .0.display(), .1.display())]
    OtherDirectory(PathBuf, PathBuf),
    #[error("it was made with {0}; give the same options, or another file")]
    OtherOptions(String),
    #[error("cannot {0}: {1}")]
    Io(&'static str, #[source] io::Error),
}

/// The directory in which a file lies.
pub(crate) fn parent(file: &Path) -> &Path {
    match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Where a checkpoint is written before it takes its place.
pub(crate) fn temporary(file: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(file.file_name().unwrap_or_default());
    name.push(".tmp");
    parent(file).join(name)
}

/// Reads the checkpoint if it is there. `None`: there is none, and the scan begins anew.
pub(crate) fn load(file: &Path, identity: &Identity) -> Result<Option<Results>, CheckpointError> {
    let (mut source, _) =
        match super::open::open(&fs::canonicalize(file).unwrap_or_else(|_| file.into())) {
            Ok(opened) => opened,
            Err(super::open::Trouble::Vanished) => return Ok(None),
            Err(super::open::Trouble::Replaced) => return Err(CheckpointError::Foreign),
            Err(super::open::Trouble::Unreadable(error)) => {
                return Err(CheckpointError::Io("open it", error));
            }
        };
    let failed = |error| CheckpointError::Io("read it", error);
    let mut bytes = vec![0; MAGIC.len()];
    // The head first: a foreign file may be large.
    let head = source
        .read_exact(&mut bytes)
        .map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => CheckpointError::Foreign,
            _ => failed(error),
        });
    head?;
    if bytes != MAGIC {
        return Err(CheckpointError::Foreign);
    }
    source.read_to_end(&mut bytes).map_err(failed)?;
    decode(&bytes, identity).map(Some)
}

/// Makes sure, before hours of work, that a checkpoint can be written at the end of them.
pub(crate) fn probe(file: &Path) -> Result<(), CheckpointError> {
    if file.file_name().is_none() || file.is_dir() {
        return Err(CheckpointError::Io(
            "write it",
            io::ErrorKind::IsADirectory.into(),
        ));
    }
    let place = temporary(file);
    let made = File::create(&place).and_then(|_| fs::remove_file(&place));
    made.map_err(|error| CheckpointError::Io("write it", error))
}

/// Writes the checkpoint: beside its place, synced, renamed, and the directory synced.
pub(crate) fn save(
    file: &Path,
    identity: &Identity,
    results: &Results,
) -> Result<(), CheckpointError> {
    let place = temporary(file);
    let written = write_synced(&place, &encode(identity, results))
        .and_then(|()| fs::rename(&place, file))
        .and_then(|()| sync_directory(parent(file)));
    written.map_err(|error| {
        // What is left of a failed attempt is of no use; that it cannot be removed changes nothing.
        let _ = fs::remove_file(&place);
        CheckpointError::Io("write it", error)
    })
}

/// A complete scan needs its checkpoint no more.
pub(crate) fn remove(file: &Path) -> Result<(), CheckpointError> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(CheckpointError::Io("remove it", error))
        }
        _ => Ok(()),
    }
}

fn write_synced(place: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(place)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(unix)]
fn sync_directory(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

#[cfg(not(unix))]
fn sync_directory(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::format::tests::{identity, results};

    #[test]
    fn a_file_is_written_loaded_and_removed() {
        let dir = std::env::temp_dir().join(format!("steadfast-checkpoint-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let file = dir.join("state");
        assert!(load(&file, &identity()).unwrap().is_none());
        probe(&file).unwrap();
        save(&file, &identity(), &results()).unwrap();
        assert_eq!(load(&file, &identity()).unwrap(), Some(results()));
        assert!(!temporary(&file).exists());
        assert!(matches!(
            load(&dir, &identity()),
            Err(CheckpointError::Foreign)
        ));
        assert!(probe(&dir).is_err());
        assert!(probe(&dir.join("missing/state")).is_err());
        remove(&file).unwrap();
        remove(&file).unwrap();
        fs::remove_dir_all(&dir).unwrap();
    }
}
