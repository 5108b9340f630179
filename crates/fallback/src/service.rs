//! A service whose failures are answered by alternatives.

use std::fmt;
use std::task::{Context, Poll};

use salve_core::Oneshot;
use tower_service::Service;

use crate::chain::Chain;
use crate::future::ResponseFuture;
use crate::judge::{Judge, RefusableErrors};

/// A service whose failures are answered by alternatives.
///
/// It is always ready itself. Each call takes one clone of the service, which is made ready inside
/// the response future, so that an error at readiness is a failure like any other.
pub struct Fallback<S, Req, Res, Err, J = RefusableErrors> {
    inner: S,
    chain: Chain<Req, Res, Err, J>,
}

impl<S, Req, Res, Err, J> Fallback<S, Req, Res, Err, J> {
    /// Puts `chain` behind `inner`.
    pub const fn new(inner: S, chain: Chain<Req, Res, Err, J>) -> Self {
        Self { inner, chain }
    }

    /// The chain.
    pub const fn chain(&self) -> &Chain<Req, Res, Err, J> {
        &self.chain
    }

    /// The service within.
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The service within.
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The service within.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S: Clone, Req, Res, Err, J> Clone for Fallback<S, Req, Res, Err, J> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), chain: self.chain.clone() }
    }
}

impl<S, Req, Res, Err, J> fmt::Debug for Fallback<S, Req, Res, Err, J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fallback").field("chain", &self.chain).finish_non_exhaustive()
    }
}

impl<S, Req, J> Service<Req> for Fallback<S, Req, S::Response, S::Error, J>
where
    S: Service<Req> + Clone,
    J: Judge<S::Response, S::Error>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<Oneshot<S, Req>, Req, S::Response, S::Error, J>;

    #[inline]
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn call(&mut self, request: Req) -> Self::Future {
        let inner = self.inner.clone();
        self.chain.call(request, |request| Oneshot::new(inner, request))
    }
}
