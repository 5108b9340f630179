//! The layer that puts a rate limit around a service.

use std::fmt;

use salve_core::ConfigError;
use tower_layer::Layer;

use crate::config::Config;
use crate::cost::One;
use crate::handle::Handle;
use crate::service::RateLimit;

/// Puts one rate limit around any number of services, which all share it.
#[derive(Clone)]
pub struct RateLimitLayer<W = One> {
    pub(crate) handle: Handle,
    pub(crate) cost_of: W,
}

impl RateLimitLayer {
    /// A layer with a new limit; every request counts as one call.
    ///
    /// # Errors
    /// If a setting is out of bounds.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        Ok(Self::from(Handle::new(config)?))
    }
}

impl From<Handle> for RateLimitLayer {
    /// A layer with a limit that is used elsewhere too.
    fn from(handle: Handle) -> Self {
        Self { handle, cost_of: One }
    }
}

impl<W> RateLimitLayer<W> {
    /// Lets `cost_of` say how many calls a request counts as.
    #[must_use]
    pub fn with_cost_of<V>(self, cost_of: V) -> RateLimitLayer<V> {
        RateLimitLayer { handle: self.handle, cost_of }
    }

    /// The limit, to read and to steer; it lives as long as anybody holds it.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }
}

impl<W> fmt::Debug for RateLimitLayer<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimitLayer").field("handle", &self.handle).finish_non_exhaustive()
    }
}

impl<S, W: Clone> Layer<S> for RateLimitLayer<W> {
    type Service = RateLimit<S, W>;

    fn layer(&self, inner: S) -> Self::Service {
        RateLimit::new(inner, self.clone())
    }
}
