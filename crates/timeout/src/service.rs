//! A service under time limits that cover its readiness.

use std::fmt;
use std::task::{Context, Poll};

use salve_core::{Classify, ErrorsAreFailures, Oneshot, Refusable};
use tower_service::Service;

use crate::future::ResponseFuture;
use crate::handle::Handle;
use crate::layer::{ConfiguredLimit, LimitFor, TimeoutLayer};

/// A service under time limits. It is always ready: each call makes a clone of the service ready
/// within its own time.
#[derive(Clone)]
pub struct Timeout<S, L = ConfiguredLimit, C = ErrorsAreFailures> {
    inner: S,
    layer: TimeoutLayer<L, C>,
}

impl<S, L, C> fmt::Debug for Timeout<S, L, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timeout").field("handle", &self.layer.handle).finish_non_exhaustive()
    }
}

impl<S, L, C> Timeout<S, L, C> {
    pub(crate) const fn new(inner: S, layer: TimeoutLayer<L, C>) -> Self {
        Self { inner, layer }
    }

    /// The limits.
    pub const fn handle(&self) -> &Handle {
        &self.layer.handle
    }

    /// The service under them.
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The service under them.
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The service under them.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, L, C, Req> Service<Req> for Timeout<S, L, C>
where
    S: Service<Req> + Clone,
    S::Error: Refusable,
    L: LimitFor<Req>,
    C: Classify<S::Response, S::Error> + Clone,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<Oneshot<S, Req>, C>;

    #[inline]
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn call(&mut self, request: Req) -> Self::Future {
        let TimeoutLayer { handle, limit_for, classifier } = &self.layer;
        let own = limit_for.limit_for(&request);
        let call = Oneshot::new(self.inner.clone(), request);
        ResponseFuture::new(handle.clone(), own, classifier.clone(), call)
    }
}
