//! A service behind a degradation ladder.

use std::fmt;
use std::task::{Context, Poll};

use salve_core::{CallContext, Origin, Reason, Refusable, RequestRule, Unrepeatable, is_ready_now};
use tower_service::Service;

use crate::future::ResponseFuture;
use crate::handle::Handle;
use crate::layer::{DegradationLayer, ReadsOnly, WriteRule};

/// A service whose calls are refused where the level of service does not allow them. It passes on
/// readiness, and needs no `Clone`.
///
/// While its feature is off it is ready without asking the inner service, so that a refusal never
/// waits.
pub struct Degradation<S, R = Unrepeatable, W = ReadsOnly> {
    inner: S,
    layer: DegradationLayer<R, W>,
    /// Whether it last said that it is ready without asking the inner service.
    unasked: bool,
}

impl<S, R, W> Degradation<S, R, W> {
    pub(crate) const fn new(inner: S, layer: DegradationLayer<R, W>) -> Self {
        Self { inner, layer, unasked: false }
    }

    /// The ladder.
    pub const fn handle(&self) -> &Handle {
        &self.layer.handle
    }

    /// The service behind it.
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The service behind it.
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The service behind it.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S: Clone, R: Clone, W: Clone> Clone for Degradation<S, R, W> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone(), self.layer.clone())
    }
}

impl<S, R, W> fmt::Debug for Degradation<S, R, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Degradation").field("layer", &self.layer).finish_non_exhaustive()
    }
}

impl<S, R, W, Req> Service<Req> for Degradation<S, R, W>
where
    S: Service<Req>,
    S::Error: Refusable,
    R: RequestRule<Req>,
    W: WriteRule<Req>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        if self.layer.feature.as_ref().is_some_and(|feature| !feature.is_enabled()) {
            self.unasked = true;
            return Poll::Ready(Ok(()));
        }
        // Written only where it is new: services of different threads may lie on one cache line.
        if self.unasked {
            self.unasked = false;
        }
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, request: Req) -> Self::Future {
        if !self.is_plain()
            && let Err((by, reason)) = self.admit(&request)
        {
            return ResponseFuture::refused(by, reason);
        }
        ResponseFuture::called(self.inner.call(request))
    }
}

impl<S, R, W> Degradation<S, R, W> {
    /// Whether there is nothing to ask about.
    #[inline]
    fn is_plain(&self) -> bool {
        let feature = self.layer.feature.as_ref();
        feature.is_none_or(|feature| feature.cell.is_whole())
            && self.layer.handle.0.gate.is_open()
            && !self.unasked
    }

    /// Lets the call in, or says who refuses it and why: a flag may be of another ladder.
    #[cold]
    fn admit<Req>(&mut self, request: &Req) -> Result<(), (&Origin, Reason)>
    where
        S: Service<Req>,
        R: RequestRule<Req>,
        W: WriteRule<Req>,
    {
        let DegradationLayer { handle: Handle(shared), feature, rule, writes } = &self.layer;
        let origin = &shared.origin;
        if let Some(feature) = feature {
            feature.ask().map_err(|reason| (&feature.shared.origin, reason))?;
        }
        let refuse = |reason| shared.refuse(reason, shared.gate.is_shadow());
        let class = || rule.class(request).unwrap_or_else(|| CallContext::current().class());
        if !shared.gate.is_open() && shared.gate.sheds(class()) {
            refuse(Reason::Shed).map_err(|reason| (origin, reason))?;
        }
        if shared.gate.refuses_writes() && writes.is_write(request) {
            refuse(Reason::Disabled).map_err(|reason| (origin, reason))?;
        }
        // The feature may have been off when readiness was asked for, and be on now.
        if self.unasked && !is_ready_now(&mut self.inner) {
            return Err((origin, Reason::NotReady));
        }
        Ok(())
    }
}
