//! The files of the repository, read once.

use std::fs;
use std::path::Path;

use crate::source::Source;

/// Every text file of the repository.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) sources: Vec<Source>,
    /// Path and text of everything else that people write: documents, scripts, settings.
    pub(crate) texts: Vec<(String, String)>,
}

impl Tree {
    /// Reads the tree under `root`.
    pub(crate) fn load(root: &Path) -> Self {
        let mut files = Vec::new();
        walk(root, root, &mut files);
        files.sort();
        assert!(files.len() > 10, "no repository at {}", root.display());
        Self::of(files)
    }

    pub(crate) fn of(files: Vec<(String, String)>) -> Self {
        let (rust, texts): (Vec<_>, Vec<_>) = files
            .into_iter()
            .partition(|(path, _)| path.ends_with(".rs"));
        let mut sources: Vec<_> = rust
            .iter()
            .map(|(path, text)| Source::new(path, text))
            .collect();
        let test_files: Vec<_> = sources.iter().flat_map(test_modules).collect();
        for source in &mut sources {
            if test_files.iter().any(|file| {
                source.path == format!("{file}.rs") || source.path.starts_with(&format!("{file}/"))
            }) {
                source.mark_all_as_tests();
            }
        }
        Self { sources, texts }
    }

    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.texts
            .iter()
            .find(|(name, _)| name == path)
            .map(|(_, text)| text.as_str())
    }
}

/// The modules that a file declares for tests only (`#[cfg(test)] mod x;`), as paths without their ending.
fn test_modules(source: &Source) -> Vec<String> {
    let folder = match source.path.rsplit_once('/') {
        Some((folder, "lib.rs" | "mod.rs")) => folder.to_owned(),
        _ => source.path.trim_end_matches(".rs").to_owned(),
    };
    let declared = source
        .tokens
        .windows(3)
        .filter(|three| three[0].text == "mod" && three[2].text == ";");
    declared
        .filter(|three| source.is_test(three[0].line))
        .map(|three| format!("{folder}/{}", three[1].text))
        .collect()
}

fn walk(root: &Path, folder: &Path, files: &mut Vec<(String, String)>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_ours =
            !name.starts_with('.') || matches!(name.as_str(), ".ci" | ".cargo" | ".github");
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            if is_ours && name != "target" {
                walk(root, &path, files);
            }
        } else if is_text(folder, &name)
            && let Ok(text) = fs::read_to_string(&path)
        {
            let inside = path.strip_prefix(root).unwrap_or(&path);
            files.push((inside.to_string_lossy().replace('\\', "/"), text));
        }
    }
}

fn is_text(folder: &Path, name: &str) -> bool {
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    matches!(ending, "rs" | "md" | "toml" | "yml" | "sh" | "supp" | "txt")
        || folder.file_name().is_some_and(|name| name == ".ci")
}

#[test]
fn a_module_declared_for_tests_is_a_test_file() {
    let files = [
        ("src/a/mod.rs", "#[cfg(test)]\nmod model;\nmod real;\n"),
        ("src/a/model.rs", "fn x() {}\n"),
        ("src/a/real.rs", "fn x() {}\n"),
    ];
    let tree = Tree::of(
        files
            .map(|(path, text)| (path.to_owned(), text.to_owned()))
            .to_vec(),
    );
    let of_tests: Vec<_> = tree
        .sources
        .iter()
        .filter(|source| source.is_test(1))
        .map(|source| source.path.as_str())
        .collect();
    assert_eq!(of_tests, ["src/a/mod.rs", "src/a/model.rs"]);
}
