//! The layer that puts a bulkhead around a service.

use std::fmt;

use salve_core::{ConfigError, ErrorsAreFailures, Unrepeatable};
use tower_layer::Layer;

use crate::config::Config;
use crate::handle::Handle;
use crate::service::Bulkhead;

/// Puts one bulkhead around any number of services, which all share its places.
#[derive(Clone)]
pub struct BulkheadLayer<R = Unrepeatable, C = ErrorsAreFailures> {
    pub(crate) handle: Handle,
    pub(crate) rule: R,
    pub(crate) classifier: C,
}

impl BulkheadLayer {
    /// A layer with a new bulkhead; calls have the class of the surrounding call.
    ///
    /// # Errors
    /// If a setting is out of bounds.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        Ok(Self::from(Handle::new(config)?))
    }
}

impl From<Handle> for BulkheadLayer {
    /// A layer with a bulkhead that is used elsewhere too.
    fn from(handle: Handle) -> Self {
        Self { handle, rule: Unrepeatable, classifier: ErrorsAreFailures }
    }
}

impl<R, C> BulkheadLayer<R, C> {
    /// Lets `rule` say the class of a request.
    #[must_use]
    pub fn with_request_rule<Q>(self, rule: Q) -> BulkheadLayer<Q, C> {
        BulkheadLayer { handle: self.handle, rule, classifier: self.classifier }
    }

    /// Lets `classifier` say which answers have only begun; those keep their place until the end.
    #[must_use]
    pub fn with_classifier<D>(self, classifier: D) -> BulkheadLayer<R, D> {
        BulkheadLayer { handle: self.handle, rule: self.rule, classifier }
    }

    /// Puts the bulkhead around a service that calls reach in the [way](salve_core::Way) `W`: one that
    /// is [`Absorbing`](salve_core::Absorbing) need not be cloned by calls.
    #[must_use]
    pub fn layer_by<W, S>(&self, inner: S) -> Bulkhead<S, R, C, W>
    where
        R: Clone,
        C: Clone,
    {
        Bulkhead::new(inner, self.clone())
    }

    /// The bulkhead, to read and to steer; it lives as long as anybody holds it.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }
}

impl<R, C> fmt::Debug for BulkheadLayer<R, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BulkheadLayer").field("handle", &self.handle).finish_non_exhaustive()
    }
}

impl<S, R: Clone, C: Clone> Layer<S> for BulkheadLayer<R, C> {
    type Service = Bulkhead<S, R, C>;

    fn layer(&self, inner: S) -> Self::Service {
        Bulkhead::new(inner, self.clone())
    }
}
