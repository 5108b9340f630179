//! A service whose calls are attempted until they succeed or are given up.

use std::sync::Arc;
use std::task::{Context, Poll};

use salve_core::{Classify, Refusable, RequestRule};
use tower_service::Service;

use crate::dead_letters::DeadLetters;
use crate::future::{Calls, ResponseFuture};
use crate::handle::Handle;
use crate::rules::{CloneRequest, Rules};
use crate::shared::Setup;

/// A service whose calls are attempted until they succeed or are given up.
///
/// It is always ready itself. Each call takes one clone of the service, which is made ready anew
/// for every attempt, inside the response future.
#[derive(Clone, Debug)]
pub struct Retry<S, P = Rules> {
    inner: S,
    rules: P,
    handle: Handle,
    /// The setup of this version, so that calls need not take the lock.
    setup: Arc<Setup>,
    version: u64,
}

impl<S, P> Retry<S, P> {
    /// Puts `handle`'s policy around `inner`.
    pub fn new(inner: S, handle: Handle, rules: P) -> Self {
        let version = handle.shared().version();
        Self { inner, rules, setup: handle.shared().setup(), handle, version }
    }

    /// The policy.
    pub const fn handle(&self) -> &Handle {
        &self.handle
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

    #[inline]
    fn setup(&mut self) -> &Arc<Setup> {
        let version = self.handle.shared().version();
        if version != self.version {
            self.setup = self.handle.shared().setup();
            self.version = version;
        }
        &self.setup
    }
}

impl<S, Req, C, R, Q, D> Service<Req> for Retry<S, Rules<C, R, Q, D>>
where
    S: Service<Req> + Clone,
    S::Error: Refusable,
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

    #[inline]
    fn call(&mut self, request: Req) -> Self::Future {
        let setup = Arc::clone(self.setup());
        let calls = Calls::new(self.inner.clone(), request, self.rules.clone());
        ResponseFuture::new(setup, calls)
    }
}
