//! The house rules as a test: `cargo test --test tidy`.
//!
//! Each rule is a pure function over a file and is proved on planted violations; one test applies them all to the tree.
//! `TIDY_WRITE=1 cargo test --test tidy` writes the tests of `GUARANTEES.md` anew from the remarks above the tests.

#[path = "tidy/allowed.rs"]
mod allowed;
#[path = "tidy/bans.rs"]
mod bans;
#[path = "tidy/cellar.rs"]
mod cellar;
#[path = "tidy/face.rs"]
mod face;
#[path = "tidy/guarantees.rs"]
mod guarantees;
#[path = "tidy/lexer.rs"]
mod lexer;
#[path = "tidy/lints.rs"]
mod lints;
#[path = "tidy/papers.rs"]
mod papers;
#[path = "tidy/rooms.rs"]
mod rooms;
#[path = "tidy/sizes.rs"]
mod sizes;
#[path = "tidy/skipped.rs"]
mod skipped;
#[path = "tidy/source.rs"]
mod source;
#[path = "tidy/tree.rs"]
mod tree;

use std::path::Path;

use source::{Finding, Source};
use tree::Tree;

/// A rule that needs one file only.
type Rule = fn(&Source) -> Vec<Finding>;

const RULES: &[Rule] = &[
    rooms::imports,
    rooms::file_names,
    rooms::pure_files,
    sizes::files,
    sizes::functions,
    bans::unsafe_code,
    bans::foreign_primitives,
    bans::raw_calls,
    bans::unbounded_channels,
    bans::caught_panics,
    bans::compare_and_swap,
    bans::lenient_budget,
    bans::leftovers,
    bans::test_names,
    cellar::heads,
    cellar::named_orderings,
    cellar::remarks,
    cellar::safety,
    lints::reasons,
];

fn repository() -> Tree {
    Tree::load(Path::new(env!("CARGO_MANIFEST_DIR")))
}

fn findings(tree: &Tree) -> Vec<Finding> {
    let of_files = tree
        .sources
        .iter()
        .flat_map(|source| RULES.iter().flat_map(|rule| rule(source)));
    let mut findings: Vec<_> = of_files.collect();
    findings.extend(bans::sleeps(&tree.sources, allowed::WAITS));
    findings.extend(skipped::ignored(&tree.sources, allowed::IGNORED));
    findings.extend(cellar::unique_names(&tree.sources));
    findings.extend(cellar::twins(&tree.sources));
    findings.extend(lints::count(&tree.sources, allowed::LINT_EXCEPTIONS));
    findings.extend(face::crossing(&tree.sources));
    findings.extend(papers::machine_paths(tree));
    findings.extend(papers::leftovers(tree));
    findings.extend(papers::readme(tree));
    findings.extend(papers::statics(tree));
    findings.extend(papers::dependencies(tree));
    findings.sort();
    findings
}

fn listing(findings: &[Finding]) -> String {
    findings
        .iter()
        .map(|finding| format!("  {finding}\n"))
        .collect()
}

// property 12, 74, 89, 91, 96, 97, S61
#[test]
fn the_tree_keeps_the_house_rules() {
    let findings = findings(&repository());
    assert!(
        findings.is_empty(),
        "{} findings:\n{}",
        findings.len(),
        listing(&findings)
    );
}

// property 97
#[test]
fn guarantees_and_tests_name_each_other() {
    let tree = repository();
    if std::env::var_os("TIDY_WRITE").is_some() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(guarantees::FILE);
        std::fs::write(path, guarantees::rewritten(&tree)).expect("the table can be written");
        return;
    }
    let findings = guarantees::check(&tree);
    assert!(
        findings.is_empty(),
        "{} findings:\n{}",
        findings.len(),
        listing(&findings)
    );
}

/// The lines that `rule` finds in a planted text.
fn planted(rule: Rule, path: &str, text: &str) -> Vec<usize> {
    rule(&Source::new(path, text))
        .iter()
        .map(|finding| finding.line)
        .collect()
}
