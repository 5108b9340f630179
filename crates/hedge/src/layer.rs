//! The layer that puts hedging around a service.

use salve_core::{Budget, ConfigError};
use tower_layer::Layer;

use crate::config::Config;
use crate::handle::Handle;
use crate::rules::Rules;
use crate::service::Hedge;

/// Puts one hedging policy around any number of services, which all share it and its budget.
#[derive(Clone, Debug)]
pub struct HedgeLayer<P = Rules> {
    handle: Handle,
    rules: P,
}

impl HedgeLayer {
    /// A layer with a new policy and a budget of its own. Every error is a failure; no request is
    /// known to be repeatable, so that none is copied until
    /// [`with_request_rule`](Self::with_request_rule) says which are.
    ///
    /// # Errors
    /// If a setting is out of bounds.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        Ok(Self::from(Handle::new(config)?))
    }
}

impl From<Handle> for HedgeLayer {
    /// A layer with a policy that is used elsewhere too.
    fn from(handle: Handle) -> Self {
        Self { handle, rules: Rules::new() }
    }
}

impl<P> HedgeLayer<P> {
    /// Pays for copies from `budget`, which other layers may pay from too, such as the retries
    /// around it.
    #[must_use]
    pub fn with_budget(self, budget: Budget) -> Self {
        self.handle.set_budget(Some(budget));
        self
    }

    /// Hedges without a budget.
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

impl<C, R, Q> HedgeLayer<Rules<C, R, Q>> {
    /// Lets `classifier` say what a result means.
    #[must_use]
    pub fn with_classifier<N>(self, classifier: N) -> HedgeLayer<Rules<N, R, Q>> {
        HedgeLayer { handle: self.handle, rules: self.rules.with_classifier(classifier) }
    }

    /// Lets `rule` say which requests may be carried out twice.
    #[must_use]
    pub fn with_request_rule<N>(self, rule: N) -> HedgeLayer<Rules<C, N, Q>> {
        HedgeLayer { handle: self.handle, rules: self.rules.with_request_rule(rule) }
    }

    /// Lets `cloner` copy requests, such as those that are not [`Clone`].
    #[must_use]
    pub fn with_cloner<N>(self, cloner: N) -> HedgeLayer<Rules<C, R, N>> {
        HedgeLayer { handle: self.handle, rules: self.rules.with_cloner(cloner) }
    }
}

impl<S, P: Clone> Layer<S> for HedgeLayer<P> {
    type Service = Hedge<S, P>;

    fn layer(&self, inner: S) -> Self::Service {
        Hedge::new(inner, self.handle.clone(), self.rules.clone())
    }
}
