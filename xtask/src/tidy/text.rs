//! Rules for every text file: clean line ends, and no path of one person's machine.

use super::File;
use super::rust::is_ignored;

/// Places outside the repository; they are put together here so that this file passes its own rule.
const ELSEWHERE: &[&str] = &[concat!("..", "/shared"), concat!("/wo", "rk/")];

pub(super) fn faults(file: &File) -> Vec<String> {
    let File { path, text } = file;
    let mut faults = Vec::new();
    for (number, line) in (1..).zip(text.split('\n')) {
        if line.ends_with(char::is_whitespace) {
            faults.push(format!("{path}:{number}: ends in white space"));
        }
        for place in ELSEWHERE {
            if mentions(line, place) {
                faults.push(format!("{path}:{number}: mentions `{place}`"));
            }
        }
        let fence = line.trim_start().strip_prefix("```");
        if path.ends_with(".md") && fence.is_some_and(is_ignored) {
            faults.push(format!("{path}:{number}: an example is never built"));
        }
    }
    if !text.is_empty() && !text.ends_with('\n') {
        faults.push(format!("{path}: has no newline at its end"));
    }
    faults
}

/// `place` as the start of a path, not in the middle of a longer one.
fn mentions(line: &str, place: &str) -> bool {
    line.match_indices(place).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || "-_.}".contains(c))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults_in(path: &str, text: &str) -> Vec<String> {
        faults(&File { path: path.to_owned(), text: text.to_owned() })
    }

    #[test]
    fn clean_text_passes() {
        assert_eq!(faults_in("a.md", ""), [""; 0]);
        assert_eq!(faults_in("a.md", "one\n\n```rust\ntwo\n```\nhome\n"), [""; 0]);
    }

    #[test]
    fn white_space_at_the_end_is_reported() {
        assert_eq!(faults_in("a.md", "one \ntwo\n"), ["a.md:1: ends in white space"]);
        assert_eq!(faults_in("a.md", "one\r\n"), ["a.md:1: ends in white space"]);
        assert_eq!(faults_in("a.md", "one\n\t\n"), ["a.md:2: ends in white space"]);
    }

    #[test]
    fn a_missing_last_newline_is_reported() {
        assert_eq!(faults_in("a.toml", "one\ntwo"), ["a.toml: has no newline at its end"]);
    }

    #[test]
    fn places_elsewhere_are_reported() {
        for place in ELSEWHERE {
            let expected = [format!("a.sh:2: mentions `{place}`")];
            assert_eq!(faults_in("a.sh", &format!("\ncat {place}x\n")), expected);
            assert_eq!(faults_in("a.sh", &format!("\n\"{place}\"\n")), expected);
        }
        assert_eq!(faults_in("a.sh", concat!("cd net", "/wo", "rk/bench\n")), [""; 0]);
    }

    #[test]
    fn ignored_examples_in_guides_are_reported() {
        let expected = ["a.md:1: an example is never built"];
        assert_eq!(faults_in("a.md", "```rust,ignore\n```\n"), expected);
        assert_eq!(faults_in("a.txt", "```rust,ignore\n```\n"), [""; 0]);
    }
}
