//! The layer that counts what the calls of a service come to.

use salve_core::ErrorsAreFailures;
use tower_layer::Layer;

use crate::outcomes::Outcomes;
use crate::service::Health;

/// Counts the outcomes of any number of services, which all share its counters.
///
/// ```
/// use salve_health::{Config, Handle, HealthLayer, Outcomes, TargetConfig};
/// use tower::{BoxError, ServiceBuilder, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let registry = Handle::new(Config::new("shop"))?;
/// let outcomes = Outcomes::new();
/// registry.register(TargetConfig::new("inventory"), outcomes.clone())?;
///
/// let client = service_fn(|item: &'static str| async move { Ok::<_, BoxError>(item.len()) });
/// let client = ServiceBuilder::new().layer(HealthLayer::new(outcomes.clone())).service(client);
/// assert_eq!(client.oneshot("screws").await.unwrap(), 6);
/// assert_eq!(outcomes.counts(), (1, 0));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct HealthLayer<C = ErrorsAreFailures> {
    outcomes: Outcomes,
    classifier: C,
}

impl HealthLayer {
    /// A layer that counts into `outcomes`; every error is a failure.
    #[must_use]
    pub const fn new(outcomes: Outcomes) -> Self {
        Self { outcomes, classifier: ErrorsAreFailures }
    }
}

impl<C> HealthLayer<C> {
    /// Lets `classifier` say what a result means.
    #[must_use]
    pub fn with_classifier<D>(self, classifier: D) -> HealthLayer<D> {
        HealthLayer { outcomes: self.outcomes, classifier }
    }
}

impl<S, C: Clone> Layer<S> for HealthLayer<C> {
    type Service = Health<S, C>;

    fn layer(&self, inner: S) -> Self::Service {
        Health::new(inner, self.outcomes.clone(), self.classifier.clone())
    }
}
