//! The layer that puts a breaker around a service.

use salve_core::{ConfigError, ErrorsAreFailures};
use tower_layer::Layer;

use crate::config::Config;
use crate::handle::Handle;
use crate::service::CircuitBreaker;

/// Puts one breaker around any number of services, which all share it.
#[derive(Clone, Debug)]
pub struct CircuitBreakerLayer<C = ErrorsAreFailures> {
    handle: Handle,
    classifier: C,
}

impl CircuitBreakerLayer {
    /// A layer with a new breaker; every error is a failure.
    ///
    /// # Errors
    /// If a setting is out of bounds.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        Ok(Self::from(Handle::new(config)?))
    }
}

impl From<Handle> for CircuitBreakerLayer {
    /// A layer with a breaker that is used elsewhere too.
    fn from(handle: Handle) -> Self {
        Self { handle, classifier: ErrorsAreFailures }
    }
}

impl<C> CircuitBreakerLayer<C> {
    /// Lets `classifier` say what a result means.
    #[must_use]
    pub fn with_classifier<D>(self, classifier: D) -> CircuitBreakerLayer<D> {
        CircuitBreakerLayer { handle: self.handle, classifier }
    }

    /// The breaker, to read and to steer; it lives as long as anybody holds it.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }
}

impl<S, C: Clone> Layer<S> for CircuitBreakerLayer<C> {
    type Service = CircuitBreaker<S, C>;

    fn layer(&self, inner: S) -> Self::Service {
        CircuitBreaker::new(inner, self.handle.clone(), self.classifier.clone())
    }
}
