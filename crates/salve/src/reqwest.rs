//! The HTTP words for `reqwest`'s own request and response.

use reqwest::{Body, Request, Response, ResponseBuilderExt as _};
use salve_core::{Classify, FailureKind, Outcome, RequestRule, RetryAdvice, Settlement};

use crate::http::{GuardBodyLayer, Guardable, IdempotentRequests, StatusClassifier, is_idempotent};

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

/// Whoever reads the body finds what the guard says as the source of a [`reqwest::Error`].
impl Guardable for Response {
    type Guarded = Self;

    fn guarded(self, by: &GuardBodyLayer) -> Self {
        let url = self.url().clone();
        let (mut head, body) = http::Response::<Body>::from(self).guarded(by).into_parts();
        // `reqwest` takes the address back from where its own builder puts it.
        if let Ok(addressed) = http::Response::builder().url(url).body(()) {
            head.extensions.extend(addressed.into_parts().0.extensions);
        }
        http::Response::from_parts(head, Body::wrap(body)).into()
    }
}
