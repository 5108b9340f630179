//! Makes a service ready and calls it once, in one future that is never boxed.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use pin_project_lite::pin_project;
use tower_service::Service;

pin_project! {
    /// Waits until its own service is ready, then calls it with its request.
    ///
    /// Layers that are always ready themselves hold a clone of the service in one of these, so
    /// that a call which waits for its turn holds nothing of the service it will call.
    #[project = OneshotProj]
    #[must_use = "futures do nothing unless polled"]
    pub struct Oneshot<S, Req> where S: Service<Req> {
        // The service stays until the end: a response may need it, as with a permit it holds.
        service: S,
        request: Option<Req>,
        #[pin]
        response: Option<S::Future>,
    }
}

impl<S: Service<Req>, Req> Oneshot<S, Req> {
    /// A call of `service` with `request` that has not begun.
    #[inline]
    pub const fn new(service: S, request: Req) -> Self {
        Self { service, request: Some(request), response: None }
    }

    /// Whether the service has taken the request; until then nothing has been sent.
    #[must_use]
    #[inline]
    pub const fn is_called(&self) -> bool {
        self.request.is_none()
    }
}

impl<S: Service<Req>, Req> Future for Oneshot<S, Req> {
    type Output = Result<S::Response, S::Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if this.request.is_some() {
            ready!(this.service.poll_ready(cx))?;
            if let Some(request) = this.request.take() {
                this.response.set(Some(this.service.call(request)));
            }
        }
        match this.response.as_pin_mut() {
            Some(response) => response.poll(cx),
            // Only a future that is polled again after its end can come here.
            None => Poll::Pending,
        }
    }
}

impl<S: Service<Req>, Req> std::fmt::Debug for Oneshot<S, Req> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Oneshot").field("called", &self.is_called()).finish()
    }
}

/// Whether `service` is ready without waiting for it; nobody is woken when it becomes so later.
#[must_use]
pub fn is_ready_now<S: Service<Req>, Req>(service: &mut S) -> bool {
    let mut cx = Context::from_waker(Waker::noop());
    matches!(service.poll_ready(&mut cx), Poll::Ready(Ok(())))
}
