//! `GUARANTEES.md` maps property numbers and spec rows to tests; remarks above the tests name the numbers.
//!
//! A remark is a line `// property 3, OTP-24, D2, S61, decision 8` above a test, with prose after a colon if need be.
//! The sentences of the table are written by hand; the tests are written by `TIDY_WRITE=1 cargo test --test tidy`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};

use crate::source::{Finding, Source};
use crate::tree::Tree;

pub(crate) const FILE: &str = "tests/GUARANTEES.md";
const RULE: &str = "guarantee";

/// Where a row comes from, in the order of the document.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Kind {
    Property,
    Otp,
    Dynamic,
    Task,
    Partition,
    Decision,
    System,
}

impl Kind {
    const ALL: [Self; 7] = [
        Self::Property,
        Self::Otp,
        Self::Dynamic,
        Self::Task,
        Self::Partition,
        Self::Decision,
        Self::System,
    ];

    fn prefix(self) -> &'static str {
        match self {
            Self::Property => "property ",
            Self::Otp => "OTP-",
            Self::Dynamic => "D",
            Self::Task => "T",
            Self::Partition => "Pt",
            Self::Decision => "decision ",
            Self::System => "S",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Property => "Properties",
            Self::Otp => "Supervisors, as OTP has them",
            Self::Dynamic => "Dynamic supervisors",
            Self::Task => "Tasks, as Elixir has them",
            Self::Partition => "Partition supervisors",
            Self::Decision => "Decisions of our own",
            Self::System => "Systems",
        }
    }
}

/// A property or a row of the specification.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Id(Kind, u32);

impl Id {
    fn parse(text: &str) -> Option<Self> {
        let number = |kind: Kind| text.strip_prefix(kind.prefix()).and_then(whole_number);
        Kind::ALL
            .into_iter()
            .find_map(|kind| number(kind).map(|number| Self(kind, number)))
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.0.prefix(), self.1)
    }
}

fn whole_number(text: &str) -> Option<u32> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}

/// The numbers of one comment line: `None` when it is prose, an error when it begins like a remark and goes on otherwise.
fn remark(comment: &str) -> Option<Result<Vec<Id>, String>> {
    let text = comment
        .trim()
        .strip_prefix("//")?
        .trim_start_matches('/')
        .split(':')
        .next()?
        .trim();
    let mut items = text.split(',').map(str::trim);
    let first = items.next()?;
    let mut ids = match Id::parse(first) {
        Some(id) => vec![id],
        None if begins_like_id(first) => return Some(Err(first.to_owned())),
        None => return None,
    };
    for item in items {
        // `property 1, 2` goes on with the kind of the number before.
        let same_kind =
            || whole_number(item).and_then(|number| ids.last().map(|last: &Id| Id(last.0, number)));
        match Id::parse(item).or_else(same_kind) {
            Some(id) => ids.push(id),
            None => return Some(Err(item.to_owned())),
        }
    }
    Some(Ok(ids))
}

/// `Property 3`, `OTP 24`, `decisions 1 to 3`, `S2. And more`: meant as numbers, and not readable as such.
fn begins_like_id(text: &str) -> bool {
    let text = text.to_lowercase();
    let words = [
        "properties",
        "property",
        "decisions",
        "decision",
        "otp",
        "d",
        "t",
        "pt",
        "s",
    ];
    let rest = words.into_iter().find_map(|word| text.strip_prefix(word));
    rest.is_some_and(|rest| {
        rest.trim_start_matches([' ', '-'])
            .starts_with(|c: char| c.is_ascii_digit())
    })
}

/// What the remarks of the code say: for each number the tests that name it, and where one of them stands.
#[derive(Default)]
struct Remarks {
    tests: BTreeMap<Id, BTreeSet<String>>,
    places: BTreeMap<Id, (String, usize)>,
    unreadable: Vec<Finding>,
}

impl Remarks {
    fn of(sources: &[Source]) -> Self {
        let mut remarks = Self::default();
        for source in sources {
            for test in source.tests() {
                let name = format!("{}::{}", module(&source.path), test.name);
                for line in source.lines_above(test.last) {
                    remarks.read(source, line, &name);
                }
            }
        }
        remarks
    }

    fn read(&mut self, source: &Source, line: usize, name: &str) {
        match remark(&source.comments[line - 1]) {
            None => {}
            Some(Err(item)) => {
                let remedy = format!(
                    "cannot read `{item}`: write `// property 3, OTP-24, D2, S61, decision 8`, prose after a colon"
                );
                self.unreadable.push(source.finding(line, RULE, remedy));
            }
            Some(Ok(ids)) => {
                for id in ids {
                    self.tests.entry(id).or_default().insert(name.to_owned());
                    self.places.insert(id, (source.path.clone(), line));
                }
            }
        }
    }

