//! A service behind a breaker.

use std::task::{Context, Poll, Waker};

use salve_core::{Classify, ErrorsAreFailures, Reason, Refusable, Rejection};
use tower_service::Service;

use crate::breaker::State;
use crate::config::ROOM;
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
        let word = self.handle.word();
        if matches!(word.state(), State::Open | State::ForcedOpen) && !word.is_shadow() {
            return Poll::Ready(Ok(()));
        }
        let polled = self.inner.poll_ready(cx);
        self.inner_is_ready = matches!(polled, Poll::Ready(Ok(())));
        polled
    }

    #[inline]
    fn call(&mut self, request: Req) -> Self::Future {
        let classifier = self.classifier.clone();
        let was_ready = std::mem::take(&mut self.inner_is_ready);
        let admission = self.handle.admit();
        if !was_ready && admission.is_ok() {
            // The breaker was open when it said it was ready, and has become half-open since.
            match self.inner.poll_ready(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(_)) | Poll::Pending => {
                    drop(admission);
                    let name = self.handle.name().clone();
                    let rejection = Rejection::new(name, ROOM, Reason::NotReady);
                    return ResponseFuture::refused(rejection, classifier);
                }
            }
        }
        ResponseFuture::begin(admission, classifier, || self.inner.call(request))
    }
}
