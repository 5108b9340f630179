//! Rules for Rust files: the opening sentence, the length, leftovers in code, and what a comment may say.

use super::scan::Scan;
use super::{File, is_source};

/// Lines of a source file; past it a file has more than one thing to say.
const LONGEST: usize = 400;

/// Code that says it is not finished, or hides a test.
const LEFTOVERS: &[&str] = &["todo!", "unimplemented!", "dbg!", "#[ignore", "FIXME", "XXX"];

/// Marks of unfinished work, and words that tell what the code was before; git has the history.
const UNWANTED_WORDS: &[&str] = &[
    "FIXME",
    "XXX",
    "formerly",
    "refactored",
    "renamed from",
    "old implementation",
    "previous implementation",
    "previous version of this",
];

pub(super) fn faults(file: &File) -> Vec<String> {
    let scan = Scan::new(&file.text);
    let mut faults = Vec::new();
    if is_source(&file.path) {
        faults.extend(opening(file));
        faults.extend(length(file));
    }
    faults.extend(leftovers(file, &scan));
    faults.extend(comments(file, &scan));
    faults
}

/// The first line starts a `//!` paragraph that is a sentence.
fn opening(file: &File) -> Option<String> {
    let lines = file.text.lines().map_while(|line| line.strip_prefix("//!"));
    let paragraph: Vec<_> = lines.map(str::trim).take_while(|line| !line.is_empty()).collect();
    let paragraph = paragraph.join(" ");
    if paragraph.is_empty() {
        return Some(format!("{}:1: does not begin with a `//!` sentence", file.path));
    }
    if paragraph.starts_with('#') || !paragraph.ends_with('.') {
        return Some(format!("{}:1: its opening is no sentence that ends in a dot", file.path));
    }
    None
}

fn length(file: &File) -> Option<String> {
    let lines = file.text.lines().count();
    let is_test = file.path.ends_with("/tests.rs") || file.path.contains("/tests/");
    (lines > LONGEST && !is_test)
        .then(|| format!("{}:{lines}: more than {LONGEST} lines", file.path))
}

fn leftovers(file: &File, scan: &Scan) -> Vec<String> {
    let mut faults = Vec::new();
    for (number, line) in scan.code() {
        for leftover in LEFTOVERS {
            if contains_word(line, leftover) {
                faults.push(format!("{}:{number}: has `{leftover}` in it", file.path));
            }
        }
    }
    faults
}

fn comments(file: &File, scan: &Scan) -> Vec<String> {
    let mut faults = Vec::new();
    for (number, line) in scan.comments() {
        for word in UNWANTED_WORDS {
            if contains_word(line, word) {
                faults.push(format!("{}:{number}: a comment says `{word}`", file.path));
            }
        }
        if let Some(issue) = issue_number(line) {
            faults.push(format!("{}:{number}: a comment names an issue, {issue}", file.path));
        }
        let fence = line.trim_start_matches(['/', '!', '*', ' ']).strip_prefix("```");
        if fence.is_some_and(is_ignored) {
            faults.push(format!("{}:{number}: a doc example is never built", file.path));
        }
    }
    faults
}

/// Whether a code block's info string tells rustdoc to skip it, on one target or on all.
pub(super) fn is_ignored(info: &str) -> bool {
    let mut words = info.split(|c: char| c == ',' || c.is_whitespace());
    words.any(|word| word == "ignore" || word.starts_with("ignore-"))
}

/// `needle` in `line`, but not as the tail or head of a longer word.
fn contains_word(line: &str, needle: &str) -> bool {
    let in_word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(needle).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + needle.len()..].chars().next();
        let starts = !needle.starts_with(in_word) || !before.is_some_and(in_word);
        let ends = !needle.ends_with(in_word) || !after.is_some_and(in_word);
        starts && ends
    })
}

