//! Splits Rust text into code and comments, so that a rule about one never looks into the other or into strings.

/// A file seen twice, line for line: what is not code, or not comment, is blank.
#[derive(Debug)]
pub(super) struct Scan {
    code: String,
    comments: String,
}

impl Scan {
    pub(super) fn new(text: &str) -> Self {
        let mut scan = Self { code: String::new(), comments: String::new() };
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let (kind, length) = token(rest, scan.code.chars().next_back());
            let length = length.max(first.len_utf8());
            scan.push(kind, &rest[..length]);
            rest = &rest[length..];
        }
        scan
    }

    /// Lines of code with their numbers, from 1; strings and comments are blank.
    pub(super) fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(self.code.lines())
    }

    /// Lines of comments with their numbers, from 1; doc comments are comments.
    pub(super) fn comments(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(self.comments.lines())
    }

    fn push(&mut self, kind: Kind, part: &str) {
        for c in part.chars() {
            let blank = if c == '\n' { '\n' } else { ' ' };
            self.code.push(if kind == Kind::Code { c } else { blank });
            self.comments.push(if kind == Kind::Comment { c } else { blank });
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Code,
    Comment,
    Literal,
}

/// The token at the start of `rest` and its length in bytes, given the code character before it.
fn token(rest: &str, before: Option<char>) -> (Kind, usize) {
    if rest.starts_with("//") {
        return (Kind::Comment, rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return (Kind::Comment, block_comment(rest));
    }
    let in_word = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    if !in_word && let Some(length) = raw_string(rest) {
        return (Kind::Literal, length);
    }
    if rest.starts_with('"') {
        return (Kind::Literal, quoted(rest, '"'));
    }
    if rest.starts_with('\'') && is_char_literal(rest) {
        return (Kind::Literal, quoted(rest, '\''));
    }
    (Kind::Code, 1)
}

/// Block comments nest.
fn block_comment(rest: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                break;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    at
}

/// `r"..."`, `r#"..."#`, `br"..."`, `cr"..."`; a raw identifier like `r#type` is none.
fn raw_string(rest: &str) -> Option<usize> {
    let body = ["r", "br", "cr"].iter().find_map(|prefix| {
        let body = rest.strip_prefix(prefix)?;
        body.starts_with(['"', '#']).then_some(body)
    })?;
    let hashes = body.len() - body.trim_start_matches('#').len();
    let text = body[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let open = rest.len() - text.len();
    Some(text.find(&end).map_or(rest.len(), |at| open + at + end.len()))
}

fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at + c.len_utf8(),
            _ => {}
        }
    }
    rest.len()
}

/// `'x'` and `'\n'`, but not the lifetime `'x`.
fn is_char_literal(rest: &str) -> bool {
    let mut chars = rest.chars().skip(1);
    match chars.next() {
        Some('\\') => true,
        Some(_) => chars.next() == Some('\''),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> (String, String) {
        let scan = Scan::new(text);
        let squeeze = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        (squeeze(&scan.code), squeeze(&scan.comments))
    }

    #[test]
    fn strings_are_neither_code_nor_comment() {
        let (code, comments) =
            split(r##"a("x // \" y", r#"/* " */"#, b"z", '"', 'c'); // "why" "##);
        assert_eq!(code, "a( , , b , , );");
        assert_eq!(comments, "// \"why\"");
    }

    #[test]
    fn lifetimes_and_raw_names_are_code() {
        let (code, comments) = split("fn f<'a>(r#type: &'a str) {} // it's");
        assert_eq!(code, "fn f<'a>(r#type: &'a str) {}");
        assert_eq!(comments, "// it's");
    }

    #[test]
    fn block_comments_nest_and_keep_their_lines() {
        let scan = Scan::new("a\n/* b /* c\n*/ é */ d\n//! e");
        let code: Vec<_> = scan.code().map(|(line, text)| (line, text.trim())).collect();
        assert_eq!(code, [(1, "a"), (2, ""), (3, "d"), (4, "")]);
        let comments: Vec<_> = scan.comments().map(|(line, text)| (line, text.trim())).collect();
        assert_eq!(comments, [(1, ""), (2, "/* b /* c"), (3, "*/ é */"), (4, "//! e")]);
    }

    #[test]
    fn an_open_string_ends_with_the_file() {
        assert_eq!(split("a \"b").0, "a");
        assert_eq!(split("a r#\"b\"").0, "a");
    }
}
