//! A service behind a controller.

use std::fmt;
use std::task::{Context, Poll};

use salve_core::{
    Absorbing, ByClone, Classify, CloneRequest, ErrorsAreFailures, Refusable, RequestRule,
    Unrepeatable,
};
use tower_service::Service;

use crate::future::{ResponseFuture, Traits};
use crate::layer::AdaptiveLayer;

/// A service behind a controller. It is always ready: each attempt makes a clone of the service
/// ready, so that a call which waits holds nothing of the service.
#[derive(Clone)]
pub struct Adaptive<S, R = Unrepeatable, C = ErrorsAreFailures, Q = ByClone> {
    pub(crate) inner: S,
    pub(crate) layer: AdaptiveLayer<R, C, Q>,
}

impl<S, R, C, Q> fmt::Debug for Adaptive<S, R, C, Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Adaptive").field("layer", &self.layer).finish_non_exhaustive()
    }
}

impl<S, R, C, Q, Req> Service<Req> for Adaptive<S, R, C, Q>
where
    S: Service<Req> + Clone,
    S::Error: Refusable,
    R: RequestRule<Req>,
    C: Classify<S::Response, S::Error> + Clone,
    Q: CloneRequest<Req> + Clone,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S, Req, C, Q>;

    #[inline]
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn call(&mut self, request: Req) -> Self::Future {
        self.call_shared(request)
    }
}

impl<S, R, C, Q, Req> Absorbing<Req> for Adaptive<S, R, C, Q>
where
    S: Service<Req> + Clone,
    S::Error: Refusable,
    R: RequestRule<Req>,
    C: Classify<S::Response, S::Error> + Clone,
    Q: CloneRequest<Req> + Clone,
{
    fn call_shared(&self, request: Req) -> Self::Future {
        let AdaptiveLayer { handle, rule, classifier, cloner } = &self.layer;
        let traits = Traits {
            repeatable: rule.is_repeatable(&request),
            class: rule.class(&request),
            scope: rule.scope(&request),
        };
        let shared = handle.0.clone();
        let rules = (classifier.clone(), cloner.clone());
        ResponseFuture::new(shared, self.inner.clone(), request, rules, traits)
    }
}
