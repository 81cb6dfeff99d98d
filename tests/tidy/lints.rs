//! Lint exceptions say why, and are counted.

use crate::source::{Attribute, Finding, Source};

fn is_exception(attribute: &Attribute) -> bool {
    let text = attribute.text.as_str();
    let in_condition =
        text.starts_with("cfg_attr(") && (text.contains(",allow(") || text.contains(",expect("));
    text.starts_with("allow(") || text.starts_with("expect(") || in_condition
}

/// `#[allow]` and `#[expect]` carry a reason.
pub(crate) fn reasons(source: &Source) -> Vec<Finding> {
    let silent = source
        .attributes
        .iter()
        .filter(|it| is_exception(it) && !it.text.contains("reason=\""));
    silent
        .map(|it| {
            source.finding(
                it.first,
                "lint exception",
                "add `reason = \"why it is right here\"`",
            )
        })
        .collect()
}

/// The number of exceptions is the recorded one.
pub(crate) fn count(sources: &[Source], recorded: &[(&str, usize)]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for &(area, expected) in recorded {
        let of_area = sources.iter().filter(|source| source.area() == area);
        let exceptions =
            of_area.flat_map(|source| source.attributes.iter().filter(|it| is_exception(it)));
        let count = exceptions.count();
        if count != expected {
            let remedy = format!(
                "{area}/ has {count} exceptions, {expected} are recorded: do without, or record the number"
            );
            findings.push(Finding {
                file: "tests/tidy/allowed.rs".to_owned(),
                line: 1,
                rule: "lint exceptions",
                remedy,
            });
        }
    }
    findings
}

mod planted {
    use super::{count, reasons};
    use crate::planted;
    use crate::source::Source;

    #[test]
    fn exceptions_without_a_reason_are_found() {
        let text = "#[expect(dead_code)]\n#[expect(\n    dead_code,\n    reason = \"why\"\n)]\n#![allow(x)]\n#[cfg_attr(unix, allow(y))]\nfn f() {}\n";
        assert_eq!(planted(reasons, "src/a.rs", text), [1, 6, 7]);
    }

    #[test]
    fn an_unrecorded_exception_is_found_and_so_is_one_that_went() {
        let source = [Source::new(
            "src/a.rs",
            "#[expect(dead_code, reason = \"why\")]\nfn f() {}\n",
        )];
        assert_eq!(count(&source, &[("src", 1), ("tests", 0)]), []);
        assert_eq!(count(&source, &[("src", 0)]).len(), 1);
        assert_eq!(count(&source, &[("src", 2)]).len(), 1);
    }
}
