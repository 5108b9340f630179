//! The layer that puts one breaker per key around a service.

use std::fmt;
use std::task::{Context, Poll};

use salve_core::{Classify, ErrorsAreFailures, Key, KeyOf, Lookup, Oneshot, Refusable};
use tower_layer::Layer;
use tower_service::Service;

use crate::future::ResponseFuture;
use crate::keyed::KeyedHandle;
use crate::lane::Member;

/// Puts one breaker per key around a service.
#[derive(Clone)]
pub struct KeyedCircuitBreakerLayer<K, By, C = ErrorsAreFailures> {
    handle: KeyedHandle<K>,
    key_of: By,
    classifier: C,
}

impl<K, By> KeyedCircuitBreakerLayer<K, By> {
    /// A layer that finds a request's breaker with `key_of`; every error is a failure.
    pub const fn new(handle: KeyedHandle<K>, key_of: By) -> Self {
        Self { handle, key_of, classifier: ErrorsAreFailures }
    }
}

impl<K, By, C> KeyedCircuitBreakerLayer<K, By, C> {
    /// Lets `classifier` say what a result means.
    #[must_use]
    pub fn with_classifier<D>(self, classifier: D) -> KeyedCircuitBreakerLayer<K, By, D> {
        KeyedCircuitBreakerLayer { handle: self.handle, key_of: self.key_of, classifier }
    }

    /// The breakers, to read and to steer.
    #[must_use]
    pub fn handle(&self) -> KeyedHandle<K> {
        self.handle.clone()
    }
}

impl<K, By, C> fmt::Debug for KeyedCircuitBreakerLayer<K, By, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedCircuitBreakerLayer")
            .field("handle", &self.handle)
            .finish_non_exhaustive()
    }
}

impl<S, K: Clone, By: Clone, C: Clone> Layer<S> for KeyedCircuitBreakerLayer<K, By, C> {
    type Service = KeyedCircuitBreaker<S, K, By, C>;

    fn layer(&self, inner: S) -> Self::Service {
        KeyedCircuitBreaker { inner, layer: self.clone() }
    }
}

/// A service behind one breaker per key. It is always ready: each call makes a clone of the
/// service ready once its key's breaker has let it through.
#[derive(Clone)]
pub struct KeyedCircuitBreaker<S, K, By, C = ErrorsAreFailures> {
    inner: S,
    layer: KeyedCircuitBreakerLayer<K, By, C>,
}

impl<S, K, By, C> fmt::Debug for KeyedCircuitBreaker<S, K, By, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedCircuitBreaker").field("layer", &self.layer).finish_non_exhaustive()
    }
}

impl<S, K, By, C, Req> Service<Req> for KeyedCircuitBreaker<S, K, By, C>
where
    S: Service<Req> + Clone,
    S::Error: Refusable,
    K: Key,
    By: KeyOf<Req, Key: Lookup<K> + ToOwned<Owned = K>>,
    C: Classify<S::Response, S::Error> + Clone,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<Oneshot<S, Req>, C, Member<K>>;

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
