//! Reasons: one bounded line of text from errors, and the worst of several findings.

use std::time::Duration;

use salve_health::Finding;

/// The most bytes of a reason that was told from outside.
const LONGEST: usize = 300;

/// An error and its causes as one line. Causes that only repeat what stands before are left out.
#[cfg(any(
    feature = "docker",
    feature = "http",
    feature = "postgres",
    feature = "redis",
    feature = "systemd",
    feature = "tls"
))]
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
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

/// `text` as one line without control characters, cut to a bounded length.
pub(crate) fn line(text: &str) -> String {
    let plain = |it: char| if it.is_control() { ' ' } else { it };
    let mut line: String = text.trim().chars().map(plain).take(LONGEST).collect();
    while line.len() > LONGEST {
        line.pop();
    }
    line
}

/// The worse of two findings; of equals the first.
pub(crate) fn worse(first: Finding, second: Finding) -> Finding {
    if second.status > first.status { second } else { first }
}

/// Milliseconds, for the value of a finding.
pub(crate) fn millis(took: Duration) -> f64 {
    took.as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "http")]
    #[test]
    fn causes_are_told_once() {
        let refused = std::io::Error::other("refused");
        let whole = std::io::Error::other(refused);
        assert_eq!(chain(&whole), "refused");
    }

    #[test]
    fn a_line_is_one_line_and_bounded() {
        assert_eq!(line("a\nb\u{1b}[31mc "), "a b [31mc");
        assert!(line(&"ä".repeat(1_000)).len() <= LONGEST);
        assert_eq!(line(&"x".repeat(1_000)).len(), LONGEST);
    }

    #[test]
    fn of_two_findings_the_worse_is_told() {
        let (pass, fail) = (Finding::pass(), Finding::fail("broken"));
        assert_eq!(worse(pass.clone(), fail.clone()), fail);
        assert_eq!(worse(fail.clone(), pass), fail);
        assert_eq!(worse(fail.clone(), Finding::fail("other")), fail);
    }
}
