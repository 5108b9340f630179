//! How an HTTP answer that was kept says so, and how old it is.

use http::header::AGE;
use http::{HeaderName, HeaderValue, Response};
use salve_fallback::cache::{Cause, Kept};

/// The header in which caches say what they did (RFC 9211).
pub const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// Marks a response that was kept: `Age` in whole seconds (RFC 9111, section 5.1), and a
/// `Cache-Status` of its own after those of caches further in, which says whether the source was
/// asked, and why this was served. For [`Answers::with_mark`](crate::fallback::cache::Answers).
///
/// ```
/// use salve::fallback::cache::{Answers, Config};
///
/// # fn main() -> Result<(), salve::ConfigError> {
/// let answers = Answers::<String, http::Response<String>>::new(Config::queries("stock"))?
///     .with_mark(salve::http::mark_kept);
/// # Ok(())
/// # }
/// ```
pub fn mark_kept<B>(response: &mut Response<B>, kept: &Kept) {
    let status = match (kept.cause, kept.is_stale) {
        (Cause::Fresh, _) => "salve; hit",
        (Cause::Failed, true) => "salve; fwd=stale; detail=failed",
        (Cause::Failed, false) => "salve; fwd=request; detail=failed",
        (Cause::Unreachable, _) => "salve; hit; detail=unreachable",
        (Cause::Revalidating, _) => "salve; hit; detail=revalidating",
        (Cause::Held, _) => "salve; hit; detail=held",
    };
    let headers = response.headers_mut();
    headers.insert(AGE, HeaderValue::from(kept.age.as_secs()));
    headers.append(CACHE_STATUS, HeaderValue::from_static(status));
}
