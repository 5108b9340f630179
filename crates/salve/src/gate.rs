//! The outermost part of a stack: counts the calls in flight, and can be closed.

use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;
use salve_core::{Origin, Reason, Refusable, Rejection};
use tokio::sync::Notify;
use tower_layer::Layer;
use tower_service::Service;

const CLOSED: u64 = 1 << 63;

/// Lets calls in until it is closed, and then waits for those that are inside.
#[derive(Clone, Debug)]
pub(crate) struct Gate(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Calls in flight, and in the highest bit whether it is closed.
    state: AtomicU64,
    emptied: Notify,
    origin: Origin,
}

impl Gate {
    pub(crate) fn new(origin: Origin) -> Self {
        Self(Arc::new(Inner { state: AtomicU64::new(0), emptied: Notify::new(), origin }))
    }

    #[inline]
    fn enter(&self) -> Option<Inside> {
        let before = self.0.state.fetch_add(1, Ordering::AcqRel);
        let inside = Inside(self.clone());
        (before & CLOSED == 0).then_some(inside)
    }

    pub(crate) fn in_flight(&self) -> u64 {
        self.0.state.load(Ordering::Acquire) & !CLOSED
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.0.state.load(Ordering::Acquire) & CLOSED != 0
    }

    /// Refuses new calls, and waits up to `patience` for those in flight; says how many were left.
    pub(crate) async fn close(&self, patience: Duration) -> u64 {
        self.0.state.fetch_or(CLOSED, Ordering::AcqRel);
        let emptied = async {
            loop {
                let mut told = pin!(self.0.emptied.notified());
                // Registered before the look, so that no end in between is missed.
                told.as_mut().enable();
                if self.in_flight() == 0 {
                    return;
                }
                told.await;
            }
        };
        // Whether time ran out shows in what is left.
        let _ = tokio::time::timeout(patience, emptied).await;
        self.in_flight()
    }
}

/// One call in flight.
#[derive(Debug)]
pub(crate) struct Inside(Gate);

impl Drop for Inside {
    #[inline]
    fn drop(&mut self) {
        let left = self.0.0.state.fetch_sub(1, Ordering::AcqRel) - 1;
        if left == CLOSED {
            self.0.0.emptied.notify_waiters();
        }
    }
}

/// Puts a [`Gate`] before a service.
#[derive(Clone, Debug)]
pub struct GateLayer(pub(crate) Gate);

impl<S> Layer<S> for GateLayer {
    type Service = Gated<S>;

    fn layer(&self, inner: S) -> Gated<S> {
        Gated { inner, gate: self.0.clone() }
    }
}

/// A service that can be closed.
#[derive(Clone, Debug)]
pub struct Gated<S> {
    inner: S,
    gate: Gate,
}

impl<S, Req> Service<Req> for Gated<S>
where
    S: Service<Req>,
    S::Error: Refusable,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = GatedFuture<S::Future>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        if self.gate.is_closed() {
            return Poll::Ready(Ok(()));
        }
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, request: Req) -> Self::Future {
        match self.gate.enter() {
            Some(inside) => GatedFuture {
                response: Some(self.inner.call(request)),
                inside: Some(inside),
                rejection: None,
            },
            None => {
                let rejection = Rejection::new(&self.gate.0.origin, Reason::Closing);
                GatedFuture { response: None, inside: None, rejection: Some(rejection) }
            }
        }
    }
}

pin_project! {
    /// The response of a [`Gated`] service.
    #[must_use = "futures do nothing unless polled"]
    pub struct GatedFuture<F> {
        #[pin]
        response: Option<F>,
        inside: Option<Inside>,
        rejection: Option<Rejection>,
    }
}

impl<F, T, E> Future for GatedFuture<F>
where
    F: Future<Output = Result<T, E>>,
    E: Refusable,
{
    type Output = Result<T, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        match (this.response.as_pin_mut(), this.rejection.take()) {
            (Some(response), _) => {
                let polled = response.poll(cx);
                if polled.is_ready() {
                    *this.inside = None;
                }
                polled
            }
            (None, Some(rejection)) => Poll::Ready(Err(rejection.into())),
            // Only a future that is polled again after its end can come here.
            (None, None) => Poll::Pending,
        }
    }
}

impl<F> fmt::Debug for GatedFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GatedFuture").field("inside", &self.inside.is_some()).finish()
    }
}
