//! The parts of a stack as types, so that a part that is left out costs nothing.

use salve_core::{
    Budget, ByReadiness, Classify, ConfigError, Direct, ErrorsAreFailures, Unrepeatable,
};
use salve_retry::{ByClone, NoDeadLetters};
use tower_layer::Layer;

use crate::adaptive::{self, Adaptive, AdaptiveLayer};
use crate::bulkhead::{self, Bulkhead, BulkheadLayer};
use crate::circuit_breaker::{self, CircuitBreaker, CircuitBreakerLayer};
use crate::degradation::{Degradation, DegradationLayer};
use crate::fallback::future::RefusableErrors;
use crate::fallback::{Fallback, FallbackLayer};
use crate::hedge::{self, Hedge, HedgeLayer};
use crate::rate_limit::{self, RateLimit, RateLimitLayer};
use crate::retry::{self, Retry, RetryLayer};
use crate::timeout::{self, ConfiguredLimit, Timeout, TimeoutLayer};

/// A part that is left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Nothing;

/// What a stack asks about requests and results; one answer serves all its parts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rules<C = ErrorsAreFailures, R = Unrepeatable, Q = ByClone> {
    pub(crate) classifier: C,
    pub(crate) rule: R,
    pub(crate) cloner: Q,
}

/// The settings of a part, from which its policy is made when the stack is built.
pub trait Settings {
    /// The policy.
    type Policy: Clone;

    /// Makes the policy, which pays from the stack's budget if it pays at all.
    ///
    /// # Errors
    /// If a setting is out of bounds.
    fn policy(self, budget: Option<&Budget>) -> Result<Self::Policy, ConfigError>;
}

impl Settings for Nothing {
    type Policy = Self;

    fn policy(self, _: Option<&Budget>) -> Result<Self, ConfigError> {
        Ok(self)
    }
}

macro_rules! settings {
    ($($room:ident),+) => {
        $(impl Settings for $room::Config {
            type Policy = $room::Handle;

            fn policy(self, _: Option<&Budget>) -> Result<$room::Handle, ConfigError> {
                $room::Handle::new(self)
            }
        })+
    };
}

settings!(bulkhead, circuit_breaker, rate_limit, timeout);

impl Settings for adaptive::Config {
    type Policy = adaptive::Handle;

    fn policy(self, _: Option<&Budget>) -> Result<adaptive::Handle, ConfigError> {
        adaptive::Handle::new(&self)
    }
}

/// Those that pay share one budget, or else the outermost's would be the only one that counts.
macro_rules! paying_settings {
    ($($room:ident),+) => {
        $(impl Settings for $room::Config {
            type Policy = $room::Handle;

            fn policy(self, budget: Option<&Budget>) -> Result<$room::Handle, ConfigError> {
                let handle = $room::Handle::new(self)?;
                if let Some(budget) = budget {
                    handle.set_budget(Some(budget.clone()));
                }
                Ok(handle)
            }
        })+
    };
}

paying_settings!(hedge, retry);

impl<W: Clone> Settings for DegradationLayer<Unrepeatable, W> {
    type Policy = Self;

    fn policy(self, _: Option<&Budget>) -> Result<Self, ConfigError> {
        Ok(self)
    }
}

impl<Req, Res, Err> Settings for FallbackLayer<Req, Res, Err> {
    type Policy = Self;

    fn policy(self, _: Option<&Budget>) -> Result<Self, ConfigError> {
        Ok(self)
    }
}

/// A policy as a part of a stack: puts itself around what is further in.
///
/// `W` is the [way](salve_core::Way) in which the service further in may be called.
pub trait Part<Rules, S, W> {
    /// The service with this part around it.
    type Service;
    /// The way in which that may be called.
    type Way;

    /// Puts this part around `inner`.
    fn around(&self, rules: &Rules, inner: S) -> Self::Service;
}

/// One part around another.
#[derive(Clone, Copy, Debug)]
pub struct Over<O, I> {
    pub(crate) outer: O,
    pub(crate) inner: I,
}

impl<U, S, W, O, I> Part<U, S, W> for Over<O, I>
where
    I: Part<U, S, W>,
    O: Part<U, I::Service, I::Way>,
{
    type Service = O::Service;
    type Way = O::Way;

    fn around(&self, rules: &U, inner: S) -> Self::Service {
        self.outer.around(rules, self.inner.around(rules, inner))
    }
}

impl<U, S, W> Part<U, S, W> for Nothing {
    type Service = S;
    type Way = W;

