//! The layer by which identical requests share one call, and the service it makes.

use std::fmt;
use std::hash::Hash;
use std::task::{Context, Poll};

use salve_core::{KeyOf, Oneshot, RequestRule, Unrepeatable};
use tower_layer::Layer;
use tower_service::Service;

use crate::work::Calls;

use super::flights::Flights;
use super::future::ResponseFuture;
use super::handle::Handle;
use super::share::{ShareAll, ShareResult};

/// Lets requests of the same key share one call, for any number of services together.
pub struct SingleFlightLayer<Q, Res, Err, By, R = Unrepeatable, H = ShareAll>
where
    Q: ?Sized + ToOwned,
{
    flights: Flights<Q::Owned, Res, Err, H>,
    key_of: By,
    rule: R,
}

impl<Q: ?Sized + ToOwned, Res, Err, By, H> SingleFlightLayer<Q, Res, Err, By, Unrepeatable, H> {
    /// A layer that finds a request's key with `key_of`. No request is known to be repeatable, so
    /// none waits until [`with_request_rule`](Self::with_request_rule) says which are.
    pub const fn new(flights: Flights<Q::Owned, Res, Err, H>, key_of: By) -> Self {
        Self { flights, key_of, rule: Unrepeatable }
    }
}

impl<Q: ?Sized + ToOwned, Res, Err, By, R, H> SingleFlightLayer<Q, Res, Err, By, R, H> {
    /// Lets `rule` say which requests may share a call: those it calls repeatable, which should
    /// only read. All others pass as if the layer were not there.
    #[must_use]
    pub fn with_request_rule<T>(self, rule: T) -> SingleFlightLayer<Q, Res, Err, By, T, H> {
        SingleFlightLayer { flights: self.flights, key_of: self.key_of, rule }
    }

    /// The policy, to read and to steer; it lives as long as anybody holds it.
    #[must_use]
    pub fn handle(&self) -> Handle
    where
        Q::Owned: Send + 'static,
        Res: Send + 'static,
        Err: Send + 'static,
    {
        self.flights.handle()
    }
}

impl<Q, Res, Err, By: Clone, R: Clone, H: Clone> Clone for SingleFlightLayer<Q, Res, Err, By, R, H>
where
    Q: ?Sized + ToOwned,
{
    fn clone(&self) -> Self {
        let (flights, key_of) = (self.flights.clone(), self.key_of.clone());
        Self { flights, key_of, rule: self.rule.clone() }
    }
}

impl<Q: ?Sized + ToOwned, Res, Err, By, R, H> fmt::Debug
    for SingleFlightLayer<Q, Res, Err, By, R, H>
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SingleFlightLayer").field("flights", &self.flights).finish_non_exhaustive()
    }
}

impl<S, Q, Res, Err, By: Clone, R: Clone, H: Clone> Layer<S>
    for SingleFlightLayer<Q, Res, Err, By, R, H>
where
    Q: ?Sized + ToOwned,
{
    type Service = SingleFlight<S, Q, Res, Err, By, R, H>;

    fn layer(&self, inner: S) -> Self::Service {
        SingleFlight { inner, layer: self.clone() }
    }
}

/// A service whose identical requests share one call.
///
/// It is always ready itself. Each call takes one clone of the service, which is made ready inside
/// the response future if the call is made at all.
pub struct SingleFlight<S, Q, Res, Err, By, R = Unrepeatable, H = ShareAll>
where
    Q: ?Sized + ToOwned,
{
    inner: S,
    layer: SingleFlightLayer<Q, Res, Err, By, R, H>,
}

impl<S: Clone, Q, Res, Err, By: Clone, R: Clone, H: Clone> Clone
    for SingleFlight<S, Q, Res, Err, By, R, H>
where
    Q: ?Sized + ToOwned,
{
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), layer: self.layer.clone() }
    }
}

impl<S, Q: ?Sized + ToOwned, Res, Err, By, R, H> fmt::Debug
    for SingleFlight<S, Q, Res, Err, By, R, H>
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SingleFlight").field("layer", &self.layer).finish_non_exhaustive()
    }
}

impl<S, Req, Q, By, R, H> Service<Req> for SingleFlight<S, Q, S::Response, S::Error, By, R, H>
where
    S: Service<Req> + Clone,
    Q: ?Sized + Hash + Eq + ToOwned + 'static,
    Q::Owned: Hash + Eq,
    By: KeyOf<Req, Key = Q> + Clone,
    R: RequestRule<Req> + Clone,
    H: ShareResult<S::Response, S::Error> + Clone,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<
        Calls<S, Req, By, R, Q>,
        Q::Owned,
        Oneshot<S, Req>,
        S::Response,
        S::Error,
        H,
    >;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let SingleFlightLayer { flights, key_of, rule } = &self.layer;
        let work = Calls::new(self.inner.clone(), request, key_of.clone(), rule.clone());
        ResponseFuture::new(flights.clone(), work)
    }
}
