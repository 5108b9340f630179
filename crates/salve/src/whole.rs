//! A stack below its gate: complete, as most are, or with parts left out.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use salve_core::{Absorbing, Classify, Direct, DirectCall, Oneshot, Refusable};
use salve_timeout::future::ResponseFuture;
use salve_timeout::{ConfiguredLimit, Timeout};
use tower_service::Service;

/// A stack that has every part, or one that lacks some.
///
/// A complete stack has a type of its own: no layer of it has to ask whether the next is there.
/// It is always ready; one that lacks parts passes on what its outermost part says.
#[derive(Clone, Debug)]
pub enum Whole<S, C, P> {
    /// Every part is there, the total timeout outermost.
    Complete(Timeout<S, ConfiguredLimit, C, Direct>),
    /// Some part was left out.
    Partial(P),
}

impl<S, C, P, Req> Service<Req> for Whole<S, C, P>
where
    S: Absorbing<Req>,
    S::Error: Refusable,
    C: Classify<S::Response, S::Error> + Clone,
    P: Service<Req, Response = S::Response, Error = S::Error> + Clone,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = WholeFuture<S, C, P, Req>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        match self {
            Self::Complete(_) => Poll::Ready(Ok(())),
            Self::Partial(service) => service.poll_ready(cx),
        }
    }

    #[inline(always)]
    fn call(&mut self, request: Req) -> Self::Future {
        // Either way little is made before the first poll: it is moved until then, and what has
        // not been made is not copied.
        let response = match self {
            Self::Complete(service) => Response::Complete { future: service.call(request) },
            Self::Partial(service) => {
                // The one that has been made ready makes the call; its clone stays here.
                let next = service.clone();
                let ready = std::mem::replace(service, next);
                Response::Partial { future: Oneshot::new(ready, request) }
            }
        };
        WholeFuture { response }
    }
}

pin_project! {
    /// The response of a [`Whole`] stack.
    #[must_use = "futures do nothing unless polled"]
    pub struct WholeFuture<S, C, P, Req> where S: Service<Req>, P: Service<Req> {
        #[pin]
        response: Response<ResponseFuture<DirectCall<S::Future>, C>, Oneshot<P, Req>>,
    }
}

pin_project! {
    #[project = ResponseProj]
    enum Response<W, P> {
        Complete { #[pin] future: W },
        Partial { #[pin] future: P },
    }
}

impl<S, C, P, Req> Future for WholeFuture<S, C, P, Req>
where
    S: Absorbing<Req>,
    S::Error: Refusable,
    C: Classify<S::Response, S::Error> + Clone,
    P: Service<Req, Response = S::Response, Error = S::Error> + Clone,
{
    type Output = Result<S::Response, S::Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().response.project() {
            ResponseProj::Complete { future } => future.poll(cx),
            ResponseProj::Partial { future } => poll_apart(future, cx),
        }
    }
}

// Not inlined, so that it does not stand in the way of the complete stack.
#[cold]
#[inline(never)]
fn poll_apart<F: Future>(future: Pin<&mut F>, cx: &mut Context<'_>) -> Poll<F::Output> {
    future.poll(cx)
}

impl<S, C, P, Req> fmt::Debug for WholeFuture<S, C, P, Req>
where
    S: Service<Req>,
    P: Service<Req>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WholeFuture").finish_non_exhaustive()
    }
}
