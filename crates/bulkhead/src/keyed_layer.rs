//! The layer that puts one bulkhead per key around a service.

use std::fmt;
use std::hash::Hash;
use std::task::{Context, Poll};

use salve_core::{
    Classify, ErrorsAreFailures, KeyOf, Oneshot, Refusable, RequestRule, Unrepeatable,
};
use tower_layer::Layer;
use tower_service::Service;

use crate::future::{Acquire, ResponseFuture};
use crate::keyed::KeyedHandle;
use crate::lane::Member;

/// Puts one bulkhead per key around a service.
pub struct KeyedBulkheadLayer<Q: ?Sized + ToOwned, By, R = Unrepeatable, C = ErrorsAreFailures> {
    handle: KeyedHandle<Q::Owned>,
    key_of: By,
    rule: R,
    classifier: C,
}

impl<Q: ?Sized + ToOwned, By> KeyedBulkheadLayer<Q, By> {
    /// A layer that finds a request's bulkhead with `key_of`.
    pub const fn new(handle: KeyedHandle<Q::Owned>, key_of: By) -> Self {
        Self { handle, key_of, rule: Unrepeatable, classifier: ErrorsAreFailures }
    }
}

impl<Q: ?Sized + ToOwned, By, R, C> KeyedBulkheadLayer<Q, By, R, C> {
    /// Lets `rule` say the class of a request.
    #[must_use]
    pub fn with_request_rule<T>(self, rule: T) -> KeyedBulkheadLayer<Q, By, T, C> {
        let Self { handle, key_of, classifier, .. } = self;
        KeyedBulkheadLayer { handle, key_of, rule, classifier }
    }

    /// Lets `classifier` say which answers have only begun; those keep their place until the end.
    #[must_use]
    pub fn with_classifier<D>(self, classifier: D) -> KeyedBulkheadLayer<Q, By, R, D> {
        let Self { handle, key_of, rule, .. } = self;
        KeyedBulkheadLayer { handle, key_of, rule, classifier }
    }

    /// The bulkheads, to read and to steer.
    #[must_use]
    pub fn handle(&self) -> KeyedHandle<Q::Owned> {
        self.handle.clone()
    }
}

impl<Q: ?Sized + ToOwned, By: Clone, R: Clone, C: Clone> Clone for KeyedBulkheadLayer<Q, By, R, C> {
    fn clone(&self) -> Self {
        Self {
            handle: self.handle.clone(),
            key_of: self.key_of.clone(),
            rule: self.rule.clone(),
            classifier: self.classifier.clone(),
        }
    }
}

impl<Q: ?Sized + ToOwned, By, R, C> fmt::Debug for KeyedBulkheadLayer<Q, By, R, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedBulkheadLayer").field("handle", &self.handle).finish_non_exhaustive()
    }
}

impl<S, Q: ?Sized + ToOwned, By: Clone, R: Clone, C: Clone> Layer<S>
    for KeyedBulkheadLayer<Q, By, R, C>
{
    type Service = KeyedBulkhead<S, Q, By, R, C>;

    fn layer(&self, inner: S) -> Self::Service {
        KeyedBulkhead { inner, layer: self.clone() }
    }
}

/// A service behind one bulkhead per key. It is always ready: each call makes a clone of the
/// service ready once it has a place of its key.
pub struct KeyedBulkhead<S, Q: ?Sized + ToOwned, By, R = Unrepeatable, C = ErrorsAreFailures> {
    inner: S,
    layer: KeyedBulkheadLayer<Q, By, R, C>,
}

impl<S: Clone, Q: ?Sized + ToOwned, By: Clone, R: Clone, C: Clone> Clone
    for KeyedBulkhead<S, Q, By, R, C>
{
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), layer: self.layer.clone() }
    }
}

impl<S, Q: ?Sized + ToOwned, By, R, C> fmt::Debug for KeyedBulkhead<S, Q, By, R, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedBulkhead").field("layer", &self.layer).finish_non_exhaustive()
    }
}

impl<S, Q, By, R, C, Req> Service<Req> for KeyedBulkhead<S, Q, By, R, C>
where
    S: Service<Req> + Clone,
    S::Error: Refusable,
    Q: ?Sized + Hash + Eq + ToOwned,
    Q::Owned: fmt::Display + Hash + Eq + Send + Sync + 'static,
    By: KeyOf<Req, Q>,
    R: RequestRule<Req>,
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
        let KeyedBulkheadLayer { handle, key_of, rule, classifier } = &self.layer;
        let acquire = Acquire::new(handle.lane(key_of.key(&request)), rule.class(&request));
        let call = Oneshot::new(self.inner.clone(), request);
        ResponseFuture::new(acquire, classifier.clone(), call)
    }
}
