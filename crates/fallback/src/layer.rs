//! The layer that puts a chain of alternatives behind a service.

use std::fmt;

use salve_core::{Classify, ConfigError, Name};
use tower_layer::Layer;

use crate::alternatives::Alternative;
use crate::chain::Chain;
use crate::config::Config;
use crate::handle::Handle;
use crate::judge::RefusableErrors;
use crate::service::Fallback;

/// Puts one chain of alternatives behind any number of services, which share its policy.
pub struct FallbackLayer<Req, Res, Err, J = RefusableErrors> {
    chain: Chain<Req, Res, Err, J>,
}

impl<Req, Res, Err> FallbackLayer<Req, Res, Err> {
    /// A layer with a new policy. Every error is a failure until
    /// [`with_classifier`](Self::with_classifier) says otherwise.
    ///
    /// # Errors
    /// If there are no alternatives, more than 64, or two of the same name.
    pub fn new(
        config: Config,
        alternatives: impl IntoIterator<Item = Alternative<Req, Res, Err>>,
    ) -> Result<Self, ConfigError> {
        Ok(Self { chain: Chain::new(config, alternatives)? })
    }
}

impl<Req, Res, Err, J> From<Chain<Req, Res, Err, J>> for FallbackLayer<Req, Res, Err, J> {
    /// A layer with a chain that is used elsewhere too.
    fn from(chain: Chain<Req, Res, Err, J>) -> Self {
        Self { chain }
    }
}

impl<Req, Res, Err, C> FallbackLayer<Req, Res, Err, RefusableErrors<C>> {
    /// Lets `classifier` say what a result means.
    #[must_use]
    pub fn with_classifier<N>(
        self,
        classifier: N,
    ) -> FallbackLayer<Req, Res, Err, RefusableErrors<N>>
    where
        N: Classify<Res, Err>,
    {
        FallbackLayer { chain: self.chain.with_classifier(classifier) }
    }
}

impl<Req, Res, Err, J> FallbackLayer<Req, Res, Err, J> {
    /// Lets `mark` change the response of an alternative, which it is given the name of, so that
    /// the response can be told from one of the service's own.
    #[must_use]
    pub fn with_mark(self, mark: impl Fn(&mut Res, &Name) + Send + Sync + 'static) -> Self
    where
        J: Clone,
    {
        Self { chain: self.chain.with_mark(mark) }
    }

    /// The policy, to read and to steer; it lives as long as anybody holds it.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.chain.handle()
    }
}

impl<Req, Res, Err, J> Clone for FallbackLayer<Req, Res, Err, J> {
    fn clone(&self) -> Self {
        Self { chain: self.chain.clone() }
    }
}

impl<Req, Res, Err, J> fmt::Debug for FallbackLayer<Req, Res, Err, J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FallbackLayer").field("chain", &self.chain).finish()
    }
}

impl<S, Req, Res, Err, J> Layer<S> for FallbackLayer<Req, Res, Err, J> {
    type Service = Fallback<S, Req, Res, Err, J>;

    fn layer(&self, inner: S) -> Self::Service {
        Fallback::new(inner, self.chain.clone())
    }
}
