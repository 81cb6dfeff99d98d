//! A directory of its own for a test, removed with it.

use std::path::{Path, PathBuf};

/// A directory that lives as long as this value.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// `name` must differ between the tests of this program.
    pub(crate) fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("steadfast-{name}-{}", std::process::id()));
        // A leftover of an earlier process with this number.
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir).unwrap();
        Scratch(dir)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
