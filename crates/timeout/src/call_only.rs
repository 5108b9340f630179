//! The form for services that cannot be cloned: only the call is limited, not readiness.

use std::fmt;
use std::task::{Context, Poll};

use salve_core::{CallContext, Classify, ErrorsAreFailures, Refusable};
use tower_layer::Layer;
use tower_service::Service;

use crate::future::{Begun, ResponseFuture};
use crate::handle::Handle;
use crate::layer::{ConfiguredLimit, LimitFor, TimeoutLayer};

/// Puts the same limits around any number of services that need no `Clone`.
#[derive(Clone)]
pub struct CallOnlyTimeoutLayer<L = ConfiguredLimit, C = ErrorsAreFailures>(
    pub(crate) TimeoutLayer<L, C>,
);

impl<L, C> fmt::Debug for CallOnlyTimeoutLayer<L, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallOnlyTimeoutLayer")
            .field("handle", &self.0.handle)
            .finish_non_exhaustive()
    }
}

impl<L, C> CallOnlyTimeoutLayer<L, C> {
    /// The limits, to read and to reconfigure.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.0.handle()
    }
}

impl<S, L: Clone, C: Clone> Layer<S> for CallOnlyTimeoutLayer<L, C> {
    type Service = CallOnlyTimeout<S, L, C>;

    fn layer(&self, inner: S) -> Self::Service {
        CallOnlyTimeout { inner, layer: self.0.clone() }
    }
}

/// A service whose calls are limited. It passes on readiness, and needs no `Clone`.
#[derive(Clone)]
pub struct CallOnlyTimeout<S, L = ConfiguredLimit, C = ErrorsAreFailures> {
    inner: S,
    layer: TimeoutLayer<L, C>,
}

impl<S, L, C> fmt::Debug for CallOnlyTimeout<S, L, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallOnlyTimeout")
            .field("handle", &self.layer.handle)
            .finish_non_exhaustive()
    }
}

impl<S, L, C> CallOnlyTimeout<S, L, C> {
    /// The limits.
    pub const fn handle(&self) -> &Handle {
        &self.layer.handle
    }

    /// The service under them.
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The service under them.
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The service under them.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, L, C, Req> Service<Req> for CallOnlyTimeout<S, L, C>
where
    S: Service<Req>,
    S::Error: Refusable,
    L: LimitFor<Req>,
    C: Classify<S::Response, S::Error> + Clone,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<Begun<S::Future>, C>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, request: Req) -> Self::Future {
        let TimeoutLayer { handle, limit_for, classifier } = &self.layer;
        let context = CallContext::current();
        let now = context.now();
        let own = limit_for.limit_for(&request);
        let grant = handle.shared().limits().grant(own, &context, now);
        let call = if grant.is_over() && !grant.shadow {
            Begun::never()
        } else {
            let inner = grant.hand_down(context.with_reading(Some(now)));
            Begun::new(context.enter_moments(inner, || self.inner.call(request)))
        };
        ResponseFuture::granted(handle.clone(), grant, classifier.clone(), call)
    }
}
