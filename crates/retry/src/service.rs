//! A service whose calls are attempted until they succeed or are given up.

use std::sync::Arc;
use std::task::{Context, Poll};

use salve_core::{Absorbing, Classify, Refusable, RequestRule};
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

    /// Whether the setup that it has is the latest.
    #[inline]
    fn is_up_to_date(&self) -> bool {
        self.handle.shared().version() == self.version
    }

    #[cold]
    fn catch_up(&mut self) {
        self.version = self.handle.shared().version();
        self.setup = self.handle.shared().setup();
    }
}

impl<S: Clone, C: Clone, R: Clone, Q: Clone, D: Clone> Retry<S, Rules<C, R, Q, D>> {
    #[inline]
    fn calls<Req>(&self, request: Req) -> Calls<S, Req, Rules<C, R, Q, D>>
    where
        R: RequestRule<Req>,
    {
        Calls::new(self.inner.clone(), request, self.rules.clone())
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
        if !self.is_up_to_date() {
            self.catch_up();
        }
        ResponseFuture::new(Arc::clone(&self.setup), self.calls(request))
    }
}

impl<S, Req, C, R, Q, D> Absorbing<Req> for Retry<S, Rules<C, R, Q, D>>
where
    S: Service<Req> + Clone,
    S::Error: Refusable,
    C: Classify<S::Response, S::Error> + Clone,
    R: RequestRule<Req> + Clone,
    Q: CloneRequest<Req> + Clone,
    D: DeadLetters<Req, S::Response, S::Error> + Clone,
{
    #[inline]
    fn call_shared(&self, request: Req) -> Self::Future {
        let setup = if self.is_up_to_date() {
            Arc::clone(&self.setup)
        } else {
            self.handle.shared().setup()
        };
        ResponseFuture::new(setup, self.calls(request))
    }
}
