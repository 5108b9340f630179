//! The layer that puts time limits around a service.

use std::fmt;
use std::time::Duration;

use salve_core::{ConfigError, ErrorsAreFailures};
use tower_layer::Layer;

use crate::call_only::CallOnlyTimeoutLayer;
use crate::config::Config;
use crate::handle::Handle;
use crate::service::Timeout;

/// Finds the limit of one request. Closures from `&Req` to `Option<Duration>` do.
pub trait LimitFor<Req> {
    /// How long an attempt with `request` may take; `None` leaves the configured limit. One of
    /// zero refuses the request.
    fn limit_for(&self, request: &Req) -> Option<Duration>;
}

impl<F, Req> LimitFor<Req> for F
where
    F: Fn(&Req) -> Option<Duration>,
{
    #[inline]
    fn limit_for(&self, request: &Req) -> Option<Duration> {
        self(request)
    }
}

/// Every request has the configured limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConfiguredLimit;

impl<Req> LimitFor<Req> for ConfiguredLimit {
    #[inline]
    fn limit_for(&self, _: &Req) -> Option<Duration> {
        None
    }
}

/// Puts the same limits around any number of services.
#[derive(Clone)]
pub struct TimeoutLayer<L = ConfiguredLimit, C = ErrorsAreFailures> {
    pub(crate) handle: Handle,
    pub(crate) limit_for: L,
    pub(crate) classifier: C,
}

impl<L, C> fmt::Debug for TimeoutLayer<L, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimeoutLayer").field("handle", &self.handle).finish_non_exhaustive()
    }
}

impl TimeoutLayer {
    /// A layer with limits of its own.
    ///
    /// # Errors
    /// If a setting is out of bounds.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        Ok(Self::from(Handle::new(config)?))
    }
}

impl From<Handle> for TimeoutLayer {
    /// A layer with limits that are used elsewhere too.
    fn from(handle: Handle) -> Self {
        Self { handle, limit_for: ConfiguredLimit, classifier: ErrorsAreFailures }
    }
}

impl<L, C> TimeoutLayer<L, C> {
    /// Lets `limit_for` say how long an attempt with a request may take.
    #[must_use]
    pub fn with_limit_for<M>(self, limit_for: M) -> TimeoutLayer<M, C> {
        TimeoutLayer { handle: self.handle, limit_for, classifier: self.classifier }
    }

    /// Lets `classifier` say which answers have only begun.
    #[must_use]
    pub fn with_classifier<D>(self, classifier: D) -> TimeoutLayer<L, D> {
        TimeoutLayer { handle: self.handle, limit_for: self.limit_for, classifier }
    }

    /// The form for services that cannot be cloned: readiness is passed on without a limit.
    #[must_use]
    pub const fn call_only(self) -> CallOnlyTimeoutLayer<L, C> {
        CallOnlyTimeoutLayer(self)
    }

    /// Puts the limits around a service that calls reach in the [way](salve_core::Way) `W`: one that
    /// is [`Absorbing`](salve_core::Absorbing) need not be cloned by calls.
    #[must_use]
    pub fn layer_by<W, S>(&self, inner: S) -> Timeout<S, L, C, W>
    where
        L: Clone,
        C: Clone,
    {
        Timeout::new(inner, self.clone())
    }

    /// The limits, to read and to reconfigure.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }
}

impl<S, L: Clone, C: Clone> Layer<S> for TimeoutLayer<L, C> {
    type Service = Timeout<S, L, C>;

    fn layer(&self, inner: S) -> Self::Service {
        Timeout::new(inner, self.clone())
    }
}
