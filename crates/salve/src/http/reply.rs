//! A refusal as an HTTP response.

use http::header::RETRY_AFTER;
use http::{HeaderValue, Response, StatusCode};
use salve_core::Rejection;

/// An empty response that says what the rejection says: 429, 503 or 504, with `Retry-After` where
/// the wait is known.
///
/// ```
/// use salve::{Name, Origin, Reason, Rejection};
/// use std::time::Duration;
///
/// let origin = Origin::new("rate-limit", Name::from("api"));
/// let rejection = Rejection::new(&origin, Reason::RateLimited)
///     .with_retry_after(Duration::from_millis(1_500));
/// let response = salve::http::reply::<String>(&rejection);
/// assert_eq!(response.status(), 429);
/// assert_eq!(response.headers()["retry-after"], "2");
/// ```
#[must_use]
pub fn reply<B: Default>(rejection: &Rejection) -> Response<B> {
    let mut response = Response::new(B::default());
    *response.status_mut() =
        StatusCode::from_u16(rejection.http_status()).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    if let Some(seconds) = retry_after_seconds(rejection) {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// The wait in whole seconds, rounded up, as `Retry-After` has it.
#[must_use]
pub fn retry_after_seconds(rejection: &Rejection) -> Option<u64> {
    let wait = rejection.retry_after()?;
    Some(wait.as_secs() + u64::from(wait.subsec_nanos() > 0))
}
