//! A part of a stack that is there or left out.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

/// A service with a layer around it, or without.
#[derive(Clone, Debug)]
pub enum Part<W, S> {
    /// The layer is there.
    With(W),
    /// It was left out.
    Without(S),
}

impl<W, S> Part<W, S> {
    pub(crate) fn layer<L: Layer<S, Service = W>>(layer: Option<&L>, service: S) -> Self {
        match layer {
            Some(layer) => Self::With(layer.layer(service)),
            None => Self::Without(service),
        }
    }
}

impl<W, S, Req> Service<Req> for Part<W, S>
where
    S: Service<Req>,
    W: Service<Req, Response = S::Response, Error = S::Error>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = PartFuture<W::Future, S::Future>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        match self {
            Self::With(service) => service.poll_ready(cx),
            Self::Without(service) => service.poll_ready(cx),
        }
    }

    #[inline]
    fn call(&mut self, request: Req) -> Self::Future {
        let response = match self {
            Self::With(service) => Response::With { future: service.call(request) },
            Self::Without(service) => Response::Without { future: service.call(request) },
        };
        PartFuture { response }
    }
}

pin_project! {
    /// The response of a [`Part`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct PartFuture<W, S> {
        #[pin]
        response: Response<W, S>,
    }
}

pin_project! {
    #[derive(Debug)]
    #[project = ResponseProj]
    enum Response<W, S> {
        With { #[pin] future: W },
        Without { #[pin] future: S },
    }
}

impl<W, S> Future for PartFuture<W, S>
where
    S: Future,
    W: Future<Output = S::Output>,
{
    type Output = S::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<S::Output> {
        match self.project().response.project() {
            ResponseProj::With { future } => future.poll(cx),
            ResponseProj::Without { future } => future.poll(cx),
        }
    }
}
