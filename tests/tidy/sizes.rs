//! Files and functions stay small enough to be read at once.

use crate::source::{Finding, Source};

const FILE: usize = 600;
const MAP: usize = 150;
const FRONT_DOOR: usize = 250;
const NUMBERED_EXAMPLE: usize = 79;
const FUNCTION: usize = 70;

/// Files end at 600 lines, maps (`mod.rs`) at 150, `lib.rs` at 250, numbered examples below 80.
pub(crate) fn files(source: &Source) -> Vec<Finding> {
    let is_numbered = source.path.starts_with("examples/")
        && source.stem().starts_with(|c: char| c.is_ascii_digit());
    let (limit, remedy) = match source.path.as_str() {
        "src/lib.rs" => (FRONT_DOOR, "keep the tour and the thirty first names"),
        path if path.ends_with("/mod.rs") => (
            MAP,
            "a map holds no algorithm: move it to a file named after its type",
        ),
        _ if is_numbered => (NUMBERED_EXAMPLE, "an example of the course is read at once"),
        _ => (FILE, "split it: one type with behaviour per file"),
    };
    let lines = source.lines.len();
    let finding = || {
        source.finding(
            lines,
            "file size",
            format!("{lines} lines, at most {limit}: {remedy}"),
        )
    };
    if lines > limit {
        vec![finding()]
    } else {
        Vec::new()
    }
}

/// Functions have at most 70 lines of code.
pub(crate) fn functions(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    for function in source.functions() {
        let body = &source.code[function.first - 1..function.last];
        let lines = body.iter().filter(|line| !line.trim().is_empty()).count();
        if lines > FUNCTION {
            let remedy = format!(
                "`{}` has {lines} lines of code, at most {FUNCTION}: split it by what it decides",
                function.name
            );
            findings.push(source.finding(function.first, "function size", remedy));
        }
    }
    findings
}

mod planted {
    use super::{files, functions};
    use crate::planted;

    #[test]
    fn long_files_are_found() {
        let long = |lines: usize| "//\n".repeat(lines);
        for (path, limit) in [
            ("src/time/clock.rs", 600),
            ("src/time/mod.rs", 150),
            ("src/lib.rs", 250),
            ("examples/01_worker.rs", 79),
        ] {
            assert_eq!(planted(files, path, &long(limit)), [], "{path}");
            assert_eq!(
                planted(files, path, &long(limit + 1)),
                [limit + 1],
                "{path}"
            );
        }
    }

    #[test]
    fn long_functions_are_found_and_comments_do_not_count() {
        let function = |lines: usize| {
            format!(
                "\nfn long() {{\n{}// why\n\n}}\n",
                "    x();\n".repeat(lines - 2)
            )
        };
        assert_eq!(planted(functions, "src/time/clock.rs", &function(70)), []);
        assert_eq!(planted(functions, "src/time/clock.rs", &function(71)), [2]);
    }
}
