//! Rooms stand in one line and import only rooms to their left; names say what is inside.

use crate::source::{Finding, Path, Source};

/// The rooms by rank, the lowest first.
const RANKS: &[&str] = &[
    "sync",
    "kernel",
    "time",
    "fault",
    "telemetry",
    "graph",
    "guards",
    "store",
    "flags",
    "supervision",
    "resilience",
    "agents",
    "messaging",
    "coordination",
    "operations",
    "system",
    "health",
    "work",
    "optimize",
    "observer",
    "testkit",
    "cluster",
    "guide",
];

/// Where the pure files are: a file, or the beginning of a folder's path.
const PURE: &[&str] = &[
    "src/time/backoff.rs",
    "src/graph/",
    "src/guards/cache/ghosts.rs",
    "src/guards/cache/lifetime.rs",
    "src/guards/cache/policy",
    "src/guards/breaker/tally.rs",
    "src/guards/breaker/count_window.rs",
    "src/guards/breaker/state.rs",
    "src/guards/breaker/threshold.rs",
    "src/guards/breaker/trip.rs",
    "src/guards/rate_limit/fixed_window.rs",
    "src/guards/rate_limit/gcra.rs",
    "src/guards/rate_limit/place.rs",
    "src/guards/rate_limit/quota.rs",
    "src/guards/rate_limit/rule.rs",
    "src/guards/rate_limit/sliding_window.rs",
    "src/supervision/spec/",
    "src/supervision/machine/",
    "src/supervision/data_parallel/books.rs",
    "src/supervision/partition/routing.rs",
    "src/supervision/phases/stop_phases.rs",
    "src/supervision/task/book.rs",
    "src/supervision/task/stream/hand.rs",
    "src/supervision/task/stream/pace.rs",
    "src/supervision/task/stream/window.rs",
    "src/supervision/timer/index.rs",
    "src/supervision/timer/schedule.rs",
    "src/supervision/process/command/desk.rs",
    "src/supervision/process/command/output.rs",
    "src/supervision/process/ladder.rs",
    "src/supervision/process/lines.rs",
    "src/supervision/process/program.rs",
    "src/supervision/process/stdin_buffer.rs",
];

/// Names that only effects need. `fault::thread` and its like are not told apart: a pure file needs none of them.
const EFFECTS: &[&str] = &[
    "thread",
    "atomic",
    "Mutex",
    "RwLock",
    "Condvar",
    "OnceLock",
    "OnceCell",
    "parking_lot",
    "flume",
    "kernel",
    "Clock",
    "now",
    "fs",
    "io",
    "env",
];

/// Macros of low rooms that are imported by their bare name.
const MACROS: &[&str] = &["ord", "recheck"];

/// Names that say nothing.
const EMPTY_NAMES: &[&str] = &[
    "utils", "util", "helpers", "helper", "common", "misc", "types", "core", "base",
];

fn rank(room: &str) -> Option<usize> {
    RANKS.iter().position(|name| *name == room)
}

/// A room imports only rooms of lower rank, each by its own name.
pub(crate) fn imports(source: &Source) -> Vec<Finding> {
    const RULE: &str = "room";
    let Some(room) = source.room() else {
        return Vec::new();
    };
    let Some(own) = rank(room) else {
        return vec![source.finding(
            1,
            RULE,
            format!("give the room `{room}` a rank in tests/tidy/rooms.rs"),
        )];
    };
    let mut findings = Vec::new();
    for path in source.paths() {
        let Some(target) = target(source, &path) else {
            continue;
        };
        match rank(target) {
            Some(other) if other > own => {
                let remedy = format!(
                    "`{room}` must not know `{target}`, which stands to its right: move what both need to the left, or hand it in as a trait or closure"
                );
                findings.push(source.finding(path.line, RULE, remedy));
            }
            Some(_) => {}
            None if path.is_macro || MACROS.contains(&target) || target == "loom_tests" => {}
            None => {
                let remedy = format!(
                    "name the room that `{target}` lives in instead of a re-export of lib.rs"
                );
                findings.push(source.finding(path.line, RULE, remedy));
            }
        }
    }
    findings
}

