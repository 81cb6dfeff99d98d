//! Directories to be scanned.

use std::path::{Path, PathBuf};

/// A directory of its own for a test, removed with it.
pub(super) struct Tree(PathBuf);

impl Tree {
    pub(super) fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("steadfast-it-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir).unwrap();
        Tree(dir)
    }

    /// With so many small files in a few directories.
    pub(super) fn of(name: &str, files: usize) -> Self {
        let tree = Tree::new(name);
        for n in 0..files {
            tree.file(
                &format!("{}/{n}", n % 7),
                &format!("file {n}\n").repeat(n % 50),
            );
        }
        tree
    }

    pub(super) fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