    fn tests_of(&self, id: Id) -> BTreeSet<String> {
        self.tests.get(&id).cloned().unwrap_or_default()
    }
}

/// `src/time/clock.rs` is `time::clock`, `tests/it/channel.rs` is `it::channel`, `loom-tests/stop.rs` is `loom_tests::stop`.
fn module(path: &str) -> String {
    let path = path
        .trim_start_matches("src/")
        .trim_start_matches("tests/")
        .trim_end_matches(".rs");
    path.trim_end_matches("/mod")
        .trim_end_matches("/main")
        .replace('-', "_")
        .replace('/', "::")
}

/// The hand-written parts of the document.
struct Document {
    head: String,
    rows: BTreeMap<Id, Row>,
    twice: Vec<(usize, Id)>,
}

struct Row {
    line: usize,
    sentence: String,
    tests: BTreeSet<String>,
}

impl Document {
    fn parse(text: &str) -> Self {
        let head = text
            .split("\n## ")
            .next()
            .unwrap_or_default()
            .trim_end()
            .to_owned();
        let mut document = Self {
            head,
            rows: BTreeMap::new(),
            twice: Vec::new(),
        };
        for (number, line) in text.lines().enumerate() {
            let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
            let (Some(id), Some(sentence)) =
                (cells.first().and_then(|cell| Id::parse(cell)), cells.get(1))
            else {
                continue;
            };
            let tests = cells
                .get(2)
                .map_or("", |cell| cell)
                .split(',')
                .map(|name| name.trim().trim_matches('`').to_owned());
            let tests = tests.filter(|name| !name.is_empty()).collect();
            let row = Row {
                line: number + 1,
                sentence: (*sentence).to_owned(),
                tests,
            };
            if document.rows.insert(id, row).is_some() {
                document.twice.push((number + 1, id));
            }
        }
        document
    }

    fn render(&self, remarks: &Remarks) -> String {
        let mut text = format!("{}\n", self.head);
        for (title, proved) in [("Proved", true), ("Not yet proved", false)] {
            let _ = write!(text, "\n## {title}\n");
            for kind in Kind::ALL {
                let of_kind = self.rows.iter().filter(|(id, _)| id.0 == kind);
                let rows: Vec<_> = of_kind
                    .map(|(id, row)| (id, row, remarks.tests_of(*id)))
                    .collect();
                let rows = rows
                    .into_iter()
                    .filter(|(.., tests)| tests.is_empty() != proved);
                text.push_str(&table(kind, rows, proved));
            }
        }
        text
    }
}

fn table<'a>(
    kind: Kind,
    rows: impl Iterator<Item = (&'a Id, &'a Row, BTreeSet<String>)>,
    proved: bool,
) -> String {
    let mut text = String::new();
    for (id, Row { sentence, .. }, tests) in rows {
        let names: Vec<_> = tests.iter().map(|name| format!("`{name}`")).collect();
        let tests = if proved {
            format!(" {} |", names.join(", "))
        } else {
            String::new()
        };
        let _ = writeln!(text, "| {id} | {sentence} |{tests}");
    }
    let columns = if proved {
        "| row | guarantee | tests |\n|---|---|---|"
    } else {
        "| row | guarantee |\n|---|---|"
    };
    if text.is_empty() {
        text
    } else {
        format!("\n### {}\n\n{columns}\n{text}", kind.title())
    }
}

/// The document with its tests written anew.
pub(crate) fn rewritten(tree: &Tree) -> String {
    Document::parse(tree.text(FILE).unwrap_or_default()).render(&Remarks::of(&tree.sources))
}

