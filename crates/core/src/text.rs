//! Text that came from outside, made fit for a reason, a record or a log: one bounded line of it.

use std::error::Error;

/// The most bytes of a [`line()`].
const LONGEST: usize = 300;

/// `text` as one line without control characters, cut to 300 bytes.
///
/// ```
/// assert_eq!(salve_core::text::line("no route\nto host "), "no route to host");
/// ```
#[must_use]
pub fn line(text: &str) -> String {
    let plain = |it: char| if it.is_control() { ' ' } else { it };
    let mut line: String = text.trim().chars().map(plain).take(LONGEST).collect();
    while line.len() > LONGEST {
        line.pop();
    }
    line
}

/// An error and its causes as one [`line()`]. Causes that only repeat what stands before are left out.
///
/// ```
/// let refused = std::io::Error::other("refused");
/// let whole = std::io::Error::other(refused);
/// assert_eq!(salve_core::text::chain(&whole), "refused");
/// ```
#[must_use]
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let said = cause.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        next = cause.source();
    }
    line(&text)
}

#[cfg(test)]
mod tests {
    use std::fmt;

    use super::*;

    #[derive(Debug)]
    struct Outer(std::io::Error);

    impl fmt::Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("no answer")
        }
    }

    impl Error for Outer {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }

    #[test]
    fn causes_are_told_once() {
        let refused = || std::io::Error::other("refused");
        assert_eq!(chain(&Outer(refused())), "no answer: refused");
        assert_eq!(chain(&std::io::Error::other(refused())), "refused");
    }

    #[test]
    fn a_line_is_one_line_and_bounded() {
        assert_eq!(line("a\nb\u{1b}[31mc "), "a b [31mc");
        assert!(line(&"ä".repeat(1_000)).len() <= LONGEST);
        assert_eq!(line(&"x".repeat(1_000)).len(), LONGEST);
    }
}
