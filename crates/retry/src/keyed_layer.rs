//! The layer that puts one retry policy per key around a service.

use std::fmt;
use std::task::{Context, Poll};

use salve_core::{Classify, Key, KeyOf, Lookup, Refusable, RequestRule};
use tower_layer::Layer;
use tower_service::Service;

use crate::dead_letters::DeadLetters;
use crate::future::{Calls, ResponseFuture};
use crate::keyed::KeyedHandle;
use crate::rules::{CloneRequest, Rules};

/// Puts one retry policy per key around a service.
#[derive(Clone)]
pub struct KeyedRetryLayer<K, By, P = Rules> {
    handle: KeyedHandle<K>,
    key_of: By,
    rules: P,
}

impl<K, By> KeyedRetryLayer<K, By> {
    /// A layer that finds a request's policy with `key_of`.
    pub fn new(handle: KeyedHandle<K>, key_of: By) -> Self {
        Self { handle, key_of, rules: Rules::new() }
    }
}

impl<K, By, P> KeyedRetryLayer<K, By, P> {
    /// Asks `rules` about requests and results.
    #[must_use]
    pub fn with_rules<N>(self, rules: N) -> KeyedRetryLayer<K, By, N> {
        KeyedRetryLayer { handle: self.handle, key_of: self.key_of, rules }
    }

    /// The policies, to read and to steer.
    #[must_use]
    pub fn handle(&self) -> KeyedHandle<K> {
        self.handle.clone()
    }
}

impl<K, By, P> fmt::Debug for KeyedRetryLayer<K, By, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedRetryLayer").field("handle", &self.handle).finish_non_exhaustive()
    }
}

impl<S, K: Clone, By: Clone, P: Clone> Layer<S> for KeyedRetryLayer<K, By, P> {
    type Service = KeyedRetry<S, K, By, P>;

    fn layer(&self, inner: S) -> Self::Service {
        KeyedRetry { inner, layer: self.clone() }
    }
}

/// A service whose calls are attempted under the policy of their key. It is always ready itself.
#[derive(Clone)]
pub struct KeyedRetry<S, K, By, P = Rules> {
    inner: S,
    layer: KeyedRetryLayer<K, By, P>,
}

impl<S, K, By, P> fmt::Debug for KeyedRetry<S, K, By, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedRetry").field("layer", &self.layer).finish_non_exhaustive()
    }
}

impl<S, K, By, Req, C, R, Q, D> Service<Req> for KeyedRetry<S, K, By, Rules<C, R, Q, D>>
where
    S: Service<Req> + Clone,
    S::Error: Refusable,
    K: Key,
    By: KeyOf<Req, Key: Lookup<K> + ToOwned<Owned = K>>,
    C: Classify<S::Response, S::Error> + Clone,
    R: RequestRule<Req> + Clone,
    Q: CloneRequest<Req> + Clone,
    D: DeadLetters<Req, S::Response, S::Error> + Clone,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<Calls<S, Req, Rules<C, R, Q, D>>>;

    #[inline]
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let KeyedRetryLayer { handle, key_of, rules } = &self.layer;
        let setup = handle.setup(key_of.key(&request));
        ResponseFuture::new(setup, Calls::new(self.inner.clone(), request, rules.clone()))
    }
}
