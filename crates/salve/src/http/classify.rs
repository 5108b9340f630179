//! What an HTTP response says about the server.

use http::{HeaderMap, Response, StatusCode};
use salve_core::{Classify, FailureKind, Outcome, RetryAdvice, Settlement};

use super::retry_after::retry_after;

/// Judges by status: 5xx, 408 and 429 are failures, with `Retry-After` read in both its forms;
/// other 4xx are the caller's own and say nothing about the server; the rest are successes.
///
/// 501 (Not Implemented) and 505 (HTTP Version Not Supported) are failures that no retry mends.
/// An error instead of a response is a failure that may be retried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StatusClassifier;

impl StatusClassifier {
    /// What a status and its headers mean.
    #[must_use]
    pub fn judge(status: StatusCode, headers: &HeaderMap) -> Outcome {
        let kind = match status.as_u16() {
            408 | 504 => FailureKind::Timeout,
            429 | 503 => FailureKind::Overload,
            502 => FailureKind::Unreachable,
            500..=599 => FailureKind::Error,
            400..=499 => return Outcome::Ignored,
            _ => return Outcome::Success,
        };
        let retry = match (status.as_u16(), retry_after(headers)) {
            (501 | 505, _) => RetryAdvice::Never,
            (_, Some(wait)) => RetryAdvice::After(wait),
            (_, None) => RetryAdvice::Yes,
        };
        Outcome::Failure { retry, kind }
    }
}

impl<B, E> Classify<Response<B>, E> for StatusClassifier {
    fn classify(&self, result: Result<&Response<B>, &E>) -> Outcome {
        match result {
            Ok(response) => Self::judge(response.status(), response.headers()),
            Err(_) => Outcome::FAILURE,
        }
    }

    fn settlement<'a>(&self, response: &'a Response<B>) -> Option<&'a Settlement> {
        response.extensions().get()
    }
}
