//! The public face: what is exported is on the list of what may cross threads.

use std::collections::BTreeSet;

use crate::source::{Finding, Source};

const LIST: &str = "tests/it/send_sync.rs";

/// Every exported struct and enum stands in the compile-time list.
pub(crate) fn crossing(sources: &[Source]) -> Vec<Finding> {
    let exported: BTreeSet<_> = sources
        .iter()
        .filter(|source| source.area() == "src")
        .flat_map(exports)
        .collect();
    let list = sources.iter().find(|source| source.path == LIST);
    let listed: BTreeSet<_> = list
        .map(|list| {
            list.tokens
                .iter()
                .map(|token| token.text.as_str())
                .collect()
        })
        .unwrap_or_default();
    let mut findings = Vec::new();
    for source in sources.iter().filter(|source| source.area() == "src") {
        for (line, name) in types(source) {
            if exported.contains(name) && !listed.contains(name) {
                let remedy = format!("say in {LIST} whether `{name}` may cross threads");
                findings.push(source.finding(line, "face", remedy));
            }
        }
    }
    findings
}

/// The names of `pub use`.
fn exports(source: &Source) -> impl Iterator<Item = &str> {
    let starts = source
        .tokens
        .windows(2)
        .enumerate()
        .filter(|(_, pair)| pair[0].text == "pub" && pair[1].text == "use");
    starts.flat_map(|(at, _)| {
        source.tokens[at + 2..]
            .iter()
            .map(|token| token.text.as_str())
            .take_while(|word| *word != ";")
    })
}

/// The structs and enums that are `pub` without a bound.
fn types(source: &Source) -> impl Iterator<Item = (usize, &str)> {
    let is_type = |word: &str| matches!(word, "struct" | "enum");
    let found = source
        .tokens
        .windows(3)
        .filter(move |three| three[0].text == "pub" && is_type(&three[1].text));
    found
        .filter(|three| source.is_library(three[2].line))
        .map(|three| (three[2].line, three[2].text.as_str()))
}

mod planted {
    use super::crossing;
    use crate::source::Source;

    #[test]
    fn an_exported_type_that_is_not_listed_is_found() {
        let sources = [
            Source::new(
                "src/a/mod.rs",
                "pub use b::{Listed, Forgotten};\npub(crate) use b::Inner;\n",
            ),
            Source::new(
                "src/a/b.rs",
                "pub struct Listed;\npub enum Forgotten {}\npub struct Inner;\npub(crate) struct Own;\n",
            ),
            Source::new("tests/it/send_sync.rs", "crosses::<Listed>();\n"),
        ];
        let found: Vec<_> = crossing(&sources)
            .into_iter()
            .map(|it| (it.file, it.line))
            .collect();
        assert_eq!(found, [("src/a/b.rs".to_owned(), 2)]);
    }
}
