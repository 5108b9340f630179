//! The layer that puts retries around a service.

use salve_core::{Budget, ConfigError};
use tower_layer::Layer;

use crate::config::Config;
use crate::handle::Handle;
use crate::rules::Rules;
use crate::service::Retry;

/// Puts one retry policy around any number of services, which all share it and its budget.
#[derive(Clone, Debug)]
pub struct RetryLayer<P = Rules> {
    handle: Handle,
    rules: P,
}

impl RetryLayer {
    /// A layer with a new policy and a budget of its own. Every error is a failure; no request is
    /// known to be repeatable, so that only those that were never sent are attempted again.
    ///
    /// # Errors
    /// If a setting is out of bounds.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        Ok(Self::from(Handle::new(config)?))
    }
}

impl From<Handle> for RetryLayer {
    /// A layer with a policy that is used elsewhere too.
    fn from(handle: Handle) -> Self {
        Self { handle, rules: Rules::new() }
    }
}

impl<P> RetryLayer<P> {
    /// Pays for retries from `budget`, which other layers may pay from too.
    #[must_use]
    pub fn with_budget(self, budget: Budget) -> Self {
        self.handle.set_budget(Some(budget));
        self
    }

    /// Retries without a budget.
    #[must_use]
    pub fn without_budget(self) -> Self {
        self.handle.set_budget(None);
        self
    }

    /// The policy, to read and to steer; it lives as long as anybody holds it.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }
}

impl<C, R, Q, D> RetryLayer<Rules<C, R, Q, D>> {
    /// Lets `classifier` say what a result means.
    #[must_use]
    pub fn with_classifier<N>(self, classifier: N) -> RetryLayer<Rules<N, R, Q, D>> {
        RetryLayer { handle: self.handle, rules: self.rules.with_classifier(classifier) }
    }

    /// Lets `rule` say which requests may be carried out twice.
    #[must_use]
    pub fn with_request_rule<N>(self, rule: N) -> RetryLayer<Rules<C, N, Q, D>> {
        RetryLayer { handle: self.handle, rules: self.rules.with_request_rule(rule) }
    }

    /// Lets `cloner` copy requests, such as those that are not [`Clone`].
    #[must_use]
    pub fn with_cloner<N>(self, cloner: N) -> RetryLayer<Rules<C, R, N, D>> {
        RetryLayer { handle: self.handle, rules: self.rules.with_cloner(cloner) }
    }

    /// Hands requests that were given up to `sink`.
    #[must_use]
    pub fn with_dead_letters<N>(self, sink: N) -> RetryLayer<Rules<C, R, Q, N>> {
        RetryLayer { handle: self.handle, rules: self.rules.with_dead_letters(sink) }
    }
}

impl<S, P: Clone> Layer<S> for RetryLayer<P> {
    type Service = Retry<S, P>;

    fn layer(&self, inner: S) -> Self::Service {
        Retry::new(inner, self.handle.clone(), self.rules.clone())
    }
}
