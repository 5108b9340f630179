//! Which HTTP requests may be repeated, which only read, and which write.

use http::{HeaderMap, HeaderName, Method, Request};
use salve_core::RequestRule;
use salve_degradation::WriteRule;

/// The header with which a client makes any request safe to repeat.
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Requests whose method is idempotent (RFC 9110, section 9.2.2), or that carry an
/// `Idempotency-Key`, may be repeated; others may not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IdempotentRequests;

/// Whether a request with this method and these headers may be repeated.
#[must_use]
pub fn is_idempotent(method: &Method, headers: &HeaderMap) -> bool {
    method.is_idempotent() || headers.contains_key(IDEMPOTENCY_KEY)
}

impl<B> RequestRule<Request<B>> for IdempotentRequests {
    fn is_repeatable(&self, request: &Request<B>) -> bool {
        is_idempotent(request.method(), request.headers())
    }
}

/// Requests with the method GET or HEAD, whose answers may be kept (RFC 9110, section 9.2.3) and
/// shared by several callers: the rule for kept answers and for single flight. Who may see an
/// answer is a matter of its key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadRequests;

impl<B> RequestRule<Request<B>> for ReadRequests {
    fn is_repeatable(&self, request: &Request<B>) -> bool {
        matches!(*request.method(), Method::GET | Method::HEAD)
    }
}

/// Requests whose method is not safe (RFC 9110, section 9.2.1) write; GET, HEAD, OPTIONS and TRACE
/// do not. What is refused in read-only mode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WriteRequests;

impl<B> WriteRule<Request<B>> for WriteRequests {
    fn is_write(&self, request: &Request<B>) -> bool {
        !request.method().is_safe()
    }
}
