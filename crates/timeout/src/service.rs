//! A service under time limits that cover its readiness.

use std::fmt;
use std::marker::PhantomData;
use std::task::{Context, Poll};

use salve_core::{Absorbing, ByReadiness, Classify, ErrorsAreFailures, Refusable, Way};
use tower_service::Service;

use crate::future::{Call, ResponseFuture};
use crate::handle::Handle;
use crate::layer::{ConfiguredLimit, LimitFor, TimeoutLayer};

/// A service under time limits. It is always ready: each call makes a clone of the service ready
/// within its own time, or calls it [another way](Way).
#[derive(Clone)]
pub struct Timeout<S, L = ConfiguredLimit, C = ErrorsAreFailures, W = ByReadiness> {
    inner: S,
    layer: TimeoutLayer<L, C>,
    way: PhantomData<W>,
}

impl<S, L, C, W> fmt::Debug for Timeout<S, L, C, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timeout").field("handle", &self.layer.handle).finish_non_exhaustive()
    }
}

impl<S, L, C, W> Timeout<S, L, C, W> {
    pub(crate) const fn new(inner: S, layer: TimeoutLayer<L, C>) -> Self {
        Self { inner, layer, way: PhantomData }
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

impl<S, L, C, W, Req> Service<Req> for Timeout<S, L, C, W>
where
    S: Service<Req>,
    S::Error: Refusable,
    L: LimitFor<Req>,
    C: Classify<S::Response, S::Error> + Clone,
    W: Way<S, Req, Call: Call>,
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

impl<S, L, C, W, Req> Absorbing<Req> for Timeout<S, L, C, W>
where
    S: Service<Req>,
    S::Error: Refusable,
    L: LimitFor<Req>,
    C: Classify<S::Response, S::Error> + Clone,
    W: Way<S, Req, Call: Call>,
{
    #[inline]
    fn call_shared(&self, request: Req) -> Self::Future {
        let TimeoutLayer { handle, limit_for, classifier } = &self.layer;
        let own = limit_for.limit_for(&request);
        let call = W::call(&self.inner, request);
        ResponseFuture::new(handle.clone(), own, classifier.clone(), call)
    }
}
