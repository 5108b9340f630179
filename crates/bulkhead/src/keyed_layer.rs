//! The layer that puts one bulkhead per key around a service.

use std::fmt;
use std::task::{Context, Poll};

use salve_core::{
    Classify, ErrorsAreFailures, Key, KeyOf, Lookup, Oneshot, Refusable, RequestRule, Unrepeatable,
};
use tower_layer::Layer;
use tower_service::Service;

use crate::future::{Acquire, ResponseFuture};
use crate::keyed::KeyedHandle;
use crate::lane::Member;

/// Puts one bulkhead per key around a service.
#[derive(Clone)]
pub struct KeyedBulkheadLayer<K, By, R = Unrepeatable, C = ErrorsAreFailures> {
    handle: KeyedHandle<K>,
    key_of: By,
    rule: R,
    classifier: C,
}

impl<K, By> KeyedBulkheadLayer<K, By> {
    /// A layer that finds a request's bulkhead with `key_of`.
    pub const fn new(handle: KeyedHandle<K>, key_of: By) -> Self {
        Self { handle, key_of, rule: Unrepeatable, classifier: ErrorsAreFailures }
    }
}

impl<K, By, R, C> KeyedBulkheadLayer<K, By, R, C> {
    /// Lets `rule` say the class of a request.
    #[must_use]
    pub fn with_request_rule<T>(self, rule: T) -> KeyedBulkheadLayer<K, By, T, C> {
        let Self { handle, key_of, classifier, .. } = self;
        KeyedBulkheadLayer { handle, key_of, rule, classifier }
    }

    /// Lets `classifier` say which answers have only begun; those keep their place until the end.
    #[must_use]
    pub fn with_classifier<D>(self, classifier: D) -> KeyedBulkheadLayer<K, By, R, D> {
        let Self { handle, key_of, rule, .. } = self;
        KeyedBulkheadLayer { handle, key_of, rule, classifier }
    }

    /// The bulkheads, to read and to steer.
    #[must_use]
    pub fn handle(&self) -> KeyedHandle<K> {
        self.handle.clone()
    }
}

impl<K, By, R, C> fmt::Debug for KeyedBulkheadLayer<K, By, R, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedBulkheadLayer").field("handle", &self.handle).finish_non_exhaustive()
    }
}

impl<S, K: Clone, By: Clone, R: Clone, C: Clone> Layer<S> for KeyedBulkheadLayer<K, By, R, C> {
    type Service = KeyedBulkhead<S, K, By, R, C>;

    fn layer(&self, inner: S) -> Self::Service {
        KeyedBulkhead { inner, layer: self.clone() }
    }
}

/// A service behind one bulkhead per key. It is always ready: each call makes a clone of the
/// service ready once it has a place of its key.
#[derive(Clone)]
pub struct KeyedBulkhead<S, K, By, R = Unrepeatable, C = ErrorsAreFailures> {
    inner: S,
    layer: KeyedBulkheadLayer<K, By, R, C>,
}

impl<S, K, By, R, C> fmt::Debug for KeyedBulkhead<S, K, By, R, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedBulkhead").field("layer", &self.layer).finish_non_exhaustive()
    }
}

impl<S, K, By, R, C, Req> Service<Req> for KeyedBulkhead<S, K, By, R, C>
where
    S: Service<Req> + Clone,
    S::Error: Refusable,
    K: Key,
    By: KeyOf<Req, Key: Lookup<K> + ToOwned<Owned = K>>,
    R: RequestRule<Req>,
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
        let KeyedBulkheadLayer { handle, key_of, rule, classifier } = &self.layer;
        let acquire = Acquire::of(handle.lane(key_of.key(&request)), rule, &request);
        let call = Oneshot::new(self.inner.clone(), request);
        ResponseFuture::new(acquire, classifier.clone(), call)
    }
}
