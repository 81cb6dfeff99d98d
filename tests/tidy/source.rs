//! A source file as the rules see it: its text, its code without comments and literals, its comments, its tokens, and
//! which of its lines are tests.

use crate::lexer::{is_word_byte, split};

/// Something that a rule does not accept, where it is, and what to do about it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Finding {
    pub(crate) file: String,
    pub(crate) line: usize,
    pub(crate) rule: &'static str,
    pub(crate) remedy: String,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            file,
            line,
            rule,
            remedy,
        } = self;
        write!(f, "{file}:{line}: {rule}: {remedy}")
    }
}

/// A word, a number or a mark of the code; `::` is one token.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    /// Counted from 1.
    pub(crate) line: usize,
    /// Counted in bytes from 0, the same in the raw line and in the code line.
    pub(crate) column: usize,
    pub(crate) text: String,
}

impl Token {
    pub(crate) fn is_word(&self) -> bool {
        self.text
            .starts_with(|c: char| c.is_alphabetic() || c == '_')
    }
}

/// A path of the code, `use` groups written out: `a::{b, c}` gives `a::b` and `a::c`.
#[derive(Debug)]
pub(crate) struct Path {
    pub(crate) line: usize,
    pub(crate) segments: Vec<String>,
    /// The place of its last word among the tokens.
    pub(crate) token: usize,
    /// Whether a `!` follows.
    pub(crate) is_macro: bool,
}

impl Path {
    pub(crate) fn ends_with(&self, tail: &[&str]) -> bool {
        let from = self.segments.len().checked_sub(tail.len());
        from.is_some_and(|from| self.segments[from..].iter().eq(tail))
    }

    pub(crate) fn starts_with(&self, head: &[&str]) -> bool {
        self.segments.len() >= head.len() && self.segments[..head.len()].iter().eq(head)
    }

    pub(crate) fn text(&self) -> String {
        self.segments.join("::")
    }
}

/// The lines of an attribute and its code without blanks, `cfg(all(test,loom))`.
#[derive(Debug)]
pub(crate) struct Attribute {
    pub(crate) first: usize,
    pub(crate) last: usize,
    pub(crate) text: String,
    inner: bool,
    next_token: usize,
}

/// A function with a body.
#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) first: usize,
    pub(crate) last: usize,
}

#[derive(Debug)]
pub(crate) struct Source {
    /// Relative to the root of the repository, with `/`.
    pub(crate) path: String,
    pub(crate) lines: Vec<String>,
    /// The lines with comments and the insides of literals blanked; columns are those of `lines`.
    pub(crate) code: Vec<String>,
    /// The lines with everything but comments blanked.
    pub(crate) comments: Vec<String>,
    pub(crate) tokens: Vec<Token>,
    pub(crate) attributes: Vec<Attribute>,
    test_lines: Vec<bool>,
}

