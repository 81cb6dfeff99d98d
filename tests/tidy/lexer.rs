//! Tells code from comments and literals; knows just enough of Rust for that.

/// Blanks comments and literals in the first text, everything but comments in the second.
pub(crate) fn split(text: &str) -> (String, String) {
    let bytes = text.as_bytes();
    let blank = || {
        bytes
            .iter()
            .map(|&byte| if byte == b'\n' { byte } else { b' ' })
            .collect::<Vec<_>>()
    };
    let (mut code, mut comments) = (blank(), blank());
    let mut at = 0;
    while at < bytes.len() {
        let (part, end) = part_at(bytes, at);
        match part {
            Part::Code => code[at..end].copy_from_slice(&bytes[at..end]),
            Part::Comment => comments[at..end].copy_from_slice(&bytes[at..end]),
            Part::Literal => (code[at], code[end - 1]) = (b'"', b'"'),
        }
        at = end;
    }
    (
        String::from_utf8_lossy(&code).into_owned(),
        String::from_utf8_lossy(&comments).into_owned(),
    )
}

enum Part {
    Code,
    Comment,
    Literal,
}

/// What begins at `at`, and where it ends.
fn part_at(bytes: &[u8], at: usize) -> (Part, usize) {
    let rest = &bytes[at..];
    let after_word = at > 0 && is_word_byte(bytes[at - 1]);
    if rest.starts_with(b"//") {
        let length = rest
            .iter()
            .position(|&byte| byte == b'\n')
            .unwrap_or(rest.len());
        (Part::Comment, at + length)
    } else if rest.starts_with(b"/*") {
        (Part::Comment, at + block_comment(rest))
    } else if let Some(length) = raw_string(rest).filter(|_| !after_word) {
        (Part::Literal, at + length)
    } else if rest[0] == b'"' {
        (Part::Literal, at + quoted(rest, b'"'))
    } else if rest[0] == b'\'' && is_char_literal(rest) {
        (Part::Literal, at + quoted(rest, b'\''))
    } else {
        (Part::Code, at + 1)
    }
}

fn block_comment(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0usize, 0);
    while at < rest.len() {
        if rest[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                break;
            }
        } else {
            at += 1;
        }
    }
    at
}

/// The length of `r"…"`, `br#"…"#` and their like.
fn raw_string(rest: &[u8]) -> Option<usize> {
    let prefix = usize::from(matches!(rest[0], b'b' | b'c'));
    let hashes = rest
        .get(prefix + 1..)?
        .iter()
        .take_while(|&&byte| byte == b'#')
        .count();
    let open = prefix + 1 + hashes;
    if rest.get(prefix) != Some(&b'r') || rest.get(open) != Some(&b'"') {
        return None;
    }
    let mut close = vec![b'"'];
    close.resize(hashes + 1, b'#');
    let body = rest[open + 1..]
        .windows(close.len())
        .position(|window| window == close);
    Some(body.map_or(rest.len(), |body| open + 1 + body + close.len()))
}

fn quoted(rest: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != quote {
        at += if rest[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(rest.len())
}

/// A quote begins a character, not a lifetime, when an escape or one character and a quote follow.
fn is_char_literal(rest: &[u8]) -> bool {
    let width = match rest.get(1) {
        Some(b'\\') => return true,
        Some(0xF0..) => 4,
        Some(0xE0..) => 3,
        Some(0xC0..) => 2,
        _ => 1,
    };
    rest.get(1 + width) == Some(&b'\'')
}

pub(crate) fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

mod scanner {
    use crate::source::Source;

    #[test]
    fn comments_and_literals_are_not_code() {
        let source = Source::new(
            "src/a.rs",
            "let a = \"unsafe // x\"; // why\n/* a /* b */ c */ let b = r#\"\"unsafe\"\"#;\n",
        );
        assert!(source.code.iter().all(|line| !line.contains("unsafe")));
        assert_eq!(source.comments[0].trim(), "// why");
        assert!(
            source.code[1].trim().starts_with("let b = \"") && source.code[1].ends_with("\";"),
            "{:?}",
            source.code[1]
        );
    }

    #[test]
    fn lifetimes_are_not_characters() {
        let source = Source::new(
            "src/a.rs",
            "fn f<'a>(x: &'a str) -> char { if x == \"'\" { '\"' } else { 'é' } }\nunsafe {}\n",
        );
        assert!(source.code[1].contains("unsafe"));
        assert_eq!(source.functions().len(), 1);
    }
}
