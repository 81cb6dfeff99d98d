//! What may be written in one place only, or nowhere.

use crate::allowed::Wait;
use crate::source::{Finding, Path, Source};

/// Calls that belong into one file: the end of their path, their home, what to do elsewhere.
const HOMES: &[(&[&str], &str, &str)] = &[
    (
        &["thread", "spawn"],
        "src/fault/thread.rs",
        "start threads with fault::thread::start: named, supervised, with context",
    ),
    (
        &["thread", "Builder"],
        "src/fault/thread.rs",
        "start threads with fault::thread::start: named, supervised, with context",
    ),
    (
        &["thread", "scope"],
        "src/fault/thread.rs",
        "start threads with fault::thread::start: named, supervised, with context",
    ),
    (
        &["Instant", "now"],
        "src/time/clock.rs",
        "take the time from a Clock, so that tests can turn it",
    ),
    (
        &["SystemTime", "now"],
        "src/time/clock.rs",
        "take the time from a Clock, so that tests can turn it",
    ),
    (
        &["process", "exit"],
        "src/system/signals.rs",
        "return to `main`: a library does not end the process",
    ),
];

/// Waits that only the clock ends.
const WAITS: &[&[&str]] = &[
    &["thread", "sleep"],
    &["thread", "sleep_ms"],
    &["thread", "park_timeout"],
];

/// Gives the processor away and proves nothing by itself: in tests it stands in a loop that looks at a condition.
const YIELDS: &[&[&str]] = &[&["thread", "yield_now"], &["hint", "spin_loop"]];

/// `unsafe` stays in the cellar, and in the models that look into it.
pub(crate) fn unsafe_code(source: &Source) -> Vec<Finding> {
    let remedy = "move it to kernel/, behind a safe face with numbered invariants, or do without";
    let allowed = source.path.starts_with("src/kernel/") || source.area() == "loom-tests";
    let words = source
        .tokens
        .iter()
        .filter(|token| token.text == "unsafe" && !allowed);
    words
        .map(|token| source.finding(token.line, "unsafe", remedy))
        .collect()
}

/// What is modelled takes its primitives from `sync`; `loom` itself is named there and in the models only.
pub(crate) fn foreign_primitives(source: &Source) -> Vec<Finding> {
    const FOREIGN: &[&[&str]] = &[
        &["std", "sync"],
        &["std", "thread"],
        &["core", "sync"],
        &["parking_lot"],
    ];
    let is_modelled = source.room() == Some("kernel");
    let may_name_loom = source.room() == Some("sync") || source.area() == "loom-tests";
    let mut findings = Vec::new();
    for path in source.paths() {
        let foreign = is_modelled
            && !source.is_unmodelled(path.line)
            && source.is_library(path.line)
            && FOREIGN.iter().any(|head| path.starts_with(head));
        let loom = path.starts_with(&["loom"]) && path.segments.len() > 1 && !may_name_loom;
        if foreign || loom {
            let remedy = format!(
                "take `{}` from crate::sync, the only door to loom",
                path.text()
            );
            findings.push(source.finding(path.line, "sync", remedy));
        }
    }
    findings
}

/// Threads, clock readings and exits have one file each.
pub(crate) fn raw_calls(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    for path in source
        .paths()
        .iter()
        .filter(|path| source.is_library(path.line))
    {
        for (tail, home, remedy) in HOMES {
            let is_inside = tail.len() < path.segments.len()
                && path
                    .segments
                    .windows(tail.len())
                    .any(|part| part.iter().eq(*tail));
            if (is_inside || path.ends_with(tail)) && source.path != *home {
                findings.push(source.finding(
                    path.line,
                    "raw call",
                    format!("`{}` outside of {home}: {remedy}", path.text()),
                ));
            }
        }
    }
    for four in source.tokens.windows(4).filter(|four| {
        four.iter()
            .map(|token| token.text.as_str())
            .eq([".", "elapsed", "(", ")"])
    }) {
        if source.is_library(four[0].line) && source.room() != Some("time") {
            let remedy =
                "`elapsed()` reads the real clock: take the difference of two instants of a Clock";
            findings.push(source.finding(four[0].line, "raw call", remedy));
        }
    }
    findings
}

