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
    fn enter(&self) -> Pass {
        let before = self.0.state.fetch_add(1, Ordering::AcqRel);
        let mut pass = Pass { gate: self.clone(), stage: Stage::Inside };
        if before & CLOSED != 0 {
            pass.refuse();
        }
        pass
    }

    #[cold]
    fn tell_empty(&self) {
        self.0.emptied.notify_waiters();
    }

    pub(crate) fn in_flight(&self) -> u64 {
        self.0.state.load(Ordering::Acquire) & !CLOSED
    }

    #[inline]
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

/// One call at the gate.
#[derive(Debug)]
struct Pass {
    gate: Gate,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// In flight.
    Inside,
    /// It came too late, which its caller has not been told.
    Refused,
    Left,
}

impl Pass {
    /// Counts no longer as in flight.
    #[inline]
    fn leave(&mut self) {
        if self.stage == Stage::Inside {
            self.stage = Stage::Left;
            let left = self.gate.0.state.fetch_sub(1, Ordering::AcqRel) - 1;
            if left == CLOSED {
                self.gate.tell_empty();
            }
        }
    }

    #[cold]
    fn refuse(&mut self) {
        self.leave();
        self.stage = Stage::Refused;
    }

    /// Why it was refused; once.
    #[cold]
    fn refusal(&mut self) -> Option<Rejection> {
        let refused = std::mem::replace(&mut self.stage, Stage::Left) == Stage::Refused;
        refused.then(|| Rejection::new(&self.gate.0.origin, Reason::Closing))
    }
}

impl Drop for Pass {
    #[inline]
    fn drop(&mut self) {
        self.leave();
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

    // Also a call that is refused has a future of the inner service, which it drops unpolled: a
    // future that is made the same way for every call is made where it belongs, and not moved.
    #[inline]
    fn call(&mut self, request: Req) -> Self::Future {
        GatedFuture { pass: self.gate.enter(), response: self.inner.call(request) }
    }
}

pin_project! {
    /// The response of a [`Gated`] service.
    #[must_use = "futures do nothing unless polled"]
    pub struct GatedFuture<F> {
        #[pin]
        response: F,
        pass: Pass,
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
        if this.pass.stage != Stage::Inside {
            // Without a refusal this is a future that is polled again after its end.
            return this.pass.refusal().map_or(Poll::Pending, |why| Poll::Ready(Err(why.into())));
        }
        let polled = this.response.poll(cx);
        if polled.is_ready() {
            this.pass.leave();
        }
        polled
    }
}

impl<F> fmt::Debug for GatedFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GatedFuture").field("stage", &self.pass.stage).finish()
    }
}
