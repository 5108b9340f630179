//! The layer that puts a controller around a service.

use std::fmt;

use salve_core::{ByClone, ConfigError, ErrorsAreFailures, Unrepeatable};
use tower_layer::Layer;

use crate::config::Config;
use crate::handle::Handle;
use crate::service::Adaptive;

/// Puts one controller around any number of services, which all lead to the same dependency.
#[derive(Clone)]
pub struct AdaptiveLayer<R = Unrepeatable, C = ErrorsAreFailures, Q = ByClone> {
    pub(crate) handle: Handle,
    pub(crate) rule: R,
    pub(crate) classifier: C,
    pub(crate) cloner: Q,
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
        Self { handle, rule: Unrepeatable, classifier: ErrorsAreFailures, cloner: ByClone }
    }
}

impl<R, C, Q> AdaptiveLayer<R, C, Q> {
    /// Lets `rule` say which requests may be repeated, their class, and the scope that they need.
    #[must_use]
    pub fn with_request_rule<N>(self, rule: N) -> AdaptiveLayer<N, C, Q> {
        let Self { handle, classifier, cloner, .. } = self;
        AdaptiveLayer { handle, rule, classifier, cloner }
    }

    /// Lets `classifier` judge what attempts come to.
    #[must_use]
    pub fn with_classifier<N>(self, classifier: N) -> AdaptiveLayer<R, N, Q> {
        let Self { handle, rule, cloner, .. } = self;
        AdaptiveLayer { handle, rule, classifier, cloner }
    }

    /// Lets `cloner` copy requests for their attempts, such as those that are not [`Clone`]. What
    /// cannot be copied is sent once.
    #[must_use]
    pub fn with_cloner<N>(self, cloner: N) -> AdaptiveLayer<R, C, N> {
        let Self { handle, rule, classifier, .. } = self;
        AdaptiveLayer { handle, rule, classifier, cloner }
    }

    /// The controller, to read and to steer.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }
}

impl<R, C, Q> fmt::Debug for AdaptiveLayer<R, C, Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdaptiveLayer").field("handle", &self.handle).finish_non_exhaustive()
    }
}

impl<S, R: Clone, C: Clone, Q: Clone> Layer<S> for AdaptiveLayer<R, C, Q> {
    type Service = Adaptive<S, R, C, Q>;

    fn layer(&self, inner: S) -> Self::Service {
        Adaptive { inner, layer: self.clone() }
    }
}
