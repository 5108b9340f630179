//! The inner service that every case wraps, and the error types it can carry.

use std::fmt;

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

/// One call of the inner service: a future that answers at once with its request.
///
/// A macro, so that each case has a future type of its own: what the compiler inlines into one
/// case then does not depend on how many other cases use the same peer.
macro_rules! answer {
    ($error:ty, $request:expr) => {{
        let request: u64 = $request;
        async move { Ok::<u64, $error>(request) }
    }};
}

/// The inner service: `service_fn(async { Ok })`, always ready, never pending.
///
/// The error type is the case's choice, since a service that keeps errors flat names its refusal
/// in the inner error while most peers wrap it. A macro for the same reason as [`answer!`].
macro_rules! inner {
    ($error:ty) => {
        tower::service_fn(|request: u64| $crate::inner::answer!($error, request))
    };
}

pub(crate) use {answer, inner};
