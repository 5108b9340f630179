//! A service behind a bulkhead.

use std::fmt;
use std::task::{Context, Poll};

use salve_core::{Classify, ErrorsAreFailures, Oneshot, Refusable, RequestRule, Unrepeatable};
use tower_service::Service;

use crate::future::{Acquire, ResponseFuture};
use crate::handle::Handle;
use crate::layer::BulkheadLayer;

/// A service behind a bulkhead. It is always ready: each call makes a clone of the service ready
/// once it has a place, so that a call which waits holds nothing of the service.
#[derive(Clone)]
pub struct Bulkhead<S, R = Unrepeatable, C = ErrorsAreFailures> {
    inner: S,
    layer: BulkheadLayer<R, C>,
}

impl<S, R, C> Bulkhead<S, R, C> {
    pub(crate) const fn new(inner: S, layer: BulkheadLayer<R, C>) -> Self {
        Self { inner, layer }
    }

    /// The bulkhead.
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

impl<S, R, C> fmt::Debug for Bulkhead<S, R, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bulkhead").field("handle", self.handle()).finish_non_exhaustive()
    }
}

impl<S, R, C, Req> Service<Req> for Bulkhead<S, R, C>
where
    S: Service<Req> + Clone,
    S::Error: Refusable,
    R: RequestRule<Req>,
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
        let BulkheadLayer { handle, rule, classifier } = &self.layer;
        let acquire = Acquire::new(handle.lane().clone(), rule.class(&request));
        let call = Oneshot::new(self.inner.clone(), request);
        ResponseFuture::new(acquire, classifier.clone(), call)
    }
}