/// Nothing sleeps; where time is the subject of a test, the place is on a list, and the list has nothing else.
pub(crate) fn sleeps(sources: &[Source], allowed: &[Wait]) -> Vec<Finding> {
    let mut used = vec![false; allowed.len()];
    let mut findings = Vec::new();
    for source in sources {
        for path in waits(source) {
            let line = source.lines[path.line - 1].as_str();
            let entry = allowed
                .iter()
                .position(|entry| entry.file == source.path && line.contains(entry.pattern));
            match entry.filter(|_| !source.is_library(path.line)) {
                Some(entry) => used[entry] = true,
                None => findings.push(source.finding(
                    path.line,
                    "sleep",
                    "wait for the event or the condition, or turn a manual clock; where time itself is the subject, tests/tidy/allowed.rs has a list",
                )),
            }
        }
    }
    for (entry, _) in allowed
        .iter()
        .zip(used)
        .filter(|(entry, used)| !used || entry.reason.is_empty())
    {
        let remedy = format!(
            "the entry for {} (`{}`) is not used or has no reason: remove it",
            entry.file, entry.pattern
        );
        findings.push(Finding {
            file: "tests/tidy/allowed.rs".to_owned(),
            line: 1,
            rule: "sleep",
            remedy,
        });
    }
    findings
}

/// The waits of a file that prove nothing; `sync`, the wait layer and the models are made of such.
fn waits(source: &Source) -> Vec<Path> {
    let is = |path: &Path, kinds: &[&[&str]]| kinds.iter().any(|tail| path.ends_with(tail));
    let is_home = |path: &Path| source.room() == Some("kernel") && source.is_library(path.line);
    let mut paths = source.paths();
    paths.retain(|path| {
        if source.room() == Some("sync") || source.area() == "loom-tests" {
            return false;
        }
        let looks = !source.is_library(path.line) && source.in_loop(path.token);
        let sleeps = is(path, WAITS) && !(path.ends_with(&["park_timeout"]) && is_home(path));
        sleeps || (is(path, YIELDS) && !looks && !is_home(path))
    });
    paths
}

/// Every queue has a bound. Benches may measure rivals as they are.
pub(crate) fn unbounded_channels(source: &Source) -> Vec<Finding> {
    let is_unbounded = |segments: &[String]| {
        let last = segments.last().map_or("", String::as_str);
        matches!(last, "unbounded" | "SegQueue")
            || segments
                .windows(2)
                .any(|pair| pair[0] == "mpsc" && pair[1] == "channel")
    };
    let paths = source.paths();
    let found = paths
        .iter()
        .filter(|path| source.area() != "benches" && is_unbounded(&path.segments));
    found
        .map(|path| {
            source.finding(
                path.line,
                "unbounded",
                format!("`{}` has no bound: give it one", path.text()),
            )
        })
        .collect()
}

/// Panics are caught in one file.
pub(crate) fn caught_panics(source: &Source) -> Vec<Finding> {
    let is_home = source.path == "src/fault/catch.rs";
    let words = source
        .tokens
        .iter()
        .filter(|token| token.text == "catch_unwind" && source.is_library(token.line) && !is_home);
    words
        .map(|token| {
            source.finding(
                token.line,
                "catch",
                "use fault::catch, which keeps the report",
            )
        })
        .collect()
}

/// Compare-and-swap loops live in the cellar.
pub(crate) fn compare_and_swap(source: &Source) -> Vec<Finding> {
    let is_swap = |text: &str| {
        matches!(
            text,
            "compare_exchange" | "compare_exchange_weak" | "fetch_update" | "try_update"
        )
    };
    let is_cellar = matches!(source.room(), Some("kernel" | "sync"));
    let words = source
        .tokens
        .iter()
        .filter(|token| is_swap(&token.text) && source.is_library(token.line) && !is_cellar);
    words
        .map(|token| {
            source.finding(
                token.line,
                "compare-and-swap",
                "move the loop to kernel/ and hand it a pure function",
            )
        })
        .collect()
}

/// The lenient budget of tests: nothing that runs in production names it, so nobody has it without asking.
pub(crate) fn lenient_budget(source: &Source) -> Vec<Finding> {
    let may = matches!(source.room(), Some("testkit" | "guide")) || source.area() == "tests";
    let words = source
        .tokens
        .iter()
        .filter(|token| token.text == "lenient_supervision" && !may);
    words
        .map(|token| {
            let remedy = "the same crashes lead to the same end in tests and in production: say the budget that is meant";
            source.finding(token.line, "lenient", remedy)
        })
        .collect()
}

