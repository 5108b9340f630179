//! The HTTP words for `reqwest`'s own request and response.

use reqwest::{Request, Response};
use salve_core::{Classify, FailureKind, Outcome, RequestRule, RetryAdvice, Settlement};

use crate::http::{IdempotentRequests, StatusClassifier, is_idempotent};

/// Errors of `reqwest` by kind: failed connections are worth a retry, builder and redirect errors
/// are the caller's own.
fn judge(error: &reqwest::Error) -> Outcome {
    let kind = if error.is_timeout() {
        FailureKind::Timeout
    } else if error.is_connect() {
        FailureKind::Unreachable
    } else if error.is_body() || error.is_decode() {
        FailureKind::Broken
    } else if error.is_builder() || error.is_redirect() {
        return Outcome::Ignored;
    } else {
        FailureKind::Error
    };
    Outcome::Failure { retry: RetryAdvice::Yes, kind }
}

impl Classify<Response, reqwest::Error> for StatusClassifier {
    fn classify(&self, result: Result<&Response, &reqwest::Error>) -> Outcome {
        match result {
            Ok(response) => Self::judge(response.status(), response.headers()),
            Err(error) => judge(error),
        }
    }

    fn settlement<'a>(&self, response: &'a Response) -> Option<&'a Settlement> {
        response.extensions().get()
    }
}

impl RequestRule<Request> for IdempotentRequests {
    fn is_repeatable(&self, request: &Request) -> bool {
        is_idempotent(request.method(), request.headers())
    }
}
