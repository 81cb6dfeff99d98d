//! What the rules let pass, each with its reason. An entry that is not used any more fails.

use crate::skipped::Skipped;

/// A line of a test that waits for time itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wait {
    pub(crate) file: &'static str,
    /// A part of the line.
    pub(crate) pattern: &'static str,
    pub(crate) reason: &'static str,
}

/// Real waits in tests, benches and examples: only where time itself is the subject, or inside of the polling helper.
pub(crate) const WAITS: &[Wait] = &[];

/// Tests that `cargo test` passes over, by file and number, and what runs them.
pub(crate) const IGNORED: &[Skipped] = &[
    ("loom-tests/mutants.rs", 1, ".ci/mutate-orderings"),
    (
        "src/kernel/hazard_tests.rs",
        1,
        ".ci/tsan, which must find its race",
    ),
    (
        "src/kernel/ring.rs",
        1,
        ".ci/tsan, which must find its race",
    ),
    (
        "tests/signals.rs",
        2,
        "its own process, by the test that waits for it",
    ),
];

/// How many lint exceptions each part of the repository has. Lower the number when one goes; to raise it is a decision
/// that a reader of the commit should see.
pub(crate) const LINT_EXCEPTIONS: &[(&str, usize)] = &[
    ("src", 16),
    ("tests", 1),
    ("loom-tests", 5),
    ("benches", 4),
    ("examples", 0),
];
