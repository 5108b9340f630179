//! What a gRPC status says about the server.

use std::time::Duration;

use http::HeaderMap;
use salve_core::{Classify, FailureKind, Outcome, RetryAdvice, Settlement};
use tonic::{Code, Status};

/// Judges by gRPC status code, from a [`Status`] or, below generated clients, from a response's
/// headers.
///
/// `Unavailable`, `DeadlineExceeded`, `ResourceExhausted` and `Aborted` are failures worth a retry;
/// `Internal`, `Unknown`, `DataLoss` and `Unimplemented` are failures that a retry does not mend;
/// `Cancelled` and the rest are the caller's own. `grpc-retry-pushback-ms` says how long to wait, or
/// with a negative or malformed number that no retry is wanted (gRPC proposal A6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CodeClassifier;

const PUSHBACK: &str = "grpc-retry-pushback-ms";

impl CodeClassifier {
    /// What a code means, with the pushback that came along.
    #[must_use]
    pub fn judge(code: Code, pushback: Option<RetryAdvice>) -> Outcome {
        let (kind, retry) = match code {
            Code::Ok => return Outcome::Success,
            Code::Unavailable => (FailureKind::Unreachable, RetryAdvice::Yes),
            Code::DeadlineExceeded => (FailureKind::Timeout, RetryAdvice::Yes),
            Code::ResourceExhausted => (FailureKind::Overload, RetryAdvice::Yes),
            Code::Aborted => (FailureKind::Error, RetryAdvice::Yes),
            Code::Internal | Code::Unknown | Code::Unimplemented => {
                (FailureKind::Error, RetryAdvice::Never)
            }
            Code::DataLoss => (FailureKind::Broken, RetryAdvice::Never),
            Code::Cancelled
            | Code::InvalidArgument
            | Code::NotFound
            | Code::AlreadyExists
            | Code::PermissionDenied
            | Code::Unauthenticated
            | Code::FailedPrecondition
            | Code::OutOfRange => return Outcome::Ignored,
        };
        Outcome::Failure { retry: pushback.unwrap_or(retry), kind }
    }
}

/// What `grpc-retry-pushback-ms` asks for.
fn pushback(value: Option<&[u8]>) -> Option<RetryAdvice> {
    let text = std::str::from_utf8(value?).ok();
    let wait = text.and_then(|text| text.trim().parse().ok()).map(Duration::from_millis);
    Some(wait.map_or(RetryAdvice::Never, RetryAdvice::After))
}

fn in_headers(headers: &HeaderMap) -> Option<RetryAdvice> {
    pushback(headers.get(PUSHBACK).map(http::HeaderValue::as_bytes))
}

impl<Res> Classify<tonic::Response<Res>, Status> for CodeClassifier {
    fn classify(&self, result: Result<&tonic::Response<Res>, &Status>) -> Outcome {
        match result {
            Ok(_) => Outcome::Success,
            Err(status) => {
                let asked = status.metadata().get(PUSHBACK);
                Self::judge(status.code(), pushback(asked.map(|value| value.as_bytes())))
            }
        }
    }
}

/// The answer as it is on the wire: a status among the headers is the whole answer; without one it
/// comes after the body, which a guarded body settles.
impl<B, E> Classify<http::Response<B>, E> for CodeClassifier {
    fn classify(&self, result: Result<&http::Response<B>, &E>) -> Outcome {
        let Ok(response) = result else { return Outcome::FAILURE };
        match response.headers().get("grpc-status") {
            Some(status) => {
                let code = Code::from_bytes(status.as_bytes());
                Self::judge(code, in_headers(response.headers()))
            }
            None => crate::http::StatusClassifier::judge(response.status(), response.headers()),
        }
    }

    fn settlement<'a>(&self, response: &'a http::Response<B>) -> Option<&'a Settlement> {
        response.extensions().get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pushback_wins_over_the_code_and_a_negative_one_forbids() {
        for (sent, retry) in [
            ("250", RetryAdvice::After(Duration::from_millis(250))),
            ("-1", RetryAdvice::Never),
            ("soon", RetryAdvice::Never),
        ] {
            let mut status = Status::unavailable("later");
            status.metadata_mut().insert(PUSHBACK, sent.parse().unwrap());
            let outcome =
                Classify::<tonic::Response<()>, Status>::classify(&CodeClassifier, Err(&status));
            assert_eq!(outcome, Outcome::Failure { retry, kind: FailureKind::Unreachable });
        }
    }

    #[test]
    fn every_code_is_judged() {
        for (code, failure) in [
            (Code::Ok, None),
            (Code::NotFound, None),
            (Code::Cancelled, None),
            (Code::Unavailable, Some(RetryAdvice::Yes)),
            (Code::ResourceExhausted, Some(RetryAdvice::Yes)),
            (Code::DeadlineExceeded, Some(RetryAdvice::Yes)),
            (Code::Internal, Some(RetryAdvice::Never)),
        ] {
            let judged = CodeClassifier::judge(code, None);
            let retry = match judged {
                Outcome::Failure { retry, .. } => Some(retry),
                Outcome::Success | Outcome::Ignored => None,
            };
            assert_eq!(retry, failure, "{code:?}");
        }
        assert_eq!(CodeClassifier::judge(Code::Ok, None), Outcome::Success);
        assert_eq!(CodeClassifier::judge(Code::NotFound, None), Outcome::Ignored);
    }

    #[test]
    fn a_status_among_the_headers_is_the_answer() {
        let mut response = http::Response::new(());
        response.headers_mut().insert("grpc-status", "14".parse().unwrap());
        let outcome = Classify::<_, ()>::classify(&CodeClassifier, Ok(&response));
        let kind = FailureKind::Unreachable;
        assert_eq!(outcome, Outcome::Failure { retry: RetryAdvice::Yes, kind });
    }
}
