//! The table at the end: every number of the scan, one to a line.

use std::fmt::{Display, Write as _};
use std::time::Duration;

use super::job::book::Book;
use super::job::plain::Verification;
use super::job::plan::{CAPACITY, End, FAILURES_IN_A_ROW, Finished, HANG_AFTER, Plan};
use super::job::totals::Totals;

/// So many poisoned files are named.
const NAMED: usize = 10;

/// The whole table, ready to be printed.
pub(crate) fn table(plan: &Plan, finished: &Finished) -> String {
    let mut rows = Rows::default();
    files(&mut rows, &finished.book);
    faults(&mut rows, finished);
    numbers_of_the_tree(&mut rows, plan);
    let totals = finished.book.totals();
    rows.add(
        "throughput",
        throughput(totals.results(), totals.bytes, finished.elapsed),
    );
    rows.add("digest", &totals.digest);
    let end = match finished.end {
        End::Complete => "",
        End::Interrupted => ", interrupted",
        End::GaveUp(_) => ", given up",
    };
    format!("scan of {}{end}\n{}", plan.dir.display(), rows.text)
}

/// What a scan that did not come to its end did and did not do.
pub(crate) fn not_done(book: &Book) -> String {
    let counts = book.counts();
    let mut text = format!(
        "done {}, failed {}, poisoned {}, not done {} of {} files found",
        number(counts.done),
        number(counts.failed),
        number(counts.poisoned),
        number(counts.not_done),
        number(counts.discovered),
    );
    if !book.is_walked() {
        text.push_str("; the walk had not come to its end, so there may be more");
    }
    text
}

/// The files that a reader of the table asks for by name: poisoned ones, and some that failed.
pub(crate) fn named(book: &Book) -> String {
    let mut text = String::new();
    for entry in book.poisoned().iter().take(NAMED) {
        let _ = writeln!(text, "poisoned: {}", entry.path.display());
    }
    let more = book.poisoned().len().saturating_sub(NAMED);
    if more > 0 {
        let _ = writeln!(text, "poisoned: {} more", number(more as u64));
    }
    for example in book.troubles().examples {
        let _ = writeln!(text, "not read: {example}");
    }
    text
}

/// What `--verify` found.
pub(crate) fn verdict(found: &Verification, ours: &Totals, left_out: usize) -> String {
    let files = number(found.totals.results());
    let but = if left_out == 0 {
        String::new()
    } else {
        format!(" ({left_out} poisoned left out)")
    };
    if found.totals == *ours {
        return format!(
            "verified: one plain thread finds the same digest over {files} files{but}\n"
        );
    }
    let mut text = format!(
        "DIFFERENT: one plain thread finds {} over {files} files{but}\n",
        found.totals.digest
    );
    for line in &found.named {
        let _ = writeln!(text, "  {line}");
    }
    let _ = writeln!(
        text,
        "  {} files differ or are new, {} are missing; were they changed while the scan ran?",
        found.differing, found.missing
    );
    text
}

fn files(rows: &mut Rows, book: &Book) {
    let (counts, totals) = (book.counts(), book.totals());
    rows.count("files found", counts.discovered);
    rows.count("files done", counts.done);
    rows.unless_zero("from the checkpoint", book.restored());
    rows.count("bytes", totals.bytes);
    rows.count("lines", totals.lines);
    rows.count("words", totals.words);
    rows.count("longest line", totals.longest_line);
    let troubles = book.troubles();
    rows.parts(
        "failed",
        &[
            (troubles.vanished, "vanished"),
            (troubles.replaced, "replaced"),
            (troubles.unreadable, "unreadable"),
        ],
    );
    let mut skipped: Vec<(u64, String)> = book
        .skips()
        .iter()
        .map(|(skip, number)| (*number, skip.to_string()))
        .collect();
    skipped.push((troubles.unread_dirs, "unread directories".into()));
    rows.parts("skipped", &skipped);
    rows.unless_zero("not done", counts.not_done);
}

fn faults(rows: &mut Rows, finished: &Finished) {
    let counts = finished.book.counts();
    let audit = finished.book.audit();
    rows.count("panics injected", finished.panics);
    rows.count("hangs injected", finished.hangs);
    rows.count("restarts", finished.restarts);
    rows.count("abandoned", finished.abandoned);
    rows.count("read again", counts.read_again);
    rows.count("poisoned", counts.poisoned);
    rows.count("refused", counts.refused);
    rows.count("lost", audit.lost);
    rows.count("counted twice", audit.counted_twice);
}

