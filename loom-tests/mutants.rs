//! Breaks every named site of the kernel in turn and shows which models catch it. Run by `.ci/mutate-orderings`.
//!
//! An ordering becomes `Relaxed`, a fence vanishes or becomes a mere acquire-release one, a second look does not happen.
//! A mutant that survives all models must say at its site why none can catch it, `unproved = "…"`; and a site that says
//! so must really survive.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use super::runner::{BREAK, child, fails};

/// A named site in the source.
struct Site {
    name: String,
    is_fence: bool,
    unproved: Option<String>,
}

/// All sites of a text: `ord!("name", Order)` and `recheck!("name", look)`, each perhaps with `unproved = "reason"`.
fn sites(text: &str) -> Vec<Site> {
    let mut found = Vec::new();
    for opening in ["ord!(", "recheck!("] {
        for (at, _) in text.match_indices(opening) {
            let call = balanced(&text[at + opening.len()..]);
            let Some(name) = quoted(call) else { continue };
            found.push(Site {
                name: name.to_owned(),
                is_fence: call.contains("SeqCst"),
                unproved: call
                    .split_once("unproved =")
                    .and_then(|(_, reason)| quoted(reason))
                    .map(str::to_owned),
            });
        }
    }
    found
}

/// The text up to the bracket that closes one which was opened before it.
fn balanced(text: &str) -> &str {
    let mut depth = 1;
    for (at, sign) in text.char_indices() {
        match sign {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return &text[..at];
        }
    }
    text
}

fn quoted(text: &str) -> Option<&str> {
    text.trim_start()
        .strip_prefix('"')?
        .split_once('"')
        .map(|(inside, _)| inside)
}

fn sites_of_the_kernel() -> Vec<Site> {
    let kernel = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/kernel");
    let files = fs::read_dir(kernel)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let sources = files.filter(|path| path.extension().is_some_and(|end| end == "rs"));
    let mut found: Vec<_> = sources
        .flat_map(|path| sites(&fs::read_to_string(path).unwrap()))
        .collect();
    found.sort_by(|one, other| one.name.cmp(&other.name));
    found
}

/// The models, by asking the test binary.
fn models() -> Vec<String> {
    let binary = std::env::current_exe().unwrap();
    let listing = Command::new(binary)
        .args(["--list", "--format", "terse", "loom_tests"])
        .output()
        .unwrap();
    let listing = String::from_utf8(listing.stdout).unwrap();
    let names = listing
        .lines()
        .filter_map(|line| line.strip_suffix(": test"));
    names
        .filter(|name| !name.contains("::mutants::") && !name.contains("::runner::"))
        .map(str::to_owned)
        .collect()
}

/// Which models pass each site.
fn models_by_site(models: &[String]) -> BTreeMap<String, BTreeSet<String>> {
    let mut by_site: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for model in models {
        let run = child(model).env(BREAK, "none").output().unwrap();
        assert!(run.status.success(), "{model} fails with nothing broken");
        let words = String::from_utf8(run.stderr).unwrap();
        let passed = words.lines().find_map(|line| line.split_once(", sites "));
        let passed = passed
            .unwrap_or_else(|| panic!("{model} printed no sites"))
            .1;
        for site in passed.split(',').filter(|site| !site.is_empty()) {
            by_site
                .entry(site.to_owned())
                .or_default()
                .insert(model.clone());
        }
    }
    by_site
}

/// The ways to break a site.
fn breaks(site: &Site) -> Vec<String> {
    let mut breaks = vec![format!("drop:{}", site.name)];
    if site.is_fence {
        breaks.push(format!("soften:{}", site.name));
    }
    breaks
}

#[test]
#[ignore = "minutes: .ci/mutate-orderings runs it"]
fn every_broken_site_is_caught_or_says_why_not() {
    let models = models();
    let by_site = models_by_site(&models);
    let none = BTreeSet::new();
    let (mut mutants, mut wrong) = (0, Vec::new());
    println!("{} models", models.len());
    for site in sites_of_the_kernel() {
        for broken in breaks(&site) {
            mutants += 1;
            let near = by_site.get(&site.name).unwrap_or(&none);
            let catchers: Vec<_> = near.iter().filter(|model| fails(model, &broken)).collect();
            let short: Vec<_> = catchers
                .iter()
                .map(|model| model.trim_start_matches("loom_tests::"))
                .collect();
            match (&site.unproved, catchers.is_empty()) {
                (None, false) => println!(
                    "caught    {broken:<30} {} of {}: {}",
                    short.len(),
                    near.len(),
                    short.join(" ")
                ),
                (Some(reason), true) => {
                    println!("unproved  {broken:<30} of {}: {reason}", near.len())
                }
                (None, true) => wrong.push(format!("{broken} survives {} models", near.len())),
                (Some(_), false) => wrong.push(format!(
                    "{broken} says `unproved`, but is caught by {}",
                    short.join(" ")
                )),
            }
        }
    }
    println!("{mutants} mutants");
    assert!(mutants > 0, "no site was found");
    assert!(
        wrong.is_empty(),
        "{} wrong:\n  {}",
        wrong.len(),
        wrong.join("\n  ")
    );
}
