//! A service behind a chaos point.

use std::fmt;
use std::task::{Context, Poll};

use tower_service::Service;

use crate::call::{Call, Describe, Undescribed};
use crate::fault::Kind;
use crate::future::{Blow, ResponseFuture};
use crate::handle::Handle;
use crate::injected::{ByRejection, Intact, MakeError, Tamper};
use crate::injector::Step;
use crate::layer::ChaosLayer;
use crate::repeat::{Once, Repeat};

/// A service whose calls can be struck. It passes on readiness, and needs no `Clone`.
pub struct Chaos<S, D = Undescribed, M = ByRejection, T = Intact, R = Once> {
    inner: S,
    layer: ChaosLayer<D, M, T, R>,
}

impl<S, D, M, T, R> Chaos<S, D, M, T, R> {
    pub(crate) const fn new(inner: S, layer: ChaosLayer<D, M, T, R>) -> Self {
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

impl<S: Clone, D: Clone, M: Clone, T: Clone, R: Clone> Clone for Chaos<S, D, M, T, R> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone(), self.layer.clone())
    }
}

impl<S, D, M, T, R> fmt::Debug for Chaos<S, D, M, T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chaos").field("layer", &self.layer).finish_non_exhaustive()
    }
}

impl<S, D, M, T, R, Req> Service<Req> for Chaos<S, D, M, T, R>
where
    S: Service<Req>,
    D: Describe<Req>,
    M: MakeError<S::Error> + Clone,
    T: Tamper<S::Response> + Clone,
    R: Repeat<S, Req>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, M, T>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        if self.layer.handle.0.is_armed()
            && let Some(error) = self.fail_readiness()
        {
            return Poll::Ready(Err(*error));
        }
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, request: Req) -> Self::Future {
        if self.layer.handle.0.is_armed() {
            return match self.call_armed(request) {
                Ok(blow) => ResponseFuture::struck(blow),
                Err(request) => ResponseFuture::untouched(self.inner.call(request)),
            };
        }
        ResponseFuture::untouched(self.inner.call(request))
    }
}

// Both apart, and with answers that fit a register: a point that is not armed then moves no future
// and no result through memory for their sake.
impl<S, D, M, T, R> Chaos<S, D, M, T, R> {
    #[cold]
    #[inline(never)]
    fn fail_readiness<E>(&self) -> Option<Box<E>>
    where
        M: MakeError<E>,
    {
        let struck = self.layer.handle.0.decide(&Call::ANY, Step::Readiness, |_| true)?;
        Some(Box::new(self.layer.errors.make_error(&struck.injected)))
    }

    /// What is done to this call; the request is given back if nothing is.
    #[cold]
    #[inline(never)]
    fn call_armed<Req>(&mut self, request: Req) -> Result<Box<Blow<S::Future, M, T>>, Req>
    where
        S: Service<Req>,
        D: Describe<Req>,
        M: MakeError<S::Error> + Clone,
        T: Tamper<S::Response> + Clone,
        R: Repeat<S, Req>,
    {
        let ChaosLayer { handle, describe, errors, tamper, repeat } = &self.layer;
        let mut again = None;
        let can = |kind| match kind {
            Kind::Corrupt => tamper.can_corrupt(),
            Kind::Duplicate => {
                again = repeat.again(&self.inner, &request);
                again.is_some()
            }
            kind => kind.strikes_calls(),
        };
        let Some(struck) = handle.0.decide(&describe.describe(&request), Step::Call, can) else {
            return Err(request);
        };
        let (errors, tamper) = (errors.clone(), tamper.clone());
        let work = || self.inner.call(request);
        Ok(Blow::new(&handle.0, struck, errors, tamper, again, work))
    }
}
