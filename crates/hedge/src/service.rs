//! A service whose late calls are sent again, and answered by whichever copy is first.

use std::task::{Context, Poll};

use salve_core::sync::Arc;
use salve_core::{Classify, CloneRequest, Refusable, RequestRule};
use tower_service::Service;

use crate::future::{Calls, ResponseFuture};
use crate::handle::Handle;
use crate::rules::Rules;
use crate::shared::Setup;

/// A service whose late calls are sent again, and answered by whichever copy is first.
///
/// It is always ready itself. Each call takes one clone of the service, and one more for each
/// copy; each is made ready inside the response future.
#[derive(Clone, Debug)]
pub struct Hedge<S, P = Rules> {
    inner: S,
    rules: P,
    handle: Handle,
    /// The setup of this version, so that calls need not take the lock.
    setup: Arc<Setup>,
    version: u64,
}

impl<S, P> Hedge<S, P> {
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

impl<S, Req, C, R, Q> Service<Req> for Hedge<S, Rules<C, R, Q>>
where
    S: Service<Req> + Clone,
    S::Error: Refusable,
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

    #[inline]
    fn call(&mut self, request: Req) -> Self::Future {
        let setup = Arc::clone(self.setup());
        let calls = Calls::new(self.inner.clone(), request, self.rules.clone());
        ResponseFuture::new(setup, calls)
    }
}
