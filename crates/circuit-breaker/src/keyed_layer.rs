//! The layer that puts one breaker per key around a service.

use std::fmt;
use std::hash::Hash;
use std::task::{Context, Poll};

use salve_core::{Classify, ErrorsAreFailures, KeyOf, Oneshot, Refusable};
use tower_layer::Layer;
use tower_service::Service;

use crate::future::ResponseFuture;
use crate::keyed::KeyedHandle;
use crate::lane::Member;

/// Puts one breaker per key around a service.
pub struct KeyedCircuitBreakerLayer<Q: ?Sized + ToOwned, By, C = ErrorsAreFailures> {
    handle: KeyedHandle<Q::Owned>,
    key_of: By,
    classifier: C,
}

impl<Q: ?Sized + ToOwned, By> KeyedCircuitBreakerLayer<Q, By> {
    /// A layer that finds a request's breaker with `key_of`; every error is a failure.
    pub const fn new(handle: KeyedHandle<Q::Owned>, key_of: By) -> Self {
        Self { handle, key_of, classifier: ErrorsAreFailures }
    }
}

impl<Q: ?Sized + ToOwned, By, C> KeyedCircuitBreakerLayer<Q, By, C> {
    /// Lets `classifier` say what a result means.
    #[must_use]
    pub fn with_classifier<D>(self, classifier: D) -> KeyedCircuitBreakerLayer<Q, By, D> {
        KeyedCircuitBreakerLayer { handle: self.handle, key_of: self.key_of, classifier }
    }

    /// The breakers, to read and to steer.
    #[must_use]
    pub fn handle(&self) -> KeyedHandle<Q::Owned> {
        self.handle.clone()
    }
}

impl<Q: ?Sized + ToOwned, By: Clone, C: Clone> Clone for KeyedCircuitBreakerLayer<Q, By, C> {
    fn clone(&self) -> Self {
        Self {
            handle: self.handle.clone(),
            key_of: self.key_of.clone(),
            classifier: self.classifier.clone(),
        }
    }
}

impl<Q: ?Sized + ToOwned, By, C> fmt::Debug for KeyedCircuitBreakerLayer<Q, By, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedCircuitBreakerLayer")
            .field("handle", &self.handle)
            .finish_non_exhaustive()
    }
}

impl<S, Q: ?Sized + ToOwned, By: Clone, C: Clone> Layer<S> for KeyedCircuitBreakerLayer<Q, By, C> {
    type Service = KeyedCircuitBreaker<S, Q, By, C>;

    fn layer(&self, inner: S) -> Self::Service {
        KeyedCircuitBreaker { inner, layer: self.clone() }
    }
}

/// A service behind one breaker per key. It is always ready: each call makes a clone of the
/// service ready once its key's breaker has let it through.
pub struct KeyedCircuitBreaker<S, Q: ?Sized + ToOwned, By, C = ErrorsAreFailures> {
    inner: S,
    layer: KeyedCircuitBreakerLayer<Q, By, C>,
}

impl<S: Clone, Q: ?Sized + ToOwned, By: Clone, C: Clone> Clone
    for KeyedCircuitBreaker<S, Q, By, C>
{
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), layer: self.layer.clone() }
    }
}

impl<S, Q: ?Sized + ToOwned, By, C> fmt::Debug for KeyedCircuitBreaker<S, Q, By, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedCircuitBreaker").field("layer", &self.layer).finish_non_exhaustive()
    }
}

impl<S, Q, By, C, Req> Service<Req> for KeyedCircuitBreaker<S, Q, By, C>
where
    S: Service<Req> + Clone,
    S::Error: Refusable,
    Q: ?Sized + Hash + Eq + ToOwned,
    Q::Owned: fmt::Display + Hash + Eq + Send + Sync + 'static,
    By: KeyOf<Req, Q>,
    C: Classify<S::Response, S::Error> + Clone,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<Oneshot<S, Req>, C, Member<Q::Owned>>;

    #[inline]
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let entry = self.layer.handle.enter(self.layer.key_of.key(&request));
        ResponseFuture::begin(entry, self.layer.classifier.clone(), || {
            Oneshot::new(self.inner.clone(), request)
        })
    }
}
