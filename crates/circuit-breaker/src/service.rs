//! A service behind a breaker.

use std::task::{Context, Poll, Waker};

use salve_core::{Classify, ErrorsAreFailures, Reason, Refusable, Rejection};
use tower_service::Service;

use crate::future::ResponseFuture;
use crate::handle::Handle;

/// A service behind a circuit breaker. It passes on readiness, and needs no `Clone`.
///
/// While the breaker is open the service is ready without asking the inner one, so that a
/// refusal never waits. Its clones share the breaker, but not readiness.
#[derive(Debug)]
pub struct CircuitBreaker<S, C = ErrorsAreFailures> {
    inner: S,
    handle: Handle,
    classifier: C,
    inner_is_ready: bool,
}

impl<S, C> CircuitBreaker<S, C> {
    /// Puts `handle`'s breaker before `inner`.
    pub const fn new(inner: S, handle: Handle, classifier: C) -> Self {
        Self { inner, handle, classifier, inner_is_ready: false }
    }

    /// The breaker.
    pub const fn handle(&self) -> &Handle {
        &self.handle
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

impl<S: Clone, C: Clone> Clone for CircuitBreaker<S, C> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone(), self.handle.clone(), self.classifier.clone())
    }
}

impl<S, C, Req> Service<Req> for CircuitBreaker<S, C>
where
    S: Service<Req>,
    S::Error: Refusable,
    C: Classify<S::Response, S::Error> + Clone,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, C>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        if self.handle.word().refuses() {
            return Poll::Ready(Ok(()));
        }
        let polled = self.inner.poll_ready(cx);
        self.inner_is_ready = matches!(polled, Poll::Ready(Ok(())));
        polled
    }

    #[inline]
    fn call(&mut self, request: Req) -> Self::Future {
        let was_ready = std::mem::take(&mut self.inner_is_ready);
        if was_ready && let Some(permit) = self.handle.admit_untimed() {
            let classifier = self.classifier.clone();
            return ResponseFuture::admitted(permit, classifier, || self.inner.call(request));
        }
        self.call_watched(request, was_ready)
    }
}

impl<S, C> CircuitBreaker<S, C> {
    // Apart from the usual path, whose future is then built where it is returned to.
    #[inline(never)]
    fn call_watched<Req>(&mut self, request: Req, was_ready: bool) -> ResponseFuture<S::Future, C>
    where
        S: Service<Req>,
        C: Clone,
    {
        let classifier = self.classifier.clone();
        let admission = self.handle.admit();
        // An open breaker says that it is ready without asking, and may have become half-open.
        let ready = was_ready || admission.is_err() || is_ready_now(&mut self.inner);
        if !ready {
            drop(admission);
            let rejection = Rejection::new(self.handle.origin(), Reason::NotReady);
            return ResponseFuture::refused(rejection, classifier);
        }
        ResponseFuture::begin(admission, classifier, || self.inner.call(request))
    }
}

/// Whether the service is ready without waiting for it.
fn is_ready_now<S: Service<Req>, Req>(service: &mut S) -> bool {
    let mut cx = Context::from_waker(Waker::noop());
    matches!(service.poll_ready(&mut cx), Poll::Ready(Ok(())))
}
