//! What an error of `redis` says about the server.

use redis::{ErrorKind, RedisError, ServerErrorKind};
use salve_core::{Classify, FailureKind, Outcome, RetryAdvice};

/// Judges errors of `redis`: lost connections, timeouts and a server that is loading, busy or
/// without a master are failures worth a retry; other answers are the command's own fault.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RedisClassifier;

impl RedisClassifier {
    /// What an error means.
    #[must_use]
    pub fn judge(error: &RedisError) -> Outcome {
        let kind = if error.is_timeout() {
            FailureKind::Timeout
        } else if error.is_connection_dropped() || error.is_connection_refusal() {
            FailureKind::Unreachable
        } else {
            match error.kind() {
                ErrorKind::Io | ErrorKind::ClusterConnectionNotFound => FailureKind::Unreachable,
                ErrorKind::Parse => FailureKind::Broken,
                ErrorKind::Server(
                    ServerErrorKind::ClusterDown
                    | ServerErrorKind::MasterDown
                    | ServerErrorKind::ReadOnly,
                ) => FailureKind::Unreachable,
                ErrorKind::Server(ServerErrorKind::BusyLoading | ServerErrorKind::TryAgain) => {
                    FailureKind::Overload
                }
                _ => return Outcome::Ignored,
            }
        };
        Outcome::Failure { retry: RetryAdvice::Yes, kind }
    }
}

impl<T> Classify<T, RedisError> for RedisClassifier {
    fn classify(&self, result: Result<&T, &RedisError>) -> Outcome {
        result.map_or_else(Self::judge, |_| Outcome::Success)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_is_told_from_the_command() {
        let io = |kind: std::io::ErrorKind| RedisError::from(std::io::Error::from(kind));
        let server = |kind| RedisError::from((ErrorKind::Server(kind), "test"));
        for (error, kind) in [
            (io(std::io::ErrorKind::TimedOut), FailureKind::Timeout),
            (io(std::io::ErrorKind::ConnectionRefused), FailureKind::Unreachable),
            (io(std::io::ErrorKind::BrokenPipe), FailureKind::Unreachable),
            (server(ServerErrorKind::BusyLoading), FailureKind::Overload),
            (server(ServerErrorKind::MasterDown), FailureKind::Unreachable),
        ] {
            let expected = Outcome::Failure { retry: RetryAdvice::Yes, kind };
            assert_eq!(RedisClassifier::judge(&error), expected, "{error}");
        }
        let own = RedisError::from((ErrorKind::InvalidClientConfig, "test"));
        assert_eq!(RedisClassifier::judge(&own), Outcome::Ignored);
    }
}
