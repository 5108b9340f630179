//! The `Retry-After` header in both its forms.

use std::time::Duration;

use http::HeaderMap;
use http::header::RETRY_AFTER;
use salve_core::clock;

/// Nobody waits longer than a day for a header's sake; a longer wait is read as one day.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// The wait that `Retry-After` asks for; `None` if there is no such header or it is malformed.
#[must_use]
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    parse_retry_after(headers.get(RETRY_AFTER)?.to_str().ok()?)
}

/// Reads a number of seconds or an HTTP date; a date that has passed is no wait. At most a day.
///
/// ```
/// use salve::http::parse_retry_after;
/// use std::time::Duration;
///
/// assert_eq!(parse_retry_after("120"), Some(Duration::from_secs(120)));
/// assert_eq!(parse_retry_after("Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::ZERO));
/// assert_eq!(parse_retry_after("soon"), None);
/// ```
#[must_use]
pub fn parse_retry_after(value: &str) -> Option<Duration> {
    let value = value.trim();
    let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    let wait = if digits {
        // More digits than fit are a very long wait, not a malformed one.
        value.parse().map_or(LONGEST, Duration::from_secs)
    } else {
        clock::until_date(httpdate::parse_http_date(value).ok()?)
    };
    Some(wait.min(LONGEST))
}