impl Source {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let (code, comments) = split(text);
        let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
        let code = lines(&code);
        let tokens = tokens(&code);
        let attributes = attributes(&tokens);
        let test_lines = vec![is_test_path(path); code.len()];
        let mut source = Self {
            path: path.to_owned(),
            lines: lines(text),
            code,
            comments: lines(&comments),
            tokens,
            attributes,
            test_lines,
        };
        source.mark_tests();
        source
    }

    /// The first part of the path: `src`, `tests`, `loom-tests`, `benches`, `examples`.
    pub(crate) fn area(&self) -> &str {
        self.path.split('/').next().unwrap_or_default()
    }

    /// The room of a file of the library: `src/time/clock.rs` and `src/time.rs` are of the room `time`.
    pub(crate) fn room(&self) -> Option<&str> {
        let inside = self.path.strip_prefix("src/")?;
        let name = inside.split('/').next().unwrap_or_default();
        (name != "lib.rs").then(|| name.trim_end_matches(".rs"))
    }

    /// The name of the file without its ending.
    pub(crate) fn stem(&self) -> &str {
        self.path
            .rsplit('/')
            .next()
            .unwrap_or_default()
            .trim_end_matches(".rs")
    }

    pub(crate) fn is_test(&self, line: usize) -> bool {
        self.test_lines
            .get(line.wrapping_sub(1))
            .copied()
            .unwrap_or_default()
    }

    /// Library code: in `src/`, and compiled without `cfg(test)`.
    pub(crate) fn is_library(&self, line: usize) -> bool {
        self.area() == "src" && !self.is_test(line)
    }

    pub(crate) fn mark_all_as_tests(&mut self) {
        self.test_lines.fill(true);
    }

    pub(crate) fn finding(
        &self,
        line: usize,
        rule: &'static str,
        remedy: impl Into<String>,
    ) -> Finding {
        Finding {
            file: self.path.clone(),
            line,
            rule,
            remedy: remedy.into(),
        }
    }

    pub(crate) fn paths(&self) -> Vec<Path> {
        let mut paths = Vec::new();
        let mut at = 0;
        while at < self.tokens.len() {
            if self.tokens[at].is_word() {
                at = read_path(&self.tokens, at, &[], &mut paths);
            } else {
                at += 1;
            }
        }
        paths
    }

    /// Every function that has a body, also those inside of others.
    pub(crate) fn functions(&self) -> Vec<Function> {
        let mut functions = Vec::new();
        for (at, pair) in self.tokens.windows(2).enumerate() {
            if pair[0].text != "fn" || !pair[1].is_word() {
                continue;
            }
            let end = end_of_item(&self.tokens, at);
            if self.tokens[end].text == "}" {
                functions.push(Function {
                    name: pair[1].text.clone(),
                    first: pair[0].line,
                    last: self.tokens[end].line,
                });
            }
        }
        functions
    }

    /// The functions under `#[test]`, each with the line of its `fn` and the first line of its attributes.
    pub(crate) fn tests(&self) -> Vec<Function> {
        let mut found = Vec::new();
        for attribute in self
            .attributes
            .iter()
            .filter(|attribute| attribute.text == "test")
        {
            let rest = &self.tokens[attribute.next_token..];
            let Some(at) = rest
                .windows(2)
                .position(|pair| pair[0].text == "fn" && pair[1].is_word())
            else {
                continue;
            };
            found.push(Function {
                name: rest[at + 1].text.clone(),
                first: attribute.first,
                last: rest[at].line,
            });
        }
        found
    }

    /// The comment and attribute lines that stand directly above `line`, the nearest first.
    pub(crate) fn lines_above(&self, line: usize) -> Vec<usize> {
        let in_attribute = |line| {
            self.attributes
                .iter()
                .any(|it| it.first <= line && line <= it.last)
        };
        let is_comment = |line: usize| {
            self.code[line - 1].trim().is_empty() && !self.comments[line - 1].trim().is_empty()
        };
        (1..line)
            .rev()
            .take_while(|&line| in_attribute(line) || is_comment(line))
            .collect()
    }

    /// Whether a remark stands on the line, above it within the same statement, or at most three lines above.
    pub(crate) fn has_remark(&self, line: usize) -> bool {
        let code = |line: usize| self.code[line - 1].trim();
        let is_remark = |line: usize| !self.comments[line - 1].trim().is_empty();
        let is_blank = |line: usize| code(line).is_empty() && !is_remark(line);
        let goes_on = |line: &usize| !is_blank(*line) && !code(*line).ends_with([';', '{', '}']);
        let statement = (1..line).rev().take_while(goes_on).take(12);
        let near = (line.saturating_sub(3).max(1)..line).filter(|&above| code(above).is_empty());
        is_remark(line) || statement.chain(near).any(is_remark)
    }

    /// Whether the line belongs to an item that is compiled out when the models run.
    pub(crate) fn is_unmodelled(&self, line: usize) -> bool {
        let out = |text: &str| matches!(text, "cfg(not(all(test,loom)))" | "cfg(not(loom))");
        let gates = self
            .attributes
            .iter()
            .filter(|attribute| out(&attribute.text));
        let mut items = gates.map(|gate| (gate.first, end_of_item(&self.tokens, gate.next_token)));
        items.any(|(first, end)| {
            first <= line && self.tokens.get(end).is_some_and(|end| line <= end.line)
        })
    }

    /// Whether the token stands in the body of a `while` or a `loop`.
    pub(crate) fn in_loop(&self, token: usize) -> bool {
        let mut depth = 0usize;
        for at in (0..token).rev() {
            match self.tokens[at].text.as_str() {
                "}" => depth += 1,
                "{" if depth > 0 => depth -= 1,
                "{" if self.header(at).any(|word| matches!(word, "while" | "loop")) => return true,
                _ => {}
            }
        }
        false
    }

    /// The words between the end of the statement before and the brace at `open`.
    fn header(&self, open: usize) -> impl Iterator<Item = &str> {
        let before = self.tokens[..open]
            .iter()
            .rev()
            .map(|token| token.text.as_str());
        before.take_while(|word| !matches!(*word, ";" | "{" | "}"))
    }

    fn mark_tests(&mut self) {
        for attribute in &self.attributes {
            let text = attribute.text.as_str();
            let is_test =
                text == "test" || text == "cfg(test)" || text.starts_with("cfg(all(test,");
            if !is_test {
                continue;
            }
            if attribute.inner {
                self.test_lines.fill(true);
                return;
            }
            let end = end_of_item(&self.tokens, attribute.next_token);
            let last = self
                .tokens
                .get(end)
                .map_or(attribute.last, |token| token.line);
            self.test_lines[attribute.first - 1..last].fill(true);
        }
    }
}

fn is_test_path(path: &str) -> bool {
    let in_src = path.starts_with("src/");
    let is_tests = |part: &str| {
        matches!(part.trim_end_matches(".rs"), "tests" | "test_support")
            || part.ends_with("_tests.rs")
    };
    path.starts_with("tests/")
        || path.starts_with("loom-tests/")
        || (in_src && path.split('/').any(is_tests))
}