/// Nothing is left for later, or from debugging.
pub(crate) fn leftovers(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, comment) in source.comments.iter().enumerate() {
        if has_marker(comment) {
            findings.push(source.finding(
                index + 1,
                "leftover",
                "do it now, or open an issue and say nothing here",
            ));
        }
    }
    let macros = ["dbg", "todo", "unimplemented"];
    for path in source.paths().iter().filter(|path| path.is_macro) {
        if path
            .segments
            .last()
            .is_some_and(|name| macros.contains(&name.as_str()))
        {
            findings.push(source.finding(
                path.line,
                "leftover",
                format!("`{}!` does not stay", path.text()),
            ));
        }
    }
    findings
}

/// Whether a word of the text marks unfinished work.
pub(crate) fn has_marker(text: &str) -> bool {
    let mut words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
    words.any(|word| matches!(word, "TODO" | "FIXME" | "XXX" | "HACK"))
}

/// Names of tests are claims.
pub(crate) fn test_names(source: &Source) -> Vec<Finding> {
    let tests = source
        .tests()
        .into_iter()
        .filter(|test| test.name.starts_with("test_") || test.name.ends_with("_test"));
    let remedy =
        |name: &str| format!("`{name}`: say what holds, in the present tense, without `test`");
    tests
        .map(|test| source.finding(test.last, "test name", remedy(&test.name)))
        .collect()
}

mod planted {
    use super::{
        caught_panics, compare_and_swap, foreign_primitives, leftovers, lenient_budget, raw_calls,
        sleeps, test_names, unbounded_channels, unsafe_code,
    };
    use crate::allowed::Wait;
    use crate::planted;
    use crate::source::Source;

    const TESTS: &str = "#[cfg(test)]\nmod tests {\n";

    #[test]
    fn unsafe_outside_of_the_cellar_is_found() {
        assert_eq!(
            planted(
                unsafe_code,
                "src/time/clock.rs",
                "// unsafe\nunsafe { x() }\n"
            ),
            [2]
        );
        assert_eq!(
            planted(unsafe_code, "src/kernel/ring.rs", "unsafe { x() }\n"),
            []
        );
    }

    #[test]
    fn foreign_primitives_in_modelled_code_are_found() {
        let text =
            "use std::{sync::Arc, fmt};\nuse crate::sync::Mutex;\nfn f() { std::thread::park() }\n";
        assert_eq!(
            planted(foreign_primitives, "src/kernel/ring.rs", text),
            [1, 3]
        );
        assert_eq!(planted(foreign_primitives, "src/time/clock.rs", text), []);
        assert_eq!(
            planted(
                foreign_primitives,
                "src/kernel/ring.rs",
                &format!("{TESTS}use std::thread;\n}}\n")
            ),
            []
        );
    }

    #[test]
    fn what_the_models_do_not_see_may_be_foreign() {
        let text = "#[cfg(not(all(test, loom)))]\nuse std::sync::OnceLock;\n#[cfg(not(loom))]\nfn f() {\n    std::thread::park()\n}\nuse std::sync::Arc;\n";
        assert_eq!(planted(foreign_primitives, "src/kernel/ring.rs", text), [7]);
    }

    #[test]
    fn loom_outside_of_its_door_is_found() {
        assert_eq!(
            planted(
                foreign_primitives,
                "src/time/clock.rs",
                "#[cfg(loom)]\nuse loom::sync::Arc;\n"
            ),
            [2]
        );
        assert_eq!(
            planted(
                foreign_primitives,
                "src/sync/mod.rs",
                "use loom::sync::Arc;\n"
            ),
            []
        );
    }

    #[test]
    fn raw_calls_outside_of_their_file_are_found() {
        let text = "use std::time::Instant;\nlet a = Instant::now();\nstd::thread::spawn(f);\nthread::Builder::new();\nstd::process::exit(1);\n";
        assert_eq!(planted(raw_calls, "src/system/mod.rs", text), [2, 3, 4, 5]);
        assert_eq!(planted(raw_calls, "src/time/clock.rs", text), [3, 4, 5]);
        assert_eq!(planted(raw_calls, "src/fault/thread.rs", text), [2, 5]);
        assert_eq!(planted(raw_calls, "tests/it/main.rs", text), []);
    }