/// What stands after the root of the crate in a path that reaches it, by `crate::` or by enough `super::`.
fn target<'a>(source: &Source, path: &'a Path) -> Option<&'a str> {
    if path.starts_with(&["crate"]) {
        return path.segments.get(1).map(String::as_str);
    }
    let supers = path
        .segments
        .iter()
        .take_while(|segment| *segment == "super")
        .count();
    let is_map = matches!(source.stem(), "mod");
    let depth = source.path.split('/').count() - 1 - usize::from(is_map);
    let next = path.segments.get(supers).map(String::as_str);
    next.filter(|next| supers >= depth && supers > 0 && rank(next).is_some())
}

/// Pure files decide and touch nothing: no thread, no lock, no atomic, no clock.
pub(crate) fn pure_files(source: &Source) -> Vec<Finding> {
    let is_pure = PURE.iter().any(|start| source.path.starts_with(start));
    let remedy = "this file only decides: take the value, above all the time, as an argument";
    let paths = source.paths();
    let effects = paths
        .iter()
        .filter(|path| is_pure && source.is_library(path.line));
    let effects = effects.filter(|path| path.segments.iter().any(|segment| is_effect(segment)));
    // A lone lower-case word is a variable.
    let effects = effects
        .filter(|path| path.segments.len() > 1 || path.text().starts_with(char::is_uppercase));
    effects
        .map(|path| source.finding(path.line, "pure", format!("`{}`: {remedy}", path.text())))
        .collect()
}

fn is_effect(segment: &str) -> bool {
    segment.starts_with("Atomic") || EFFECTS.contains(&segment)
}

/// No file or folder is named after nothing.
pub(crate) fn file_names(source: &Source) -> Vec<Finding> {
    let parts = source
        .path
        .split('/')
        .map(|part| part.trim_end_matches(".rs"));
    let empty = parts.filter(|part| EMPTY_NAMES.contains(part));
    empty
        .map(|part| {
            source.finding(
                1,
                "name",
                format!("`{part}` says nothing: name the file after its type"),
            )
        })
        .collect()
}

mod planted {
    use super::{file_names, imports, pure_files};
    use crate::planted;

    #[test]
    fn an_import_to_the_right_is_found() {
        let text = "use crate::time::Clock;\nuse crate::{fault::Failure, system::System};\n\nfn f() { crate::agents::g() }\n";
        assert_eq!(planted(imports, "src/supervision/child.rs", text), [2, 4]);
        assert_eq!(
            planted(imports, "src/kernel/mod.rs", "use super::time::Clock;\n"),
            [1]
        );
        assert_eq!(
            planted(
                imports,
                "src/kernel/ring.rs",
                "use super::super::time::Clock;\nuse super::waiters::Waiter;\n"
            ),
            [1]
        );
    }

    #[test]
    fn imports_to_the_left_and_macros_are_accepted() {
        let text = "use crate::sync::Arc;\nuse crate::ord;\nlet x = crate::recheck!(\"a\", b);\nlet y = crate::anything!();\n";
        assert_eq!(planted(imports, "src/kernel/ring.rs", text), []);
        assert_eq!(
            planted(imports, "src/lib.rs", "pub use crate::system::System;\n"),
            []
        );
        assert_eq!(
            planted(imports, "tests/it/main.rs", "use crate::system::System;\n"),
            []
        );
    }

    #[test]
    fn an_import_through_the_front_door_is_found() {
        assert_eq!(
            planted(imports, "src/system/mod.rs", "use crate::Clock;\n"),
            [1]
        );
    }

    #[test]
    fn a_room_without_a_rank_is_found() {
        assert_eq!(planted(imports, "src/cellar/mod.rs", ""), [1]);
        assert_eq!(planted(imports, "src/cellar.rs", ""), [1]);
    }

    #[test]
    fn empty_names_are_found() {
        assert_eq!(planted(file_names, "src/time/utils.rs", ""), [1]);
        assert_eq!(planted(file_names, "tests/it/common/mod.rs", ""), [1]);
        assert_eq!(planted(file_names, "src/time/clock.rs", ""), []);
    }

    #[test]
    fn effects_in_pure_files_are_found() {
        let text = "use std::time::Instant;\nuse std::sync::Mutex;\nlet now = Instant::now();\nuse crate::kernel::stop;\n";
        assert_eq!(
            planted(pure_files, "src/supervision/machine/range.rs", text),
            [2, 3, 4]
        );
        assert_eq!(planted(pure_files, "src/supervision/steward.rs", text), []);
    }
}
