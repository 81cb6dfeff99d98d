//! The cellar: every file has its models and its head, every ordering a name and a reason, every `unsafe` an invariant.

use std::collections::BTreeMap;

use crate::source::{Finding, Source, closing};

const ORDERINGS: &[&str] = &["Relaxed", "Acquire", "Release", "AcqRel", "SeqCst"];

fn is_cellar(source: &Source) -> bool {
    source.room() == Some("kernel") && source.stem() != "mod" && !source.is_test(1)
}

/// The text of the `//!` lines.
fn head(source: &Source) -> String {
    let lines = source
        .comments
        .iter()
        .map(|comment| comment.trim())
        .filter(|comment| comment.starts_with("//!"));
    lines.collect::<Vec<_>>().join("\n")
}

/// A kernel file opens with its four sections.
pub(crate) fn heads(source: &Source) -> Vec<Finding> {
    if !is_cellar(source) {
        return Vec::new();
    }
    let head = head(source);
    let missing = ["State", "Invariants", "Protocol", "Orderings"]
        .into_iter()
        .filter(|section| !head.contains(section));
    missing
        .map(|section| source.finding(1, "head", format!("the head needs a section **{section}**")))
        .collect()
}

/// Where an ordering is named: its line, and whether it stands inside of `ord!(…)`. Imports are left out.
fn orderings(source: &Source) -> Vec<(usize, String, bool)> {
    let tokens = &source.tokens;
    let mut found = Vec::new();
    let (mut import, mut named_until) = (false, 0);
    for (at, token) in tokens.iter().enumerate() {
        match token.text.as_str() {
            "use" => import = true,
            ";" => import = false,
            "ord" if tokens.get(at + 1).is_some_and(|next| next.text == "!") => {
                named_until = closing(tokens, at + 2)
            }
            text if ORDERINGS.contains(&text) && !import && source.is_library(token.line) => {
                found.push((token.line, text.to_owned(), at < named_until));
            }
            _ => {}
        }
    }
    found
}

/// An ordering that is not Relaxed goes through `ord!`, so that the runner can weaken it.
pub(crate) fn named_orderings(source: &Source) -> Vec<Finding> {
    if source.room() != Some("kernel") {
        return Vec::new();
    }
    let bare = orderings(source)
        .into_iter()
        .filter(|(_, text, named)| text != "Relaxed" && !named);
    bare.map(|(line, text, _)| {
        source.finding(
            line,
            "ordering",
            format!("write `ord!(\"site.name\", {text})`"),
        )
    })
    .collect()
}

/// Every ordering of the library says why.
pub(crate) fn remarks(source: &Source) -> Vec<Finding> {
    if source.room() == Some("sync") {
        return Vec::new();
    }
    let silent = orderings(source)
        .into_iter()
        .filter(|(line, ..)| !source.has_remark(*line));
    let remedy = "say on this line or above what it pairs with, or why nothing is published";
    silent
        .map(|(line, ..)| source.finding(line, "ordering", remedy))
        .collect()
}

/// The names of `ord!` and `recheck!` sites are unique, so that a mutant is one site.
pub(crate) fn unique_names(sources: &[Source]) -> Vec<Finding> {
    let mut seen = BTreeMap::new();
    let mut findings = Vec::new();
    for source in sources
        .iter()
        .filter(|source| source.room() == Some("kernel"))
    {
        for (line, name) in sites(source) {
            let here = format!("{}:{line}", source.path);
            match seen.insert(name.clone(), here) {
                None if !name.is_empty() => {}
                None => findings.push(source.finding(line, "site", "give the site a literal name")),
                Some(other) => findings.push(source.finding(
                    line,
                    "site",
                    format!("`{name}` is also the name of {other}"),
                )),
            }
        }
    }
    findings
}

fn sites(source: &Source) -> Vec<(usize, String)> {
    let is_site = |text: &str| matches!(text, "ord" | "recheck");
    let calls = source
        .tokens
        .windows(4)
        .filter(|four| is_site(&four[0].text) && four[1].text == "!" && four[2].text == "(");
    calls
        .filter(|four| !source.is_test(four[0].line))
        .map(|four| (four[0].line, literal(source, four[3].line, four[3].column)))
        .collect()
}

/// The string literal that begins at a place; empty when none does.
fn literal(source: &Source, line: usize, column: usize) -> String {
    let rest = source.lines[line - 1].get(column..).unwrap_or_default();
    let inside = rest.strip_prefix('"').and_then(|rest| rest.split_once('"'));
    inside.map_or_else(String::new, |(name, _)| name.to_owned())
}

