//! A service behind a rate limit.

use std::fmt;
use std::task::{Context, Poll};

use salve_core::{Oneshot, Refusable};
use tower_service::Service;

use crate::cost::{CostOf, One};
use crate::future::ResponseFuture;
use crate::handle::Handle;
use crate::layer::RateLimitLayer;

/// A service behind a rate limit. It is always ready: each call makes a clone of the service
/// ready once its turn has come, so that a call which waits holds nothing of the service.
#[derive(Clone)]
pub struct RateLimit<S, W = One> {
    inner: S,
    layer: RateLimitLayer<W>,
}

impl<S, W> RateLimit<S, W> {
    pub(crate) const fn new(inner: S, layer: RateLimitLayer<W>) -> Self {
        Self { inner, layer }
    }

    /// The limit.
    pub const fn handle(&self) -> &Handle {
        &self.layer.handle
    }

    /// The service behind it.
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The service behind it.
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The service behind it.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, W> fmt::Debug for RateLimit<S, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimit").field("handle", self.handle()).finish_non_exhaustive()
    }
}

impl<S, W, Req> Service<Req> for RateLimit<S, W>
where
    S: Service<Req> + Clone,
    S::Error: Refusable,
    W: CostOf<Req>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<Oneshot<S, Req>>;

    #[inline]
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn call(&mut self, request: Req) -> Self::Future {
        let RateLimitLayer { handle, cost_of } = &self.layer;
        let allowed = handle.until_n_allowed(cost_of.cost(&request));
        ResponseFuture::new(allowed, Oneshot::new(self.inner.clone(), request))
    }
}
