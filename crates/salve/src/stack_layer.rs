//! The layers of a built stack, put together in the order that `stack.rs` argues for.

use salve_core::{Direct, ErrorsAreFailures};
use salve_retry::ByClone;
use tower_layer::Layer;

use crate::bulkhead::{Bulkhead, BulkheadLayer};
use crate::circuit_breaker::{CircuitBreaker, CircuitBreakerLayer};
use crate::gate::{GateLayer, Gated};
use crate::part::Part;
use crate::retry::{NoDeadLetters, Retry, RetryLayer};
use crate::stack::Rules;
use crate::stack_handle::StackHandle;
use crate::timeout::{ConfiguredLimit, Timeout, TimeoutLayer};
use crate::whole::Whole;
use crate::{Lift, Lifted, Unrepeatable, lift};

#[cfg(feature = "tracing")]
use crate::trace::{TraceAttempt, TraceAttemptLayer, TraceCall, TraceCallLayer};

/// The layer of a stack around a service of any error type.
#[derive(Clone, Debug)]
pub struct StackLayer<C = ErrorsAreFailures, R = Unrepeatable, Q = ByClone>(
    pub(crate) FlatStackLayer<Lifted<C>, R, Q>,
);

/// The layer of a stack around a service whose own error can carry a refusal.
#[derive(Clone, Debug)]
pub struct FlatStackLayer<C = ErrorsAreFailures, R = Unrepeatable, Q = ByClone> {
    pub(crate) handle: StackHandle,
    pub(crate) rules: Rules<C, R, Q>,
}

#[cfg(feature = "tracing")]
type Told<S> = TraceAttempt<S>;
#[cfg(not(feature = "tracing"))]
type Told<S> = S;

/// Every part but the total timeout, without a question between them whether the next is there.
type Complete<S, C, R, Q> =
    Retry<CircuitBreaker<Bulkhead<Timed<Told<S>, C>, R, C, Direct>, C>, RetryRules<C, R, Q>>;
type Timed<S, C> = Timeout<S, ConfiguredLimit, C>;
type RetryRules<C, R, Q> = salve_retry::Rules<C, R, Q, NoDeadLetters>;

// The same layer by layer, each of which may have been left out.
type Limited<S, C> = Part<Timed<S, C>, S>;
type Attempt<S, C> = Limited<Told<S>, C>;
type Placed<S, C, R> = Part<Bulkhead<Attempt<S, C>, R, C>, Attempt<S, C>>;
type Broken<S, C, R> = Part<CircuitBreaker<Placed<S, C, R>, C>, Placed<S, C, R>>;
type Retried<S, C, R, Q> = Part<Retry<Broken<S, C, R>, RetryRules<C, R, Q>>, Broken<S, C, R>>;
type Partial<S, C, R, Q> = Limited<Retried<S, C, R, Q>, C>;

type Guarded<S, C, R, Q> = Gated<Whole<Complete<S, C, R, Q>, C, Partial<S, C, R, Q>>>;

/// A service with a stack around it.
#[cfg(feature = "tracing")]
pub type Stacked<S, C, R, Q> = TraceCall<Guarded<S, C, R, Q>>;
/// A service with a stack around it.
#[cfg(not(feature = "tracing"))]
pub type Stacked<S, C, R, Q> = Guarded<S, C, R, Q>;

impl<S, C: Clone, R: Clone, Q: Clone> Layer<S> for FlatStackLayer<C, R, Q> {
    type Service = Stacked<S, C, R, Q>;

    fn layer(&self, client: S) -> Self::Service {
        let StackHandle { gate, total, retry, breaker, bulkhead, attempt, name } = &self.handle;
        let Rules { classifier, rule, cloner } = &self.rules;
        let limit = |handle: &salve_timeout::Handle| {
            TimeoutLayer::from(handle.clone()).with_classifier(classifier.clone())
        };

        let total = total.as_ref().map(limit);
        let retries = retry.as_ref().map(|handle| {
            RetryLayer::from(handle.clone())
                .with_classifier(classifier.clone())
                .with_request_rule(rule.clone())
                .with_cloner(cloner.clone())
        });
        let breaks = breaker.as_ref().map(|handle| {
            CircuitBreakerLayer::from(handle.clone()).with_classifier(classifier.clone())
        });
        let places = bulkhead.as_ref().map(|handle| {
            BulkheadLayer::from(handle.clone())
                .with_request_rule(rule.clone())
                .with_classifier(classifier.clone())
        });
        let attempt = attempt.as_ref().map(limit);

        #[cfg(feature = "tracing")]
        let client = TraceAttemptLayer.layer(client);
        let service = match (&total, &retries, &breaks, &places, &attempt) {
            (Some(total), Some(retries), Some(breaks), Some(places), Some(attempt)) => {
                let service = breaks.layer(places.layer_absorbing(attempt.layer(client)));
                Whole::Complete(total.layer_absorbing(retries.layer(service)))
            }
            _ => {
                let service = Part::layer(attempt.as_ref(), client);
                let service = Part::layer(places.as_ref(), service);
                let service = Part::layer(breaks.as_ref(), service);
                let service = Part::layer(retries.as_ref(), service);
                Whole::Partial(Part::layer(total.as_ref(), service))
            }
        };
        let service = GateLayer(gate.clone()).layer(service);
        #[cfg(feature = "tracing")]
        let service = TraceCallLayer(name.clone()).layer(service);
        #[cfg(not(feature = "tracing"))]
        let _ = name;
        service
    }
}

impl<S, C: Clone, R: Clone, Q: Clone> Layer<S> for StackLayer<C, R, Q> {
    type Service = Stacked<Lift<S>, Lifted<C>, R, Q>;

    fn layer(&self, client: S) -> Self::Service {
        self.0.layer(lift(client))
    }
}
