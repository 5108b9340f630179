//! Reasons: one bounded line of text from errors, and the worst of several findings.

use std::time::Duration;

#[cfg(any(
    feature = "docker",
    feature = "http",
    feature = "postgres",
    feature = "redis",
    feature = "systemd",
    feature = "tls"
))]
pub(crate) use salve_core::text::chain;
pub(crate) use salve_core::text::line;
use salve_health::Finding;

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

    #[test]
    fn of_two_findings_the_worse_is_told() {
        let (pass, fail) = (Finding::pass(), Finding::fail("broken"));
        assert_eq!(worse(pass.clone(), fail.clone()), fail);
        assert_eq!(worse(fail.clone(), pass), fail);
        assert_eq!(worse(fail.clone(), Finding::fail("other")), fail);
    }
}