    #[test]
    fn a_hidden_reading_of_the_clock_is_found() {
        assert_eq!(
            planted(
                raw_calls,
                "src/system/mod.rs",
                "let a = start.elapsed();\nlet elapsed = 1;\n"
            ),
            [1]
        );
        assert_eq!(
            planted(raw_calls, "src/time/clock.rs", "let a = start.elapsed();\n"),
            []
        );
    }

    #[test]
    fn sleeps_are_found_everywhere_and_unused_permissions_too() {
        let wait = |pattern| Wait {
            file: "tests/it/time.rs",
            pattern,
            reason: "time is the subject",
        };
        let test = Source::new(
            "tests/it/time.rs",
            "fn f() { thread::sleep(TTL); }\nuse std::thread::{self, sleep};\n",
        );
        let library = Source::new(
            "src/time/clock.rs",
            "fn f() { std::thread::yield_now(); }\n",
        );
        let found = |allowed: &[Wait]| sleeps(&[], allowed).len();
        assert_eq!(found(&[wait("sleep(TTL)")]), 1);
        let lines: Vec<_> = sleeps(&[test, library], &[wait("sleep(TTL)")])
            .iter()
            .map(|it| (it.file.clone(), it.line))
            .collect();
        assert_eq!(
            lines,
            [
                ("tests/it/time.rs".to_owned(), 2),
                ("src/time/clock.rs".to_owned(), 1)
            ]
        );
    }

    #[test]
    fn a_yield_that_looks_at_no_condition_is_found() {
        let text = "fn f() { while !done() { thread::yield_now(); }\nthread::yield_now(); }\n";
        let lines = |path| {
            sleeps(&[Source::new(path, text)], &[])
                .iter()
                .map(|it| it.line)
                .collect::<Vec<_>>()
        };
        assert_eq!(lines("tests/it/a.rs"), [2]);
        assert_eq!(lines("src/system/mod.rs"), [1, 2]);
        assert_eq!(lines("src/kernel/waiter.rs"), []);
    }

    #[test]
    fn unbounded_channels_are_found() {
        let text = "let a = flume::unbounded();\nuse std::sync::mpsc::channel;\nlet b = mpsc::channel();\nlet c = mpsc::sync_channel(1);\n";
        assert_eq!(planted(unbounded_channels, "src/a.rs", text), [1, 2, 3]);
        assert_eq!(planted(unbounded_channels, "benches/a.rs", text), []);
    }

    #[test]
    fn panics_caught_outside_of_their_file_are_found() {
        let text = "use std::panic::catch_unwind;\n";
        assert_eq!(planted(caught_panics, "src/system/mod.rs", text), [1]);
        assert_eq!(planted(caught_panics, "src/fault/catch.rs", text), []);
        assert_eq!(
            planted(
                caught_panics,
                "src/system/mod.rs",
                &format!("{TESTS}{text}}}\n")
            ),
            []
        );
    }

    #[test]
    fn compare_and_swap_outside_of_the_cellar_is_found() {
        let text = "word.compare_exchange(a, b, c, d);\n";
        assert_eq!(planted(compare_and_swap, "src/telemetry/mod.rs", text), [1]);
        assert_eq!(planted(compare_and_swap, "src/kernel/stop.rs", text), []);
    }

    // property 12
    #[test]
    fn the_lenient_budget_outside_of_test_support_is_found() {
        let text = "// lenient_supervision\nuse crate::testkit::lenient_supervision;\n";
        let found = |path| planted(lenient_budget, path, text);
        assert_eq!(found("src/system/config.rs"), [2]);
        assert_eq!(found("examples/03_tcp_accept.rs"), [2]);
        assert_eq!(found("src/testkit/mod.rs"), []);
        assert_eq!(found("tests/it/system.rs"), []);
    }

    #[test]
    fn leftovers_are_found() {
        let marker = concat!("// TO", "DO: later\n");
        assert_eq!(
            planted(
                leftovers,
                "src/a.rs",
                &format!("{marker}dbg!(x);\nstd::todo!();\nlet todo = 1; // todos\n")
            ),
            [1, 2, 3]
        );
    }

    #[test]
    fn names_of_tests_that_claim_nothing_are_found() {
        let text = "#[test]\nfn test_a() {}\n#[test]\nfn a_holds() {}\nfn test_b() {}\n";
        assert_eq!(planted(test_names, "src/a.rs", text), [2]);
    }
}
