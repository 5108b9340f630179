//! A service behind a breaker.

use std::task::{Context, Poll};

use salve_core::{Classify, ErrorsAreFailures, Refusable, is_ready_now};
use tower_service::Service;

use crate::future::{Entry, ResponseFuture};
use crate::handle::Handle;
use crate::permit::{Permit, Refusal};

/// A service behind a circuit breaker. It passes on readiness, and needs no `Clone`.
///
/// While the breaker is open the service is ready without asking the inner one, so that a
/// refusal never waits. Its clones share the breaker, but not readiness.
#[derive(Debug)]
pub struct CircuitBreaker<S, C = ErrorsAreFailures> {
    inner: S,
    handle: Handle,
    classifier: C,
    /// Whether the last that this service said of its readiness was the inner one's word.
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
            self.note(false);
            return Poll::Ready(Ok(()));
        }
        let polled = self.inner.poll_ready(cx);
        self.note(matches!(polled, Poll::Ready(Ok(()))));
        polled
    }

    #[inline]
    fn call(&mut self, request: Req) -> Self::Future {
        let at_once = if self.inner_is_ready { self.handle.admit_at_once() } else { None };
        let entry = match at_once {
            Some(permit) => Entry::admitted(permit),
            None => match self.handle.refuse_at_once() {
                Some(refusal) => Entry::refused(self.handle.origin(), refusal),
                None => self.enter_watched(),
            },
        };
        ResponseFuture::begin(entry, self.classifier.clone(), || self.inner.call(request))
    }
}

impl<S, C> CircuitBreaker<S, C> {
    /// Notes whether the inner service is ready. Writes only what is new: services of different
    /// threads may lie on one cache line.
    #[inline]
    const fn note(&mut self, inner_is_ready: bool) {
        if self.inner_is_ready != inner_is_ready {
            self.inner_is_ready = inner_is_ready;
        }
    }

    #[inline]
    fn enter_watched<Req>(&mut self) -> Entry
    where
        S: Service<Req>,
    {
        match self.admit_watched() {
            Ok(permit) => Entry::admitted(permit),
            Err(refusal) => Entry::refused(self.handle.origin(), refusal),
        }
    }

    // Answers with the permit alone, so that the future is built in one place whichever way the
    // call was admitted, and need not be copied together from two.
    #[inline(never)]
    fn admit_watched<Req>(&mut self) -> Result<Permit, Refusal>
    where
        S: Service<Req>,
    {
        let permit = self.handle.admit_watched()?;
        // An open breaker says that it is ready without asking, and may have become half-open.
        if self.inner_is_ready || is_ready_now(&mut self.inner) {
            return Ok(permit);
        }
        Err(Refusal::NOT_READY)
    }
}
