//! Documents, scripts and settings, and what they must say about the code.

use crate::bans::has_marker;
use crate::source::{Finding, Source};
use crate::tree::Tree;

const README: usize = 150;
const MAP: &str = "ARCHITECTURE.md";

/// Folders of one machine, written so that this file does not mention them.
const MACHINE: &[&str] = &[
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/Us", "ers/"),
    concat!("/wo", "rk/"),
    concat!("/tm", "p/"),
];

fn every_text(tree: &Tree) -> impl Iterator<Item = (&str, String)> {
    let sources = tree
        .sources
        .iter()
        .map(|source| (source.path.as_str(), source.lines.join("\n")));
    sources.chain(
        tree.texts
            .iter()
            .map(|(path, text)| (path.as_str(), text.clone())),
    )
}

/// No text names a folder of somebody's machine.
pub(crate) fn machine_paths(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in every_text(tree) {
        for (number, line) in text
            .lines()
            .enumerate()
            .filter(|(_, line)| names_machine(line))
        {
            let remedy = format!("say it without a path of one machine: {}", line.trim());
            findings.push(Finding {
                file: path.to_owned(),
                line: number + 1,
                rule: "machine path",
                remedy,
            });
        }
    }
    findings
}

/// Whether an absolute path of the list begins in the line; `a/home/b` and `{x}/home/b` are not absolute.
fn names_machine(line: &str) -> bool {
    let continues =
        |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '/' | '~' | '}' | ')');
    MACHINE.iter().any(|folder| {
        line.match_indices(folder)
            .any(|(at, _)| !line[..at].chars().next_back().is_some_and(continues))
    })
}

/// Documents and scripts leave nothing for later either.
pub(crate) fn leftovers(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in &tree.texts {
        for (number, _) in text
            .lines()
            .enumerate()
            .filter(|(_, line)| has_marker(line))
        {
            let remedy = "do it now, or open an issue and say nothing here".to_owned();
            findings.push(Finding {
                file: path.clone(),
                line: number + 1,
                rule: "leftover",
                remedy,
            });
        }
    }
    findings
}

/// README is read at once.
pub(crate) fn readme(tree: &Tree) -> Vec<Finding> {
    let lines = tree
        .text("README.md")
        .map_or(0, |text| text.lines().count());
    let remedy = format!("{lines} lines, at most {README}: move the rest to {MAP} or the guide");
    let finding = Finding {
        file: "README.md".to_owned(),
        line: lines,
        rule: "file size",
        remedy,
    };
    if lines > README {
        vec![finding]
    } else {
        Vec::new()
    }
}

/// Every dependency of the library has its line in the map: what it saves, how it is kept.
pub(crate) fn dependencies(tree: &Tree) -> Vec<Finding> {
    let map = tree.text(MAP).unwrap_or_default();
    let is_listed = |name: &str| {
        map.lines()
            .any(|line| line.split(['|', ' ']).find(|word| !word.is_empty()) == Some(name))
    };
    let mut findings = Vec::new();
    let mut of_library = false;
    for (number, line) in tree
        .text("Cargo.toml")
        .unwrap_or_default()
        .lines()
        .enumerate()
    {
        if line.starts_with('[') {
            of_library = line.ends_with("dependencies]")
                && !line.contains("dev-")
                && !line.contains("workspace");
            continue;
        }
        let name = line.split(['=', '.']).next().unwrap_or_default().trim();
        let is_name = of_library && !name.is_empty() && !name.starts_with('#');
        if is_name && !is_listed(name) {
            let remedy =
                format!("say in the table of {MAP} what `{name}` saves and how it is kept");
            findings.push(Finding {
                file: "Cargo.toml".to_owned(),
                line: number + 1,
                rule: "dependency",
                remedy,
            });
        }
    }
    findings
}

/// Every static with state and every thread-local is listed in the map, and the map lists no others.
pub(crate) fn statics(tree: &Tree) -> Vec<Finding> {
    let listed = listed_statics(tree.text(MAP).unwrap_or_default());
    let mut findings = Vec::new();
    let mut found = Vec::new();
    for source in &tree.sources {
        let file = source.path.trim_start_matches("src/");
        for (line, name) in stateful_statics(source) {
            let name = format!("{file} {name}");
            if !listed.iter().any(|(_, known)| *known == name) {
                let remedy = format!(
                    "`{name}`: hang the state on a System, or list it in {MAP} and say why it must be one"
                );
                findings.push(source.finding(line, "static", remedy));
            }
            found.push(name);
        }
    }
    for (line, name) in listed.into_iter().filter(|(_, name)| !found.contains(name)) {
        let remedy = format!("there is no static `{name}` any more");
        findings.push(Finding {
            file: MAP.to_owned(),
            line,
            rule: "static",
            remedy,
        });
    }
    findings
}

