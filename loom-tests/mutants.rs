//! Breaks every named site of the kernel in turn and shows which models catch it. Run by `.ci/mutate-orderings`.
//!
//! An ordering becomes `Relaxed`, a fence vanishes or becomes a mere acquire-release one, a second look does not happen.
//! A mutant that survives all models must say at its site why none can catch it, `unproved = "…"`; and a site that says
//! so must really survive.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;

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

/// What `ask` says of each item, in the order of the items. A model runs on one processor, so that many are asked at once.
fn ask_side_by_side<I: Sync, A: Send>(items: &[I], ask: impl Fn(&I) -> A + Sync) -> Vec<A> {
    let next = AtomicUsize::new(0);
    let some_answers = || {
        let numbers = std::iter::from_fn(|| Some(next.fetch_add(1, Relaxed)));
        let asked = numbers.map_while(|number| Some((number, ask(items.get(number)?))));
        asked.collect::<Vec<_>>()
    };
    let askers = thread::available_parallelism().map_or(1, usize::from);
    let mut answers = thread::scope(|scope| {
        let askers: Vec<_> = (0..askers).map(|_| scope.spawn(some_answers)).collect();
        let answers = askers.into_iter().flat_map(|it| it.join().unwrap());
        answers.collect::<Vec<_>>()
    });
    answers.sort_by_key(|(number, _)| *number);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

/// The sites that a model passes.
fn sites_passed_by(model: &String) -> Vec<String> {
    let run = child(model).env(BREAK, "none").output().unwrap();
    assert!(run.status.success(), "{model} fails with nothing broken");
    let words = String::from_utf8(run.stderr).unwrap();
    let passed = words.lines().find_map(|line| line.split_once(", sites "));
    let passed = passed
        .unwrap_or_else(|| panic!("{model} printed no sites"))
        .1;
    let sites = passed.split(',').filter(|site| !site.is_empty());
    sites.map(str::to_owned).collect()
}

/// Which models pass each site.
fn models_by_site(models: &[String]) -> BTreeMap<String, BTreeSet<&str>> {
    let mut by_site: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    let passed = ask_side_by_side(models, sites_passed_by);
    for (model, sites) in models.iter().zip(passed) {
        for site in sites {
            by_site.entry(site).or_default().insert(model);
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

/// Which models catch each break, beside the site that it breaks.
fn catchers<'m>(
    breaks: &[(&Site, String)],
    by_site: &BTreeMap<String, BTreeSet<&'m str>>,
) -> Vec<Vec<&'m str>> {
    let near = |site: &Site| by_site.get(&site.name).into_iter().flatten().copied();
    let pairs: Vec<_> = breaks
        .iter()
        .enumerate()
        .flat_map(|(number, (site, broken))| near(site).map(move |model| (number, broken, model)))
        .collect();
    let caught = ask_side_by_side(&pairs, |(_, broken, model)| fails(model, broken));
    let mut catchers = vec![Vec::new(); breaks.len()];
    for ((number, _, model), _) in pairs.iter().zip(caught).filter(|(_, is_caught)| *is_caught) {
        catchers[*number].push(model.trim_start_matches("loom_tests::"));
    }
    catchers
}

#[test]
#[ignore = "minutes: .ci/mutate-orderings runs it"]
fn every_broken_site_is_caught_or_says_why_not() {
    let models = models();
    println!("{} models", models.len());
    let by_site = models_by_site(&models);
    let sites = sites_of_the_kernel();
    let broken_sites = sites
        .iter()
        .flat_map(|site| breaks(site).into_iter().map(move |it| (site, it)));
    let broken_sites: Vec<_> = broken_sites.collect();
    let mut wrong = Vec::new();
    for ((site, broken), catchers) in broken_sites.iter().zip(catchers(&broken_sites, &by_site)) {
        let near = by_site.get(&site.name).map_or(0, BTreeSet::len);
        let names = catchers.join(" ");
        match (&site.unproved, catchers.is_empty()) {
            (None, false) => {
                println!(
                    "caught    {broken:<30} {} of {near}: {names}",
                    catchers.len()
                );
            }
            (Some(reason), true) => println!("unproved  {broken:<30} of {near}: {reason}"),
            (None, true) => wrong.push(format!("{broken} survives {near} models")),
            (Some(_), false) => wrong.push(format!(
                "{broken} says `unproved`, but is caught by {names}"
            )),
        }
    }
    println!("{} mutants", broken_sites.len());
    assert!(!broken_sites.is_empty(), "no site was found");
    assert!(
        wrong.is_empty(),
        "{} wrong:\n  {}",
        wrong.len(),
        wrong.join("\n  ")
    );
}
