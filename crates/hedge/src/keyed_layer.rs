//! The layer that puts one hedging policy per key around a service.

use std::fmt;
use std::task::{Context, Poll};

use salve_core::{Classify, CloneRequest, Key, KeyOf, Lookup, Refusable, RequestRule};
use tower_layer::Layer;
use tower_service::Service;

use crate::future::{Calls, ResponseFuture};
use crate::keyed::KeyedHandle;
use crate::rules::Rules;

/// Puts one hedging policy per key around a service.
#[derive(Clone)]
pub struct KeyedHedgeLayer<K, By, P = Rules> {
    handle: KeyedHandle<K>,
    key_of: By,
    rules: P,
}

impl<K, By> KeyedHedgeLayer<K, By> {
    /// A layer that finds a request's policy with `key_of`.
    pub fn new(handle: KeyedHandle<K>, key_of: By) -> Self {
        Self { handle, key_of, rules: Rules::new() }
    }
}

impl<K, By, P> KeyedHedgeLayer<K, By, P> {
    /// Asks `rules` about requests and results.
    #[must_use]
    pub fn with_rules<N>(self, rules: N) -> KeyedHedgeLayer<K, By, N> {
        KeyedHedgeLayer { handle: self.handle, key_of: self.key_of, rules }
    }

    /// The policies, to read and to steer.
    #[must_use]
    pub fn handle(&self) -> KeyedHandle<K> {
        self.handle.clone()
    }
}

impl<K, By, P> fmt::Debug for KeyedHedgeLayer<K, By, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedHedgeLayer").field("handle", &self.handle).finish_non_exhaustive()
    }
}

impl<S, K: Clone, By: Clone, P: Clone> Layer<S> for KeyedHedgeLayer<K, By, P> {
    type Service = KeyedHedge<S, K, By, P>;

    fn layer(&self, inner: S) -> Self::Service {
        KeyedHedge { inner, layer: self.clone() }
    }
}

/// A service whose late calls are sent again under the policy of their key. It is always ready
/// itself.
#[derive(Clone)]
pub struct KeyedHedge<S, K, By, P = Rules> {
    inner: S,
    layer: KeyedHedgeLayer<K, By, P>,
}

impl<S, K, By, P> fmt::Debug for KeyedHedge<S, K, By, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedHedge").field("layer", &self.layer).finish_non_exhaustive()
    }
}

impl<S, K, By, Req, C, R, Q> Service<Req> for KeyedHedge<S, K, By, Rules<C, R, Q>>
where
    S: Service<Req> + Clone,
    S::Error: Refusable,
    K: Key,
    By: KeyOf<Req, Key: Lookup<K> + ToOwned<Owned = K>>,
    C: Classify<S::Response, S::Error> + Clone,
    R: RequestRule<Req> + Clone,
    Q: CloneRequest<Req> + Clone,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<Calls<S, Req, Rules<C, R, Q>>>;

    #[inline]
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let KeyedHedgeLayer { handle, key_of, rules } = &self.layer;
        let setup = handle.setup(key_of.key(&request));
        ResponseFuture::new(setup, Calls::new(self.inner.clone(), request, rules.clone()))
    }
}