/// File and name of each row ``| `NAME`, `OTHER` | `file`: … |`` below the heading that speaks of statics.
fn listed_statics(map: &str) -> Vec<(usize, String)> {
    let lines = map.lines().enumerate();
    let section = lines
        .skip_while(|(_, line)| !(line.starts_with('#') && line.to_lowercase().contains("statics")))
        .skip(1);
    let mut listed = Vec::new();
    for (number, line) in section.take_while(|(_, line)| !line.starts_with('#')) {
        let quoted = |cell: usize| {
            line.split('|')
                .nth(cell)
                .unwrap_or_default()
                .split('`')
                .skip(1)
                .step_by(2)
        };
        let file = quoted(2).next().unwrap_or_default();
        listed.extend(quoted(1).map(|name| (number + 1, format!("{file} {name}"))));
    }
    listed
}

/// Statics that can change, or are kept per thread.
fn stateful_statics(source: &Source) -> Vec<(usize, String)> {
    let tokens = &source.tokens;
    let mut found = Vec::new();
    let mut local_until = 0;
    for (at, token) in tokens
        .iter()
        .enumerate()
        .filter(|(_, token)| source.is_library(token.line))
    {
        if token.text == "thread_local" && tokens.get(at + 1).is_some_and(|next| next.text == "!") {
            local_until = crate::source::closing(tokens, at + 2);
        }
        let is_lifetime = at > 0 && tokens[at - 1].text == "'";
        let Some(name) = tokens
            .get(at + 1)
            .filter(|_| token.text == "static" && !is_lifetime)
        else {
            continue;
        };
        let kind = tokens[at..]
            .iter()
            .take_while(|token| token.text != "=")
            .map(|token| token.text.as_str());
        if at < local_until || kind.into_iter().any(is_stateful) {
            found.push((token.line, name.text.clone()));
        }
    }
    found
}

fn is_stateful(word: &str) -> bool {
    let kinds = [
        "Mutex",
        "RwLock",
        "Once",
        "OnceLock",
        "OnceCell",
        "LazyLock",
        "Lazy",
        "Cell",
        "RefCell",
        "UnsafeCell",
        "mut",
    ];
    word.starts_with("Atomic") || kinds.contains(&word)
}

mod planted {
    use super::{dependencies, leftovers, machine_paths, readme, statics};
    use crate::tree::Tree;

    fn tree(files: &[(&str, &str)]) -> Tree {
        Tree::of(
            files
                .iter()
                .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
                .collect(),
        )
    }

    #[test]
    fn machine_paths_are_found() {
        let text = concat!("see docs/wo", "rk/a\nsee /wo", "rk/a\n(/ho", "me/me)\n");
        let lines: Vec<_> = machine_paths(&tree(&[("README.md", text)]))
            .iter()
            .map(|it| it.line)
            .collect();
        assert_eq!(lines, [2, 3]);
        assert_eq!(machine_paths(&tree(&[("src/a.rs", text)])).len(), 2);
    }

    #[test]
    fn leftovers_in_documents_are_found() {
        assert_eq!(
            leftovers(&tree(&[("README.md", concat!("FIX", "ME\n"))])).len(),
            1
        );
    }

    #[test]
    fn a_long_readme_is_found() {
        assert_eq!(readme(&tree(&[("README.md", &"a\n".repeat(150))])), []);
        assert_eq!(readme(&tree(&[("README.md", &"a\n".repeat(151))])).len(), 1);
    }

    #[test]
    fn statics_and_the_map_name_each_other() {
        let code = "static A: Mutex<u8> = x;\nthread_local! { static B: u8 = 1; }\nstatic C: &'static str = \"\";\n";
        let map = "## Threads and statics\n| `A` | `a/b.rs`: why `X` |\n| `A`, `D` | `a/b.rs`: gone |\n## Next\n| `E` | no |\n";
        let found: Vec<_> = statics(&tree(&[("src/a/b.rs", code), ("ARCHITECTURE.md", map)]))
            .into_iter()
            .map(|it| (it.file, it.line))
            .collect();
        assert_eq!(
            found,
            [
                ("src/a/b.rs".to_owned(), 2),
                ("ARCHITECTURE.md".to_owned(), 3)
            ]
        );
    }

    #[test]
    fn a_dependency_without_a_line_is_found() {
        let cargo = "[dependencies]\nflume = \"1\"\nspin = \"1\"\n[dev-dependencies]\nother = \"1\"\n[target.'cfg(unix)'.dependencies]\nrustix.workspace = true\n";
        let files = [
            ("Cargo.toml", cargo),
            ("ARCHITECTURE.md", "| flume | saves | kept |\n"),
        ];
        let lines: Vec<_> = dependencies(&tree(&files))
            .iter()
            .map(|it| it.line)
            .collect();
        assert_eq!(lines, [3, 7]);
    }
}
