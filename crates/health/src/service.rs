//! A service whose outcomes are counted.

use std::sync::Arc;
use std::task::{Context, Poll};

use salve_core::{Classify, ErrorsAreFailures, Refusable};
use tower_service::Service;

use crate::future::{ResponseFuture, watch_panics};
use crate::outcomes::Outcomes;

/// A service whose outcomes are counted. It passes on readiness, refuses nothing, and needs no
/// `Clone`.
#[derive(Clone, Debug)]
pub struct Health<S, C = ErrorsAreFailures> {
    inner: S,
    outcomes: Outcomes,
    classifier: C,
}

impl<S, C> Health<S, C> {
    /// Counts what the calls of `inner` come to.
    pub const fn new(inner: S, outcomes: Outcomes, classifier: C) -> Self {
        Self { inner, outcomes, classifier }
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

impl<S, C, Req> Service<Req> for Health<S, C>
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
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, request: Req) -> Self::Future {
        let line = Arc::clone(self.outcomes.line());
        let future = watch_panics(&line, || self.inner.call(request));
        ResponseFuture::new(future, line, self.classifier.clone())
    }
}
