//! The layer that keeps a service's answers, and the service it makes.

use std::fmt;
use std::hash::Hash;
use std::task::{Context, Poll};

use salve_core::{ByClone, KeyOf, Oneshot, RequestRule, Unrepeatable};
use tower_layer::Layer;
use tower_service::Service;

use crate::judge::{Judge, RefusableErrors};
use crate::work::Calls;

use super::answers::{Answers, CloneResponse};
use super::future::ResponseFuture;
use super::handle::Handle;
use super::life::Terms;

/// Keeps the good answers of any number of services, which all share them.
pub struct CacheLayer<Q, Res, By, R = Unrepeatable, J = RefusableErrors, H = ByClone>
where
    Q: ?Sized + ToOwned,
{
    answers: Answers<Q::Owned, Res, J, H>,
    key_of: By,
    rule: R,
}

impl<Q: ?Sized + ToOwned, Res, By, J, H> CacheLayer<Q, Res, By, Unrepeatable, J, H> {
    /// A layer that finds a request's key with `key_of`. No request is known to only read, so
    /// nothing is kept until [`with_request_rule`](Self::with_request_rule) says which do.
    pub const fn new(answers: Answers<Q::Owned, Res, J, H>, key_of: By) -> Self {
        Self { answers, key_of, rule: Unrepeatable }
    }
}

impl<Q: ?Sized + ToOwned, Res, By, R, J, H> CacheLayer<Q, Res, By, R, J, H> {
    /// Lets `rule` say which requests have answers that may be kept: those it calls repeatable.
    /// Such a request must only read. All others pass as if the layer were not there.
    #[must_use]
    pub fn with_request_rule<T>(self, rule: T) -> CacheLayer<Q, Res, By, T, J, H> {
        CacheLayer { answers: self.answers, key_of: self.key_of, rule }
    }

    /// The policy, to read and to steer; it lives as long as anybody holds it.
    #[must_use]
    pub fn handle(&self) -> Handle
    where
        Q::Owned: Hash + Eq + Send + Sync + 'static,
        Res: Send + Sync + 'static,
    {
        self.answers.handle()
    }
}

impl<Q, Res, By: Clone, R: Clone, J: Clone, H: Clone> Clone for CacheLayer<Q, Res, By, R, J, H>
where
    Q: ?Sized + ToOwned,
{
    fn clone(&self) -> Self {
        let (answers, key_of) = (self.answers.clone(), self.key_of.clone());
        Self { answers, key_of, rule: self.rule.clone() }
    }
}

impl<Q: ?Sized + ToOwned, Res, By, R, J, H> fmt::Debug for CacheLayer<Q, Res, By, R, J, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheLayer").field("answers", &self.answers).finish_non_exhaustive()
    }
}

impl<S, Q, Res, By: Clone, R: Clone, J: Clone, H: Clone> Layer<S>
    for CacheLayer<Q, Res, By, R, J, H>
where
    Q: ?Sized + ToOwned,
{
    type Service = Cache<S, Q, Res, By, R, J, H>;

    fn layer(&self, inner: S) -> Self::Service {
        let shared = &self.answers.store.shared;
        let (version, terms) = (shared.version(), shared.terms());
        Cache { inner, layer: self.clone(), terms, version }
    }
}

/// A service whose good answers are kept, and served where it fails.
///
/// It is always ready itself. Each call takes one clone of the service, which is made ready inside
/// the response future if it is asked at all.
pub struct Cache<S, Q, Res, By, R = Unrepeatable, J = RefusableErrors, H = ByClone>
where
    Q: ?Sized + ToOwned,
{
    inner: S,
    layer: CacheLayer<Q, Res, By, R, J, H>,
    /// The settings of this version, so that calls need not take the lock.
    terms: Terms,
    version: u64,
}

impl<S: Clone, Q, Res, By: Clone, R: Clone, J: Clone, H: Clone> Clone
    for Cache<S, Q, Res, By, R, J, H>
where
    Q: ?Sized + ToOwned,
{
    fn clone(&self) -> Self {
        let (inner, layer) = (self.inner.clone(), self.layer.clone());
        Self { inner, layer, terms: self.terms, version: self.version }
    }
}

impl<S, Q: ?Sized + ToOwned, Res, By, R, J, H> fmt::Debug for Cache<S, Q, Res, By, R, J, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("layer", &self.layer).finish_non_exhaustive()
    }
}

impl<S, Req, Q, By, R, J, H> Service<Req> for Cache<S, Q, S::Response, By, R, J, H>
where
    S: Service<Req> + Clone,
    S::Response: Send + Sync + 'static,
    Q: ?Sized + Hash + Eq + ToOwned + 'static,
    Q::Owned: Hash + Eq + Send + Sync + 'static,
    By: KeyOf<Req, Key = Q> + Clone,
    R: RequestRule<Req> + Clone,
    J: Judge<S::Response, S::Error> + Clone,
    H: CloneResponse<S::Response> + Clone,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future =
        ResponseFuture<Calls<S, Req, By, R, Q>, Q::Owned, Oneshot<S, Req>, J, H, S::Response>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let CacheLayer { answers, key_of, rule } = &self.layer;
        let shared = &answers.store.shared;
        let version = shared.version();
        if version != self.version {
            self.terms = shared.terms();
            self.version = version;
        }
        let work = Calls::new(self.inner.clone(), request, key_of.clone(), rule.clone());
        ResponseFuture::new(answers.clone(), self.terms, work)
    }
}