/// A `SAFETY` remark names an invariant that the head of the file states.
pub(crate) fn safety(source: &Source) -> Vec<Finding> {
    let head = head(source);
    let mut findings = Vec::new();
    for (index, comment) in source.comments.iter().enumerate() {
        let is_own_line = source.code[index].trim().is_empty();
        if !comment.contains("SAFETY:") || comment.trim().starts_with("//!") {
            continue;
        }
        let rest = source.comments[index + 1..]
            .iter()
            .zip(&source.code[index + 1..]);
        let below = rest.take_while(|(comment, code)| {
            is_own_line && code.trim().is_empty() && !comment.trim().is_empty()
        });
        let text = below.fold(comment.clone(), |text, (line, _)| text + " " + line.trim());
        let numbers = invariants(&text);
        if numbers.is_empty() {
            findings.push(source.finding(
                index + 1,
                "SAFETY",
                "name the invariant by its number (I1, I2, …)",
            ));
        }
        let known = invariants(&head);
        for number in numbers
            .iter()
            .filter(|number| source.area() == "src" && !known.contains(number))
        {
            findings.push(source.finding(
                index + 1,
                "SAFETY",
                format!("{number} is not stated in the head of the file"),
            ));
        }
    }
    findings
}

/// The words `I1`, `I2` and so on.
fn invariants(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !c.is_alphanumeric());
    let is_number = |word: &str| {
        word.strip_prefix('I')
            .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()))
    };
    words
        .filter(|word| is_number(word))
        .map(str::to_owned)
        .collect()
}

/// Every kernel file has a file of models of the same name, with tests in it.
pub(crate) fn twins(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources.iter().filter(|source| is_cellar(source)) {
        let inside = source.path.trim_start_matches("src/kernel/");
        let top = format!("{}.rs", inside.split(['/', '.']).next().unwrap_or_default());
        let twin = |path: &str| {
            sources
                .iter()
                .any(|it| it.path == format!("loom-tests/{path}") && !it.tests().is_empty())
        };
        if !twin(inside) && !twin(&top) {
            findings.push(source.finding(
                1,
                "twin",
                format!("loom-tests/{inside} has no model of it"),
            ));
        }
    }
    findings
}

mod planted {
    use super::{heads, named_orderings, remarks, safety, twins, unique_names};
    use crate::planted;
    use crate::source::Source;

    #[test]
    fn heads_without_their_sections_are_found() {
        let text = "//! **State** **Invariants** **Protocol**\n";
        assert_eq!(planted(heads, "src/kernel/ring.rs", text), [1]);
        assert_eq!(
            planted(
                heads,
                "src/kernel/ring.rs",
                &format!("{text}//! # Orderings\n")
            ),
            []
        );
        assert_eq!(planted(heads, "src/kernel/mod.rs", ""), []);
    }

    #[test]
    fn orderings_without_a_name_are_found() {
        let text = "use a::Ordering::{Acquire, Relaxed};\nx.load(Acquire);\nx.load(ord!(\"ring.head\", Acquire));\nx.load(Relaxed);\nfence(Ordering::SeqCst);\n";
        assert_eq!(planted(named_orderings, "src/kernel/ring.rs", text), [2, 5]);
        assert_eq!(planted(named_orderings, "src/telemetry/a.rs", text), []);
    }

    #[test]
    fn orderings_without_a_remark_are_found() {
        let text = "x.load(Relaxed); // only a hint\n\n\n\n\nx.load(Relaxed);\n// Pairs with the release in put.\ny\n    .load(Acquire);\n";
        assert_eq!(planted(remarks, "src/kernel/ring.rs", text), [6]);
        assert_eq!(planted(remarks, "src/telemetry/a.rs", text), [6]);
        assert_eq!(planted(remarks, "tests/it/a.rs", text), []);
    }

    #[test]
    fn sites_with_the_same_name_or_none_are_found() {
        let a = Source::new(
            "src/kernel/a.rs",
            "ord!(\"a.x\", Acquire);\nrecheck!(\"a.y\", f());\n",
        );
        let b = Source::new(
            "src/kernel/b.rs",
            "ord!(\"a.x\", Release);\nord!(NAME, Release);\n",
        );
        let lines: Vec<_> = unique_names(&[a, b]).iter().map(|it| it.line).collect();
        assert_eq!(lines, [1, 2]);
    }

    #[test]
    fn safety_without_a_stated_invariant_is_found() {
        let text = "//! I1: one writer.\n// SAFETY: it is fine.\nunsafe {}\n// SAFETY: by\n// I1 alone.\nunsafe {}\n// SAFETY: I2.\nunsafe {}\n";
        assert_eq!(planted(safety, "src/kernel/ring.rs", text), [2, 7]);
    }

    #[test]
    fn kernel_files_without_models_are_found() {
        let kernel = |path: &str| Source::new(path, "");
        let models = Source::new("loom-tests/ring.rs", "#[test]\nfn holds() {}\n");
        let empty = Source::new("loom-tests/stop.rs", "");
        let sources = [
            kernel("src/kernel/mod.rs"),
            kernel("src/kernel/ring.rs"),
            kernel("src/kernel/stop.rs"),
            models,
            empty,
        ];
        let files: Vec<_> = twins(&sources).into_iter().map(|it| it.file).collect();
        assert_eq!(files, ["src/kernel/stop.rs"]);
    }
}
