//! Which HTTP requests may be repeated.

use http::{HeaderMap, HeaderName, Method, Request};
use salve_core::RequestRule;

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