fn tokens(code: &[String]) -> Vec<Token> {
    let mut tokens = Vec::new();
    for (number, line) in code.iter().enumerate() {
        let bytes = line.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            let word = bytes[at..]
                .iter()
                .take_while(|&&byte| is_word_byte(byte))
                .count();
            let length = if bytes[at..].starts_with(b"::") {
                2
            } else {
                word.max(1)
            };
            if !bytes[at].is_ascii_whitespace() {
                let text = line[at..at + length].to_owned();
                tokens.push(Token {
                    line: number + 1,
                    column: at,
                    text,
                });
            }
            at += length;
        }
    }
    tokens
}

fn attributes(tokens: &[Token]) -> Vec<Attribute> {
    let mut found = Vec::new();
    for at in 0..tokens.len() {
        let is = |offset: usize, text: &str| {
            tokens
                .get(at + offset)
                .is_some_and(|token| token.text == text)
        };
        let inner = is(1, "!");
        let open = at + 1 + usize::from(inner);
        if !is(0, "#") || tokens.get(open).is_none_or(|token| token.text != "[") {
            continue;
        }
        let close = closing(tokens, open);
        let text = tokens[open + 1..close]
            .iter()
            .map(|token| token.text.as_str())
            .collect();
        found.push(Attribute {
            first: tokens[at].line,
            last: tokens[close].line,
            text,
            inner,
            next_token: close + 1,
        });
    }
    found
}

/// The token that closes the bracket at `open`; the last one when nothing does.
pub(crate) fn closing(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            _ => continue,
        }
        if depth == 0 {
            return at;
        }
    }
    tokens.len().saturating_sub(1)
}

/// The last token of the item that begins at `start`: its `;`, or the brace that closes its body.
fn end_of_item(tokens: &[Token], start: usize) -> usize {
    let mut at = start;
    while at < tokens.len() {
        match tokens[at].text.as_str() {
            ";" => return at,
            "{" => return closing(tokens, at),
            "(" | "[" => at = closing(tokens, at) + 1,
            _ => at += 1,
        }
    }
    tokens.len().saturating_sub(1)
}

/// Reads the path that begins at `at`; returns where to go on.
fn read_path(tokens: &[Token], mut at: usize, prefix: &[String], paths: &mut Vec<Path>) -> usize {
    let mut segments = prefix.to_vec();
    let mut line = tokens[at].line;
    let text = |at: usize| tokens.get(at).map_or("", |token| token.text.as_str());
    while at < tokens.len() && tokens[at].is_word() {
        segments.push(tokens[at].text.clone());
        line = tokens[at].line;
        at += 1;
        if text(at) != "::" {
            break;
        }
        at += 1;
        if text(at) == "{" {
            let close = closing(tokens, at);
            at += 1;
            while at < close {
                let element_begins = tokens[at].is_word() && tokens[at].text != "as";
                at = if element_begins {
                    read_path(tokens, at, &segments, paths)
                } else {
                    at + 1
                };
            }
            return close + 1;
        }
    }
    paths.push(Path {
        line,
        segments,
        token: at - 1,
        is_macro: text(at) == "!",
    });
    at
}

mod scanner {
    use super::Source;

    #[test]
    fn use_groups_are_written_out() {
        let source = Source::new("src/a.rs", "use a::{b::{self, c}, d as e};\nf::g();\n");
        let paths: Vec<_> = source.paths().iter().map(super::Path::text).collect();
        assert!(
            ["a::b::self", "a::b::c", "a::d", "f::g"]
                .iter()
                .all(|path| paths.contains(&(*path).to_owned())),
            "{paths:?}"
        );
    }

    #[test]
    fn modules_and_functions_of_tests_are_marked() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn b() {}\n}\nfn c() {}\n#[cfg(all(test, not(loom)))]\nmod more;\n";
        let source = Source::new("src/a.rs", text);
        let marked: Vec<_> = (1..=9).filter(|&line| source.is_test(line)).collect();
        assert_eq!(marked, [2, 3, 4, 5, 6, 8, 9]);
        assert_eq!(source.tests()[0].name, "b");
    }

    #[test]
    fn bodies_of_loops_are_known() {
        let text = "fn f() { while x() { y(a); } z(b); let c = loop { match d { _ => {} } } }\n";
        let source = Source::new("src/a.rs", text);
        let inside = |word: &str| {
            source
                .tokens
                .iter()
                .position(|it| it.text == word)
                .is_some_and(|at| source.in_loop(at))
        };
        assert_eq!(["x", "a", "b", "d"].map(inside), [false, true, false, true]);
    }

    #[test]
    fn remarks_above_reach_over_attributes() {
        let source = Source::new(
            "src/a.rs",
            "\n// property 1\n#[cfg(unix)]\n#[test]\nfn b() {}\n",
        );
        assert_eq!(source.lines_above(5), [4, 3, 2]);
    }
}
