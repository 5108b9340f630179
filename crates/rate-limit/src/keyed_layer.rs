//! The layer that puts one rate limit per key around a service.

use std::fmt;
use std::task::{Context, Poll};

use salve_core::{Key, KeyOf, Lookup, Oneshot, Refusable};
use tower_layer::Layer;
use tower_service::Service;

use crate::cost::{AsBefore, CostOf, One, TierOf};
use crate::future::ResponseFuture;
use crate::keyed::KeyedHandle;
use crate::lane::Member;

/// Puts one rate limit per key around a service.
#[derive(Clone)]
pub struct KeyedRateLimitLayer<K, By, W = One, T = AsBefore> {
    handle: KeyedHandle<K>,
    key_of: By,
    cost_of: W,
    tier_of: T,
}

impl<K, By> KeyedRateLimitLayer<K, By> {
    /// A layer that finds a request's limit with `key_of`; every request counts as one call.
    pub const fn new(handle: KeyedHandle<K>, key_of: By) -> Self {
        Self { handle, key_of, cost_of: One, tier_of: AsBefore }
    }
}

impl<K, By, W, T> KeyedRateLimitLayer<K, By, W, T> {
    /// Lets `cost_of` say how many calls a request counts as.
    #[must_use]
    pub fn with_cost_of<V>(self, cost_of: V) -> KeyedRateLimitLayer<K, By, V, T> {
        let Self { handle, key_of, tier_of, .. } = self;
        KeyedRateLimitLayer { handle, key_of, cost_of, tier_of }
    }

    /// Lets `tier_of` say which tier a request's key belongs to, such as by a claim in its token.
    /// A key whose tier changes keeps what it has spent and owes.
    #[must_use]
    pub fn with_tier_of<U>(self, tier_of: U) -> KeyedRateLimitLayer<K, By, W, U> {
        let Self { handle, key_of, cost_of, .. } = self;
        KeyedRateLimitLayer { handle, key_of, cost_of, tier_of }
    }

    /// The limits, to read and to steer.
    #[must_use]
    pub fn handle(&self) -> KeyedHandle<K> {
        self.handle.clone()
    }
}

impl<K, By, W, T> fmt::Debug for KeyedRateLimitLayer<K, By, W, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedRateLimitLayer").field("handle", &self.handle).finish_non_exhaustive()
    }
}

impl<S, K: Clone, By: Clone, W: Clone, T: Clone> Layer<S> for KeyedRateLimitLayer<K, By, W, T> {
    type Service = KeyedRateLimit<S, K, By, W, T>;

    fn layer(&self, inner: S) -> Self::Service {
        KeyedRateLimit { inner, layer: self.clone() }
    }
}

/// A service behind one rate limit per key. It is always ready: each call makes a clone of the
/// service ready once its key's turn has come.
#[derive(Clone)]
pub struct KeyedRateLimit<S, K, By, W = One, T = AsBefore> {
    inner: S,
    layer: KeyedRateLimitLayer<K, By, W, T>,
}

impl<S, K, By, W, T> fmt::Debug for KeyedRateLimit<S, K, By, W, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedRateLimit").field("layer", &self.layer).finish_non_exhaustive()
    }
}

impl<S, K, By, W, T, Req> Service<Req> for KeyedRateLimit<S, K, By, W, T>
where
    S: Service<Req> + Clone,
    S::Error: Refusable,
    K: Key,
    By: KeyOf<Req, Key: Lookup<K> + ToOwned<Owned = K>>,
    W: CostOf<Req>,
    T: TierOf<Req>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<Oneshot<S, Req>, Member<K>>;

    #[inline]
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let KeyedRateLimitLayer { handle, key_of, cost_of, tier_of } = &self.layer;
        let limit = handle.find(key_of.key(&request));
        if let Some(tier) = tier_of.tier(&request) {
            limit.set_tier(tier);
        }
        let allowed = limit.until_n_allowed(cost_of.cost(&request));
        ResponseFuture::new(allowed, Oneshot::new(self.inner.clone(), request))
    }
}