/// Numbers in remarks stand in the table, and the table names exactly the tests that carry the number.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let text = tree.text(FILE).unwrap_or_default();
    let document = Document::parse(text);
    let remarks = Remarks::of(&tree.sources);
    let at = |line, remedy| Finding {
        file: FILE.to_owned(),
        line,
        rule: RULE,
        remedy,
    };
    let mut findings = remarks.unreadable.clone();
    findings.extend(
        document
            .twice
            .iter()
            .map(|(line, id)| at(*line, format!("{id} has two rows"))),
    );
    for (id, (file, line)) in remarks
        .places
        .iter()
        .filter(|(id, _)| !document.rows.contains_key(id))
    {
        let remedy = format!("{id} has no row in {FILE}: add its sentence, or correct the number");
        findings.push(Finding {
            file: file.clone(),
            line: *line,
            rule: RULE,
            remedy,
        });
    }
    for (id, row) in &document.rows {
        let tests = remarks.tests_of(*id);
        let gone = row
            .tests
            .difference(&tests)
            .map(|name| format!("no test `{name}` carries {id}"));
        let unlisted = tests
            .difference(&row.tests)
            .map(|name| format!("{id} lacks its test `{name}`"));
        findings.extend(gone.chain(unlisted).map(|remedy| {
            at(
                row.line,
                format!("{remedy}: TIDY_WRITE=1 cargo test --test tidy"),
            )
        }));
    }
    if findings.is_empty() && document.render(&remarks) != text {
        findings.push(at(
            1,
            "rows are not in their order and sections: TIDY_WRITE=1 cargo test --test tidy"
                .to_owned(),
        ));
    }
    findings
}

mod planted {
    use super::{FILE, check, remark, rewritten};
    use crate::tree::Tree;

    const TABLE: &str = "# G\n\n## Proved\n\n### Properties\n\n| row | guarantee | tests |\n|---|---|---|\n| property 1 | it holds | `it::a::b` |\n\n## Not yet proved\n\n### Systems\n\n| row | guarantee |\n|---|---|\n| S2 | it stays |\n";
    const TEST: &str = "// property 1\n#[test]\nfn b() {}\n";

    fn tree(table: &str, test: &str) -> Tree {
        Tree::of(vec![
            (FILE.to_owned(), table.to_owned()),
            ("tests/it/a.rs".to_owned(), test.to_owned()),
        ])
    }

    fn remedies(table: &str, test: &str) -> Vec<String> {
        check(&tree(table, test))
            .into_iter()
            .map(|finding| format!("{}:{} {}", finding.file, finding.line, finding.remedy))
            .collect()
    }

    #[test]
    fn remarks_are_lists_of_numbers() {
        let read = |text| {
            remark(text).and_then(Result::ok).map(|ids| {
                ids.iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join(" ")
            })
        };
        assert_eq!(
            read("// property 3, 4, OTP-24").as_deref(),
            Some("property 3 property 4 OTP-24")
        );
        assert_eq!(
            read("// D2: children that restart count").as_deref(),
            Some("D2")
        );
        assert_eq!(
            read("// decision 8, S61").as_deref(),
            Some("decision 8 S61")
        );
        assert_eq!(read("// D is a letter, S2 too"), None);
        assert_eq!(read("/// property 3").as_deref(), Some("property 3"));
        for meant in [
            "// OTP-1 to OTP-3",
            "// Property 3",
            "// properties 1, 2",
            "// S2. And more",
            "// OTP 4",
        ] {
            assert!(matches!(remark(meant), Some(Err(_))), "{meant}");
        }
        assert!(matches!(remark("// OTP-1, and more"), Some(Err(_))));
    }

    #[test]
    fn a_table_that_agrees_is_accepted() {
        assert_eq!(remedies(TABLE, TEST), Vec::<String>::new());
    }

    #[test]
    fn a_named_test_that_is_gone_is_found() {
        assert!(
            remedies(TABLE, "")
                .iter()
                .any(|it| it.contains("no test `it::a::b`"))
        );
    }

    #[test]
    fn a_number_that_is_not_listed_is_found() {
        assert!(
            remedies(TABLE, &TEST.replace('1', "7"))[0]
                .starts_with("tests/it/a.rs:1 property 7 has no row")
        );
        assert!(
            remedies(TABLE, &TEST.replace('1', "1, S2"))
                .iter()
                .any(|it| it.contains("S2 lacks its test"))
        );
    }

    #[test]
    fn a_remark_that_cannot_be_read_is_found() {
        assert!(
            remedies(TABLE, &TEST.replace('1', "1, OTP-2 to 4"))[0]
                .contains("cannot read `OTP-2 to 4`")
        );
    }

    #[test]
    fn rewriting_moves_rows_and_keeps_sentences() {
        let text = rewritten(&tree(TABLE, &TEST.replace('1', "1, S2")));
        assert!(text.contains("| S2 | it stays | `it::a::b` |"), "{text}");
        let empty = rewritten(&tree(TABLE, ""));
        assert!(empty.contains("| property 1 | it holds |\n"), "{empty}");
        assert_eq!(rewritten(&tree(&text, TEST)), TABLE);
    }
}
