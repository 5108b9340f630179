//! Gives a service an error type that policies can put their refusals into.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::Error;

/// Wraps `service` so that it fails with [`Error`], and so can stand below any policy.
///
/// [`stack`](crate::stack()) does this by itself; layers that are put together by hand need it
/// above a service whose error cannot carry a [`Rejection`](salve_core::Rejection).
///
/// ```
/// use salve::circuit_breaker::{CircuitBreakerLayer, Config};
/// use tower::{Layer, service_fn};
///
/// let client = service_fn(|()| async { Ok::<_, std::io::Error>("pong") });
/// let client = CircuitBreakerLayer::new(Config::new("ping"))?.layer(salve::lift(client));
/// # fn is_service<S: tower::Service<(), Error = salve::Error<std::io::Error>>>(_: S) {}
/// # is_service(client);
/// # Ok::<(), salve::ConfigError>(())
/// ```
pub const fn lift<S>(service: S) -> Lift<S> {
    Lift { service }
}

/// The layer of [`lift`].
#[derive(Clone, Copy, Debug, Default)]
pub struct LiftLayer;

impl<S> Layer<S> for LiftLayer {
    type Service = Lift<S>;

    fn layer(&self, service: S) -> Lift<S> {
        lift(service)
    }
}

/// A service that fails with [`Error`]; see [`lift`].
#[derive(Clone, Copy, Debug)]
pub struct Lift<S> {
    service: S,
}

impl<S: Service<Req>, Req> Service<Req> for Lift<S> {
    type Response = S::Response;
    type Error = Error<S::Error>;
    type Future = LiftFuture<S::Future>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.service.poll_ready(cx).map_err(Error::Service)
    }

    #[inline]
    fn call(&mut self, request: Req) -> Self::Future {
        LiftFuture { response: self.service.call(request) }
    }
}

pin_project! {
    /// The response of a [`Lift`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct LiftFuture<F> {
        #[pin]
        response: F,
    }
}

impl<F, T, E> Future for LiftFuture<F>
where
    F: Future<Output = Result<T, E>>,
{
    type Output = Result<T, Error<E>>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let result = ready!(self.project().response.poll(cx));
        Poll::Ready(result.map_err(Error::Service))
    }
}
