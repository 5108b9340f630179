//! A service behind a bulkhead.

use std::fmt;
use std::marker::PhantomData;
use std::task::{Context, Poll};

use salve_core::{
    Absorbing, ByReadiness, Classify, ErrorsAreFailures, Refusable, RequestRule, Unrepeatable, Way,
};
use tower_service::Service;

use crate::future::{Acquire, ResponseFuture};
use crate::handle::Handle;
use crate::layer::BulkheadLayer;

/// A service behind a bulkhead. It is always ready: each call makes a clone of the service ready
/// once it has a place, so that a call which waits holds nothing of the service; or it is called
/// [another way](Way).
#[derive(Clone)]
pub struct Bulkhead<S, R = Unrepeatable, C = ErrorsAreFailures, W = ByReadiness> {
    inner: S,
    layer: BulkheadLayer<R, C>,
    way: PhantomData<W>,
}

impl<S, R, C, W> Bulkhead<S, R, C, W> {
    pub(crate) const fn new(inner: S, layer: BulkheadLayer<R, C>) -> Self {
        Self { inner, layer, way: PhantomData }
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

impl<S, R, C, W> fmt::Debug for Bulkhead<S, R, C, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bulkhead").field("handle", self.handle()).finish_non_exhaustive()
    }
}

impl<S, R, C, W, Req> Service<Req> for Bulkhead<S, R, C, W>
where
    S: Service<Req>,
    S::Error: Refusable,
    R: RequestRule<Req>,
    C: Classify<S::Response, S::Error> + Clone,
    W: Way<S, Req>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<W::Call, C>;

    #[inline]
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn call(&mut self, request: Req) -> Self::Future {
        self.call_shared(request)
    }
}

impl<S, R, C, W, Req> Absorbing<Req> for Bulkhead<S, R, C, W>
where
    S: Service<Req>,
    S::Error: Refusable,
    R: RequestRule<Req>,
    C: Classify<S::Response, S::Error> + Clone,
    W: Way<S, Req>,
{
    #[inline]
    fn call_shared(&self, request: Req) -> Self::Future {
        let BulkheadLayer { handle, rule, classifier } = &self.layer;
        let acquire = Acquire::of(handle.lane().clone(), rule, &request);
        let call = W::call(&self.inner, request);
        ResponseFuture::new(acquire, classifier.clone(), call)
    }
}