fn numbers_of_the_tree(rows: &mut Rows, plan: &Plan) {
    let restarts = match plan.restarts {
        Some((max, period)) => format!("{} in {period:?}", number(u64::from(max))),
        None => "any number".into(),
    };
    rows.add(
        "parsers",
        format!("{}, {CAPACITY} files between two stages", plan.workers),
    );
    rows.add(
        "restarts allowed",
        format!("{restarts}, at once; {FAILURES_IN_A_ROW} in a row without a file done"),
    );
    rows.add(
        "hangs allowed",
        format!(
            "{HANG_AFTER:?} of silence, {} abandoned threads",
            plan.max_abandoned
        ),
    );
}

/// Rows of a name and a value.
#[derive(Default)]
struct Rows {
    text: String,
}

impl Rows {
    fn add(&mut self, name: &str, value: impl Display) {
        // Writing into a `String` cannot fail.
        let _ = writeln!(self.text, "  {name:<20} {value}");
    }

    fn count(&mut self, name: &str, value: u64) {
        self.add(name, number(value));
    }

    fn unless_zero(&mut self, name: &str, value: u64) {
        if value > 0 {
            self.count(name, value);
        }
    }

    /// A sum and what it consists of.
    fn parts(&mut self, name: &str, parts: &[(u64, impl Display)]) {
        let sum: u64 = parts.iter().map(|(value, _)| value).sum();
        let named: Vec<String> = parts
            .iter()
            .filter(|(value, _)| *value > 0)
            .map(|(value, part)| format!("{} {part}", number(*value)))
            .collect();
        let why = if named.is_empty() {
            String::new()
        } else {
            format!(" ({})", named.join(", "))
        };
        self.add(name, number(sum) + &why);
    }
}

/// `1234567` as `1,234,567`.
pub(crate) fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn throughput(files: u64, bytes: u64, elapsed: Duration) -> String {
    let seconds = elapsed.as_secs_f64().max(1e-9);
    let megabytes = bytes as f64 / 1e6 / seconds;
    format!(
        "{:.0} files/s, {megabytes:.1} MB/s, {seconds:.2} s",
        files as f64 / seconds
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::chaos::Chaos;

    fn plan(restarts: Option<(u32, Duration)>) -> Plan {
        Plan {
            dir: "some/dir".into(),
            own: None,
            workers: 3,
            chaos: Chaos::default(),
            restarts,
            max_abandoned: 9,
        }
    }

    fn finished(end: End) -> Finished {
        let elapsed = Duration::from_secs(2);
        Finished {
            end,
            book: Book::default(),
            panics: 1234,
            hangs: 0,
            restarts: 5,
            abandoned: 6,
            elapsed,
        }
    }

    fn row<'a>(table: &'a str, name: &str) -> &'a str {
        let line = table
            .lines()
            .find(|line| line.trim_start().starts_with(name));
        line.map_or("", |line| line[22..].trim())
    }

    #[test]
    fn every_row_is_there() {
        let table = table(&plan(None), &finished(End::Complete));
        for name in [
            "files found",
            "files done",
            "bytes",
            "failed",
            "skipped",
            "panics injected",
            "hangs injected",
            "restarts",
            "abandoned",
            "read again",
            "poisoned",
            "refused",
            "lost",
            "counted twice",
            "throughput",
            "digest",
        ] {
            assert_ne!(row(&table, name), "", "{name}");
        }
        assert_eq!(
            (row(&table, "lost"), row(&table, "counted twice")),
            ("0", "0")
        );
        assert_eq!(row(&table, "panics injected"), "1,234");
    }

    #[test]
    fn the_numbers_of_the_tree_are_shown() {
        let text = table(
            &plan(Some((3, Duration::from_secs(5)))),
            &finished(End::Interrupted),
        );
        assert!(text.starts_with("scan of some/dir, interrupted\n"));
        assert!(row(&text, "restarts allowed").starts_with("3 in 5s"));
        assert!(row(&text, "hangs allowed").ends_with("9 abandoned threads"));
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(
            [0, 999, 1000, 1_234_567].map(number),
            ["0", "999", "1,000", "1,234,567"]
        );
    }

    #[test]
    fn parts_are_named_when_there_are_any() {
        let mut rows = Rows::default();
        rows.parts("skipped", &[(2, "links"), (0, "FIFOs"), (1, "sockets")]);
        rows.parts("failed", &[(0, "vanished")]);
        assert_eq!(row(&rows.text, "skipped"), "3 (2 links, 1 sockets)");
        assert_eq!(row(&rows.text, "failed"), "0");
    }

    #[test]
    fn a_walk_that_did_not_end_is_said() {
        assert!(not_done(&Book::default()).ends_with("there may be more"));
        let mut book = Book::default();
        book.walked();
        assert_eq!(
            not_done(&book),
            "done 0, failed 0, poisoned 0, not done 0 of 0 files found"
        );
    }
}
