//! One span a call and one event an attempt, for `tracing`.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use salve_core::{CallContext, Moment, Name, Refusable, clock};
use tower_layer::Layer;
use tower_service::Service;
use tracing::Span;

/// Puts every call into a span of its own, at level `debug`, named `call` with the stack's name.
#[derive(Clone, Debug)]
pub struct TraceCallLayer(pub(crate) Name);

impl<S> Layer<S> for TraceCallLayer {
    type Service = TraceCall<S>;

    fn layer(&self, inner: S) -> TraceCall<S> {
        TraceCall { inner, name: self.0.clone() }
    }
}

/// A service whose calls have a span each.
#[derive(Clone, Debug)]
pub struct TraceCall<S> {
    inner: S,
    name: Name,
}

impl<S: Service<Req>, Req> Service<Req> for TraceCall<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = TraceCallFuture<S::Future>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, request: Req) -> Self::Future {
        let span = tracing::debug_span!(target: "salve", "call", stack = self.name.as_str());
        let future = span.in_scope(|| self.inner.call(request));
        TraceCallFuture { future, span }
    }
}

pin_project! {
    /// The response of a [`TraceCall`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct TraceCallFuture<F> {
        #[pin]
        future: F,
        span: Span,
    }
}

impl<F: Future> Future for TraceCallFuture<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _inside = this.span.enter();
        this.future.poll(cx)
    }
}

/// Tells of every attempt once it has ended, at level `debug`: its number, how long it took, and
/// whether it was answered. Requests, responses and errors are never part of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct TraceAttemptLayer;

impl<S> Layer<S> for TraceAttemptLayer {
    type Service = TraceAttempt<S>;

    fn layer(&self, inner: S) -> TraceAttempt<S> {
        TraceAttempt { inner }
    }
}

/// A service that tells of every attempt.
#[derive(Clone, Debug)]
pub struct TraceAttempt<S> {
    inner: S,
}

impl<S, Req> Service<Req> for TraceAttempt<S>
where
    S: Service<Req>,
    S::Error: Refusable,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = TraceAttemptFuture<S::Future>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, request: Req) -> Self::Future {
        let listened_to = tracing::enabled!(target: "salve", tracing::Level::DEBUG);
        let attempt = listened_to.then(|| (CallContext::current().attempt(), clock::now()));
        TraceAttemptFuture { future: self.inner.call(request), attempt }
    }
}

pin_project! {
    /// The response of a [`TraceAttempt`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct TraceAttemptFuture<F> {
        #[pin]
        future: F,
        // Its number and when it began, where anybody wants to know.
        attempt: Option<(u32, Moment)>,
    }
}

impl<F, T, E> Future for TraceAttemptFuture<F>
where
    F: Future<Output = Result<T, E>>,
    E: Refusable,
{
    type Output = Result<T, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T, E>> {
        let this = self.project();
        let result = ready!(this.future.poll(cx));
        if let Some((attempt, began)) = this.attempt.take() {
            let elapsed = clock::now().since(began);
            let ended = match &result {
                Ok(_) => "answered",
                Err(error) => error.rejection().map_or("failed", |why| why.reason().as_str()),
            };
            tracing::debug!(target: "salve", attempt, ?elapsed, ended, "attempt");
        }
        Poll::Ready(result)
    }
}