    fn around(&self, _: &U, inner: S) -> S {
        inner
    }
}

impl<S, W, C: Clone, R, Q> Part<Rules<C, R, Q>, S, W> for timeout::Handle {
    type Service = Timeout<S, ConfiguredLimit, C, W>;
    type Way = Direct;

    fn around(&self, rules: &Rules<C, R, Q>, inner: S) -> Self::Service {
        let layer = TimeoutLayer::from(self.clone()).with_classifier(rules.classifier.clone());
        layer.layer_by(inner)
    }
}

impl<S, W, C: Clone, R: Clone, Q> Part<Rules<C, R, Q>, S, W> for bulkhead::Handle {
    type Service = Bulkhead<S, R, C, W>;
    type Way = Direct;

    fn around(&self, rules: &Rules<C, R, Q>, inner: S) -> Self::Service {
        let layer = BulkheadLayer::from(self.clone())
            .with_request_rule(rules.rule.clone())
            .with_classifier(rules.classifier.clone());
        layer.layer_by(inner)
    }
}

impl<S, W, U> Part<U, S, W> for rate_limit::Handle {
    type Service = RateLimit<S>;
    type Way = ByReadiness;

    fn around(&self, _: &U, inner: S) -> Self::Service {
        RateLimitLayer::from(self.clone()).layer(inner)
    }
}

impl<S, W, C: Clone, R, Q> Part<Rules<C, R, Q>, S, W> for circuit_breaker::Handle {
    type Service = CircuitBreaker<S, C>;
    type Way = ByReadiness;

    fn around(&self, rules: &Rules<C, R, Q>, inner: S) -> Self::Service {
        let layer = CircuitBreakerLayer::from(self.clone());
        layer.with_classifier(rules.classifier.clone()).layer(inner)
    }
}

impl<S, W, C: Clone, R: Clone, Q: Clone> Part<Rules<C, R, Q>, S, W> for hedge::Handle {
    type Service = Hedge<S, hedge::Rules<C, R, Q>>;
    type Way = ByReadiness;

    fn around(&self, rules: &Rules<C, R, Q>, inner: S) -> Self::Service {
        HedgeLayer::from(self.clone())
            .with_classifier(rules.classifier.clone())
            .with_request_rule(rules.rule.clone())
            .with_cloner(rules.cloner.clone())
            .layer(inner)
    }
}

impl<S, W, C: Clone, R: Clone, Q: Clone> Part<Rules<C, R, Q>, S, W> for retry::Handle {
    type Service = Retry<S, retry::Rules<C, R, Q, NoDeadLetters>>;
    type Way = Direct;

    fn around(&self, rules: &Rules<C, R, Q>, inner: S) -> Self::Service {
        RetryLayer::from(self.clone())
            .with_classifier(rules.classifier.clone())
            .with_request_rule(rules.rule.clone())
            .with_cloner(rules.cloner.clone())
            .layer(inner)
    }
}

impl<S, W, C: Clone, R: Clone, Q: Clone> Part<Rules<C, R, Q>, S, W> for adaptive::Handle {
    type Service = Adaptive<S, R, C, Q>;
    type Way = Direct;

    fn around(&self, rules: &Rules<C, R, Q>, inner: S) -> Self::Service {
        AdaptiveLayer::from(self.clone())
            .with_classifier(rules.classifier.clone())
            .with_request_rule(rules.rule.clone())
            .with_cloner(rules.cloner.clone())
            .layer(inner)
    }
}

impl<S, W, C, R, Q, Req, Res, Err> Part<Rules<C, R, Q>, S, W> for FallbackLayer<Req, Res, Err>
where
    C: Classify<Res, Err> + Clone,
{
    type Service = Fallback<S, Req, Res, Err, RefusableErrors<C>>;
    type Way = ByReadiness;

    fn around(&self, rules: &Rules<C, R, Q>, inner: S) -> Self::Service {
        self.clone().with_classifier(rules.classifier.clone()).layer(inner)
    }
}

impl<S, W, C, R, Q, T> Part<Rules<C, R, Q>, S, W> for DegradationLayer<Unrepeatable, T>
where
    R: Clone,
    T: Clone,
{
    type Service = Degradation<S, R, T>;
    type Way = ByReadiness;

    fn around(&self, rules: &Rules<C, R, Q>, inner: S) -> Self::Service {
        self.clone().with_request_rule(rules.rule.clone()).layer(inner)
    }
}
