//! What an error of `sqlx` says about the database.

use salve_core::{Classify, FailureKind, Outcome, RetryAdvice};
use sqlx::Error;

/// Judges errors of `sqlx`: by kind, and those of the database by their SQLSTATE class.
///
/// | SQLSTATE | | |
/// |---|---|---|
/// | `08` | connection lost | failure, retry |
/// | `40` | serialization failure, deadlock | failure, retry |
/// | `53` | out of connections, memory, disk | overload, retry |
/// | `55P03` | lock not available | failure, retry |
/// | `57014` | statement timeout | timeout, retry |
/// | `57P01` to `57P05` | shutting down, starting up | unreachable, retry |
/// | `58`, `XX` | fault of the system or the server | failure, no retry |
/// | other | the statement's own fault | ignored |
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SqlClassifier;

const fn failure(kind: FailureKind) -> Outcome {
    Outcome::Failure { retry: RetryAdvice::Yes, kind }
}

impl SqlClassifier {
    /// What an SQLSTATE means.
    #[must_use]
    pub fn judge_sqlstate(code: &str) -> Outcome {
        match (code.get(..2), code) {
            (_, "57014") => failure(FailureKind::Timeout),
            (_, "55P03") | (Some("40"), _) => failure(FailureKind::Error),
            (Some("08"), _) => failure(FailureKind::Unreachable),
            (Some("53"), _) => failure(FailureKind::Overload),
            (Some("57"), _) => failure(FailureKind::Unreachable),
            (Some("58" | "XX"), _) => Outcome::PERMANENT,
            _ => Outcome::Ignored,
        }
    }

    /// What an error means.
    #[must_use]
    pub fn judge(error: &Error) -> Outcome {
        match error {
            Error::Io(_) | Error::Tls(_) | Error::WorkerCrashed => {
                failure(FailureKind::Unreachable)
            }
            Error::PoolTimedOut => failure(FailureKind::Overload),
            Error::Protocol(_) => failure(FailureKind::Broken),
            Error::Database(error) => match error.code() {
                Some(code) => Self::judge_sqlstate(&code),
                None => Outcome::PERMANENT,
            },
            _ => Outcome::Ignored,
        }
    }
}

impl<T> Classify<T, Error> for SqlClassifier {
    fn classify(&self, result: Result<&T, &Error>) -> Outcome {
        result.map_or_else(Self::judge, |_| Outcome::Success)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_statements_own_faults_say_nothing_about_the_database() {
        for own in ["22012", "23505", "42601", "P0001", "7"] {
            assert_eq!(SqlClassifier::judge_sqlstate(own), Outcome::Ignored, "{own}");
        }
        assert_eq!(SqlClassifier::judge(&Error::RowNotFound), Outcome::Ignored);
    }

    #[test]
    fn the_databases_faults_are_failures_of_their_kind() {
        for (code, kind) in [
            ("08006", FailureKind::Unreachable),
            ("57P03", FailureKind::Unreachable),
            ("53300", FailureKind::Overload),
            ("57014", FailureKind::Timeout),
            ("40001", FailureKind::Error),
            ("55P03", FailureKind::Error),
        ] {
            assert_eq!(SqlClassifier::judge_sqlstate(code), failure(kind), "{code}");
        }
        assert_eq!(SqlClassifier::judge_sqlstate("XX000"), Outcome::PERMANENT);
        assert_eq!(SqlClassifier::judge(&Error::PoolTimedOut), failure(FailureKind::Overload));
        let lost = Error::Io(std::io::ErrorKind::ConnectionReset.into());
        assert_eq!(SqlClassifier::judge(&lost), failure(FailureKind::Unreachable));
    }
}
