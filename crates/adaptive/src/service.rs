//! A service behind a controller.

use std::fmt;
use std::task::{Context, Poll};

use salve_core::{Absorbing, Classify, ErrorsAreFailures, Refusable, RequestRule, Unrepeatable};
use tower_service::Service;

use crate::future::{ResponseFuture, Traits};
use crate::layer::AdaptiveLayer;

/// A service behind a controller. It is always ready: each attempt makes a clone of the service
/// ready, so that a call which waits holds nothing of the service.
#[derive(Clone)]
pub struct Adaptive<S, R = Unrepeatable, C = ErrorsAreFailures> {
    pub(crate) inner: S,
    pub(crate) layer: AdaptiveLayer<R, C>,
}

impl<S, R, C> fmt::Debug for Adaptive<S, R, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Adaptive").field("layer", &self.layer).finish_non_exhaustive()
    }
}

impl<S, R, C, Req> Service<Req> for Adaptive<S, R, C>
where
    S: Service<Req> + Clone,
    S::Error: Refusable,
    Req: Clone,
    R: RequestRule<Req>,
    C: Classify<S::Response, S::Error> + Clone,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S, Req, C>;

    #[inline]
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn call(&mut self, request: Req) -> Self::Future {
        self.call_shared(request)
    }
}

impl<S, R, C, Req> Absorbing<Req> for Adaptive<S, R, C>
where
    S: Service<Req> + Clone,
    S::Error: Refusable,
    Req: Clone,
    R: RequestRule<Req>,
    C: Classify<S::Response, S::Error> + Clone,
{
    fn call_shared(&self, request: Req) -> Self::Future {
        let AdaptiveLayer { handle, rule, classifier } = &self.layer;
        let traits = Traits {
            repeatable: rule.is_repeatable(&request),
            class: rule.class(&request),
            scope: rule.scope(&request),
        };
        let shared = handle.0.clone();
        let (service, classifier) = (self.inner.clone(), classifier.clone());
        ResponseFuture::new(shared, service, request, classifier, traits)
    }
}
