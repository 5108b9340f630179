//! A service behind a chaos point.

use std::fmt;
use std::task::{Context, Poll};

use tower_service::Service;

use crate::call::{Call, Describe, Undescribed};
use crate::future::ResponseFuture;
use crate::handle::Handle;
use crate::injected::{ByRejection, Intact, MakeError, Tamper};
use crate::injector::Step;
use crate::layer::ChaosLayer;

/// A service whose calls can be struck. It passes on readiness, and needs no `Clone`.
pub struct Chaos<S, D = Undescribed, M = ByRejection, T = Intact> {
    inner: S,
    layer: ChaosLayer<D, M, T>,
}

impl<S, D, M, T> Chaos<S, D, M, T> {
    pub(crate) const fn new(inner: S, layer: ChaosLayer<D, M, T>) -> Self {
        Self { inner, layer }
    }

    /// The chaos point.
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

impl<S: Clone, D: Clone, M: Clone, T: Clone> Clone for Chaos<S, D, M, T> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone(), self.layer.clone())
    }
}

impl<S, D, M, T> fmt::Debug for Chaos<S, D, M, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chaos").field("layer", &self.layer).finish_non_exhaustive()
    }
}

impl<S, D, M, T, Req> Service<Req> for Chaos<S, D, M, T>
where
    S: Service<Req>,
    D: Describe<Req>,
    M: MakeError<S::Error> + Clone,
    T: Tamper<S::Response> + Clone,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, M, T>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        if self.layer.handle.0.is_armed()
            && let Some(error) = self.fail_readiness()
        {
            return Poll::Ready(Err(error));
        }
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, request: Req) -> Self::Future {
        if self.layer.handle.0.is_armed() {
            return self.call_armed(request);
        }
        ResponseFuture::untouched(self.inner.call(request))
    }
}

impl<S, D, M, T> Chaos<S, D, M, T> {
    #[cold]
    #[inline(never)]
    fn fail_readiness<E>(&self) -> Option<E>
    where
        M: MakeError<E>,
    {
        let struck = self.layer.handle.0.decide(&Call::ANY, Step::Readiness, false)?;
        Some(self.layer.errors.make_error(&struck.injected))
    }

    // Apart, so that a call of a point that is not armed saves no registers for it.
    #[cold]
    #[inline(never)]
    fn call_armed<Req>(&mut self, request: Req) -> ResponseFuture<S::Future, M, T>
    where
        S: Service<Req>,
        D: Describe<Req>,
        M: MakeError<S::Error> + Clone,
        T: Tamper<S::Response> + Clone,
    {
        let shared = &self.layer.handle.0;
        let call = self.layer.describe.describe(&request);
        let possible = self.layer.tamper.can_corrupt();
        let Some(struck) = shared.decide(&call, Step::Call, possible) else {
            drop(call);
            return ResponseFuture::untouched(self.inner.call(request));
        };
        drop(call);
        let (errors, tamper) = (self.layer.errors.clone(), self.layer.tamper.clone());
        ResponseFuture::struck(shared, struck, errors, tamper, || self.inner.call(request))
    }
}
