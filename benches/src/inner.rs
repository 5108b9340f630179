//! The inner service that every case wraps, and the error types it can carry.

use std::fmt;

use tower::Service;

/// The inner service's own failure, for the peers; each adds its own refusal type around it.
///
/// It has no payload, so a peer's results stay as small as that peer can make them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Failed;

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the inner service failed")
    }
}

impl std::error::Error for Failed {}

/// One call of the inner service: answers at once with its request.
pub(crate) async fn answer<E>(request: u64) -> Result<u64, E> {
    Ok(request)
}

/// The inner service: `service_fn(async { Ok })`, always ready, never pending.
///
/// The error type is the case's choice, since a service that keeps errors flat names its refusal
/// in the inner error while most peers wrap it.
pub(crate) fn inner<E: Send + 'static>()
-> impl Service<u64, Response = u64, Error = E, Future: Send + 'static> + Clone + Send + Sync + 'static
{
    tower::service_fn(answer::<E>)
}
