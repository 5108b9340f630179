//! The layer that puts a controller around a service.

use std::fmt;

use salve_core::{ConfigError, ErrorsAreFailures, Unrepeatable};
use tower_layer::Layer;

use crate::config::Config;
use crate::handle::Handle;
use crate::service::Adaptive;

/// Puts one controller around any number of services, which all lead to the same dependency.
#[derive(Clone)]
pub struct AdaptiveLayer<R = Unrepeatable, C = ErrorsAreFailures> {
    pub(crate) handle: Handle,
    pub(crate) rule: R,
    pub(crate) classifier: C,
}

impl AdaptiveLayer {
    /// A layer with a new controller. No request is taken to be repeatable, and every error to be
    /// a failure.
    ///
    /// # Errors
    /// If a setting is out of bounds.
    pub fn new(config: &Config) -> Result<Self, ConfigError> {
        Handle::new(config).map(Self::from)
    }
}

impl From<Handle> for AdaptiveLayer {
    /// A layer with a controller that is used elsewhere too.
    fn from(handle: Handle) -> Self {
        Self { handle, rule: Unrepeatable, classifier: ErrorsAreFailures }
    }
}

impl<R, C> AdaptiveLayer<R, C> {
    /// Lets `rule` say which requests may be repeated, their class, and the scope that they need.
    #[must_use]
    pub fn with_request_rule<Q>(self, rule: Q) -> AdaptiveLayer<Q, C> {
        AdaptiveLayer { handle: self.handle, rule, classifier: self.classifier }
    }

    /// Lets `classifier` judge what attempts come to.
    #[must_use]
    pub fn with_classifier<D>(self, classifier: D) -> AdaptiveLayer<R, D> {
        AdaptiveLayer { handle: self.handle, rule: self.rule, classifier }
    }

    /// The controller, to read.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }
}

impl<R, C> fmt::Debug for AdaptiveLayer<R, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdaptiveLayer").field("handle", &self.handle).finish_non_exhaustive()
    }
}

impl<S, R: Clone, C: Clone> Layer<S> for AdaptiveLayer<R, C> {
    type Service = Adaptive<S, R, C>;

    fn layer(&self, inner: S) -> Self::Service {
        Adaptive { inner, layer: self.clone() }
    }
}