/// A `#` that stands alone before digits, like a reference to an issue.
fn issue_number(comment: &str) -> Option<&str> {
    comment.match_indices('#').find_map(|(at, _)| {
        let before = comment[..at].chars().next_back();
        let digits = comment[at + 1..].find(|c: char| !c.is_ascii_digit());
        let end = digits.map_or(comment.len(), |digits| at + 1 + digits);
        let alone = before.is_none_or(|c| c.is_whitespace() || "([/".contains(c));
        let after = comment[end..].chars().next();
        let number = end > at + 1 && !after.is_some_and(|c| c.is_alphanumeric() || c == '_');
        (alone && number).then(|| &comment[at..end])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults_in(path: &str, text: &str) -> Vec<String> {
        faults(&File { path: path.to_owned(), text: text.to_owned() })
    }

    fn source(body: &str) -> Vec<String> {
        faults_in("crates/a/src/b.rs", &format!("//! Is a file.\n{body}\n"))
    }

    #[test]
    fn a_tidy_file_passes() {
        let text =
            "//! Is a file,\n//! of two lines.\n\n// As of invariant 2, #[ignored] is fine.\n";
        assert_eq!(faults_in("crates/a/src/b.rs", text), [""; 0]);
        assert_eq!(source("let todo = \"todo!() FIXME #12\"; // r#1 and a#12"), [""; 0]);
        assert_eq!(source("/// ```no_run\n/// ignore(1);\n/// ```\nfn f() {}"), [""; 0]);
    }

    #[test]
    fn a_source_file_opens_with_a_sentence() {
        let path = "crates/a/src/b.rs";
        let none = [format!("{path}:1: does not begin with a `//!` sentence")];
        assert_eq!(faults_in(path, "// No.\n"), none);
        assert_eq!(faults_in(path, "\n//! Late.\n"), none);
        assert_eq!(faults_in(path, "//!\n//! Late.\n"), none);
        let not = [format!("{path}:1: its opening is no sentence that ends in a dot")];
        assert_eq!(faults_in(path, "//! No dot\n"), not);
        assert_eq!(faults_in(path, "//! # Title.\n"), not);
        assert_eq!(faults_in("crates/a/tests/b.rs", "fn f() {}\n"), [""; 0]);
    }

    #[test]
    fn long_files_are_reported_unless_they_are_tests() {
        let text = "//! Is long.\n".to_owned() + &"\n".repeat(LONGEST);
        let expected = ["crates/a/src/b.rs:401: more than 400 lines"];
        assert_eq!(faults_in("crates/a/src/b.rs", &text), expected);
        assert_eq!(faults_in("crates/a/src/b/tests.rs", &text), [""; 0]);
        assert_eq!(faults_in("crates/a/tests/b.rs", &text), [""; 0]);
    }

    #[test]
    fn each_leftover_is_reported() {
        for leftover in LEFTOVERS {
            let expected = [format!("crates/a/src/b.rs:2: has `{leftover}` in it")];
            assert_eq!(source(&format!("    {leftover}")), expected);
        }
        let expected = ["crates/a/tests/b.rs:1: has `#[ignore` in it"];
        assert_eq!(faults_in("crates/a/tests/b.rs", "#[ignore = \"slow\"]\n"), expected);
        assert_eq!(source("my_todo!(); FIXMEUP; assert!(dbg);"), [""; 0]);
    }

    #[test]
    fn each_unwanted_word_in_a_comment_is_reported() {
        for word in UNWANTED_WORDS {
            let expected = [format!("crates/a/src/b.rs:2: a comment says `{word}`")];
            assert_eq!(source(&format!("let a = 1; // this {word} that")), expected);
        }
    }

    #[test]
    fn issue_numbers_are_reported() {
        for comment in ["// see #123", "/// (#4)", "/* #12, fixed */"] {
            let faults = source(comment);
            assert_eq!(faults.len(), 1, "{comment}: {faults:?}");
            assert!(faults[0].contains(":2: a comment names an issue, #"), "{}", faults[0]);
        }
        assert_eq!(source("// #[must_use], # 3, page#3, #3d"), [""; 0]);
    }

    #[test]
    fn ignored_examples_are_reported() {
        for fence in ["```ignore", "```rust,ignore", "``` ignore", "```ignore-windows"] {
            let expected = ["crates/a/src/b.rs:2: a doc example is never built"];
            assert_eq!(source(&format!("/// {fence}\nfn f() {{}}")), expected);
        }
    }
}
