//! Tests that `cargo test` passes over: each is run by something that is named, and there are no others.

use crate::source::{Finding, Source};

const RULE: &str = "skipped test";

/// A file with ignored tests, how many, and what runs them.
pub(crate) type Skipped = (&'static str, usize, &'static str);

/// An ignored test is on the list, with a reason in its attribute; an entry that is not used up fails too.
pub(crate) fn ignored(sources: &[Source], allowed: &[Skipped]) -> Vec<Finding> {
    let unlisted = sources.iter().flat_map(|source| {
        let listed = allowed.iter().find(|(file, ..)| *file == source.path);
        let lines = ignored_lines(source);
        let wrong = lines.len() != listed.map_or(0, |(_, number, _)| *number);
        let silent = move |line: &usize| wrong || !source.lines[line - 1].contains("ignore = \"");
        let remedy =
            "run it, or say in the attribute what runs it and list it in tests/tidy/allowed.rs";
        let found = lines.into_iter().filter(silent);
        found
            .map(move |line| source.finding(line, RULE, remedy))
            .collect::<Vec<_>>()
    });
    let gone = allowed.iter().filter(|(file, ..)| {
        let source = sources.iter().find(|source| source.path == *file);
        source.is_none_or(|source| ignored_lines(source).is_empty())
    });
    let gone = gone.map(|(file, ..)| Finding {
        file: (*file).to_owned(),
        line: 1,
        rule: RULE,
        remedy: "it has no ignored test any more: take it off the list".to_owned(),
    });
    unlisted.chain(gone).collect()
}

fn ignored_lines(source: &Source) -> Vec<usize> {
    let code = source.code.iter().zip(1..);
    code.filter(|(line, _)| line.trim_start().starts_with("#[ignore"))
        .map(|(_, number)| number)
        .collect()
}

mod planted {
    use super::{Skipped, ignored};
    use crate::source::Source;

    const LISTED: &[Skipped] = &[("tests/a.rs", 1, "its parent")];

    fn lines(path: &str, text: &str, allowed: &[Skipped]) -> Vec<usize> {
        let found = ignored(&[Source::new(path, text)], allowed);
        found.iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn a_test_that_nothing_runs_is_found() {
        let text = "#[test]\n#[ignore = \"slow\"]\nfn a() {}\n";
        assert_eq!(lines("tests/a.rs", text, &[]), [2]);
        assert_eq!(lines("tests/a.rs", text, LISTED), []);
        assert_eq!(lines("tests/a.rs", &text.repeat(2), LISTED), [2, 5]);
        assert_eq!(
            lines("tests/a.rs", "#[test]\n#[ignore]\nfn a() {}\n", LISTED),
            [2]
        );
    }

    #[test]
    fn an_entry_without_a_test_is_found() {
        assert_eq!(lines("tests/a.rs", "#[test]\nfn a() {}\n", LISTED), [1]);
        assert_eq!(lines("tests/b.rs", "// #[ignore]\n", &[]), []);
    }
}
